//! Connections, TLS and time limits: nobody who reaches the port holds up the others for long.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::look::{self, Webhook};
use super::size::MOST_BYTES;
use super::source::{Shown, follow};
use crate::config::Certificate;
use crate::context::Context;

/// Where the webhooks answer.
pub(crate) const MUTATE: &str = "/mutate";
pub(crate) const VALIDATE: &str = "/validate";

/// How many connections there may be; API servers keep a few each.
const CONNECTIONS: usize = 64;
/// How many reviews are worked on at the same time; this bounds the memory that they take.
const REVIEWS: usize = 4;

const HANDSHAKE: Duration = Duration::from_secs(5);
/// For a request from its head to its answer; API servers wait no longer than half of it.
const REQUEST: Duration = Duration::from_secs(10);
/// For the head of the next request.
const IDLE: Duration = Duration::from_secs(30);
/// For answers under way at the end.
const DRAIN: Duration = Duration::from_secs(2);

/// What all connections share.
struct Shared {
    context: Arc<Context>,
    reviews: Semaphore,
}

/// Answers until it is told to stop; then answers under way are finished.
pub(crate) async fn serve(
    listener: TcpListener,
    context: Arc<Context>,
    certificate: Certificate,
    stop: CancellationToken,
) {
    let (show, shown) = watch::channel(None);
    let shared = Arc::new(Shared {
        context: Arc::clone(&context),
        reviews: Semaphore::new(REVIEWS),
    });
    let following = follow(&context, &certificate, show);
    tokio::select! {
        () = accept(listener, shared, shown, stop) => {}
        () = following => {}
    }
}

async fn accept(
    listener: TcpListener,
    shared: Arc<Shared>,
    mut shown: watch::Receiver<Shown>,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let tasks = TaskTracker::new();
    let connections = async {
        // Without a certificate there is nothing to say.
        shown.wait_for(Option::is_some).await.ok()?;
        loop {
            let place = Arc::clone(&places).acquire_owned().await.ok()?;
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    warn!(%error, "connection not accepted");
                    sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let acceptor = shown.borrow().clone()?;
            let (shared, stop) = (Arc::clone(&shared), stop.clone());
            tasks.spawn(async move {
                connection(stream, acceptor, shared, stop).await;
                drop(place);
            });
        }
    };
    let ended: Option<Option<()>> = stop.run_until_cancelled(connections).await;
    debug!(told = ended.is_none(), "webhooks end");
    drop(listener);
    tasks.close();
    if timeout(DRAIN, tasks.wait()).await.is_err() {
        debug!("connections cut off");
    }
}

async fn connection(
    stream: TcpStream,
    acceptor: tokio_rustls::TlsAcceptor,
    shared: Arc<Shared>,
    stop: CancellationToken,
) {
    drop(stream.set_nodelay(true));
    let Ok(Ok(stream)) = timeout(HANDSHAKE, acceptor.accept(stream)).await else {
        debug!("handshake failed");
        return;
    };
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(respond(&shared, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "connection ended");
    }
}

async fn respond(shared: &Shared, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let webhook = match (request.method(), request.uri().path()) {
        (&Method::POST, MUTATE) => Webhook::Mutating,
        (&Method::POST, VALIDATE) => Webhook::Validating,
        (_, MUTATE | VALIDATE) => {
            return text(StatusCode::METHOD_NOT_ALLOWED, "only POST is answered");
        }
        _ => return text(StatusCode::NOT_FOUND, "there is /mutate and /validate"),
    };
    let answer = answer(shared, webhook, request.into_body());
    match timeout(REQUEST, Box::pin(answer)).await {
        Ok(answer) => answer,
        Err(_) => text(StatusCode::REQUEST_TIMEOUT, "this took too long"),
    }
}

async fn answer(shared: &Shared, webhook: Webhook, body: Incoming) -> Response<Full<Bytes>> {
    let body = match Limited::new(body, MOST_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let said = format!("the review has more than {MOST_BYTES} bytes");
            return text(StatusCode::PAYLOAD_TOO_LARGE, said);
        }
        Err(_) => return text(StatusCode::BAD_REQUEST, "the review broke off"),
    };
    let Ok(_place) = shared.reviews.acquire().await else {
        return text(StatusCode::SERVICE_UNAVAILABLE, "the operator ends");
    };
    match look::answer(&shared.context, webhook, &body).await {
        Ok(answer) => {
            let mut response = Response::new(Full::from(answer));
            let json = hyper::header::HeaderValue::from_static("application/json");
            response.headers_mut().insert(CONTENT_TYPE, json);
            response
        }
        Err(error) => text(StatusCode::BAD_REQUEST, error.to_string()),
    }
}

fn text(code: StatusCode, said: impl Into<String>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(said.into() + "\n"));
    *response.status_mut() = code;
    response
}

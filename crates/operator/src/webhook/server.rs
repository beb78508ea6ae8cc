//! Connections, TLS and time limits: nobody who reaches the port holds up the others for long.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
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
use super::size::{MOST_BYTES, ROOM, Refused, read};
use super::source::{Shown, follow};
use crate::config::Certificate;
use crate::context::Context;

/// Where the webhooks answer.
pub(crate) const MUTATE: &str = "/mutate";
pub(crate) const VALIDATE: &str = "/validate";

#[derive(Debug, Clone, Copy)]
struct Limits {
    /// How many connections there may be; API servers keep a few each.
    connections: usize,
    /// How many reviews are worked on at the same time: as objects they take more room than as text.
    reviews: usize,
    /// For a handshake.
    handshake: Duration,
    /// For a request from its head to its answer; API servers wait no longer than half of it.
    request: Duration,
    /// For the head of the next request.
    idle: Duration,
    /// For answers under way at the end.
    drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 64,
            reviews: 4,
            handshake: Duration::from_secs(5),
            request: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            drain: Duration::from_secs(2),
        }
    }
}

/// What all connections share.
struct Shared {
    limits: Limits,
    context: Arc<Context>,
    reviews: Semaphore,
    room: Semaphore,
}

impl Shared {
    fn new(limits: Limits, context: Arc<Context>) -> Arc<Self> {
        Arc::new(Self {
            limits,
            context,
            reviews: Semaphore::new(limits.reviews),
            room: Semaphore::new(ROOM),
        })
    }
}

/// Answers until it is told to stop; then answers under way are finished.
pub(crate) async fn serve(
    listener: TcpListener,
    context: Arc<Context>,
    certificate: Certificate,
    stop: CancellationToken,
) {
    let (show, shown) = watch::channel(None);
    let shared = Shared::new(Limits::default(), Arc::clone(&context));
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
    let limits = shared.limits;
    let places = Arc::new(Semaphore::new(limits.connections));
    let tasks = TaskTracker::new();
    let cut = CancellationToken::new();
    let _cut_at_the_end = cut.clone().drop_guard();
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
            let (shared, stop, cut) = (Arc::clone(&shared), stop.clone(), cut.clone());
            tasks.spawn(async move {
                let serving = connection(stream, acceptor, shared, stop);
                cut.run_until_cancelled(serving).await;
                drop(place);
            });
        }
    };
    let ended: Option<Option<()>> = stop.run_until_cancelled(connections).await;
    debug!(told = ended.is_none(), "webhooks end");
    drop(listener);
    tasks.close();
    if timeout(limits.drain, tasks.wait()).await.is_err() {
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
    let limits = shared.limits;
    let stream = match timeout(limits.handshake, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        // Such as a caller that does not trust this certificate.
        Ok(Err(error)) => return debug!(%error, "handshake failed"),
        Err(_) => return debug!("handshake not finished in time"),
    };
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(respond(&shared, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle)
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
    match timeout(shared.limits.request, Box::pin(answer)).await {
        Ok(answer) => answer,
        Err(_) => text(StatusCode::REQUEST_TIMEOUT, "this took too long"),
    }
}

async fn answer(shared: &Shared, webhook: Webhook, body: Incoming) -> Response<Full<Bytes>> {
    let body = match read(body, &shared.room).await {
        Ok(body) => body,
        Err(Refused::TooLarge) => {
            let said = format!("the review has more than {MOST_BYTES} bytes");
            return text(StatusCode::PAYLOAD_TOO_LARGE, said);
        }
        Err(Refused::BrokenOff) => return text(StatusCode::BAD_REQUEST, "the review broke off"),
    };
    let Ok(_place) = shared.reviews.acquire().await else {
        return text(StatusCode::SERVICE_UNAVAILABLE, "the operator ends");
    };
    match look::answer(&shared.context, webhook, &body.bytes).await {
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

#[cfg(test)]
mod tests;

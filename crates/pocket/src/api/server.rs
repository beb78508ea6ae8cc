//! The HTTPS listener: TLS with optional client certificates, HTTP/1.1 with upgrades.

mod places;
mod stream;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use nix::sys::socket::{SetSockOpt as _, sockopt};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use sha2::{Digest as _, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use self::places::{Place, Places};
use self::stream::Impatient;
use super::ApiServer;
use super::auth::Identity;
use crate::pki::{Authority, Pair, Subject};

/// The largest head of a request: its line and its headers.
const HEAD: usize = 64 << 10;

/// What the listener puts up with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// A client has this long to finish its handshake.
    handshake: Duration,
    /// A connection without a complete head for longer is closed; clients keep theirs for 90
    /// seconds.
    idle: Duration,
    /// A client that takes nothing of its answer for longer is given up.
    stall: Duration,
    /// Open connections; when there are more, idle ones have to go.
    connections: usize,
    /// Answers under way get this long when the server stops.
    drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            idle: Duration::from_secs(100),
            stall: Duration::from_secs(60),
            connections: 1024,
            drain: Duration::from_secs(2),
        }
    }
}

/// Why the listener cannot speak TLS.
#[derive(Debug, thiserror::Error)]
#[error("set up TLS: {0}")]
pub struct TlsError(String);

/// The TLS side of a listener.
pub(crate) fn acceptor(authority: &Authority, pair: &Pair) -> Result<TlsAcceptor, TlsError> {
    let refused = |error: &dyn std::fmt::Display| TlsError(error.to_string());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(authority.certificate.as_bytes());
    roots
        .add(root.map_err(|error| refused(&error))?)
        .map_err(|error| refused(&error))?;
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .map_err(|error| refused(&error))?;
    let chain = CertificateDer::pem_slice_iter(pair.certificate.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| refused(&error))?;
    let key =
        PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).map_err(|error| refused(&error))?;
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refused(&error))?
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)
        .map_err(|error| refused(&error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Serves until the token is cancelled, then lets answers under way finish.
pub(crate) async fn serve(
    server: ApiServer,
    listener: TcpListener,
    acceptor: TlsAcceptor,
    shutdown: CancellationToken,
) {
    serve_within(Limits::default(), server, listener, acceptor, shutdown).await;
}

async fn serve_within(
    limits: Limits,
    server: ApiServer,
    listener: TcpListener,
    acceptor: TlsAcceptor,
    shutdown: CancellationToken,
) {
    let places = Places::new(limits.connections);
    let tasks = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors, most likely; some are freed with time.
                tracing::warn!(%error, "connection not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let place = tokio::select! {
            () = shutdown.cancelled() => break,
            place = places.take() => place,
        };
        let Some(place) = place else { break };
        let connection = Connection {
            limits,
            server: server.clone(),
            place,
            shutdown: shutdown.clone(),
        };
        let acceptor = acceptor.clone();
        tasks.spawn(async move { connection.run(stream, &acceptor).await });
    }
    tasks.close();
    if tokio::time::timeout(limits.drain, tasks.wait())
        .await
        .is_err()
    {
        tracing::debug!("connections cut off at shutdown");
    }
}

struct Connection {
    limits: Limits,
    server: ApiServer,
    place: Arc<Place>,
    shutdown: CancellationToken,
}

impl Connection {
    async fn run(self, stream: TcpStream, acceptor: &TlsAcceptor) {
        tune(&stream);
        let accepting = acceptor.accept(Impatient::new(stream, self.limits.stall));
        let handshake = tokio::select! {
            handshake = tokio::time::timeout(self.limits.handshake, accepting) => handshake,
            () = self.place.evicted() => return,
        };
        let Ok(Ok(stream)) = handshake else {
            tracing::debug!("handshake refused");
            return;
        };
        let certificates = stream.get_ref().1.peer_certificates();
        let identity = certificates
            .and_then(<[_]>::first)
            .and_then(|der| certified(der));
        let (router, place) = (self.server.router(), Arc::clone(&self.place));
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let (router, busy) = (router.clone(), place.busy());
            let mut request = request.map(Body::new);
            if let Some(identity) = &identity {
                request.extensions_mut().insert(identity.clone());
            }
            async move {
                let response = router.oneshot(request).await?;
                // The request is under way until the body of its answer is dropped.
                let response = response.map(|body| {
                    body.map_frame(move |frame| {
                        let _until_the_end = &busy;
                        frame
                    })
                });
                Ok::<_, Infallible>(response)
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.idle)
            .max_buf_size(HEAD)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.place.evicted() => return,
            () = self.shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "connection ended");
        }
    }
}

/// Small answers do not wait for a full segment, and a peer that is gone is noticed.
fn tune(stream: &TcpStream) {
    drop(stream.set_nodelay(true));
    let set = sockopt::KeepAlive
        .set(stream, &true)
        .and_then(|()| sockopt::TcpKeepIdle.set(stream, &30))
        .and_then(|()| sockopt::TcpKeepInterval.set(stream, &10))
        .and_then(|()| sockopt::TcpKeepCount.set(stream, &3));
    if let Err(error) = set {
        tracing::debug!(%error, "keep-alive not set");
    }
}

/// The user a verified client certificate names.
fn certified(der: &[u8]) -> Option<Identity> {
    let subject = Subject::parse(der).filter(|subject| !subject.name.is_empty())?;
    let groups: Vec<&str> = subject.groups.iter().map(String::as_str).collect();
    let mut identity = Identity::new(&subject.name, &groups);
    let digest: String = Sha256::digest(der)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let credential = format!("X509SHA256={digest}");
    identity.extra.push((
        "authentication.kubernetes.io/credential-id".into(),
        credential,
    ));
    Some(identity)
}

//! The HTTPS listener: TLS with optional client certificates, HTTP/1.1 with upgrades.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use sha2::{Digest as _, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::ApiServer;
use super::auth::Identity;
use crate::pki::{Authority, Pair, Subject};

/// A client has this long to finish its handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// A connection that sends nothing for longer is closed; clients keep theirs for 90 seconds.
const IDLE: Duration = Duration::from_secs(100);
/// Open connections; more wait for one to end.
const CONNECTIONS: usize = 1024;
/// Answers under way get this long when the server stops.
const DRAIN: Duration = Duration::from_secs(2);

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
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let tasks = TaskTracker::new();
    loop {
        let place = tokio::select! {
            () = shutdown.cancelled() => break,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        let stream = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match stream {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors, most likely; some are freed with time.
                tracing::warn!(%error, "connection not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (server, acceptor, shutdown) = (server.clone(), acceptor.clone(), shutdown.clone());
        tasks.spawn(async move {
            connection(&server, stream, &acceptor, &shutdown).await;
            drop(place);
        });
    }
    tasks.close();
    if tokio::time::timeout(DRAIN, tasks.wait()).await.is_err() {
        tracing::debug!("connections cut off at shutdown");
    }
}

async fn connection(
    server: &ApiServer,
    stream: TcpStream,
    acceptor: &TlsAcceptor,
    shutdown: &CancellationToken,
) {
    // Small answers should not wait for a full segment.
    drop(stream.set_nodelay(true));
    let handshake = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await;
    let Ok(Ok(stream)) = handshake else {
        tracing::debug!("handshake refused");
        return;
    };
    let certificates = stream.get_ref().1.peer_certificates();
    let identity = certificates
        .and_then(<[_]>::first)
        .and_then(|der| certified(der));
    let router = server.router();
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        let mut request = request.map(Body::new);
        if let Some(identity) = &identity {
            request.extensions_mut().insert(identity.clone());
        }
        async move {
            router
                .oneshot(request)
                .await
                .map_err(|error: Infallible| error)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_buf_size(64 << 10)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
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

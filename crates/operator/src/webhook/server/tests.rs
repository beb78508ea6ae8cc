//! Whoever is slow, or never ends, is sent away.

use std::net::SocketAddr;

use kube::Client;
use kube::client::Body;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::Config;
use crate::webhook::generation::{bundle, judge};
use crate::webhook::{host, source};

const PATIENCE: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(200);

/// So long that no test waits for it.
const LONG: Duration = Duration::from_secs(300);

const PATIENT: Limits = Limits {
    connections: 4,
    reviews: 1,
    handshake: LONG,
    request: LONG,
    idle: LONG,
    drain: SHORT,
};

struct Server {
    address: SocketAddr,
    connector: TlsConnector,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(limits: Limits) -> Self {
        let silent = tower::service_fn(|_: Request<Body>| {
            std::future::pending::<Result<Response<Body>, Infallible>>()
        });
        let context = Context::new(Client::new(silent, "default"), Config::default());
        let now = jiff::Timestamp::now().as_duration();
        let now = Duration::try_from(now).unwrap();
        let made = judge(&std::collections::BTreeMap::new(), &[host("n")], now, true);
        let made = made.unwrap().unwrap();
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_slice(bundle(&made).as_bytes());
        roots.add(authority.unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let client = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (show, shown) = watch::channel(source::acceptor(&made));
        let stop = CancellationToken::new();
        let accepting = accept(
            listener,
            Shared::new(limits, Arc::new(context)),
            shown,
            stop.clone(),
        );
        let task = tokio::spawn(async move {
            accepting.await;
            drop(show);
        });
        Self {
            address,
            connector: TlsConnector::from(Arc::new(client)),
            stop,
            task,
        }
    }

    async fn connect(&self) -> TlsStream<TcpStream> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from(host("n")).unwrap();
        let connected = timeout(PATIENCE, self.connector.connect(name, stream));
        connected.await.unwrap().unwrap()
    }

    async fn end(self) {
        self.stop.cancel();
        timeout(PATIENCE, self.task).await.unwrap().unwrap();
    }
}

/// All that comes until the other side ends.
async fn rest(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut all = Vec::new();
    let mut piece = [0; 1024];
    let reading = async {
        while let Ok(length @ 1..) = stream.read(&mut piece).await {
            all.extend_from_slice(&piece[..length]);
        }
    };
    timeout(PATIENCE, reading).await.unwrap();
    String::from_utf8(all).unwrap()
}

#[tokio::test]
async fn whoever_never_shakes_hands_is_sent_away() {
    let limits = Limits {
        handshake: SHORT,
        ..PATIENT
    };
    let server = Server::start(limits).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(rest(&mut stream).await, "");
    server.end().await;
}

#[tokio::test]
async fn whoever_asks_nothing_is_sent_away() {
    let limits = Limits {
        idle: SHORT,
        ..PATIENT
    };
    let server = Server::start(limits).await;
    let mut stream = server.connect().await;
    stream
        .write_all(b"POST /validate HTTP/1.1\r\nhost:")
        .await
        .unwrap();
    let said = rest(&mut stream).await;
    assert!(!said.contains("200"), "{said}");
    server.end().await;
}

#[tokio::test]
async fn a_review_that_never_ends_is_given_up() {
    let limits = Limits {
        request: SHORT,
        ..PATIENT
    };
    let server = Server::start(limits).await;
    let mut stream = server.connect().await;
    let head = b"POST /validate HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{";
    stream.write_all(head).await.unwrap();
    let said = rest(&mut stream).await;
    assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
    server.end().await;
}

#[tokio::test]
async fn one_connection_too_many_waits_for_a_place() {
    let limits = Limits {
        connections: 1,
        ..PATIENT
    };
    let server = Server::start(limits).await;
    let first = server.connect().await;
    let mut second = Box::pin(server.connect());
    assert!(timeout(SHORT, second.as_mut()).await.is_err());
    drop(first);
    let mut second = second.await;
    let request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    second.write_all(request).await.unwrap();
    let said = rest(&mut second).await;
    assert!(said.starts_with("HTTP/1.1 404 "), "{said}");
    server.end().await;
}

#[tokio::test]
async fn the_end_does_not_wait_for_those_who_stay() {
    let server = Server::start(PATIENT).await;
    let mut idle = server.connect().await;
    let mut asking = server.connect().await;
    let head = b"POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{";
    asking.write_all(head).await.unwrap();
    server.end().await;
    assert_eq!(rest(&mut idle).await, "");
}

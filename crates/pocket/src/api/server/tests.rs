//! The listener at its limits, with limits small enough to wait for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use super::{Limits, acceptor, serve_within};
use crate::api::{Addresses, ApiServer, Config};
use crate::pki::Authority;
use crate::store::{Key, Store, Write};

const LIMITS: Limits = Limits {
    handshake: Duration::from_millis(300),
    idle: Duration::from_millis(700),
    stall: Duration::from_millis(700),
    connections: 8,
    drain: Duration::from_millis(100),
};
/// Far more than any limit, far less than for ever.
const SOON: Duration = Duration::from_secs(20);

struct World {
    address: SocketAddr,
    store: Store,
    connector: TlsConnector,
    shutdown: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl World {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = camino::Utf8Path::from_path(folder.path()).unwrap();
        let store = Store::open(
            path.join("store").as_std_path(),
            &crate::store::Options::default(),
        )
        .unwrap();
        let shutdown = CancellationToken::new();
        let config = Config {
            addresses: Addresses {
                first: std::net::Ipv4Addr::new(127, 99, 0, 0),
                count: 256,
            },
            server_address: "127.0.0.1:1".into(),
            token_key: b"key".to_vec(),
        };
        let server = ApiServer::new(store.clone(), config, shutdown.clone());
        let today = jiff::civil::date(2026, 1, 1);
        let authority = Authority::open(path, today).unwrap();
        let pair = authority
            .server(&[std::net::Ipv4Addr::LOCALHOST.into()], &["localhost"])
            .unwrap();
        let admin = authority.client("admin", "system:masters").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = acceptor(&authority, &pair).unwrap();
        tokio::spawn(serve_within(
            LIMITS,
            server,
            listener,
            acceptor,
            shutdown.clone(),
        ));
        let mut roots = rustls::RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(authority.certificate.as_bytes()).unwrap();
        roots.add(root).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let chain = CertificateDer::from_pem_slice(admin.certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(admin.key.as_bytes()).unwrap();
        let client = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![chain], key)
            .unwrap();
        Self {
            address,
            store,
            connector: TlsConnector::from(Arc::new(client)),
            shutdown,
            _folder: folder,
        }
    }

    async fn connect(&self) -> TlsStream<TcpStream> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        self.connector.connect(name, stream).await.unwrap()
    }

    /// The status line of the answer to these bytes, and whether the connection was closed.
    async fn ask(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        drop(stream.write_all(bytes).await);
        first_line(&mut stream).await
    }

    async fn is_alive(&self) {
        let answer = self.ask(b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert_eq!(answer, "HTTP/1.1 200 OK");
    }

    /// Stores objects of some size under the feet of the API.
    async fn fill(&self, count: usize, size: usize) {
        for at in 0..count {
            let name = format!("big-{at}");
            let key = Key::new(&"configmaps".into(), "default", &name);
            let object = json!({"metadata": {"name": name, "namespace": "default"},
                "data": {"x": "y".repeat(size)}});
            self.store.write(Write::Create(key, object)).await.unwrap();
        }
    }
}

async fn first_line(stream: &mut TlsStream<TcpStream>) -> String {
    let mut text = Vec::new();
    let reading = async {
        while !text.ends_with(b"\r\n") {
            match stream.read_u8().await {
                Ok(byte) => text.push(byte),
                Err(_) => break,
            }
        }
    };
    tokio::time::timeout(SOON, reading).await.unwrap();
    String::from_utf8_lossy(&text).trim_end().to_owned()
}

/// Waits until the server has hung up.
async fn closed(stream: &mut (impl tokio::io::AsyncRead + Unpin)) {
    let mut rest = Vec::new();
    let closing = tokio::time::timeout(SOON, stream.read_to_end(&mut rest));
    drop(closing.await.expect("the server hangs up"));
}

#[tokio::test]
async fn clients_that_say_nothing_or_too_little_are_hung_up_on() {
    let world = World::start().await;
    let mut silent = TcpStream::connect(world.address).await.unwrap();
    let mut half = TcpStream::connect(world.address).await.unwrap();
    half.write_all(&[22, 3, 1, 2]).await.unwrap();
    closed(&mut silent).await;
    closed(&mut half).await;
    let mut idle = world.connect().await;
    closed(&mut idle).await;
    // One byte of a header at a time does not help.
    let mut slow = world.connect().await;
    slow.write_all(b"GET /readyz HTTP/1.1\r\n").await.unwrap();
    let dripping = async {
        while slow.write_all(b"x").await.is_ok() && slow.flush().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, dripping).await.unwrap();
    world.is_alive().await;
}

#[tokio::test]
async fn heads_are_bounded() {
    let world = World::start().await;
    let long = format!(
        "GET /api?x={} HTTP/1.1\r\nhost: x\r\n\r\n",
        "a".repeat(60_000)
    );
    assert_eq!(world.ask(long.as_bytes()).await, "HTTP/1.1 200 OK");
    let longer = format!(
        "GET /api?x={} HTTP/1.1\r\nhost: x\r\n\r\n",
        "a".repeat(70_000)
    );
    let answer = world.ask(longer.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    let header = format!(
        "GET /api HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n",
        "a".repeat(200_000)
    );
    let answer = world.ask(header.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let many: String = (0..1000).map(|at| format!("x{at}: y\r\n")).collect();
    let many = format!("GET /api HTTP/1.1\r\nhost: x\r\n{many}\r\n");
    let answer = world.ask(many.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    for nonsense in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"\xff\xfe / HTTP/9.9\r\n\r\n",
    ] {
        let answer = world.ask(nonsense).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
            "{answer}"
        );
    }
    world.is_alive().await;
}

#[tokio::test]
async fn idle_connections_make_place_for_new_ones() {
    let world = World::start().await;
    let mut crowd = Vec::new();
    for _ in 0..LIMITS.connections * 3 {
        crowd.push(TcpStream::connect(world.address).await.unwrap());
    }
    world.is_alive().await;
    drop(crowd);
    // Watches are at work and are not sent away.
    let mut watches = Vec::new();
    for _ in 0..LIMITS.connections - 1 {
        let mut watch = world.connect().await;
        watch
            .write_all(
                b"GET /api/v1/configmaps?watch=true&resourceVersion=1 HTTP/1.1\r\nhost: x\r\n\r\n",
            )
            .await
            .unwrap();
        watches.push(watch);
    }
    world.fill(1, 1).await;
    for watch in &mut watches {
        assert_eq!(first_line(watch).await, "HTTP/1.1 200 OK");
    }
    for _ in 0..LIMITS.connections {
        world.is_alive().await;
    }
    world.fill(0, 0).await;
    for watch in &mut watches {
        let mut byte = [0];
        let read = tokio::time::timeout(SOON, watch.read_exact(&mut byte)).await;
        assert!(read.unwrap().is_ok(), "the watch is still open");
    }
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_answer_is_given_up() {
    let world = World::start().await;
    world.fill(40, 1 << 20).await;
    let mut streams = Vec::new();
    for path in ["/api/v1/configmaps", "/api/v1/configmaps?watch=true"] {
        let mut stream = world.connect().await;
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        streams.push(stream);
    }
    // What is under way in the network arrives; then the end comes before the answer's.
    tokio::time::sleep(LIMITS.stall * 3).await;
    for stream in &mut streams {
        let mut rest = Vec::new();
        let reading = tokio::time::timeout(SOON, stream.read_to_end(&mut rest)).await;
        drop(reading.expect("the server hangs up"));
        assert!(rest.len() < 30 << 20, "{} bytes", rest.len());
    }
    world.is_alive().await;
}

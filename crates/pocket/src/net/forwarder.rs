//! Listeners that hand connections on to ready endpoints.
//!
//! An address without a ready endpoint has no listener, so connecting to it is refused at once, as kube-proxy does
//! it. A connection that stands is left alone when endpoints change.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{debug, info};

use super::limits;
use super::table::Route;
use crate::node::events::{About, EventSink};

/// An endpoint on the same machine answers at once or not at all; a full backlog makes it slow.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
const BACKLOG: u32 = 1024;
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LONGEST_RETRY: Duration = Duration::from_secs(10);

/// All listeners.
#[derive(Debug)]
pub(super) struct Forwarders {
    shared: Shared,
    by_address: BTreeMap<SocketAddrV4, Forwarder>,
}

#[derive(Clone, Debug)]
struct Shared {
    node_address: Ipv4Addr,
    events: EventSink,
    slots: Arc<Semaphore>,
}

#[derive(Debug)]
struct Forwarder {
    targets: watch::Sender<Vec<SocketAddrV4>>,
    task: tokio::task::JoinHandle<()>,
    about: About,
}

impl Forwarders {
    pub(super) fn new(node_address: Ipv4Addr, events: EventSink) -> Self {
        Self {
            shared: Shared {
                node_address,
                events,
                slots: Arc::new(Semaphore::new(limits::connections())),
            },
            by_address: BTreeMap::new(),
        }
    }

    /// Makes the listeners be exactly those of `routes`.
    pub(super) fn apply(&mut self, mut routes: BTreeMap<SocketAddrV4, Route>) {
        self.by_address.retain(|address, forwarder| {
            match routes
                .get(address)
                .filter(|route| route.about == forwarder.about)
            {
                Some(route) => {
                    forwarder.targets.send_if_modified(|targets| {
                        let is_new = *targets != route.targets;
                        targets.clone_from(&route.targets);
                        is_new
                    });
                    routes.remove(address);
                    true
                }
                None => {
                    // Dropping the sender ends the listener; connections that stand go on.
                    info!(%address, service = %forwarder.about.name, "forwarding stopped");
                    false
                }
            }
        });
        for (address, route) in routes {
            info!(%address, service = %route.about.name, "forwarding");
            let (targets, receiver) = watch::channel(route.targets);
            let about = route.about.clone();
            let task = tokio::spawn(serve(self.shared.clone(), address, route.about, receiver));
            let forwarder = Forwarder {
                targets,
                task,
                about,
            };
            self.by_address.insert(address, forwarder);
        }
    }
}

impl Drop for Forwarders {
    fn drop(&mut self) {
        for forwarder in self.by_address.values() {
            forwarder.task.abort();
        }
    }
}

/// Listens until the sender of `targets` is gone, then lets the connections finish.
async fn serve(
    shared: Shared,
    address: SocketAddrV4,
    about: About,
    mut targets: watch::Receiver<Vec<SocketAddrV4>>,
) {
    let mut connections = JoinSet::new();
    let ended = {
        let mut ended = targets.clone();
        async move { while ended.changed().await.is_ok() {} }
    };
    tokio::select! {
        () = ended => {}
        () = accept_all(&shared, address, &about, &mut targets, &mut connections) => {}
    }
    while connections.join_next().await.is_some() {}
}

async fn accept_all(
    shared: &Shared,
    address: SocketAddrV4,
    about: &About,
    targets: &mut watch::Receiver<Vec<SocketAddrV4>>,
    connections: &mut JoinSet<()>,
) {
    let listener = listen_patiently(shared, address, about).await;
    let next = Arc::new(AtomicUsize::new(0));
    loop {
        // Beyond the limit new connections wait in the kernel's queue.
        let Ok(slot) = Arc::clone(&shared.slots).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let client = match accepted {
            Ok((client, _)) => client,
            Err(error) => {
                // Nearly always a lack of descriptors, which passes.
                debug!(%address, %error, "connection not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let choices = targets.borrow_and_update().clone();
        let turn = next.fetch_add(1, Ordering::Relaxed);
        let source = shared.node_address;
        connections.spawn(async move {
            if let Err(error) = forward(client, source, &choices, turn).await {
                debug!(%address, %error, "connection ended");
            }
            drop(slot);
        });
    }
}

/// Listens, however long the port is taken by somebody else.
async fn listen_patiently(shared: &Shared, address: SocketAddrV4, about: &About) -> TcpListener {
    let mut wait = FIRST_RETRY;
    loop {
        match listen(address) {
            Ok(listener) => return listener,
            Err(error) => {
                let message = format!("the address {address} cannot be listened on: {error}");
                shared
                    .events
                    .warning(about.clone(), "PortUnavailable", message);
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_RETRY);
            }
        }
    }
}

fn listen(address: SocketAddrV4) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // Connections of an earlier listener may linger in TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::V4(address))?;
    socket.listen(BACKLOG)
}

/// Hands one connection on, to the endpoint whose turn it is or, if that refuses, to the next one.
async fn forward(
    mut client: TcpStream,
    source: Ipv4Addr,
    targets: &[SocketAddrV4],
    turn: usize,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for offset in 0..targets.len() {
        let target = targets[(turn + offset) % targets.len()];
        match timeout(CONNECT_PATIENCE, connect(source, target)).await {
            Ok(Ok(mut server)) => {
                server.set_nodelay(true)?;
                tokio::io::copy_bidirectional(&mut client, &mut server).await?;
                return Ok(());
            }
            Ok(Err(error)) => failure = error,
            Err(_) => failure = io::ErrorKind::TimedOut.into(),
        }
    }
    // The client sees a reset, as with a refused connection, and not an orderly end.
    let _ = client.set_zero_linger();
    Err(failure)
}

/// Connects from the node's address, so that an endpoint can tell a forwarded connection from one of its own Pod.
async fn connect(source: Ipv4Addr, target: SocketAddrV4) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    // Without it every connection from `source` would take a port of its own, whatever the target.
    setsockopt(&socket, sockopt::IpBindAddressNoPort, &true)?;
    socket.bind(SocketAddrV4::new(source, 0).into())?;
    socket.connect(target.into()).await
}

#[cfg(test)]
mod tests {
    use kube::client::Body;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(10);

    /// Nobody answers it: events go nowhere.
    fn client() -> kube::Client {
        type Answer = io::Result<http::Response<Body>>;
        let silent = |_: http::Request<Body>| std::future::pending::<Answer>();
        kube::Client::new(tower::service_fn(silent), "default")
    }

    fn forwarders() -> Forwarders {
        let events = EventSink::start(client(), "test", "test".to_owned());
        Forwarders::new(Ipv4Addr::LOCALHOST, events)
    }

    fn about(name: &str) -> About {
        About {
            kind: "Service",
            namespace: "n".to_owned(),
            name: name.to_owned(),
            uid: "u".to_owned(),
            field: None,
        }
    }

    fn route(targets: &[SocketAddrV4]) -> Route {
        Route {
            about: about("s"),
            targets: targets.to_vec(),
        }
    }

    /// An endpoint that says its name, and repeats what it was told once the client has finished.
    async fn endpoint(name: &'static str) -> SocketAddrV4 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let SocketAddr::V4(address) = listener.local_addr().unwrap() else {
            unreachable!("bound to an IPv4 address");
        };
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut text = Vec::new();
                    stream.write_all(name.as_bytes()).await.unwrap();
                    stream.read_to_end(&mut text).await.unwrap();
                    stream.write_all(&text).await.unwrap();
                });
            }
        });
        address
    }

    /// An address that nobody listens on.
    async fn free_address() -> SocketAddrV4 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let SocketAddr::V4(address) = listener.local_addr().unwrap() else {
            unreachable!("bound to an IPv4 address");
        };
        address
    }

    async fn ask(address: SocketAddrV4) -> io::Result<String> {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(b"!").await?;
        stream.shutdown().await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        Ok(text)
    }

    async fn ask_until(address: SocketAddrV4, is_wanted: impl Fn(&io::Result<String>) -> bool) {
        let asking = async {
            while !is_wanted(&ask(address).await) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(DEADLINE, asking).await.unwrap();
    }

    #[tokio::test]
    async fn connections_go_round_and_half_close_is_passed_on() {
        let mut forwarders = forwarders();
        let service = free_address().await;
        let targets = [endpoint("a").await, endpoint("b").await];
        forwarders.apply(BTreeMap::from([(service, route(&targets))]));
        ask_until(service, Result::is_ok).await;
        let mut answers = Vec::new();
        for _ in 0..4 {
            answers.push(ask(service).await.unwrap());
        }
        answers.sort();
        assert_eq!(answers, ["a!", "a!", "b!", "b!"]);
    }

    #[tokio::test]
    async fn a_dead_endpoint_is_skipped() {
        let mut forwarders = forwarders();
        let service = free_address().await;
        let targets = [free_address().await, endpoint("b").await];
        forwarders.apply(BTreeMap::from([(service, route(&targets))]));
        ask_until(service, Result::is_ok).await;
        for _ in 0..4 {
            assert_eq!(ask(service).await.unwrap(), "b!");
        }
    }

    #[tokio::test]
    async fn without_endpoints_a_connection_is_refused_and_with_them_again_accepted() {
        let mut forwarders = forwarders();
        let service = free_address().await;
        let target = endpoint("a").await;
        let routes = || BTreeMap::from([(service, route(&[target]))]);
        forwarders.apply(routes());
        ask_until(service, Result::is_ok).await;
        let mut standing = TcpStream::connect(service).await.unwrap();
        standing.write_all(b"still ").await.unwrap();
        // Its name proves that the connection has been handed on, and does not wait in the kernel's queue.
        assert_eq!(standing.read_u8().await.unwrap(), b'a');
        forwarders.apply(BTreeMap::new());
        let refused = |answer: &io::Result<String>| matches!(answer, Err(error) if error.kind() == io::ErrorKind::ConnectionRefused);
        ask_until(service, refused).await;
        standing.write_all(b"here").await.unwrap();
        standing.shutdown().await.unwrap();
        let mut text = String::new();
        standing.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "still here");
        forwarders.apply(routes());
        ask_until(service, Result::is_ok).await;
    }

    #[tokio::test]
    async fn a_taken_port_is_used_as_soon_as_it_is_free() {
        let mut forwarders = forwarders();
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let SocketAddr::V4(service) = taken.local_addr().unwrap() else {
            unreachable!("bound to an IPv4 address");
        };
        let target = endpoint("a").await;
        forwarders.apply(BTreeMap::from([(service, route(&[target]))]));
        tokio::task::yield_now().await;
        drop(taken);
        ask_until(service, Result::is_ok).await;
    }
}

//! Messages between the members of the cluster, over mutually authenticated TLS.
//!
//! Every member listens on one port and keeps one connection to each peer, on which it only sends. A
//! message is worth its freshness alone: what cannot be sent soon is dropped, the oldest first, and
//! nothing here ever waits for a peer. Whatever arrives is hostile until the certificate says that it
//! comes from a member, and bounded after that.
//!
//! | module | owns |
//! |---|---|
//! | `credentials` | the mounted certificate files, read again when they change |
//! | `frame` | one message as bytes |
//! | `queue` | what waits to be sent to one peer |
//! | `dial` | the connection to one peer |
//! | `accept`, `slots` | the connections of peers, and how many there may be |
//!
//! What a message means is the decision machine's affair.

mod accept;
mod credentials;
mod dial;
mod frame;
mod queue;
mod slots;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use camino::Utf8PathBuf;
use howdah_ha::machine::{Holder, Member, Message};
use howdah_types::ClusterName;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::credentials::Credentials;
use self::queue::Queue;

/// The port on which members listen.
pub(crate) const PORT: u16 = 8009;

/// What a member is told at its start.
#[derive(Debug, Clone)]
pub(crate) struct WireConfig {
    /// The one address to listen on and to send from; none for all.
    pub(crate) bind: Option<IpAddr>,
    /// The port of every member.
    pub(crate) port: u16,
    pub(crate) cluster: ClusterName,
    pub(crate) namespace: String,
    /// This boot.
    pub(crate) me: Holder,
    /// The folder with `ca.crt`, `tls.crt` and `tls.key`.
    pub(crate) folder: Utf8PathBuf,
}

/// What comes from the peers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Incoming {
    /// A member says something.
    Message(Holder, Message),
    /// A connection with a member ended as it does when a process dies. It may be alive.
    Lost(Member),
}

/// The connections of this member. Dropping it ends them.
#[derive(Debug)]
pub(crate) struct Wire {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

/// A peer that is to be connected. Dropping it ends the connection in order.
#[derive(Debug)]
struct Peer {
    address: SocketAddr,
    queue: Arc<Queue>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// What the tasks share.
#[derive(Debug)]
struct Shared {
    config: WireConfig,
    credentials: Arc<Credentials>,
    inbox: mpsc::Sender<Incoming>,
    peers: Mutex<BTreeMap<Member, Peer>>,
    /// The newest connection of each member, by its number; dropping the sender ends it.
    heard: Mutex<BTreeMap<Member, (u64, oneshot::Sender<()>)>>,
    strange: Rarely,
    refused: Rarely,
    full: Rarely,
}

impl Wire {
    /// Opens the port and begins to listen. Needs a runtime. Certificate files that are not there yet
    /// are waited for. What the owner of the inbox does not take in time is dropped.
    pub(crate) fn start(config: WireConfig, inbox: mpsc::Sender<Incoming>) -> io::Result<Self> {
        let listener = listen(&config)?;
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let name = format!("members.{}.{}", config.cluster, config.namespace);
        let credentials = Credentials::new(config.folder.clone(), &name)?;
        let shared = Arc::new(Shared {
            config,
            credentials: Arc::new(credentials),
            inbox,
            peers: Mutex::default(),
            heard: Mutex::default(),
            strange: Rarely::default(),
            refused: Rarely::default(),
            full: Rarely::default(),
        });
        let tasks = vec![
            tokio::spawn(Arc::clone(&shared.credentials).keep_fresh()),
            tokio::spawn(accept::run(listener, Arc::clone(&shared))),
        ];
        Ok(Self { shared, tasks })
    }

    /// Sends a message, if the member is a peer and can be reached soon.
    pub(crate) fn send(&self, to: Member, message: Message) {
        if let Some(peer) = self.shared.peers.lock().get(&to) {
            peer.queue.push(message);
        }
    }

    /// Connects to these members from now on, and to no others.
    pub(crate) fn set_peers(&self, peers: BTreeMap<Member, IpAddr>) {
        let port = self.shared.config.port;
        let at = |(member, address)| (member, SocketAddr::new(address, port));
        self.set_addresses(peers.into_iter().map(at).collect());
    }

    fn set_addresses(&self, mut wanted: BTreeMap<Member, SocketAddr>) {
        wanted.remove(&self.shared.config.me.member);
        let mut peers = self.shared.peers.lock();
        peers.retain(|member, peer| wanted.get(member) == Some(&peer.address));
        for (member, address) in wanted {
            peers.entry(member).or_insert_with(|| {
                let queue = Arc::new(Queue::default());
                let peer = dial::Peer { member, address };
                tokio::spawn(dial::run(
                    peer,
                    Arc::clone(&queue),
                    Arc::clone(&self.shared),
                ));
                Peer { address, queue }
            });
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.shared.peers.lock().clear();
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn listen(config: &WireConfig) -> io::Result<TcpListener> {
    let address = config.bind.unwrap_or(Ipv6Addr::UNSPECIFIED.into());
    match TcpListener::bind((address, config.port)) {
        // A machine without IPv6.
        Err(_) if config.bind.is_none() => TcpListener::bind((Ipv4Addr::UNSPECIFIED, config.port)),
        bound => bound,
    }
}

impl Shared {
    /// Hands over what came, unless the owner is busy: late messages are worth nothing.
    fn hand_over(&self, incoming: Incoming) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.inbox.try_send(incoming)
            && self.full.now()
        {
            tracing::warn!("messages of other members are dropped: too many at once");
        }
    }
}

/// Lets a complaint through once in a while, so that nobody can fill the log.
#[derive(Debug, Default)]
struct Rarely(Mutex<Option<Instant>>);

impl Rarely {
    const PAUSE: Duration = Duration::from_secs(60);

    fn now(&self) -> bool {
        let mut last = self.0.lock();
        let due = last.is_none_or(|last| last.elapsed() >= Self::PAUSE);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}

#[cfg(test)]
mod tests;

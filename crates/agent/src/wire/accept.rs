//! The connections of peers, on which this member only listens.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use howdah_ha::machine::Member;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::KeepAlive;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use super::frame::{self, Envelope, ReadError};
use super::slots::{Slot, Slots};
use super::{Incoming, Shared};

/// The time for a handshake.
const HANDSHAKE: Duration = Duration::from_secs(3);
/// The time for a goodbye.
const GOODBYE: Duration = Duration::from_millis(200);
/// The pause when nothing can be accepted, as when descriptors ran out.
const AGAIN: Duration = Duration::from_millis(100);

/// Takes connections for as long as it runs.
pub(super) async fn run(listener: TcpListener, shared: Arc<Shared>) {
    let slots = Slots::default();
    let mut connections = JoinSet::new();
    for number in 0.. {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, from)) => match slots.take(from.ip()) {
                    Some(slot) => {
                        let shared = Arc::clone(&shared);
                        connections.spawn(serve(number, stream, from, slot, shared));
                    }
                    None => complain(&shared, from, &"too many connections"),
                },
                Err(error) => {
                    if shared.refused.now() {
                        tracing::warn!(%error, "connections of members cannot be accepted");
                    }
                    tokio::time::sleep(AGAIN).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

fn complain(shared: &Shared, from: SocketAddr, error: &dyn std::fmt::Display) {
    if shared.refused.now() {
        tracing::warn!(address = %from, %error, "a connection to the members' port is refused");
    }
}

async fn serve(number: u64, stream: TcpStream, from: SocketAddr, slot: Slot, shared: Arc<Shared>) {
    // Without it the connection of a machine that vanished would stay until it is found idle.
    let _ = setsockopt(&stream, KeepAlive, &true);
    let _ = stream.set_nodelay(true);
    let handshake = async {
        let tls = shared.credentials.get().await;
        tls.acceptor.accept(stream).await
    };
    match timeout(HANDSHAKE, handshake).await {
        Ok(Ok(stream)) => {
            let mut connection = Connection {
                number,
                shared,
                member: None,
                replaced: None,
            };
            Box::pin(connection.listen(stream, from)).await;
        }
        Ok(Err(error)) => complain(&shared, from, &error),
        Err(_) => complain(&shared, from, &"no handshake in time"),
    }
    drop(slot);
}

/// A connection of some member.
struct Connection {
    number: u64,
    shared: Arc<Shared>,
    /// Whose it is, once it said so.
    member: Option<Member>,
    /// Ends when the member has a newer connection.
    replaced: Option<oneshot::Receiver<()>>,
}

impl Connection {
    async fn listen(&mut self, mut stream: TlsStream<TcpStream>, from: SocketAddr) {
        let error = loop {
            let newer = async {
                match self.replaced.as_mut() {
                    Some(replaced) => {
                        let _ = replaced.await;
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                envelope = frame::read(&mut stream, frame::PATIENCE) => match envelope {
                    Ok(envelope) => self.take(envelope),
                    Err(error) => break Some(error),
                },
                () = newer => break None,
            }
        };
        if let Some(error) = &error {
            self.ended(error, from);
        }
        self.forget();
        let _ = timeout(GOODBYE, stream.shutdown()).await;
    }

    fn take(&mut self, envelope: Envelope) {
        let config = &self.shared.config;
        let Envelope {
            ref cluster,
            from,
            to,
            ..
        } = envelope;
        if cluster != config.cluster.as_str()
            || to != config.me.member
            || from.member == config.me.member
        {
            if self.shared.strange.now() {
                tracing::warn!(cluster, %from, %to, "a message for somebody else is dropped");
            }
            return;
        }
        if self.member != Some(from.member) {
            self.introduce(from.member);
        }
        match envelope.message() {
            Some(message) => self.shared.hand_over(Incoming::Message(from, message)),
            None if self.shared.strange.now() => {
                tracing::warn!(%from, "a message that this version does not know is dropped");
            }
            None => {}
        }
    }

    /// Takes note of whose connection this is. An older one of the same member is a dead end.
    fn introduce(&mut self, member: Member) {
        self.forget();
        let (sender, receiver) = oneshot::channel();
        self.member = Some(member);
        self.replaced = Some(receiver);
        let mut heard = self.shared.heard.lock();
        // If this one is the older one, it ends by the drop of its sender.
        if heard
            .get(&member)
            .is_none_or(|(number, _)| *number < self.number)
        {
            heard.insert(member, (self.number, sender));
        }
        drop(heard);
        if let Some(peer) = self.shared.peers.lock().get(&member) {
            peer.queue.kick.notify_one();
        }
    }

    fn ended(&self, error: &ReadError, from: SocketAddr) {
        match (error, self.member) {
            (ReadError::Ended | ReadError::Idle, _) => {}
            (error, Some(member)) if error.is_death() => {
                if self.is_newest(member) {
                    self.shared.hand_over(Incoming::Lost(member));
                }
            }
            (error, _) => complain(&self.shared, from, error),
        }
    }

    fn is_newest(&self, member: Member) -> bool {
        let heard = self.shared.heard.lock();
        heard
            .get(&member)
            .is_some_and(|(number, _)| *number == self.number)
    }

    fn forget(&mut self) {
        if let Some(member) = self.member.take()
            && self.is_newest(member)
        {
            self.shared.heard.lock().remove(&member);
        }
        self.replaced = None;
    }
}

//! The connection to one peer, on which this member only sends.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use howdah_ha::machine;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::TcpUserTimeout;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::client::TlsStream;

use super::frame::{self, EncodeError};
use super::queue::Queue;
use super::{Incoming, Shared};
use crate::chain::Complaint;

/// The time for a connection.
const CONNECT: Duration = Duration::from_secs(1);
/// The time for the handshake after it.
const HANDSHAKE: Duration = Duration::from_secs(2);
/// The time in which the kernel takes one frame. A peer that reads always has room.
const WRITE: Duration = Duration::from_secs(2);
/// What was sent and is not confirmed after that time breaks the connection.
const UNCONFIRMED_MILLIS: u32 = 3000;
/// The time for a goodbye.
const GOODBYE: Duration = Duration::from_millis(200);
/// A sign of life after so much silence keeps the connection.
const SILENCE: Duration = Duration::from_secs(15);
/// The pauses between attempts grow from the first to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// A connection that lasted this long was a good one.
const GOOD: Duration = Duration::from_secs(1);

/// Whom to connect to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    pub(super) member: machine::Member,
    pub(super) address: SocketAddr,
}

/// Why a connection ended, or never was.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("connect")]
    Connect(#[source] io::Error),
    #[error("connect: no answer in time")]
    ConnectDeadline,
    #[error("agree on TLS")]
    Handshake(#[source] io::Error),
    #[error("agree on TLS: no answer in time")]
    HandshakeDeadline,
    #[error("send a message")]
    Send(#[source] io::Error),
    #[error("send a message: the peer does not take it")]
    SendDeadline,
    #[error("the connection broke")]
    Broken(#[source] io::Error),
    #[error("the peer ended the connection")]
    Ended,
    #[error("the peer answered where it should only listen")]
    Answered,
}

/// How sending to a peer ended.
enum End {
    /// It is no peer any more.
    Removed,
    /// The connection is of no more use.
    Broken(Error),
}

/// Keeps a connection for as long as the member is a peer.
pub(super) async fn run(peer: Peer, queue: Arc<Queue>, shared: Arc<Shared>) {
    tokio::select! {
        () = keep(peer, &queue, &shared) => {}
        // The connection says goodbye first, if there is one.
        () = async { queue.closed().await; sleep(2 * GOODBYE).await } => {}
    }
}

async fn keep(peer: Peer, queue: &Queue, shared: &Shared) {
    let mut complaint = Complaint::default();
    let mut pause = PAUSES.0;
    loop {
        let begun = Instant::now();
        let error = match connect(peer.address, shared).await {
            Err(error) => error,
            Ok(stream) => match Box::pin(converse(peer, stream, queue, shared)).await {
                End::Removed => return,
                End::Broken(error) => {
                    let good = begun.elapsed() >= GOOD;
                    if good {
                        pause = PAUSES.0;
                        complaint.clear();
                    }
                    // A peer that refuses the certificate may end like a process that dies, but soon.
                    if good && is_death(&error) {
                        shared.hand_over(Incoming::Lost(peer.member));
                    }
                    error
                }
            },
        };
        if let Some(error) = complaint.new_one(&error) {
            let (member, address) = (peer.member, peer.address);
            tracing::info!(%member, %address, error, "no connection to a member");
        }
        sleep(PAUSES.0).await;
        tokio::select! {
            () = sleep(pause.saturating_sub(PAUSES.0)) => {}
            () = queue.kick.notified() => {}
        }
        pause = (pause * 2).min(PAUSES.1);
    }
}

async fn connect(address: SocketAddr, shared: &Shared) -> Result<TlsStream<TcpStream>, Error> {
    let tls = shared.credentials.get().await;
    let stream = timeout(CONNECT, dial(address, shared))
        .await
        .map_err(|_| Error::ConnectDeadline)?
        .map_err(Error::Connect)?;
    let handshake = tls.connector.connect(shared.credentials.name(), stream);
    timeout(HANDSHAKE, handshake)
        .await
        .map_err(|_| Error::HandshakeDeadline)?
        .map_err(Error::Handshake)
}

/// Connects from the own address, so that whoever filters by address sees the member.
async fn dial(address: SocketAddr, shared: &Shared) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(own) = shared.config.bind
        && own.is_ipv4() == address.is_ipv4()
    {
        socket.bind(SocketAddr::new(own, 0))?;
    }
    socket.set_nodelay(true)?;
    setsockopt(&socket, TcpUserTimeout, &UNCONFIRMED_MILLIS)?;
    socket.connect(address).await
}

/// Sends what the queue has until the connection ends.
async fn converse(
    peer: Peer,
    mut stream: TlsStream<TcpStream>,
    queue: &Queue,
    shared: &Shared,
) -> End {
    let mut answer = [0; 1];
    loop {
        let sent = tokio::select! {
            () = queue.closed() => {
                let _ = timeout(GOODBYE, stream.shutdown()).await;
                return End::Removed;
            }
            read = stream.read(&mut answer) => Err(ended(read)),
            message = queue.next() => {
                let config = &shared.config;
                match frame::encode(config.cluster.as_str(), config.me, peer.member, &message) {
                    Ok(frame) => send(&mut stream, &frame).await,
                    Err(error) => { refuse(peer, &error); Ok(()) }
                }
            }
            () = sleep(SILENCE) => send(&mut stream, &frame::LIFE).await,
        };
        if let Err(error) = sent {
            return End::Broken(error);
        }
    }
}

/// What an end of the stream means.
fn ended(read: io::Result<usize>) -> Error {
    match read {
        Ok(0) => Error::Ended,
        Ok(_) => Error::Answered,
        Err(error) => Error::Broken(error),
    }
}

fn is_death(error: &Error) -> bool {
    matches!(error, Error::Broken(error) | Error::Send(error) if frame::is_death(error))
}

fn refuse(peer: Peer, error: &EncodeError) {
    tracing::error!(member = %peer.member, %error, "a message is not sent");
}

async fn send(stream: &mut TlsStream<TcpStream>, frame: &[u8]) -> Result<(), Error> {
    let sending = async {
        stream.write_all(frame).await?;
        stream.flush().await
    };
    timeout(WRITE, sending)
        .await
        .map_err(|_| Error::SendDeadline)?
        .map_err(Error::Send)
}

//! `pods/<name>/portforward` over a WebSocket: TCP streams of one Pod, multiplexed.
//!
//! Subprotocol `v4.channel.k8s.io`: each port has two channels, data (even) and errors (odd). The
//! first byte of a message names its channel; each channel starts with its port number, low byte
//! first.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::FromRequestParts as _;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt as _, StreamExt as _};
use http::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::super::call::Call;
use crate::api::status::Failure;

const PROTOCOL: &str = "v4.channel.k8s.io";
const CONNECT: Duration = Duration::from_secs(5);
/// A channel number is one byte and each port takes two.
const PORTS: usize = 64;
const CHUNK: usize = 32 << 10;
const MESSAGE: usize = 1 << 20;

/// Turns the request into a WebSocket and forwards over it.
pub(super) async fn answer(call: &Call<'_>, request: Request<Body>) -> Result<Response, Failure> {
    let pod = call.current()?.object;
    let address = super::address(&pod)?;
    let wanted = call.options.all.iter().filter(|(name, _)| name == "ports");
    let texts: Vec<&str> = wanted.flat_map(|(_, list)| list.split(',')).collect();
    if texts.is_empty() {
        return Err(Failure::bad_request("you must specify at least 1 port"));
    }
    if texts.len() > PORTS {
        return Err(Failure::bad_request(format!(
            "you may specify at most {PORTS} ports"
        )));
    }
    let mut targets = Vec::new();
    for text in texts {
        let port = text.parse::<u16>().ok().filter(|port| *port > 0);
        let bad = || Failure::bad_request(format!("port {text:?} is not a number from 1 to 65535"));
        targets.push(SocketAddr::new(address, port.ok_or_else(bad)?));
    }
    let (mut parts, _) = request.into_parts();
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &())
        .await
        .map_err(|_| {
            Failure::bad_request("unable to upgrade: only WebSocket connections are accepted")
        })?;
    let shutdown = call.server.inner.shutdown.clone();
    Ok(upgrade
        .protocols([PROTOCOL])
        .max_message_size(MESSAGE)
        .on_upgrade(move |socket| forward(socket, targets, shutdown)))
}

async fn forward(socket: WebSocket, targets: Vec<SocketAddr>, shutdown: CancellationToken) {
    let (sink, messages) = socket.split();
    let (out, queue) = mpsc::channel(16);
    let writer = tokio::spawn(write_out(sink, queue));
    let mut writers = Vec::new();
    let mut readers = Vec::new();
    for (index, target) in targets.iter().enumerate() {
        let channel = u8::try_from(index * 2).unwrap_or(u8::MAX - 1);
        for number in [channel, channel + 1] {
            send(&out, number, &target.port().to_le_bytes()).await;
        }
        match tokio::time::timeout(CONNECT, TcpStream::connect(target)).await {
            Ok(Ok(stream)) => {
                let (read, write) = stream.into_split();
                readers.push(tokio::spawn(read_in(read, channel, out.clone())));
                writers.push(Some(write));
            }
            failed => {
                let why = match failed {
                    Ok(Err(error)) => error.to_string(),
                    _ => "timed out".to_owned(),
                };
                let text = format!(
                    "an error occurred forwarding {0} -> {0}: {why}",
                    target.port()
                );
                send(&out, channel + 1, text.as_bytes()).await;
                writers.push(None);
            }
        }
    }
    let ended = async {
        for reader in &mut readers {
            drop(reader.await);
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = deliver(messages, writers) => {}
        // With every stream at its end there is nothing left to say.
        () = ended => {}
    }
    for reader in &readers {
        reader.abort();
    }
    drop(out);
    drop(tokio::time::timeout(CONNECT, writer).await);
}

async fn send(out: &mpsc::Sender<Bytes>, channel: u8, data: &[u8]) {
    let mut message = Vec::with_capacity(data.len() + 1);
    message.push(channel);
    message.extend_from_slice(data);
    // The writer is gone only when the client is.
    drop(out.send(Bytes::from(message)).await);
}

async fn write_out(mut sink: SplitSink<WebSocket, Message>, mut queue: mpsc::Receiver<Bytes>) {
    while let Some(message) = queue.recv().await {
        if sink.send(Message::Binary(message)).await.is_err() {
            return;
        }
    }
    drop(sink.send(Message::Close(None)).await);
}

/// From the Pod to the client.
async fn read_in(mut stream: OwnedReadHalf, channel: u8, out: mpsc::Sender<Bytes>) {
    let mut buffer = vec![0; CHUNK];
    while let Ok(count) = stream.read(&mut buffer).await {
        if count == 0 {
            return;
        }
        send(&out, channel, &buffer[..count]).await;
    }
}

/// From the client to the Pod, until the client goes away.
async fn deliver(mut messages: SplitStream<WebSocket>, mut writers: Vec<Option<OwnedWriteHalf>>) {
    while let Some(Ok(message)) = messages.next().await {
        let data = match message {
            Message::Binary(data) => data,
            Message::Close(_) => return,
            _ => continue,
        };
        let Some((&channel, data)) = data.split_first() else {
            continue;
        };
        if channel % 2 == 1 {
            continue;
        }
        let Some(slot) = writers.get_mut(usize::from(channel / 2)) else {
            return;
        };
        if let Some(writer) = slot
            && writer.write_all(data).await.is_err()
        {
            *slot = None;
        }
    }
}

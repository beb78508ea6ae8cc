//! Forwarded ports over the channels of a WebSocket, as `kube` and older libraries do it.
//!
//! Each port has two channels, data (even) and errors (odd). The first byte of a message names its channel; each
//! channel starts with its port number, low byte first.

use std::net::SocketAddr;

use axum::body::Bytes;
use axum::extract::ws::{Message, WebSocket};
use futures::StreamExt as _;
use futures::stream::SplitStream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::super::upgrade::write_out;
use super::{CHUNK, CONNECT};

/// Forwards to all targets until the client or all of them are gone.
pub(super) async fn forward(
    socket: WebSocket,
    targets: Vec<SocketAddr>,
    shutdown: CancellationToken,
) {
    let (sink, messages) = socket.split();
    let (out, queue) = mpsc::channel(16);
    let gone = CancellationToken::new();
    let writer = tokio::spawn(write_out(sink, queue, |data| data, gone.clone()));
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
        // The client is gone, though it may not have said so.
        () = gone.cancelled() => {}
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

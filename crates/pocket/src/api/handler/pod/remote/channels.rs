//! The channels of a WebSocket: the first byte of a message says what the rest belongs to.
//!
//! 0 is standard input, 1 standard output, 2 standard error, 3 the Status at the end, 4 the size of the terminal.
//! In the fifth version 255 with the number of a channel says that the channel is over.

use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::SplitStream;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::super::upgrade::write_out;
use super::converse::Conversation;
use super::{Channel, Client, Event};

/// How long a client may take to hang up after everything has been said.
const LINGER: Duration = Duration::from_secs(5);

const STDIN: u8 = 0;
const RESIZE: u8 = 4;
const CLOSE: u8 = 255;

/// Holds the conversation over a WebSocket.
pub(super) async fn serve(socket: WebSocket, can_close: bool, conversation: Conversation) {
    let (sink, messages) = socket.split();
    let (events_in, events) = mpsc::channel(8);
    let (out, queue) = mpsc::channel(8);
    let gone = CancellationToken::new();
    let mut listener = tokio::spawn(listen(messages, events_in, can_close, gone.clone()));
    let speaker = tokio::spawn(write_out(sink, queue, message, gone.clone()));
    conversation.hold(Client { events, out, gone }).await;
    drop(speaker.await);
    // Hanging up with something unread would take back what has been said.
    if tokio::time::timeout(LINGER, &mut listener).await.is_err() {
        listener.abort();
    }
}

async fn listen(
    mut messages: SplitStream<WebSocket>,
    events: mpsc::Sender<Event>,
    can_close: bool,
    gone: CancellationToken,
) {
    while let Some(Ok(message)) = messages.next().await {
        match message {
            Message::Binary(data) => {
                if let Some(event) = understand(&data, can_close) {
                    // What comes after the end is of no interest.
                    drop(events.send(event).await);
                }
            }
            Message::Close(_) => break,
            _ => {}
        }
    }
    gone.cancel();
}

fn understand(data: &Bytes, can_close: bool) -> Option<Event> {
    match *data.first()? {
        STDIN if data.len() > 1 => Some(Event::Stdin(data.slice(1..))),
        RESIZE => size(&data[1..]),
        CLOSE if can_close && data[1..] == [STDIN] => Some(Event::StdinClosed),
        _ => None,
    }
}

/// The size of a terminal as clients write it.
pub(super) fn size(text: &[u8]) -> Option<Event> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Size {
        width: u16,
        height: u16,
    }
    let size: Size = serde_json::from_slice(text).ok()?;
    Some(Event::Resize {
        columns: size.width,
        rows: size.height,
    })
}

/// A message begins with the number of its channel.
fn message((channel, data): (Channel, Bytes)) -> Bytes {
    let number = match channel {
        Channel::Stdout => 1,
        Channel::Stderr => 2,
        Channel::Error => 3,
    };
    let mut message = Vec::with_capacity(data.len() + 1);
    message.push(number);
    message.extend_from_slice(&data);
    message.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_understood_by_their_channel() {
        let heard =
            |data: &'static [u8], can_close| understand(&Bytes::from_static(data), can_close);
        let hello = Event::Stdin(Bytes::from_static(b"hello"));
        assert_eq!(heard(b"\0hello", true), Some(hello));
        let size = Event::Resize {
            columns: 80,
            rows: 24,
        };
        let text = b"\x04{\"Width\":80,\"Height\":24}\n";
        assert_eq!(heard(text, true), Some(size));
        assert_eq!(heard(b"\xff\0", true), Some(Event::StdinClosed));
        // Before the fifth version this means nothing.
        assert_eq!(heard(b"\xff\0", false), None);
        for nonsense in [
            &b""[..],
            b"\0",
            b"\x01x",
            b"\xff",
            b"\xff\x01",
            b"\x04",
            b"\x04{}",
        ] {
            assert_eq!(heard(nonsense, true), None, "{nonsense:?}");
        }
        assert_eq!(heard(b"\x04{\"Width\":65536,\"Height\":1}", true), None);
    }
}

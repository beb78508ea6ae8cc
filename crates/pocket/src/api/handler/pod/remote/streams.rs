//! The streams of a SPDY connection: the client begins one for each direction, and names it in a header.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;

use super::channels::size;
use super::converse::Conversation;
use super::{Channel, Client, Event};
use crate::node::SessionOptions;
use crate::spdy::{Connection, Stream, StreamReader, StreamWriter};

/// A client begins all its streams in this time.
const PATIENCE: Duration = Duration::from_secs(30);
/// No size of a terminal takes more.
const LONGEST_SIZE: usize = 1024;

/// Holds the conversation over SPDY.
pub(super) async fn serve(mut connection: Connection, conversation: Conversation) {
    let collected = collect(&mut connection, &conversation.options);
    let Ok(Some(mut streams)) = tokio::time::timeout(PATIENCE, collected).await else {
        tracing::debug!("streams have not been begun");
        return connection.close().await;
    };
    let (events_in, events) = mpsc::channel(8);
    let (out, queue) = mpsc::channel(8);
    let mut readers = Vec::new();
    let mut writers = BTreeMap::new();
    for (name, stream) in std::mem::take(&mut streams) {
        let (reader, writer) = stream.split();
        let events = events_in.clone();
        match name {
            "stdin" => readers.push(tokio::spawn(read_input(reader, events))),
            "resize" => readers.push(tokio::spawn(read_sizes(reader, events))),
            _ => {}
        }
        writers.insert(name, writer);
    }
    let speaker = tokio::spawn(speak(queue, writers));
    let gone = connection.gone();
    conversation.hold(Client { events, out, gone }).await;
    drop(speaker.await);
    for reader in &readers {
        reader.abort();
    }
    for reader in readers {
        // It was aborted.
        drop(reader.await);
    }
    connection.close().await;
}

/// The streams that the client has announced, accepted.
async fn collect(
    connection: &mut Connection,
    options: &SessionOptions,
) -> Option<BTreeMap<&'static str, Stream>> {
    let mut missing = vec!["error"];
    let wanted = [
        (options.stdin, "stdin"),
        (options.stdout, "stdout"),
        (options.stderr, "stderr"),
        (options.tty, "resize"),
    ];
    missing.extend(
        wanted
            .iter()
            .filter(|(is_wanted, _)| *is_wanted)
            .map(|(_, name)| *name),
    );
    let mut streams = BTreeMap::new();
    while !missing.is_empty() {
        let stream = connection.accept().await?;
        let name = stream.header("streamtype").unwrap_or_default();
        let at = missing.iter().position(|wanted| *wanted == name)?;
        stream.reply().await.ok()?;
        streams.insert(missing.swap_remove(at), stream);
    }
    Some(streams)
}

async fn read_input(mut reader: StreamReader, events: mpsc::Sender<Event>) {
    while let Some(data) = reader.read().await {
        if events.send(Event::Stdin(data)).await.is_err() {
            return;
        }
    }
    drop(events.send(Event::StdinClosed).await);
}

async fn read_sizes(mut reader: StreamReader, events: mpsc::Sender<Event>) {
    let mut text = BytesMut::new();
    while let Some(data) = reader.read().await {
        text.extend_from_slice(&data);
        while let Some(end) = text.iter().position(|&byte| byte == b'\n') {
            let line = text.split_to(end + 1);
            if let Some(event) = size(&line)
                && events.send(event).await.is_err()
            {
                return;
            }
        }
        if text.len() > LONGEST_SIZE {
            return;
        }
    }
}

async fn speak(
    mut queue: mpsc::Receiver<(Channel, Bytes)>,
    mut writers: BTreeMap<&'static str, StreamWriter>,
) {
    while let Some((channel, data)) = queue.recv().await {
        let name = match channel {
            Channel::Stdout => "stdout",
            Channel::Stderr => "stderr",
            Channel::Error => "error",
        };
        if let Some(writer) = writers.get_mut(name)
            && writer.write(data).await.is_err()
        {
            return;
        }
    }
    for (_, writer) in writers {
        writer.finish().await;
    }
}

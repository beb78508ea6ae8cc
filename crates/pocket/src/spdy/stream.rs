//! One stream of a connection, whole or as its two directions.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::connection::Shared;
use super::encode::LONGEST_DATA;
use super::frame::{Frame, Headers, status};
use super::window::Window;

/// A stream that the peer has begun. Dropped before it is finished, it is reset.
#[derive(Debug)]
pub(crate) struct Stream {
    headers: Headers,
    reader: StreamReader,
    writer: StreamWriter,
}

/// What the peer says on a stream.
#[derive(Debug)]
pub(crate) struct StreamReader {
    receiver: mpsc::Receiver<Bytes>,
    link: Arc<Link>,
}

/// What we say on a stream.
#[derive(Debug)]
pub(crate) struct StreamWriter {
    window: Arc<Window>,
    link: Arc<Link>,
}

#[derive(Debug)]
struct Link {
    id: u32,
    shared: Arc<Shared>,
    out: mpsc::Sender<Frame>,
    finished: AtomicBool,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared.forget(self.id);
        if !*self.finished.get_mut() {
            let (id, status) = (self.id, status::CANCEL);
            // With a full queue the peer learns of it from the end of the connection at the latest.
            drop(self.out.try_send(Frame::Reset { id, status }));
        }
    }
}

impl Stream {
    pub(super) fn new(
        id: u32,
        headers: Headers,
        receiver: mpsc::Receiver<Bytes>,
        window: Arc<Window>,
        shared: Arc<Shared>,
        out: mpsc::Sender<Frame>,
    ) -> Self {
        let link = Arc::new(Link {
            id,
            shared,
            out,
            finished: AtomicBool::new(false),
        });
        Self {
            headers,
            reader: StreamReader {
                receiver,
                link: Arc::clone(&link),
            },
            writer: StreamWriter { window, link },
        }
    }

    /// What the peer has said about the stream.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Accepts the stream; nothing may be said on it before.
    pub(crate) async fn reply(&self) -> io::Result<()> {
        let id = self.writer.link.id;
        let headers = Headers::new();
        let fin = false;
        self.writer.send(Frame::SynReply { id, fin, headers }).await
    }

    /// Its two directions.
    pub(crate) fn split(self) -> (StreamReader, StreamWriter) {
        (self.reader, self.writer)
    }
}

impl StreamReader {
    /// The next piece; `None` when the peer has said its last.
    pub(crate) async fn read(&mut self) -> Option<Bytes> {
        let data = self.receiver.recv().await?;
        let delta = u32::try_from(data.len()).unwrap_or_default();
        for id in [self.link.id, 0] {
            // Without a writer the peer is gone, and needs no room.
            drop(self.link.out.send(Frame::WindowUpdate { id, delta }).await);
        }
        Some(data)
    }
}

impl StreamWriter {
    /// Says it, as fast as the peer wants to hear it.
    ///
    /// # Errors
    /// When the peer is gone.
    pub(crate) async fn write(&mut self, mut data: Bytes) -> io::Result<()> {
        let gone = self.link.shared.gone.clone();
        while !data.is_empty() {
            // A peer that is gone comes first: there may be room for what it will never read.
            let room = tokio::select! {
                biased;
                () = gone.cancelled() => return Err(io::ErrorKind::BrokenPipe.into()),
                room = self.room(data.len().min(LONGEST_DATA)) => room,
            };
            let (id, fin, data) = (self.link.id, false, data.split_to(room));
            self.send(Frame::Data { id, fin, data }).await?;
        }
        Ok(())
    }

    async fn room(&self, wanted: usize) -> usize {
        let shared = &self.link.shared;
        let is_kept = || shared.keeps_windows();
        let own = self.window.take(wanted, is_kept).await;
        let room = shared.window.take(own, is_kept).await;
        self.window.give_back(own - room);
        room
    }

    /// Says that nothing more will be said.
    pub(crate) async fn finish(self) {
        self.link.finished.store(true, Ordering::Relaxed);
        let (id, fin, data) = (self.link.id, true, Bytes::new());
        // The peer may be gone, which is an end, too.
        drop(self.send(Frame::Data { id, fin, data }).await);
    }

    async fn send(&self, frame: Frame) -> io::Result<()> {
        let sent = self.link.out.send(frame).await;
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

//! Drives the codec over a connection and hands out the streams that the peer begins.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::decode::Decoder;
use super::encode::Encoder;
use super::frame::{Frame, Headers, status};
use super::window::{INITIAL, Window};

pub(crate) use super::stream::{Stream, StreamReader, StreamWriter};

/// How many streams may be open at a time; a forwarded connection takes two.
pub(super) const MOST_STREAMS: usize = 256;
/// How many pieces of data of a stream may wait for its reader.
const QUEUE: usize = 8;
/// How often a silent connection is tried, so that a peer that is gone is noticed.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// What is still to be written at the end gets this long.
const LINGER: Duration = Duration::from_secs(5);

/// A connection on which the peer begins streams.
#[derive(Debug)]
pub(crate) struct Connection {
    incoming: mpsc::Receiver<Stream>,
    gone: CancellationToken,
    close: CancellationToken,
    task: JoinHandle<()>,
}

impl Connection {
    /// Speaks SPDY over something that can be read and written.
    pub(crate) fn start(transport: impl AsyncRead + AsyncWrite + Send + 'static) -> Self {
        let (sender, incoming) = mpsc::channel(4);
        let (gone, close) = (CancellationToken::new(), CancellationToken::new());
        let driver = drive(transport, sender, gone.clone(), close.clone());
        Self {
            incoming,
            gone,
            close,
            task: tokio::spawn(driver),
        }
    }

    /// The next stream; `None` when the peer will begin none any more.
    pub(crate) async fn accept(&mut self) -> Option<Stream> {
        self.incoming.recv().await
    }

    /// Cancelled when the peer is gone.
    pub(crate) fn gone(&self) -> CancellationToken {
        self.gone.clone()
    }

    /// Writes what is still to be written, and hangs up. All streams must have been dropped.
    pub(crate) async fn close(self) {
        self.close.cancel();
        drop(self.incoming);
        drop(self.task.await);
    }
}

/// What the streams of a connection share.
#[derive(Debug)]
pub(super) struct Shared {
    streams: Mutex<HashMap<u32, Entry>>,
    /// The room that all streams have together.
    pub(super) window: Window,
    /// Whether the peer has shown that it keeps windows.
    keeps_windows: AtomicBool,
    pub(super) gone: CancellationToken,
}

#[derive(Debug)]
struct Entry {
    /// Gone when the peer has said its last.
    sender: Option<mpsc::Sender<Bytes>>,
    window: Arc<Window>,
}

impl Shared {
    pub(super) fn keeps_windows(&self) -> bool {
        self.keeps_windows.load(Ordering::Relaxed)
    }

    pub(super) fn forget(&self, id: u32) {
        self.streams.lock().remove(&id);
    }
}

async fn drive(
    transport: impl AsyncRead + AsyncWrite + Send + 'static,
    incoming: mpsc::Sender<Stream>,
    gone: CancellationToken,
    close: CancellationToken,
) {
    let (read, write) = tokio::io::split(transport);
    let (out, queue) = mpsc::channel(16);
    let shared = Arc::new(Shared {
        streams: Mutex::default(),
        window: Window::new(INITIAL),
        keeps_windows: AtomicBool::new(false),
        gone: gone.clone(),
    });
    let writer = tokio::spawn(write_out(write, queue, gone.clone()));
    let mut peer = Peer {
        shared: Arc::clone(&shared),
        incoming,
        out,
        last: 0,
        initial_window: INITIAL,
    };
    let ended = tokio::select! {
        ended = peer.listen(read) => ended,
        () = close.cancelled() => Ok(()),
        () = gone.cancelled() => Ok(()),
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection with streams ended");
    }
    if !close.is_cancelled() {
        gone.cancel();
    }
    drop(peer);
    shared.streams.lock().clear();
    // It ends when the last stream is dropped, after which nothing more can be said.
    let mut writer = writer;
    if tokio::time::timeout(LINGER, &mut writer).await.is_err() {
        writer.abort();
    }
}

async fn write_out(
    mut transport: impl AsyncWrite + Unpin,
    mut queue: mpsc::Receiver<Frame>,
    gone: CancellationToken,
) {
    let mut encoder = Encoder::default();
    let mut ping = 0_u32;
    loop {
        let frame = match tokio::time::timeout(PING_INTERVAL, queue.recv()).await {
            Ok(Some(frame)) => frame,
            Ok(None) => break,
            Err(_silence) => {
                // Numbers of ours are even.
                ping = ping.wrapping_add(2);
                Frame::Ping(ping)
            }
        };
        if transport.write_all(&encoder.encode(&frame)).await.is_err() {
            gone.cancel();
            return;
        }
        if queue.is_empty() && transport.flush().await.is_err() {
            gone.cancel();
            return;
        }
    }
    // The peer may have hung up before.
    drop(transport.shutdown().await);
}

/// The peer, as it is heard.
struct Peer {
    shared: Arc<Shared>,
    incoming: mpsc::Sender<Stream>,
    out: mpsc::Sender<Frame>,
    /// The number of the last stream that it began.
    last: u32,
    initial_window: i64,
}

impl Peer {
    async fn listen(&mut self, mut transport: impl AsyncRead + Unpin) -> io::Result<()> {
        let mut decoder = Decoder::new();
        loop {
            let buffer = decoder.buffer();
            buffer.reserve(16 * 1024);
            if transport.read_buf(buffer).await? == 0 {
                return Ok(());
            }
            loop {
                match decoder.next() {
                    Ok(Some(frame)) => self.hear(frame).await?,
                    Ok(None) => break,
                    Err(error) => return self.refuse(io::Error::other(error)).await,
                }
            }
        }
    }

    async fn hear(&mut self, frame: Frame) -> io::Result<()> {
        match frame {
            Frame::SynStream { id, fin, headers } => self.begin(id, fin, headers).await,
            Frame::Data { id, fin, data } => self.pass_on(id, fin, data).await,
            Frame::Headers { id, fin: true, .. } => self.pass_on(id, true, Bytes::new()).await,
            Frame::Reset { id, .. } => {
                self.shared.forget(id);
                Ok(())
            }
            Frame::Settings { initial_window } => {
                self.set_initial_window(initial_window);
                Ok(())
            }
            Frame::WindowUpdate { id, delta } => self.grow(id, delta).await,
            // An even number is the answer to one of ours.
            Frame::Ping(number) if number % 2 == 1 => self.say(Frame::Ping(number)).await,
            Frame::GoAway { .. } => Err(io::ErrorKind::ConnectionAborted.into()),
            Frame::Ping(_) | Frame::SynReply { .. } | Frame::Headers { .. } | Frame::Other => {
                Ok(())
            }
        }
    }

    async fn begin(&mut self, id: u32, fin: bool, headers: Headers) -> io::Result<()> {
        if id.is_multiple_of(2) || id <= self.last {
            return self
                .refuse(io::Error::other("stream numbers must be odd and grow"))
                .await;
        }
        self.last = id;
        if self.shared.streams.lock().len() >= MOST_STREAMS {
            return self.reset(id, status::REFUSED_STREAM).await;
        }
        let (sender, receiver) = mpsc::channel(QUEUE);
        let window = Arc::new(Window::new(self.initial_window));
        let entry = Entry {
            sender: (!fin).then_some(sender),
            window: Arc::clone(&window),
        };
        self.shared.streams.lock().insert(id, entry);
        let shared = Arc::clone(&self.shared);
        let stream = Stream::new(id, headers, receiver, window, shared, self.out.clone());
        // Whoever takes no streams any more refuses them all.
        drop(self.incoming.send(stream).await);
        Ok(())
    }

    async fn pass_on(&mut self, id: u32, fin: bool, data: Bytes) -> io::Result<()> {
        let sender = match self.shared.streams.lock().get_mut(&id) {
            Some(entry) if fin => entry.sender.take(),
            Some(entry) => entry.sender.clone(),
            None => None,
        };
        match sender {
            // A reader who has gone loses the rest.
            Some(sender) if !data.is_empty() => drop(sender.send(data).await),
            Some(_) => {}
            None if id > self.last || id.is_multiple_of(2) => {
                return self.reset(id, status::INVALID_STREAM).await;
            }
            None => {}
        }
        Ok(())
    }

    fn set_initial_window(&mut self, size: Option<u32>) {
        let Some(size) = size else { return };
        self.shared.keeps_windows.store(true, Ordering::Relaxed);
        let change = i64::from(size) - self.initial_window;
        self.initial_window = i64::from(size);
        for entry in self.shared.streams.lock().values() {
            entry.window.grow(change);
        }
    }

    async fn grow(&mut self, id: u32, delta: u32) -> io::Result<()> {
        self.shared.keeps_windows.store(true, Ordering::Relaxed);
        if id == 0 {
            return match self.shared.window.grow(i64::from(delta)) {
                true => Ok(()),
                false => self.refuse(io::Error::other("window too large")).await,
            };
        }
        let grown = match self.shared.streams.lock().get(&id) {
            Some(entry) => entry.window.grow(i64::from(delta)),
            None => true,
        };
        if !grown {
            self.shared.forget(id);
            return self.reset(id, status::FLOW_CONTROL_ERROR).await;
        }
        Ok(())
    }

    async fn reset(&self, id: u32, status: u32) -> io::Result<()> {
        self.say(Frame::Reset { id, status }).await
    }

    /// The connection cannot go on.
    async fn refuse<T>(&self, error: io::Error) -> io::Result<T> {
        let frame = Frame::GoAway {
            last: self.last,
            status: status::PROTOCOL_ERROR,
        };
        self.say(frame).await?;
        Err(error)
    }

    async fn say(&self, frame: Frame) -> io::Result<()> {
        let said = self.out.send(frame).await;
        said.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

//! Programs run in a container, and listening to the container's own, as the API server asks for them.
//!
//! The shim does it; this is its other end. Whoever drops a [`Session`] ends what was started for it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use camino::Utf8Path;
use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio_util::sync::CancellationToken;

use super::process::{receive_with_fds, register};
use super::shim::talk::{self, LONGEST_REQUEST, Reply, Request, Streams};
use super::terminal::TerminalIo;

pub use super::terminal::Terminal;

/// A shim that is alive answers at once, unless the machine is very busy.
const PATIENCE: Duration = Duration::from_secs(30);
/// No answer is longer.
const LONGEST_REPLY: usize = 64 * 1024;

/// What is wanted of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionOptions {
    /// The container's name.
    pub container: String,
    /// The program and its arguments; without one the main process is attached to.
    pub command: Option<Vec<String>>,
    /// Whether the caller will write.
    pub stdin: bool,
    /// Whether the caller will read.
    pub stdout: bool,
    /// Whether the caller will read the errors as well.
    pub stderr: bool,
    /// Whether the program gets a terminal.
    pub tty: bool,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The container does not run.
    #[error("container not found ({0:?})")]
    NotRunning(String),
    /// The program could not be started.
    #[error("error executing command in container: {0}")]
    Refused(String),
    /// The container's keeper does not answer as it should.
    #[error("speak to the container")]
    Io(#[source] io::Error),
}

/// Bytes for a program.
pub type Input = Pin<Box<dyn AsyncWrite + Send>>;
/// Bytes from a program.
pub type Output = Pin<Box<dyn AsyncRead + Send>>;

/// A program that runs, or the main process as it is listened to.
pub struct Session {
    /// Where to write, if that was asked for and somebody reads.
    pub stdin: Option<Input>,
    /// What it says.
    pub stdout: Option<Output>,
    /// What it complains about; never with a terminal.
    pub stderr: Option<Output>,
    /// Its terminal, if it has one.
    pub terminal: Option<Terminal>,
    line: UnixStream,
    heard: Vec<u8>,
    is_own: bool,
}

/// Who can reach into containers; the API server knows the node by this and [`PodLogs`](super::PodLogs) alone.
pub trait PodSessions: Send + Sync {
    /// Begins a session.
    fn session<'a>(
        &'a self,
        namespace: &'a str,
        pod: &'a str,
        options: SessionOptions,
    ) -> BoxFuture<'a, Result<Session, SessionError>>;
}

/// Begins a session with the shim of an attempt.
pub(super) async fn begin(
    attempt: &Utf8Path,
    options: SessionOptions,
) -> Result<Session, SessionError> {
    let begun = tokio::time::timeout(PATIENCE, try_begin(attempt, options)).await;
    begun.unwrap_or_else(|_| Err(SessionError::Io(io::ErrorKind::TimedOut.into())))
}

async fn try_begin(attempt: &Utf8Path, options: SessionOptions) -> Result<Session, SessionError> {
    let is_own = options.command.is_some();
    let streams = Streams {
        stdin: options.stdin,
        stdout: options.stdout,
        stderr: options.stderr && !options.tty,
    };
    let request = match options.command {
        Some(argv) => Request::Run {
            argv,
            terminal: options.tty,
            streams,
        },
        None => Request::Attach { streams },
    };
    let not_running = |_| SessionError::NotRunning(options.container.clone());
    let (folder, path) = talk::socket(attempt).map_err(not_running)?;
    let stream = UnixStream::connect(path).await.map_err(not_running)?;
    drop(folder);
    let mut session = Session {
        stdin: None,
        stdout: None,
        stderr: None,
        terminal: None,
        line: stream,
        heard: Vec::new(),
        is_own,
    };
    let asked = session.ask(&request).await.map_err(SessionError::Io)?;
    match asked {
        (Reply::Begun { streams, terminal }, fds) => {
            let taken = session.take(streams, terminal, fds.into_iter());
            taken.map_err(SessionError::Io).map(|()| session)
        }
        (Reply::Refused(why), _) => Err(SessionError::Refused(why)),
        (Reply::Ended(_), _) => Err(SessionError::NotRunning(options.container)),
    }
}

impl Session {
    async fn ask(&mut self, request: &Request) -> io::Result<(Reply, Vec<OwnedFd>)> {
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        if line.len() > LONGEST_REQUEST {
            return Err(io::Error::other("argument list too long"));
        }
        self.line.write_all(&line).await?;
        let mut buffer = vec![0; 16 * 1024];
        // The shim sends its answer in one piece.
        let receive = || receive_with_fds(self.line.as_fd(), &mut buffer);
        let (count, fds) = self.line.async_io(Interest::READABLE, receive).await?;
        self.heard.extend_from_slice(&buffer[..count]);
        Ok((self.reply().await?, fds))
    }

    /// The next thing that the shim says.
    async fn reply(&mut self) -> io::Result<Reply> {
        loop {
            if let Some(end) = self.heard.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.heard.drain(..=end).collect();
                return Ok(serde_json::from_slice(&line)?);
            }
            if self.heard.len() > LONGEST_REPLY {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if self.line.read_buf(&mut self.heard).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn take(
        &mut self,
        streams: Streams,
        terminal: bool,
        mut fds: impl Iterator<Item = OwnedFd>,
    ) -> io::Result<()> {
        let mut next = || {
            fds.next()
                .ok_or(io::Error::from(io::ErrorKind::UnexpectedEof))
        };
        let reader =
            |fd| -> io::Result<Output> { Ok(Box::pin(pipe::Receiver::from_owned_fd(fd)?)) };
        if terminal {
            let master = register(next()?, Interest::READABLE | Interest::WRITABLE)?;
            let master = Arc::new(master);
            self.stdin = Some(Box::pin(TerminalIo::new(Arc::clone(&master))));
            if self.is_own {
                self.stdout = Some(Box::pin(TerminalIo::new(Arc::clone(&master))));
            } else if streams.stdout {
                // The terminal of the main process is read by the shim, which passes on what it reads.
                self.stdout = Some(reader(next()?)?);
            }
            self.terminal = Some(Terminal::new(master));
            return Ok(());
        }
        if streams.stdin {
            self.stdin = Some(Box::pin(pipe::Sender::from_owned_fd(next()?)?));
        }
        if streams.stdout {
            self.stdout = Some(reader(next()?)?);
        }
        if streams.stderr {
            self.stderr = Some(reader(next()?)?);
        }
        Ok(())
    }

    /// Waits for the end of what runs; its exit code. `input_closed` says that nothing more will be written.
    ///
    /// # Errors
    /// When the container's keeper has been killed.
    pub async fn ended(&mut self, input_closed: &CancellationToken) -> io::Result<i32> {
        // A program of our own sees the end of its pipe; that of the main process is held by the shim, too.
        if !self.is_own {
            tokio::select! {
                reply = self.reply() => return code(reply?),
                () = input_closed.cancelled() => self.line.shutdown().await?,
            }
        }
        code(self.reply().await?)
    }
}

fn code(reply: Reply) -> io::Result<i32> {
    match reply {
        Reply::Ended(code) => Ok(code),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

//! The postmaster: started as a child, watched, stopped by a ladder of signals that always ends.

use std::process::ExitStatus;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use tokio::process::Child;
use tokio::sync::watch;

use crate::files;
use crate::instance::{Instance, PORT};
use crate::layout::Layout;
use crate::placeholder;
use crate::process;
use crate::rewind;

/// How long an immediate shutdown may take before everything is killed.
const IMMEDIATE: Duration = Duration::from_secs(5);
/// How long a left-over postmaster may take to shut down in order.
const LEFT_OVER: Duration = Duration::from_secs(20);
/// How often the state of a starting postmaster is looked at.
const LOOK: Duration = Duration::from_millis(25);

/// What went wrong with a postmaster.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be started.
    #[error("start postgres")]
    Spawn(#[source] std::io::Error),
    /// A file operation went wrong.
    #[error("prepare the data directory for a start")]
    File(#[source] files::Error),
    /// It ended before it was ready.
    #[error("postgres ended with {0} before it was ready")]
    Ended(ExitStatus),
    /// It is not ready yet.
    #[error("postgres is not ready after {} seconds", .0.as_secs())]
    NotReady(Duration),
    /// A standby's directory must not be started writable.
    #[error("the data directory is that of a standby")]
    IsStandby,
    /// A rewind of the directory was cut short.
    #[error("a rewind of the data directory was cut short")]
    Unfinished,
    /// Processes of a former postmaster cannot be ended.
    #[error("processes of a former postmaster do not end")]
    LeftOver,
}

/// How to shut down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    /// Sessions are ended, transactions rolled back, a checkpoint written.
    Fast,
    /// No answer is given any longer; the next start recovers from the WAL.
    Immediate,
}

/// How a postmaster came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// Its exit status.
    pub status: ExitStatus,
    /// True if the first signal was not enough.
    pub escalated: bool,
}

/// A postmaster that this process started. Clones refer to the same one; dropping them does not end it.
#[derive(Debug, Clone)]
pub struct Postmaster {
    pid: Pid,
    /// Without symbolic links.
    data: Utf8PathBuf,
    ended: watch::Receiver<Option<ExitStatus>>,
}

impl Instance {
    /// Ends every process of a former postmaster of the data directory, in order if possible; tells
    /// whether there was one.
    pub async fn end_left_over_postmaster(&self) -> Result<bool, Error> {
        let data = self.layout().data();
        let found = process::of_data_directory(&data);
        if found.is_empty() {
            return Ok(false);
        }
        let postmaster = files::blocking(move || recorded_pid(&data))
            .await
            .map_err(Error::File)?;
        let data = self.layout().data();
        // Without a postmaster the others are lost anyway, and hold up the next start.
        if let Some(postmaster) = postmaster
            .map(Pid::from_raw)
            .filter(|pid| found.contains(pid))
        {
            process::signal(&[postmaster], Signal::SIGINT);
            if process::wait_gone(&data, LEFT_OVER).await {
                return Ok(true);
            }
        }
        kill_all(&data).await
    }

    /// Starts the postmaster, writable. A directory with `standby.signal` is refused: taking the
    /// signal away would make a standby write on a timeline that is not its own.
    pub async fn start_primary(&self) -> Result<Postmaster, Error> {
        if Layout::standby_signal(&self.layout().data()).exists() {
            return Err(Error::IsStandby);
        }
        self.start().await
    }

    /// Starts the postmaster in recovery. That it is a standby is on disk before it starts.
    pub async fn start_standby(&self) -> Result<Postmaster, Error> {
        let signal = Layout::standby_signal(&self.layout().data());
        files::blocking(move || {
            // It may be there without having reached the disk.
            files::write(&signal, "", 0o600)
        })
        .await
        .map_err(Error::File)?;
        self.start().await
    }

    /// Nothing of a former server of the data directory runs any longer, and what it left does not keep another,
    /// single-user ones included, from starting.
    pub(crate) async fn end_former_server(&self) -> Result<(), Error> {
        self.end_left_over_postmaster().await?;
        let data = self.layout().data();
        files::blocking(move || remove_misleading_pid_file(&data))
            .await
            .map_err(Error::File)
    }

    async fn start(&self) -> Result<Postmaster, Error> {
        self.end_former_server().await?;
        let layout = self.layout().clone();
        let unfinished = files::blocking(move || {
            files::make_private(&layout.data())?;
            remove_left_over_socket_lock(&layout)?;
            placeholder::remove_stale(&layout.data())?;
            Ok(rewind::unfinished(&layout)?.is_some())
        })
        .await
        .map_err(Error::File)?;
        if unfinished {
            return Err(Error::Unfinished);
        }
        let data = self.layout().data();
        let data = data.canonicalize_utf8().unwrap_or(data);
        let mut command = self.programs().command("postgres");
        // Its own process group: a Ctrl-C at a terminal is for the agent, which then stops it in order.
        let child = command
            .arg("-D")
            .arg(&data)
            .process_group(0)
            .spawn()
            .map_err(Error::Spawn)?;
        Ok(Postmaster::watch(child, data))
    }
}

impl Postmaster {
    fn watch(mut child: Child, data: Utf8PathBuf) -> Self {
        let number = child.id().and_then(|id| i32::try_from(id).ok());
        let pid = Pid::from_raw(number.expect("a child that was not waited for has a number"));
        let (end, ended) = watch::channel(None);
        tokio::spawn(async move {
            if let Ok(status) = child.wait().await {
                end.send_replace(Some(status));
            }
        });
        Self { pid, data, ended }
    }

    /// The number of the process.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// The directory that it works in.
    pub(crate) fn data(&self) -> &Utf8Path {
        &self.data
    }

    /// The exit status, if it has ended.
    pub fn ended(&self) -> Option<ExitStatus> {
        *self.ended.borrow()
    }

    /// Waits for its end.
    pub async fn wait(&self) -> ExitStatus {
        let mut ended = self.ended.clone();
        loop {
            if let Ok(Some(status)) = ended.wait_for(Option::is_some).await.map(|end| *end) {
                return status;
            }
            // The watching task goes only with the runtime, and so does this future.
            std::future::pending::<()>().await;
        }
    }

    /// Waits until it accepts connections, or ended, or `patience` is over.
    pub async fn wait_ready(&self, patience: Duration) -> Result<(), Error> {
        let ready = async {
            while !self.is_ready() {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::select! {
            biased;
            status = self.wait() => Err(Error::Ended(status)),
            waited = tokio::time::timeout(patience, ready) => {
                waited.map_err(|_| Error::NotReady(patience))
            }
        }
    }

    /// True if it says that it accepts connections.
    ///
    /// `postmaster.pid` has the number in line 1 and the state in line 8. Reading it costs less than
    /// a connection, and leaves no line in the server's log.
    pub fn is_ready(&self) -> bool {
        let Ok(text) = std::fs::read_to_string(self.data.join("postmaster.pid")) else {
            return false;
        };
        let lines: Vec<&str> = text.lines().collect();
        let ours = lines.first().and_then(|pid| pid.trim().parse().ok()) == Some(self.pid.as_raw());
        ours && lines.get(7).map(|state| state.trim()) == Some("ready")
    }

    /// Makes it read its configuration again.
    pub fn reload(&self) {
        self.signal(Signal::SIGHUP);
    }

    /// Stops it. After `patience` it is shut down immediately, and after that killed with all its
    /// children, so this always ends.
    pub async fn stop(&self, mode: StopMode, patience: Duration) -> Result<Stopped, Error> {
        let (first, patience) = match mode {
            StopMode::Fast => (Signal::SIGINT, patience),
            StopMode::Immediate => (Signal::SIGQUIT, patience.min(IMMEDIATE)),
        };
        self.signal(first);
        if let Ok(status) = tokio::time::timeout(patience, self.wait()).await {
            return Ok(Stopped {
                status,
                escalated: false,
            });
        }
        self.signal(Signal::SIGQUIT);
        if tokio::time::timeout(IMMEDIATE, self.wait()).await.is_err() {
            kill_all(&self.data).await?;
        }
        Ok(Stopped {
            status: self.wait().await,
            escalated: true,
        })
    }

    fn signal(&self, signal: Signal) {
        if self.ended().is_none() {
            process::signal(&[self.pid], signal);
        }
    }
}

async fn kill_all(data: &Utf8Path) -> Result<bool, Error> {
    process::signal(&process::of_data_directory(data), Signal::SIGKILL);
    if process::wait_gone(data, IMMEDIATE).await {
        Ok(true)
    } else {
        Err(Error::LeftOver)
    }
}

/// A PID file of a dead postmaster is no obstacle, except when its number now belongs to some other
/// process, as happens in a container whose numbers start anew: Postgres would take that one for a
/// postmaster; and except when it names none, because who made it died before it wrote that down.
/// Called when no process of the data directory is left; Postgres itself still checks for shared
/// memory in use.
fn remove_misleading_pid_file(data: &Utf8Path) -> Result<(), files::Error> {
    match recorded_pid(data)? {
        Some(pid) if !process::exists(pid) => Ok(()),
        _ => files::remove_file_if_present(&data.join("postmaster.pid")),
    }
}

/// The socket's lock outlives a container that was killed, because its folder is one of the Pod. Its number can be anybody's
/// then, even that of a thread of the agent, and Postgres would never start again. Called when no process of the data
/// directory is left, and nobody else has a socket there.
fn remove_left_over_socket_lock(layout: &Layout) -> Result<(), files::Error> {
    let lock = format!(".s.PGSQL.{PORT}.lock");
    files::remove_file_if_present(&layout.sockets().join(lock))
}

/// The number that `postmaster.pid` names; negative there for a single-user server.
fn recorded_pid(data: &Utf8Path) -> Result<Option<i32>, files::Error> {
    let text = files::read_if_present(&data.join("postmaster.pid"))?;
    Ok(text
        .and_then(|text| text.lines().next()?.trim().parse::<i32>().ok())
        .map(i32::abs))
}

//! The agent's end: starts the guard, notices its death, and starts it again.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use howdah_ha::Instant;
use howdah_postgres::Process;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::{pipe2, read, write};
use parking_lot::Mutex;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command as Program};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::protocol::{Command, Fired, LONGEST, Lines, Order, Report};
use crate::clock;

/// A guard that has not answered for that long counts as none.
const MUTE: Duration = Duration::from_secs(2);
/// The pause before another one is started.
const AGAIN: Duration = Duration::from_millis(100);

/// There is no guard that would keep the deadline, so there is no authority either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unguarded {
    /// It died, and is being started again.
    #[error("the guard is gone")]
    Gone,
    /// It does not answer.
    #[error("the guard does not answer")]
    Mute,
}

/// The guard as the agent has it. Dropping it means the end of the agent: Postgres is killed.
#[derive(Debug)]
pub struct Guard {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    program: Utf8PathBuf,
    folder: Utf8PathBuf,
    line: Mutex<Line>,
    fired: Notify,
    mute: Notify,
    last: Mutex<Option<Fired>>,
}

/// What was said, and what is to be said again to the next guard.
#[derive(Debug, Default)]
struct Line {
    pipes: Option<(OwnedFd, Arc<pipe::Receiver>)>,
    lines: Lines,
    number: u64,
    /// Commands without an answer, with the time when they were given.
    unanswered: VecDeque<(u64, Instant)>,
    watched: Option<Process>,
    deadline: Option<Instant>,
}

impl Guard {
    /// Starts the guard of the Postgres that works below `folder`; `program` is the howdah program.
    /// Needs a runtime.
    pub fn start(program: &Utf8Path, folder: &Utf8Path) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            program: program.to_owned(),
            folder: folder.to_owned(),
            line: Mutex::default(),
            fired: Notify::new(),
            mute: Notify::new(),
            last: Mutex::new(None),
        });
        let child = shared.spawn()?;
        let task = tokio::spawn(Arc::clone(&shared).keep(child));
        Ok(Self { shared, task })
    }

    /// This is the postmaster from now on.
    pub fn watch(&self, pid: i32) {
        let mut line = self.shared.line.lock();
        line.watched = Process::now(pid);
        if let Some(process) = line.watched {
            // If it fails, the guard is told when there is one again.
            let _ = line.say(Command::Watch(process));
        }
    }

    /// Kill Postgres at that time, in place of an earlier one; none: never. An error means that nobody
    /// would. What is asked for is also asked of the next guard.
    pub fn arm(&self, deadline: Option<Instant>) -> Result<(), Unguarded> {
        let mut line = self.shared.line.lock();
        line.deadline = deadline;
        let said = line.say(match deadline {
            Some(at) => Command::Arm(clock::nanos(at)),
            None => Command::Disarm,
        });
        // A guard begins with no deadline.
        if deadline.is_none() {
            return Ok(());
        }
        let reports = line.drain();
        let mute = line.is_mute();
        drop(line);
        self.shared.heed(&reports);
        if mute || said == Err(Unguarded::Mute) {
            self.shared.mute.notify_one();
            return Err(Unguarded::Mute);
        }
        said
    }

    /// Ready when the guard has killed since this was ready last.
    pub async fn fired(&self) -> Fired {
        loop {
            self.shared.fired.notified().await;
            if let Some(fired) = self.shared.last.lock().take() {
                return fired;
            }
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.task.abort();
        self.shared.line.lock().pipes = None;
    }
}

impl Shared {
    fn spawn(&self) -> io::Result<Child> {
        let (their_input, input) = pipe2(OFlag::O_CLOEXEC)?;
        let (output, their_output) = pipe2(OFlag::O_CLOEXEC)?;
        let output = pipe::Receiver::from_owned_fd(output)?;
        // A guard that does not read must not hold up the agent.
        let flags = nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK);
        nix::fcntl::fcntl(&input, flags)?;
        let child = Program::new(&self.program)
            .arg("guard")
            .arg(&self.folder)
            .env_clear()
            .stdin(Stdio::from(their_input))
            .stdout(Stdio::from(their_output))
            .current_dir("/")
            // Signals to the agent's group are for the agent.
            .process_group(0)
            .spawn()?;
        self.line.lock().begin(input, Arc::new(output));
        Ok(child)
    }

    /// Stays for as long as the agent.
    async fn keep(self: Arc<Self>, mut child: Child) {
        loop {
            tokio::select! {
                status = child.wait() => {
                    let status = status.map(|status| status.to_string()).unwrap_or_default();
                    tracing::error!(status, "the guard of Postgres ended");
                }
                () = self.listen() => {
                    tracing::error!("the guard of Postgres closed its pipe");
                    // Whatever is left of it must not stand beside its successor.
                    let _ = child.kill().await;
                }
                () = self.mute.notified() => {
                    tracing::error!("the guard of Postgres does not answer");
                    let _ = child.kill().await;
                }
            }
            self.line.lock().pipes = None;
            child = loop {
                tokio::time::sleep(AGAIN).await;
                match self.spawn() {
                    Ok(child) => break child,
                    Err(error) => {
                        tracing::error!(%error, "the guard of Postgres cannot be started")
                    }
                }
            };
        }
    }

    /// Takes reports until the pipe ends.
    async fn listen(&self) {
        let Some(output) = self.line.lock().output() else {
            return;
        };
        loop {
            if output.readable().await.is_err() {
                return;
            }
            let mut bytes = [0; 4 * LONGEST];
            match output.try_read(&mut bytes) {
                Ok(0) => return,
                Ok(read) => {
                    let reports = self.line.lock().take(&bytes[..read]);
                    self.heed(&reports);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }

    fn heed(&self, reports: &[Fired]) {
        for fired in reports {
            tracing::error!(
                after_ms = fired.after.as_millis(),
                killed = fired.killed,
                left = fired.left,
                "the guard killed Postgres: its authority ended"
            );
            *self.last.lock() = Some(*fired);
            self.fired.notify_one();
        }
    }
}

impl Line {
    /// A new guard is told everything.
    fn begin(&mut self, input: OwnedFd, output: Arc<pipe::Receiver>) {
        self.pipes = Some((input, output));
        self.lines = Lines::default();
        self.unanswered.clear();
        if let Some(process) = self.watched {
            let _ = self.say(Command::Watch(process));
        }
        if let Some(at) = self.deadline {
            let _ = self.say(Command::Arm(clock::nanos(at)));
        }
    }

    fn output(&self) -> Option<Arc<pipe::Receiver>> {
        self.pipes.as_ref().map(|(_, output)| Arc::clone(output))
    }

    fn say(&mut self, command: Command) -> Result<(), Unguarded> {
        let (input, _) = self.pipes.as_ref().ok_or(Unguarded::Gone)?;
        self.number += 1;
        let number = self.number;
        let text = format!("{}\n", Order { number, command });
        match write(input, text.as_bytes()) {
            Ok(written) if written == text.len() => {
                self.unanswered.push_back((number, clock::now()));
                Ok(())
            }
            // Short lines are written whole or not at all, see `pipe(7)`.
            Ok(_) | Err(Errno::EAGAIN) => Err(Unguarded::Mute),
            Err(_) => Err(Unguarded::Gone),
        }
    }

    /// Takes the answers that are there already: this process may not have run for a while, and that
    /// is no silence of the guard.
    fn drain(&mut self) -> Vec<Fired> {
        let mut reports = Vec::new();
        let Some(output) = self.output() else {
            return reports;
        };
        let mut bytes = [0; 4 * LONGEST];
        while let Ok(count) = read(&output, &mut bytes)
            && count > 0
        {
            reports.extend(self.take(&bytes[..count]));
        }
        reports
    }

    fn take(&mut self, bytes: &[u8]) -> Vec<Fired> {
        let (mut fired, mut taken) = (Vec::new(), 0);
        self.lines.take(bytes, |report| match report {
            Report::Taken(number) => taken = number,
            Report::Fired(report) => fired.push(report),
        });
        // They are answered in order.
        while self
            .unanswered
            .front()
            .is_some_and(|(number, _)| *number <= taken)
        {
            self.unanswered.pop_front();
        }
        fired
    }

    fn is_mute(&self) -> bool {
        let oldest = self.unanswered.front();
        oldest.is_some_and(|(_, said)| clock::now().since(*said) > MUTE)
    }
}

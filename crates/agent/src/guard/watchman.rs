//! The process: waits for commands and for the deadline.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::time::Duration;

use camino::Utf8Path;
use howdah_postgres::ProcessTree;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::sys::signal::SigSet;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use super::protocol::{Command, Fired, LONGEST, Lines, Order, Report};
use crate::clock;

/// How long is waited for the killed processes to be gone.
const PATIENCE: Duration = Duration::from_secs(2);

/// The guard of the Postgres that works below `folder`. Commands come from standard input, and its end
/// is the end of the agent; standard output tells what was done.
pub fn main(folder: &Utf8Path) -> ExitCode {
    // Signals are for the agent. This process ends with its pipe, or by a kill, and then the agent
    // knows.
    let _ = SigSet::all().thread_block();
    let pipes = (
        std::io::stdin().as_fd().try_clone_to_owned(),
        std::io::stdout().as_fd().try_clone_to_owned(),
    );
    let (Ok(input), Ok(output)) = pipes else {
        return ExitCode::FAILURE;
    };
    let Ok(mut watchman) = Watchman::new(folder, input, output) else {
        return ExitCode::FAILURE;
    };
    // Once through, so that what a kill needs is in memory; then it shall stay there, where that is
    // allowed: no page that was never used, and none of later, which might exceed the limit.
    watchman.tree.look();
    let used = MlockAllFlags::from_bits_retain(libc::MCL_ONFAULT);
    let _ = mlockall(MlockAllFlags::MCL_CURRENT | used);
    watchman.run();
    ExitCode::SUCCESS
}

/// Waits, and kills.
#[derive(Debug)]
pub(super) struct Watchman {
    input: File,
    output: File,
    timer: TimerFd,
    deadline: Option<u64>,
    tree: ProcessTree,
    lines: Lines,
}

impl Watchman {
    pub(super) fn new(folder: &Utf8Path, input: OwnedFd, output: OwnedFd) -> nix::Result<Self> {
        // An agent that does not read must not keep the guard from its work.
        fcntl(&output, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        Ok(Self {
            input: input.into(),
            output: output.into(),
            timer: TimerFd::new(ClockId::CLOCK_BOOTTIME, flags)?,
            deadline: None,
            // The kernel tells working directories without symbolic links.
            tree: ProcessTree::below(Some(
                folder.canonicalize_utf8().unwrap_or(folder.to_owned()),
            )),
            lines: Lines::default(),
        })
    }

    /// Stays until the other end of the pipe is closed, and leaves no Postgres behind.
    pub(super) fn run(mut self) {
        while let Some((commands, alarm)) = self.wait() {
            // Commands first: a renewal that was made in time must not lose against its own deadline.
            if commands && !self.obey() {
                break;
            }
            if alarm {
                self.fire();
            }
        }
        self.tree.kill(PATIENCE);
    }

    /// Whether there are commands, and whether it may be time; none if waiting is impossible.
    fn wait(&self) -> Option<(bool, bool)> {
        let mut waiting = [
            PollFd::new(self.input.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.timer.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut waiting, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {
                let any = |at: usize| waiting[at].any().unwrap_or(true);
                Some((any(0), any(1)))
            }
            Err(_) => None,
        }
    }

    /// Does what the agent wants; false if there is no agent any more.
    fn obey(&mut self) -> bool {
        let mut bytes = [0; 4 * LONGEST];
        let read = match self.input.read(&mut bytes) {
            Ok(0) => return false,
            Ok(read) => read,
            Err(error) => {
                let kind = error.kind();
                return matches!(
                    kind,
                    std::io::ErrorKind::Interrupted | std::io::ErrorKind::WouldBlock
                );
            }
        };
        let mut lines = std::mem::take(&mut self.lines);
        lines.take(&bytes[..read], |order| self.order(order));
        self.lines = lines;
        true
    }

    fn order(&mut self, Order { number, command }: Order) {
        match command {
            Command::Watch(postmaster) => self.tree.set_postmaster(Some(postmaster)),
            Command::Arm(deadline) => self.set(Some(deadline)),
            Command::Disarm => self.set(None),
        }
        self.report(Report::Taken(number));
    }

    fn set(&mut self, deadline: Option<u64>) {
        self.deadline = deadline;
        let set = match deadline {
            // Zero would mean never; a time of the past means at once.
            Some(nanos) => {
                let at = TimeSpec::from_duration(Duration::from_nanos(nanos.max(1)));
                let absolute = TimerSetTimeFlags::TFD_TIMER_ABSTIME;
                self.timer.set(Expiration::OneShot(at), absolute)
            }
            None => self.timer.unset(),
        };
        // Without a timer there is no guard.
        if set.is_err() && deadline.is_some() {
            self.fire_now();
        }
    }

    fn fire(&mut self) {
        if self.deadline.is_some_and(|deadline| nanos() >= deadline) {
            self.fire_now();
        }
    }

    fn fire_now(&mut self) {
        let deadline = self.deadline.take().unwrap_or_default();
        let _ = self.timer.unset();
        let (killed, left) = self.tree.kill(PATIENCE);
        self.report(Report::Fired(Fired {
            after: Duration::from_nanos(nanos().saturating_sub(deadline)),
            killed,
            left,
        }));
    }

    fn report(&mut self, report: Report) {
        // One write, so that lines stay whole.
        let _ = self.output.write(format!("{report}\n").as_bytes());
    }
}

/// Now, on the clock of deadlines.
pub(super) fn nanos() -> u64 {
    clock::nanos(clock::now())
}

#[cfg(test)]
mod tests;

//! Everything that came from one Postgres, and its sudden end, by what the kernel tells in `/proc`.
//!
//! Nothing here reads the volume, whose disk may be what hangs, and nothing needs a runtime: this is also
//! what the guard of a Postgres uses when its agent cannot do it.

use std::fs;
use std::io::Read;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use nix::poll::poll;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpid};

use crate::postmaster::Postmaster;

/// How long the end of killed processes is awaited. Only one that waits for a disk takes longer than
/// a moment.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is looked whether they are gone, in milliseconds.
const LOOK: u8 = 5;

/// Processes that were killed and have not ended, since the kernel holds them up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{count} killed processes have not ended after {} seconds", after.as_secs())]
pub struct Remaining {
    /// How many.
    pub count: u64,
    /// How long their end was awaited.
    pub after: Duration,
}

/// One life of a process: numbers are used again, but not with the same time of start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// When it was started, in ticks since the boot of the machine.
    pub start: u64,
}

impl Process {
    /// The process that has this number now.
    #[must_use]
    pub fn now(pid: i32) -> Option<Self> {
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        entry(pid, &stat).map(|entry| entry.process)
    }
}

/// A process as `/proc` shows it.
#[derive(Debug, Clone, Copy)]
struct Entry {
    process: Process,
    parent: i32,
    session: i32,
    /// It ended, and its parent has not asked how.
    zombie: bool,
    postgres: bool,
}

impl Entry {
    fn leads_a_session(&self) -> bool {
        self.session == self.process.pid
    }
}

/// What belongs to a Postgres: its postmaster with all that came from it, and every Postgres process that
/// works below a folder. The latter finds backends whose postmaster is gone already, and a postmaster that
/// nobody had time to tell of.
#[derive(Debug)]
pub struct ProcessTree {
    folder: Option<Utf8PathBuf>,
    postmaster: Option<Process>,
    /// What was found to belong to it. It stays so when its parent has ended. Those that lead a session tell
    /// of others: Postgres' own children do, and what they run in turn stays in their session.
    members: Vec<Entry>,
    entries: Vec<Entry>,
    stat: Vec<u8>,
}

impl ProcessTree {
    /// The tree of the Postgres that works below a folder, whose path has no symbolic links, as the kernel
    /// tells working directories. Takes its memory at once, so that a kill needs little more.
    #[must_use]
    pub fn below(folder: Option<Utf8PathBuf>) -> Self {
        Self {
            folder,
            postmaster: None,
            members: Vec::with_capacity(1024),
            entries: Vec::with_capacity(8192),
            stat: Vec::with_capacity(4096),
        }
    }

    /// This is the postmaster from now on.
    pub fn set_postmaster(&mut self, postmaster: Option<Process>) {
        self.postmaster = postmaster;
        self.members.clear();
    }

    /// Kills all of it, and waits so long until it is gone; tells how many processes were killed, and how
    /// many are left.
    pub fn kill(&mut self, patience: Duration) -> (u64, u64) {
        self.members.clear();
        let mut killed = 0;
        // A stopped process starts no others, so this ends.
        let mut stopped = 0;
        loop {
            let found = self.look();
            self.signal(Signal::SIGSTOP);
            if found <= stopped || found == 0 {
                break;
            }
            stopped = found;
        }
        let begun = Instant::now();
        loop {
            let found = self.look();
            killed = killed.max(found);
            self.signal(Signal::SIGKILL);
            if found == 0 || begun.elapsed() > patience {
                return (killed, found);
            }
            // Only waits; a signal would end the wait early, which is as good.
            let _ = poll(&mut [], LOOK);
        }
    }

    /// Finds what belongs to it at the moment; tells how many processes live.
    pub fn look(&mut self) -> u64 {
        self.scan();
        self.grow();
        let living = self.living().count();
        u64::try_from(living).unwrap_or(u64::MAX)
    }

    fn living(&self) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(|entry| !entry.zombie && self.has(entry))
    }

    fn scan(&mut self) {
        self.entries.clear();
        let Ok(folder) = fs::read_dir("/proc") else {
            return;
        };
        for name in folder.flatten().map(|entry| entry.file_name()) {
            let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else {
                continue;
            };
            self.stat.clear();
            let file = fs::File::open(format!("/proc/{pid}/stat"));
            // One that ended meanwhile needs no kill.
            if file.is_ok_and(|mut file| file.read_to_end(&mut self.stat).is_ok()) {
                self.entries.extend(entry(pid, &self.stat));
            }
        }
        self.entries.sort_unstable_by_key(|entry| entry.process.pid);
    }

    /// Finds more members until there are none. Neither this process nor what started it, whatever the
    /// kernel told.
    fn grow(&mut self) {
        let (own, first) = (getpid().as_raw(), Pid::parent().as_raw());
        loop {
            let before = self.members.len();
            for at in 0..self.entries.len() {
                let entry = self.entries[at];
                let pid = entry.process.pid;
                let may = pid > 1 && pid != own && pid != first && !self.has(&entry);
                if may && self.belongs(&entry) {
                    self.members.push(entry);
                }
            }
            if self.members.len() == before {
                return;
            }
        }
    }

    fn belongs(&self, entry: &Entry) -> bool {
        self.postmaster == Some(entry.process)
            || self
                .by_number(entry.parent)
                .is_some_and(|parent| self.has(parent))
            || self.is_in_session(entry)
            || (entry.postgres && self.is_below(entry))
    }

    /// A number is not given away while it still names a session.
    fn is_in_session(&self, entry: &Entry) -> bool {
        let leader = self
            .members
            .iter()
            .find(|member| member.leads_a_session() && member.process.pid == entry.session);
        leader.is_some_and(|leader| {
            self.by_number(entry.session)
                .is_none_or(|now| now.process == leader.process)
        })
    }

    fn is_below(&self, entry: &Entry) -> bool {
        let cwd = fs::read_link(format!("/proc/{}/cwd", entry.process.pid));
        match (&self.folder, cwd) {
            (Some(folder), Ok(cwd)) => cwd.starts_with(folder),
            _ => false,
        }
    }

    fn has(&self, entry: &Entry) -> bool {
        let mut members = self.members.iter();
        members.any(|member| member.process == entry.process)
    }

    fn by_number(&self, pid: i32) -> Option<&Entry> {
        let at = self
            .entries
            .binary_search_by_key(&pid, |entry| entry.process.pid);
        at.ok().and_then(|at| self.entries.get(at))
    }

    fn signal(&self, signal: Signal) {
        for entry in self.living() {
            let pid = entry.process.pid;
            // Looked at once more, since the number may be another's by now.
            if Process::now(pid) == Some(entry.process) {
                let _ = kill(Pid::from_raw(pid), signal);
            }
        }
    }
}

impl Postmaster {
    /// Kills the postmaster and all that came from it, also while they are stopped, and returns when
    /// none is left.
    pub async fn kill_tree(&self) -> Result<(), Remaining> {
        let mut tree = ProcessTree::below(Some(Utf8Path::to_owned(self.data())));
        let running = self.ended().is_none();
        tree.set_postmaster(running.then(|| Process::now(self.pid())).flatten());
        let killed = tokio::task::spawn_blocking(move || tree.kill(PATIENCE)).await;
        let left = match killed {
            Ok((_, left)) => left,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The runtime ends.
            Err(_) => 0,
        };
        if left > 0 {
            return Err(Remaining {
                count: left,
                after: PATIENCE,
            });
        }
        // It is dead; this only waits until its status has been collected.
        let _ = tokio::time::timeout(PATIENCE, self.wait()).await;
        Ok(())
    }
}

/// Reads `proc_pid_stat(5)`. The name of the program may contain anything, so fields count from its end:
/// state, parent, group, session, and start as the 20th.
fn entry(pid: i32, stat: &[u8]) -> Option<Entry> {
    let open = stat.iter().position(|byte| *byte == b'(')?;
    let close = stat.iter().rposition(|byte| *byte == b')')?;
    let name = stat.get(open + 1..close)?;
    let mut fields = std::str::from_utf8(stat.get(close + 1..)?)
        .ok()?
        .split_ascii_whitespace();
    let zombie = matches!(fields.next()?, "Z" | "X" | "x");
    let parent = fields.next()?.parse().ok()?;
    let session = fields.nth(1)?.parse().ok()?;
    let start = fields.nth(15)?.parse().ok()?;
    Some(Entry {
        process: Process { pid, start },
        parent,
        session,
        zombie,
        postgres: name == b"postgres",
    })
}

#[cfg(test)]
mod tests;

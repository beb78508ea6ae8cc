//! Finding and killing every process of Postgres, by what the kernel tells in `/proc`.
//!
//! Nothing here reads the volume: its disk may be what hangs.

use std::fs;
use std::io::Read;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use nix::poll::poll;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpid};

/// How long is waited for the killed processes to be gone.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is looked whether they are, in milliseconds.
const LOOK: u8 = 5;

/// One life of a process: numbers are used again, but not with the same time of start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: i32,
    /// In ticks since the boot of the machine.
    pub(super) start: u64,
}

impl Process {
    /// The process that has this number now.
    pub(super) fn now(pid: i32) -> Option<Self> {
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        entry(pid, &stat).map(|entry| entry.process)
    }
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    process: Process,
    parent: i32,
    /// It ended, and its parent has not asked how.
    zombie: bool,
    postgres: bool,
    wanted: bool,
}

/// What belongs to Postgres: the postmaster with all its descendants, and every Postgres process that
/// works below a folder. The latter finds backends whose postmaster is gone already, and a postmaster
/// that nobody had time to tell of.
#[derive(Debug)]
pub(super) struct Tree {
    folder: Option<Utf8PathBuf>,
    pub(super) postmaster: Option<Process>,
    entries: Vec<Entry>,
    stat: Vec<u8>,
}

impl Tree {
    /// Takes its memory at once, so that a kill needs little more.
    pub(super) fn new(folder: Option<&Utf8Path>) -> Self {
        Self {
            // The kernel tells working directories without symbolic links.
            folder: folder.map(|path| path.canonicalize_utf8().unwrap_or(path.to_owned())),
            postmaster: None,
            entries: Vec::with_capacity(8192),
            stat: Vec::with_capacity(4096),
        }
    }

    /// Kills all of it; tells how many processes were killed, and how many are left.
    pub(super) fn kill(&mut self) -> (u64, u64) {
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
            if found == 0 || begun.elapsed() > PATIENCE {
                return (killed, found);
            }
            // Only waits; a signal would end the wait early, which is as good.
            let _ = poll(&mut [], LOOK);
        }
    }

    /// Finds what belongs to Postgres at the moment.
    pub(super) fn look(&mut self) -> u64 {
        self.scan();
        for at in 0..self.entries.len() {
            let entry = self.entries[at];
            self.entries[at].wanted =
                self.postmaster == Some(entry.process) || (entry.postgres && self.is_below(entry));
        }
        while self.spread() {}
        // Neither itself nor what started it, whatever the kernel told.
        let (own, first) = (getpid().as_raw(), Pid::parent().as_raw());
        let mut found = 0;
        for entry in &mut self.entries {
            let pid = entry.process.pid;
            entry.wanted &= !entry.zombie && pid > 1 && pid != own && pid != first;
            found += u64::from(entry.wanted);
        }
        found
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

    fn is_below(&self, entry: Entry) -> bool {
        let cwd = fs::read_link(format!("/proc/{}/cwd", entry.process.pid));
        match (&self.folder, cwd) {
            (Some(folder), Ok(cwd)) => cwd.starts_with(folder),
            _ => false,
        }
    }

    /// Adds the children of what is wanted; false if there are none that are not.
    fn spread(&mut self) -> bool {
        let mut more = false;
        for at in 0..self.entries.len() {
            let entry = self.entries[at];
            if !entry.wanted && self.is_wanted(entry.parent) {
                self.entries[at].wanted = true;
                more = true;
            }
        }
        more
    }

    fn is_wanted(&self, pid: i32) -> bool {
        let at = self
            .entries
            .binary_search_by_key(&pid, |entry| entry.process.pid);
        at.is_ok_and(|at| self.entries[at].wanted)
    }

    fn signal(&self, signal: Signal) {
        for entry in self.entries.iter().filter(|entry| entry.wanted) {
            let _ = kill(Pid::from_raw(entry.process.pid), signal);
        }
    }
}

/// Reads `proc_pid_stat(5)`. The name of the program may contain anything, so fields count from its end.
fn entry(pid: i32, stat: &[u8]) -> Option<Entry> {
    let open = stat.iter().position(|byte| *byte == b'(')?;
    let close = stat.iter().rposition(|byte| *byte == b')')?;
    let name = stat.get(open + 1..close)?;
    let mut fields = std::str::from_utf8(stat.get(close + 1..)?)
        .ok()?
        .split_ascii_whitespace();
    let zombie = matches!(fields.next()?, "Z" | "X");
    let parent = fields.next()?.parse().ok()?;
    let start = fields.nth(17)?.parse().ok()?;
    Some(Entry {
        process: Process { pid, start },
        parent,
        zombie,
        postgres: name == b"postgres",
        wanted: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_with_a_strange_name_is_read() {
        let stat = b"42 (a) S (b 1) Z 7 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 12345 0 0\n";
        let entry = entry(42, stat).unwrap();
        assert_eq!((entry.process.start, entry.parent), (12345, 7));
        assert!(entry.zombie && !entry.postgres);
        assert!(super::entry(42, b"42 (postgres) S").is_none());
        assert!(super::entry(42, b"").is_none());
    }

    #[test]
    fn a_number_that_is_used_again_is_another_process() {
        let own = getpid().as_raw();
        let process = Process::now(own).unwrap();
        let mut tree = Tree::new(None);
        tree.postmaster = Some(Process {
            start: process.start + 1,
            ..process
        });
        assert_eq!(tree.look(), 0);
    }
}

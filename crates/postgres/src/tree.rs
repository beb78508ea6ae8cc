//! The sudden end of a postmaster with everything that came from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use camino::Utf8Path;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::Instant;

use crate::postmaster::Postmaster;
use crate::process;

/// How long the end of killed processes is awaited. Only one that waits for a disk takes longer than
/// a moment.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is looked whether they are gone.
const LOOK: Duration = Duration::from_millis(2);

/// Processes that were killed and have not ended, since the kernel holds them up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{count} killed processes have not ended after {} seconds", after.as_secs())]
pub struct Remaining {
    /// How many.
    pub count: usize,
    /// How long their end was awaited.
    pub after: Duration,
}

/// A process as `/proc` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    pid: i32,
    parent: i32,
    session: i32,
    /// In clock ticks since boot: with it a number that was used again is told apart.
    started: u64,
    ended: bool,
}

/// The processes that are known to come from one postmaster, by number with their start.
#[derive(Debug, Default)]
struct Family {
    members: BTreeMap<i32, u64>,
    /// Members that lead a session. Postgres' own children do; what they run in turn stays in their
    /// session when it has lost its parent.
    sessions: BTreeMap<i32, u64>,
}

impl Postmaster {
    /// Kills the postmaster and all that came from it, also while they are stopped, and returns when
    /// none is left.
    pub async fn kill_tree(&self) -> Result<(), Remaining> {
        let deadline = Instant::now() + PATIENCE;
        let mut family = Family::default();
        if self.ended().is_none()
            && let Some(process) = read(self.pid())
        {
            family.add(&process);
        }
        loop {
            let left = kill_family(&mut family, self.data());
            if left == 0 {
                break;
            }
            if Instant::now() >= deadline {
                return Err(Remaining {
                    count: left,
                    after: PATIENCE,
                });
            }
            tokio::time::sleep(LOOK).await;
        }
        // It is dead; this only waits until its status has been collected.
        let _ = tokio::time::timeout_at(deadline, self.wait()).await;
        Ok(())
    }
}

/// Kills every member that can be found, the eldest first; tells how many still live.
fn kill_family(family: &mut Family, data: &Utf8Path) -> usize {
    let all = all();
    let working: BTreeSet<i32> = process::of_folder(data)
        .into_iter()
        .map(Pid::as_raw)
        .collect();
    family.grow(&all, &working);
    let living: Vec<&Process> = all
        .iter()
        .filter(|process| family.has(process) && !process.ended)
        .collect();
    for process in &living {
        // Looked at once more, since the number may be another's by now.
        if read(process.pid).is_some_and(|now| now.started == process.started) {
            let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
        }
    }
    living.len()
}

impl Family {
    fn add(&mut self, process: &Process) {
        self.members.insert(process.pid, process.started);
        if process.session == process.pid {
            self.sessions.insert(process.pid, process.started);
        }
    }

    fn has(&self, process: &Process) -> bool {
        self.members.get(&process.pid) == Some(&process.started)
    }

    /// Finds more members until there are none: children, processes in a member's session, and
    /// Postgres processes in the data directory, which may have lost their parent before this began.
    fn grow(&mut self, all: &[Process], working: &BTreeSet<i32>) {
        let by_number: BTreeMap<i32, &Process> =
            all.iter().map(|process| (process.pid, process)).collect();
        let own = i32::try_from(std::process::id()).unwrap_or_default();
        loop {
            let is_child = |process: &Process| {
                by_number
                    .get(&process.parent)
                    .is_some_and(|parent| self.has(parent))
            };
            // A number is not given away while it still names a session.
            let in_session = |process: &Process| {
                self.sessions.get(&process.session).is_some_and(|started| {
                    by_number
                        .get(&process.session)
                        .is_none_or(|leader| leader.started == *started)
                })
            };
            let found: Vec<Process> = all
                .iter()
                .filter(|process| process.pid != own && !self.has(process))
                .filter(|process| {
                    working.contains(&process.pid) || is_child(process) || in_session(process)
                })
                .copied()
                .collect();
            if found.is_empty() {
                return;
            }
            for process in &found {
                self.add(process);
            }
        }
    }
}

fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(read)
        .collect()
}

fn read(pid: i32) -> Option<Process> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    parse(pid, &String::from_utf8_lossy(&stat))
}

/// Reads proc_pid_stat(5). The second field is the name in parentheses, which may hold anything, so the
/// fields are counted from the last closing one: state, parent, group, session, and start as the 20th.
fn parse(pid: i32, stat: &str) -> Option<Process> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    Some(Process {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
        ended: matches!(*fields.first()?, "Z" | "X" | "x"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: i32, parent: i32, session: i32, started: u64) -> Process {
        Process {
            pid,
            parent,
            session,
            started,
            ended: false,
        }
    }

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) R 1 (b) S 5 6 7 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 4711 9 9\n";
        assert_eq!(parse(7, stat), Some(process(7, 5, 7, 4711)));
        assert_eq!(parse(7, "7 (x) Z 5"), None);
    }

    #[test]
    fn descendants_are_found_and_others_are_not() {
        let all = [
            process(1, 0, 1, 1),
            process(10, 1, 1, 5),
            process(11, 10, 11, 6),
            process(12, 11, 11, 7),
            process(20, 1, 1, 5),
        ];
        let mut family = Family::default();
        family.add(&all[1]);
        family.grow(&all, &BTreeSet::new());
        assert_eq!(
            family.members.keys().copied().collect::<Vec<_>>(),
            [10, 11, 12]
        );
        // 11 has ended, and 13 in its session has lost its parent; 10 is another process by now.
        let later = [
            process(1, 0, 1, 1),
            process(10, 1, 1, 99),
            process(13, 1, 11, 8),
            process(14, 10, 14, 100),
        ];
        family.grow(&later, &BTreeSet::new());
        assert!(family.has(&later[2]) && !family.has(&later[1]) && !family.has(&later[3]));
    }

    #[test]
    fn a_session_whose_number_was_used_again_is_no_longer_known() {
        let mut family = Family::default();
        family.add(&process(11, 10, 11, 6));
        let later = [process(11, 1, 11, 50), process(12, 11, 11, 51)];
        family.grow(&later, &BTreeSet::new());
        assert!(!family.has(&later[0]) && !family.has(&later[1]));
    }
}

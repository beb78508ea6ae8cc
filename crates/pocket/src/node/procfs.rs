//! What `/proc` tells about processes: identity that survives pid reuse, parentage, and our mark in the environment.
//!
//! Everything here is a snapshot: a caller who acts on it loops until the world agrees.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// The variable that every process of a container inherits.
pub(crate) const MARK: &str = "HOWDAH_CONTAINER_ID";

/// A process for good: the pid alone may be given to another process later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProcessId {
    /// The number.
    pub(crate) pid: i32,
    /// When it started, in clock ticks since boot.
    pub(crate) start_time: u64,
}

impl ProcessId {
    /// The identity of a process that exists now, zombies included.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        let start_time = stat(pid)?.start_time;
        Some(Self { pid, start_time })
    }

    /// Whether this very process still runs; a zombie does not.
    pub(crate) fn is_alive(self) -> bool {
        stat(self.pid)
            .is_some_and(|stat| stat.start_time == self.start_time && !"ZX".contains(stat.state))
    }

    /// The effective user of the process.
    pub(crate) fn uid(self) -> Option<u32> {
        fs::metadata(format!("/proc/{}", self.pid))
            .ok()
            .map(|metadata| metadata.uid())
    }
}

/// The random name of this boot: pids and start times mean nothing across it.
pub(crate) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|text| text.trim().to_owned())
        .unwrap_or_default()
}

/// The processes whose parent is `pid` now.
pub(crate) fn children_of(pid: i32) -> Vec<i32> {
    pids()
        .filter(|&candidate| stat(candidate).is_some_and(|stat| stat.parent == pid))
        .collect()
}

/// The live processes of a session, and all that descend from one of them or from the session's leader.
pub(crate) fn session_of(leader: i32) -> Vec<ProcessId> {
    let alive: Vec<(ProcessId, Stat)> = pids()
        .filter_map(|pid| {
            let stat = stat(pid)?;
            let start_time = stat.start_time;
            (!"ZX".contains(stat.state)).then_some((ProcessId { pid, start_time }, stat))
        })
        .collect();
    let mut chosen = BTreeSet::from([leader]);
    loop {
        let before = chosen.len();
        for (process, stat) in &alive {
            if stat.session == leader || chosen.contains(&stat.parent) {
                chosen.insert(process.pid);
            }
        }
        if chosen.len() == before {
            break;
        }
    }
    alive
        .into_iter()
        .map(|(process, _)| process)
        .filter(|process| chosen.contains(&process.pid))
        .collect()
}

/// Kills every process of user `uid` whose mark starts with `prefix`, and what descends from them, until none is left.
///
/// # Errors
/// The pids that are still there after `patience`.
pub(crate) async fn kill_marked(
    prefix: String,
    uid: u32,
    patience: Duration,
) -> Result<(), Vec<i32>> {
    let deadline = tokio::time::Instant::now() + patience;
    loop {
        let wanted = prefix.clone();
        let found = tokio::task::spawn_blocking(move || {
            let found = marked(&wanted, uid);
            for process in found.iter().filter(|process| process.is_alive()) {
                // It may have ended by itself in the meantime, which is as good.
                let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
            }
            found
        })
        .await
        .unwrap_or_default();
        if found.is_empty() {
            return Ok(());
        }
        if tokio::time::Instant::now() >= deadline {
            return Err(found.iter().map(|process| process.pid).collect());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The live processes of user `uid` that carry a mark starting with `prefix`, with all their descendants of that user.
pub(crate) fn marked(prefix: &str, uid: u32) -> Vec<ProcessId> {
    let entry = format!("{MARK}={prefix}");
    let alive: Vec<(ProcessId, i32)> = pids()
        .filter_map(|pid| {
            let stat = stat(pid)?;
            let process = ProcessId {
                pid,
                start_time: stat.start_time,
            };
            (!"ZX".contains(stat.state) && process.uid() == Some(uid))
                .then_some((process, stat.parent))
        })
        .collect();
    let mut chosen: BTreeSet<i32> = alive
        .iter()
        .map(|(process, _)| process.pid)
        .filter(|&pid| has_environment(pid, entry.as_bytes()))
        .collect();
    loop {
        let before = chosen.len();
        for (process, parent) in &alive {
            if chosen.contains(parent) {
                chosen.insert(process.pid);
            }
        }
        if chosen.len() == before {
            break;
        }
    }
    alive
        .into_iter()
        .map(|(process, _)| process)
        .filter(|process| chosen.contains(&process.pid))
        .collect()
}

/// Whether a process carries exactly this mark.
pub(crate) fn has_mark(pid: i32, mark: &str) -> bool {
    let entry = format!("{MARK}={mark}");
    fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
        environment
            .split(|&byte| byte == 0)
            .any(|one| one == entry.as_bytes())
    })
}

fn has_environment(pid: i32, entry_start: &[u8]) -> bool {
    fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
        environment
            .split(|&byte| byte == 0)
            .any(|entry| entry.starts_with(entry_start))
    })
}

fn pids() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

#[derive(Debug, PartialEq, Eq)]
struct Stat {
    state: char,
    parent: i32,
    session: i32,
    start_time: u64,
}

fn stat(pid: i32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Fields 3, 4, 6 and 22 of proc_pid_stat(5). The second field, the name, may itself contain spaces and brackets.
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    Some(Stat {
        state: fields.next()?.chars().next()?,
        parent: fields.next()?.parse().ok()?,
        session: fields.nth(1)?.parse().ok()?,
        start_time: fields.nth(15)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_is_read_past_a_name_with_brackets_and_spaces() {
        let text =
            "42 (a) b (c)) S 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2 3 4 5 6";
        assert_eq!(
            parse_stat(text),
            Some(Stat {
                state: 'S',
                parent: 7,
                session: 42,
                start_time: 987_654
            })
        );
    }

    #[test]
    fn a_process_is_itself_only_with_its_start_time() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let me = ProcessId::of(pid).unwrap();
        assert!(me.is_alive());
        let imposter = ProcessId {
            start_time: me.start_time + 1,
            ..me
        };
        assert!(!imposter.is_alive());
    }
}

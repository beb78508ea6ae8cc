//! The processes of one Pod on pocket, and the connections that they opened.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};

use anyhow::{Context, Result};
use camino::Utf8Path;
use nix::sys::signal::Signal;
use tokio::time::Instant;

use super::undo::{Injected, Undo};
use crate::processes::{Process, Processes};

/// How often processes that were born meanwhile are looked for.
const ROUNDS: u32 = 5;

/// One Pod of a pocket.
#[derive(Debug, Clone)]
pub(super) struct Pod {
    /// The folder of everything that belongs to the pocket.
    world: camino::Utf8PathBuf,
    /// The part of paths that is this Pod's alone.
    mark: String,
    /// Its address.
    pub(super) ip: Ipv4Addr,
}

/// A TCP connection as one end sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Connection {
    pub(super) local: SocketAddrV4,
    pub(super) remote: SocketAddrV4,
}

impl Pod {
    pub(super) fn new(world: &Utf8Path, uid: &str, ip: Ipv4Addr) -> Self {
        let letters = uid.chars().filter(char::is_ascii_alphanumeric);
        let folder: String = letters.take(8).collect();
        Self {
            world: world.to_owned(),
            mark: format!("/pods/{}", folder.to_ascii_lowercase()),
            ip,
        }
    }

    /// All its processes: shims, agent, Postgres, and whatever they started.
    pub(super) fn processes(&self) -> Result<Vec<Process>> {
        let all = Processes::of(&self.world)?;
        let mut found: BTreeSet<i32> = all
            .all()
            .iter()
            .filter(|process| self.owns(process))
            .map(|process| process.pid)
            .collect();
        loop {
            let before = found.len();
            let below = |process: &&Process| found.contains(&process.parent);
            let children: Vec<_> = all.all().iter().filter(below).map(|it| it.pid).collect();
            found.extend(children);
            if found.len() == before {
                break;
            }
        }
        let is_found = |process: &&Process| found.contains(&process.pid);
        Ok(all.all().iter().filter(is_found).cloned().collect())
    }

    fn owns(&self, process: &Process) -> bool {
        let root = process.variable("HOWDAH_ROOT").unwrap_or_default();
        process.line.contains(&self.mark) || root.contains(&self.mark)
    }

    /// Stops all of them, also those that are born meanwhile.
    pub(super) fn pause(&self) -> Result<(Injected, Vec<Process>)> {
        let mut stopped: Vec<Process> = Vec::new();
        let first = self.processes()?;
        let at = Instant::now();
        let mut new = first;
        for _ in 0..ROUNDS {
            for process in &new {
                process.signal_if_same(Signal::SIGSTOP)?;
            }
            stopped.append(&mut new);
            new = self.processes()?;
            new.retain(|process| !stopped.contains(process));
            if new.is_empty() {
                break;
            }
        }
        let undo = Undo::nothing().and_resume(stopped.clone());
        Ok((Injected { at, undo }, stopped))
    }

    /// Kills all of them before any can do something about it. What starts them again does so.
    pub(super) fn kill(&self) -> Result<Injected> {
        let (injected, stopped) = self.pause()?;
        kill(&stopped)?;
        Ok(injected)
    }

    /// All of them fall silent; healing finds them dead.
    pub(super) fn lose_power(&self) -> Result<Injected> {
        let (injected, stopped) = self.pause()?;
        let Injected { at, undo } = injected;
        let undo = undo.and(move || {
            // Steps run in reverse, so this is before anybody is let go on. An error leaves them alive.
            let _ = kill(&stopped);
        });
        Ok(Injected { at, undo })
    }

    /// The connections that its processes have.
    pub(super) fn connections(&self) -> Result<Vec<Connection>> {
        let mut sockets = BTreeSet::new();
        for process in self.processes()? {
            // It may have ended since.
            let Ok(entries) = fs::read_dir(format!("/proc/{}/fd", process.pid)) else {
                continue;
            };
            for entry in entries.flatten() {
                if let Ok(link) = fs::read_link(entry.path())
                    && let Some(link) = link.to_str()
                    && let Some(inode) = link.strip_prefix("socket:[")
                {
                    sockets.insert(inode.trim_end_matches(']').to_owned());
                }
            }
        }
        let table = fs::read_to_string("/proc/net/tcp").context("read /proc/net/tcp")?;
        let lines = table.lines().skip(1);
        Ok(lines
            .filter_map(|line| connection(line, &sockets))
            .collect())
    }
}

/// Kills processes; those that are gone stay gone.
pub(super) fn kill(processes: &[Process]) -> Result<()> {
    for process in processes {
        process.signal_if_same(Signal::SIGKILL)?;
    }
    Ok(())
}

/// A line of the kernel's table, when it is about one of these sockets.
fn connection(line: &str, sockets: &BTreeSet<String>) -> Option<Connection> {
    let fields: Vec<_> = line.split_whitespace().collect();
    if !sockets.contains(*fields.get(9)?) {
        return None;
    }
    Some(Connection {
        local: address(fields.get(1)?)?,
        remote: address(fields.get(2)?)?,
    })
}

/// An address as the kernel prints it: in the byte order of the machine.
fn address(text: &str) -> Option<SocketAddrV4> {
    let (ip, port) = text.split_once(':')?;
    let ip = Ipv4Addr::from(u32::from_str_radix(ip, 16).ok()?.to_ne_bytes());
    Some(SocketAddrV4::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_read_from_the_kernels_table() {
        let line = "   3: 0500407F:1538 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  100        0 4711 1";
        let sockets = BTreeSet::from(["4711".to_owned()]);
        let found = connection(line, &sockets).unwrap();
        assert_eq!(found.local, "127.64.0.5:5432".parse().unwrap());
        assert_eq!(found.remote, "127.0.0.1:40000".parse().unwrap());
        assert_eq!(connection(line, &BTreeSet::new()), None);
        assert_eq!(connection("nonsense", &sockets), None);
    }
}

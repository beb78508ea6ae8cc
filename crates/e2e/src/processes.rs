//! The processes that belong to a folder, and what they listen on.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};

use anyhow::{Context, Result};
use camino::Utf8Path;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// One running process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// Its command line, words separated by spaces.
    pub line: String,
    /// The number of its parent.
    pub parent: i32,
}

/// The processes of a folder: those that name it in their command line or environment, or work in it.
#[derive(Debug, Clone, Default)]
pub struct Processes(Vec<Process>);

impl Process {
    /// Sends a signal.
    ///
    /// # Errors
    /// When the process is gone or belongs to somebody else.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill(Pid::from_raw(self.pid), signal)
            .with_context(|| format!("send {signal} to {} ({})", self.pid, self.line))
    }

    /// Whether the process still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        read(self.pid).is_some_and(|now| now.line == self.line)
    }
}

impl Processes {
    /// Looks at all processes of the machine.
    ///
    /// # Errors
    /// When there is no /proc.
    pub fn of(folder: &Utf8Path) -> Result<Self> {
        let own = std::process::id();
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").context("list /proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else {
                continue;
            };
            if u32::try_from(pid) != Ok(own)
                && belongs(pid, folder)
                && let Some(process) = read(pid)
            {
                found.push(process);
            }
        }
        Ok(Self(found))
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Process] {
        &self.0
    }

    /// Those whose command line contains all of the texts.
    #[must_use]
    pub fn with(&self, texts: &[&str]) -> Vec<Process> {
        let fits = |process: &&Process| texts.iter().all(|text| process.line.contains(text));
        self.0.iter().filter(fits).cloned().collect()
    }

    /// The postmasters: servers that are nobody's child among servers.
    #[must_use]
    pub fn postmasters(&self) -> Vec<Process> {
        self.with(&["/bin/postgres "])
    }

    /// The command lines, for messages.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|process| format!("{} {}", process.pid, process.line))
            .collect()
    }
}

/// A zombie has no command line and does not count.
fn read(pid: i32) -> Option<Process> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let text = String::from_utf8_lossy(&line).replace('\0', " ");
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, so the fields are counted from its end.
    let (_, fields) = status.rsplit_once(')')?;
    let parent = fields.split_whitespace().nth(1)?.parse().ok()?;
    (!text.trim().is_empty()).then_some(Process {
        pid,
        line: text,
        parent,
    })
}

fn belongs(pid: i32, folder: &Utf8Path) -> bool {
    let names = |file: &str| {
        let path = folder.as_str().as_bytes();
        fs::read(format!("/proc/{pid}/{file}"))
            .is_ok_and(|text| text.windows(path.len()).any(|window| window == path))
    };
    let works_in =
        fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(folder));
    works_in || names("cmdline") || names("environ")
}

/// The TCP addresses of 127.X.0.0/16 that somebody listens on.
///
/// # Errors
/// When the kernel's table cannot be read.
pub(crate) fn listeners(block: u8) -> Result<BTreeSet<SocketAddrV4>> {
    const LISTEN: &str = "0A";
    let table = fs::read_to_string("/proc/net/tcp").context("read /proc/net/tcp")?;
    let found = table.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let local = fields.next()?;
        let state = fields.nth(1)?;
        let (ip, port) = local.split_once(':')?;
        // The kernel prints the address in the byte order of the machine.
        let ip = Ipv4Addr::from(u32::from_str_radix(ip, 16).ok()?.to_ne_bytes());
        let address = SocketAddrV4::new(ip, u16::from_str_radix(port, 16).ok()?);
        (state == LISTEN && ip.octets()[..2] == [127, block]).then_some(address)
    });
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_own_listener_is_seen() {
        let listener = std::net::TcpListener::bind("127.249.3.7:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let expected = SocketAddrV4::new(Ipv4Addr::new(127, 249, 3, 7), port);
        assert!(listeners(249).unwrap().contains(&expected));
        drop(listener);
        assert!(!listeners(249).unwrap().contains(&expected));
    }
}

//! The processes of a world, found through `/proc` by the folder that they name or work in.

mod vigil;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use camino::Utf8Path;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub use vigil::Vigil;

/// One running process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// Its command line, words separated by spaces.
    pub line: String,
    /// The number of its parent.
    pub parent: i32,
    /// When it was started, in ticks after the boot: with the number this is unique.
    started: u64,
}

/// The processes of a folder: those that name it in their command line or environment, or work in it.
#[derive(Debug, Clone, Default)]
pub struct Processes(Vec<Process>);

impl Process {
    /// A process by its number; `None` when it is gone. A zombie counts as gone.
    #[must_use]
    pub fn of(pid: i32) -> Option<Self> {
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let fields = stat(pid)?;
        let parent = fields.get(1)?.parse().ok()?;
        let started = fields.get(19)?.parse().ok()?;
        (!line.trim().is_empty()).then(|| Self {
            pid,
            line: line.trim_end().to_owned(),
            parent,
            started,
        })
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When the process is gone or belongs to somebody else.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill(Pid::from_raw(self.pid), signal)
            .with_context(|| format!("send {signal} to {} ({})", self.pid, self.line))
    }

    /// Sends a signal, unless the process is gone; its number may be another's by now.
    ///
    /// # Errors
    /// When the process belongs to somebody else.
    pub fn signal_if_same(&self, signal: Signal) -> Result<()> {
        if !self.is_alive() {
            return Ok(());
        }
        match kill(Pid::from_raw(self.pid), signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("send {signal} to {}", self.pid)),
        }
    }

    /// Whether this very process still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        Self::of(self.pid).is_some_and(|now| now.started == self.started)
    }

    /// A variable of the environment that it was started with.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<String> {
        let environment = fs::read(format!("/proc/{}/environ", self.pid)).ok()?;
        let environment = String::from_utf8_lossy(&environment).into_owned();
        environment.split('\0').find_map(|entry| {
            let (key, value) = entry.split_once('=')?;
            (key == name).then(|| value.to_owned())
        })
    }

    /// The folder that it works in.
    #[must_use]
    pub fn working_folder(&self) -> Option<PathBuf> {
        fs::read_link(format!("/proc/{}/cwd", self.pid)).ok()
    }

    /// The processor time that it has used so far.
    #[must_use]
    pub fn cpu_time(&self) -> Option<Duration> {
        let fields = stat(self.pid)?;
        let user: u64 = fields.get(11)?.parse().ok()?;
        let system: u64 = fields.get(12)?.parse().ok()?;
        // Linux shows these times in hundredths of a second on every machine (USER_HZ).
        Some(Duration::from_millis((user + system) * 10))
    }

    /// The memory that it holds in KiB: all of it, and its fair share of what it shares with others.
    #[must_use]
    pub fn memory(&self) -> Option<Memory> {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid)).ok()?;
        let field = |name: &str| -> Option<u64> {
            let line = rollup.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        Some(Memory {
            resident: field("Rss:")?,
            proportional: field("Pss:")?,
        })
    }

    /// Whether this is a postmaster rather than one of its children, which give themselves another title.
    fn is_postmaster(&self) -> bool {
        let program = self.line.split(' ').next().unwrap_or_default();
        program.ends_with("/postgres") && self.line.contains(" -D ")
    }
}

/// Memory of a process in KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// The pages that are in memory.
    pub resident: u64,
    /// The same, with pages that several processes share divided among them.
    pub proportional: u64,
}

impl Processes {
    /// Looks at all processes of the machine.
    ///
    /// # Errors
    /// When there is no /proc.
    pub fn of(folder: &Utf8Path) -> Result<Self> {
        let own = i32::try_from(std::process::id())?;
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").context("list /proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else {
                continue;
            };
            if pid != own
                && belongs(pid, folder)
                && let Some(process) = Process::of(pid)
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

    /// The postmasters.
    #[must_use]
    pub fn postmasters(&self) -> Vec<Process> {
        let is_child = |process: &&Process| {
            // Between its birth and its new title a child looks like its postmaster.
            let parent = self.0.iter().find(|other| other.pid == process.parent);
            parent.is_some_and(Process::is_postmaster)
        };
        let servers = self.0.iter().filter(|process| process.is_postmaster());
        servers
            .filter(|process| !is_child(process))
            .cloned()
            .collect()
    }

    /// The processes of all servers, postmasters and their children.
    #[must_use]
    pub fn servers(&self) -> Vec<Process> {
        self.filter(|process| process.is_postmaster() || process.line.starts_with("postgres: "))
    }

    /// The one of `howdah up`, with the API server, the node and the operator in it.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pocket(&self) -> Result<Process> {
        let mut all = self.all().iter();
        let found = all.find(|process| process.line.contains(" up --"));
        found.cloned().context("`howdah up` runs")
    }

    /// The agents, which are the main processes of the `patroni` containers.
    #[must_use]
    pub fn agents(&self) -> Vec<Process> {
        self.filter(|process| process.line.ends_with("howdah instance"))
    }

    /// The shims.
    #[must_use]
    pub fn shims(&self) -> Vec<Process> {
        self.filter(|process| process.line.contains("pocket-shim"))
    }

    /// The agent of a Pod.
    ///
    /// # Errors
    /// When it does not run.
    pub fn agent(&self, pod: &str) -> Result<Process> {
        let of_pod = |process: &Process| process.variable("POD_NAME").as_deref() == Some(pod);
        let found = self.agents().into_iter().find(of_pod);
        found.with_context(|| format!("{pod} has no agent among:\n{}", self.lines()))
    }

    /// The shim above the agent of a Pod.
    ///
    /// # Errors
    /// When it does not run.
    pub fn shim(&self, pod: &str) -> Result<Process> {
        let agent = self.agent(pod)?;
        let above = |process: &Process| process.pid == agent.parent;
        let found = self.shims().into_iter().find(above);
        found.with_context(|| format!("{pod} has no shim among:\n{}", self.lines()))
    }

    /// The postmaster of a Pod.
    ///
    /// # Errors
    /// When it does not run.
    pub fn postmaster(&self, pod: &str) -> Result<Process> {
        let agent = self.agent(pod)?;
        let below = |process: &Process| process.parent == agent.pid;
        let found = self.postmasters().into_iter().find(below);
        found.with_context(|| format!("{pod} has no postmaster among:\n{}", self.lines()))
    }

    /// The command lines, for messages.
    #[must_use]
    pub fn lines(&self) -> String {
        let line = |process: &Process| format!("{} {}", process.pid, process.line);
        self.0.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn filter(&self, fits: impl Fn(&Process) -> bool) -> Vec<Process> {
        let found = self.0.iter().filter(|process| fits(process));
        found.cloned().collect()
    }
}

/// The fields of a process after its name, which may hold anything.
fn stat(pid: i32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
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

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use anyhow::bail;

    use super::*;
    use crate::eventually;

    #[tokio::test]
    async fn a_process_is_found_by_its_folder_and_known_after_its_end() {
        let world = howdah_testkit::TempWorld::new().unwrap();
        let mut child = Command::new("cat")
            .env("WORLD", world.path())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        // The kernel lets the parent go on a moment before /proc shows the new program's words.
        let process = eventually("the new process", async || {
            let found = Processes::of(world.path())?;
            match found.all() {
                [process] => Ok(process.clone()),
                _ => bail!("{} processes: {}", found.all().len(), found.lines()),
            }
        })
        .await
        .unwrap();
        assert_eq!(process.line, "cat");
        assert_eq!(process.parent, i32::try_from(std::process::id()).unwrap());
        assert_eq!(
            process.variable("WORLD").as_deref(),
            Some(world.path().as_str())
        );
        assert!(process.is_alive());
        assert!(process.memory().unwrap().resident > 0);
        process.signal(Signal::SIGKILL).unwrap();
        child.wait().unwrap();
        assert!(!process.is_alive());
    }
}

//! A control group for the processes of one Pod, so that packets can be told by who sends them.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

use crate::processes::Process;

/// Below this folder nftables looks for control groups.
const ROOT: &str = "/sys/fs/cgroup";

/// Processes are born while the others leave the group.
const ROUNDS: u32 = 50;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// The group. Dropping it sends its processes back to the root group and removes it.
#[derive(Debug)]
pub(super) struct Group {
    root: PathBuf,
    name: String,
}

impl Group {
    /// Makes one of these processes; their children will belong to it, too.
    pub(super) fn of(processes: &[Process]) -> Result<Self> {
        let root = mounted().context("cutting connections needs control groups of version 2")?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("howdah-faults-{}-{number}", std::process::id());
        let group = Self { root, name };
        fs::create_dir(group.folder()).context("cutting connections needs root: make a group")?;
        for process in processes {
            // It may have ended since it was listed.
            let _ = fs::write(group.folder().join("cgroup.procs"), process.pid.to_string());
        }
        Ok(group)
    }

    /// What matches packets whose local process is in the group.
    pub(super) fn expression(&self) -> String {
        let below = self.root.strip_prefix(ROOT).unwrap_or(&self.root);
        let path = below.join(&self.name);
        format!("socket cgroupv2 level 1 \"{}\"", path.display())
    }

    fn folder(&self) -> PathBuf {
        self.root.join(&self.name)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let mut removed = Ok(());
        for _ in 0..ROUNDS {
            let members = fs::read_to_string(self.folder().join("cgroup.procs"));
            for pid in members.unwrap_or_default().lines() {
                // It may have ended meanwhile.
                let _ = fs::write(self.root.join("cgroup.procs"), pid);
            }
            removed = fs::remove_dir(self.folder());
            if removed.is_ok() {
                break;
            }
        }
        if let Err(error) = removed {
            eprintln!("the control group {} stays: {error}", self.name);
        }
    }
}

/// Where the second version is mounted, alone or beside the first.
fn mounted() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/mounts").ok()?;
    let line = mounts
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .find(|fields| fields.get(2) == Some(&"cgroup2"))?;
    line.get(1).map(PathBuf::from)
}

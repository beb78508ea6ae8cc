//! Wall clocks that can be set, member by member, with the library of `faketime` in the processes of a container.
//!
//! No kernel lets one process see another wall clock than its neighbour, so a library answers for it. Only the wall
//! clock is changed: the others are what leases and guards go by, and a step of the wall clock does not move them on
//! a real machine either. The guard starts with an empty environment and keeps the true clock.

use std::fs;

use anyhow::{Context, Result, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::undo::{Injected, Undo};
use crate::processes::Process;

const LIBRARY: &str = "libfaketime.so.1";
/// Where Debian keeps it for each kind of machine.
const FOLDERS: &str = "/usr/lib";
/// In the root folder of a Pod.
const FILE: &str = "clock";
/// One hour, in seconds.
pub(super) const HOUR: i64 = 3600;

/// The variables that put the library between a container's processes and the clock.
pub(super) fn variables() -> Result<Value> {
    let library = library()?;
    Ok(json!([
        {"name": "LD_PRELOAD", "value": library},
        {"name": "FAKETIME_TIMESTAMP_FILE", "value": format!("$(HOWDAH_ROOT)/{FILE}")},
        {"name": "FAKETIME_CACHE_DURATION", "value": "1"},
        {"name": "FAKETIME_DONT_FAKE_MONOTONIC", "value": "1"},
        {"name": "DONT_FAKE_MONOTONIC", "value": "1"},
        {"name": "NO_FAKE_STAT", "value": "1"},
    ]))
}

fn library() -> Result<Utf8PathBuf> {
    let folders = Utf8Path::new(FOLDERS).read_dir_utf8()?;
    let mut paths = folders
        .flatten()
        .map(|folder| folder.path().join("faketime").join(LIBRARY));
    let found = paths.find(|path| path.is_file());
    found.context("clocks that can be set need the Debian package libfaketime")
}

/// The clock of one Pod.
#[derive(Debug, Clone)]
pub(super) struct Clock(Utf8PathBuf);

impl Clock {
    /// The clock of the Pod that a process of it belongs to, which must have been started with the variables.
    pub(super) fn of(process: &Process) -> Result<Self> {
        let maps = fs::read_to_string(format!("/proc/{}/maps", process.pid))?;
        ensure!(
            maps.contains(LIBRARY),
            "{} goes by the machine's own clock",
            process.line
        );
        let path = process.variable("FAKETIME_TIMESTAMP_FILE");
        Ok(Self(path.context("the clock has a file")?.into()))
    }

    /// Sets it so many seconds off, and back when the fault is over.
    pub(super) fn jump(&self, seconds: i64) -> Result<Injected> {
        let at = Instant::now();
        self.set(seconds)?;
        let clock = self.clone();
        let undo = Undo::nothing().and(move || {
            if let Err(error) = clock.set(0) {
                eprintln!("a clock stays wrong: {error:#}");
            }
        });
        Ok(Injected { at, undo })
    }

    /// By renaming, because the library reads it at any moment.
    fn set(&self, seconds: i64) -> Result<()> {
        let new = self.0.with_extension("new");
        fs::write(&new, format!("{seconds:+}\n")).with_context(|| format!("write {new}"))?;
        fs::rename(&new, &self.0).with_context(|| format!("write {}", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_jumps_and_comes_back() {
        let world = howdah_testkit::TempWorld::new().unwrap();
        let path = world.path().join(FILE);
        let clock = Clock(path.clone());
        let injected = clock.jump(-HOUR).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "-3600\n");
        injected.undo.heal();
        assert_eq!(fs::read_to_string(&path).unwrap(), "+0\n");
    }

    #[test]
    fn a_process_with_the_machines_clock_has_none_to_set() {
        let own = i32::try_from(std::process::id()).unwrap();
        let error = Clock::of(&Process::of(own).unwrap()).unwrap_err();
        assert!(error.to_string().contains("own clock"), "{error}");
    }
}

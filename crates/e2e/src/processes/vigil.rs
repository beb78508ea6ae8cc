//! A watch over data directories: no two postmasters may ever work in the same one.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::{Process, Processes};

/// How often it looks.
const PERIOD: Duration = Duration::from_millis(50);

/// Looks at the postmasters of a folder again and again, in the background.
#[derive(Debug)]
pub struct Vigil {
    stop: oneshot::Sender<()>,
    watching: JoinHandle<Result<u32>>,
}

impl Vigil {
    /// Starts to look.
    #[must_use]
    pub fn start(folder: &Utf8Path) -> Self {
        let (stop, stopped) = oneshot::channel();
        let watching = tokio::spawn(watch(folder.to_owned(), stopped));
        Self { stop, watching }
    }

    /// Ends the watch.
    ///
    /// # Errors
    /// When two postmasters worked in one data directory at any time.
    pub async fn end(self) -> Result<()> {
        // It has ended by itself when it saw something.
        let _ = self.stop.send(());
        let looks = self.watching.await.context("the watch was kept")??;
        ensure!(looks > 0, "the watch never looked");
        Ok(())
    }
}

async fn watch(folder: Utf8PathBuf, mut stopped: oneshot::Receiver<()>) -> Result<u32> {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looks = 0;
    let mut before = Vec::new();
    loop {
        tokio::select! {
            _ = &mut stopped => return Ok(looks),
            _ = ticks.tick() => {}
        }
        let pairs = pairs(&Processes::of(&folder)?);
        // One look is not taken at one moment, so a pair counts when it is seen again.
        if let Some((folder, one, other)) = pairs.iter().find(|pair| before.contains(*pair)) {
            bail!("processes {one} and {other} are postmasters of {folder:?} at once");
        }
        before = pairs;
        looks += 1;
    }
}

/// The postmasters that share a data directory.
fn pairs(processes: &Processes) -> Vec<(PathBuf, i32, i32)> {
    let mut owners: BTreeMap<PathBuf, Process> = BTreeMap::new();
    let mut pairs = Vec::new();
    for postmaster in processes.postmasters() {
        // It changes to its data directory at its start.
        let Some(folder) = postmaster.working_folder() else {
            continue;
        };
        let data = folder.join("PG_VERSION").exists();
        match owners.get(&folder) {
            Some(owner) if data => pairs.push((folder, owner.pid, postmaster.pid)),
            _ => {
                owners.insert(folder, postmaster);
            }
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command, Stdio};

    use super::*;

    fn pretend(folder: &Utf8Path) -> Child {
        // It reads from its standard input, which stays open and empty.
        Command::new("sh")
            .arg0("/bin/postgres")
            .args(["-c", "read x", "-D", "x"])
            .current_dir(folder)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap()
    }

    #[tokio::test]
    async fn two_postmasters_in_one_directory_are_seen() {
        let world = howdah_testkit::TempWorld::new().unwrap();
        let folder = world.folder("data").unwrap();
        std::fs::write(folder.join("PG_VERSION"), "18").unwrap();
        let mut one = pretend(&folder);
        assert_eq!(pairs(&Processes::of(&folder).unwrap()), []);
        let mut other = pretend(&folder);
        let vigil = Vigil::start(world.path());
        howdah_testkit::wait_until(Duration::from_secs(30), "the watch to end", async || {
            if vigil.watching.is_finished() {
                Ok(())
            } else {
                Err("it goes on")
            }
        })
        .await
        .unwrap();
        let error = vigil.end().await.unwrap_err().to_string();
        assert!(error.contains("at once"), "{error}");
        for child in [&mut one, &mut other] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

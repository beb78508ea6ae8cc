//! A folder of its own for each test, and the end of every process that the test left in it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::user::unprivileged_user;

/// How long the end of processes that were killed is awaited.
const PATIENCE: Duration = Duration::from_secs(10);

/// A temporary folder that an unprivileged user owns, with a path short enough for sockets below it.
///
/// Dropping it kills every process that works in the folder or names it in its command line, and removes it.
#[derive(Debug)]
pub struct TempWorld {
    folder: TempDir,
    path: Utf8PathBuf,
}

impl TempWorld {
    /// Creates the folder.
    ///
    /// # Errors
    /// When the folder cannot be created or given to the unprivileged user.
    pub fn new() -> Result<Self> {
        // Paths of Unix sockets have at most 107 bytes (unix(7)), so not the folder of TMPDIR, which may be long.
        let folder = tempfile::Builder::new()
            .prefix("hw-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir_in("/tmp")
            .context("create a folder in /tmp")?;
        let path = Utf8PathBuf::try_from(folder.path().to_owned())?;
        // The umask may have closed it.
        fs::set_permissions(&path, Permissions::from_mode(0o755))?;
        let world = Self { folder, path };
        world.give(&world.path)?;
        Ok(world)
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Creates a folder below, private to the unprivileged user.
    ///
    /// # Errors
    /// When it cannot be created or given away.
    pub fn folder(&self, name: &str) -> Result<Utf8PathBuf> {
        let path = self.path.join(name);
        fs::create_dir(&path).with_context(|| format!("create {path}"))?;
        fs::set_permissions(&path, Permissions::from_mode(0o700))?;
        self.give(&path)?;
        Ok(path)
    }

    /// Makes the unprivileged user the owner of a path; nothing to do where tests run as an ordinary user.
    ///
    /// # Errors
    /// When the path is not there or the file system refuses.
    pub fn give(&self, path: &Utf8Path) -> Result<()> {
        if let Some(user) = unprivileged_user()? {
            chown(path, Some(user.uid), Some(user.gid))
                .with_context(|| format!("give {path} to {}", user.name))?;
        }
        Ok(())
    }

    /// The processes that work in the folder or name it in their command line, except this one.
    fn processes(&self) -> Vec<Pid> {
        let Ok(entries) = fs::read_dir("/proc") else {
            return Vec::new();
        };
        entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .map(Pid::from_raw)
            .filter(|pid| *pid != Pid::this() && self.holds(*pid))
            .collect()
    }

    fn holds(&self, pid: Pid) -> bool {
        let folder = self.folder.path();
        let works_inside =
            fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(folder));
        works_inside
            || fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| {
                let name = self.path.as_str().as_bytes();
                line.windows(name.len()).any(|window| window == name)
            })
    }
}

impl Drop for TempWorld {
    fn drop(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = self.processes();
            if left.is_empty() || Instant::now() > deadline {
                return;
            }
            for pid in left {
                // It may have ended since it was listed.
                let _ = kill(pid, Signal::SIGKILL);
            }
            std::thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn processes_left_in_a_world_end_with_it_and_others_do_not() {
        let world = TempWorld::new().unwrap();
        let path = world.path().to_owned();
        let mut inside = Command::new("sleep")
            .arg("600")
            .current_dir(&path)
            .spawn()
            .unwrap();
        let name = path.join("x");
        let mut named = Command::new("sh")
            .args(["-c", "read x", name.as_str()])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut outside = Command::new("sleep").arg("600").spawn().unwrap();
        drop(world);
        assert!(!inside.wait().unwrap().success());
        assert!(!named.wait().unwrap().success());
        assert_eq!(outside.try_wait().unwrap(), None);
        outside.kill().unwrap();
        outside.wait().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn the_unprivileged_user_can_write_and_has_room_for_sockets() {
        let world = TempWorld::new().unwrap();
        let folder = world.folder("data").unwrap();
        assert!(folder.as_str().len() < 30, "{folder}");
        let mut command = Command::new("touch");
        if let Some(user) = unprivileged_user().unwrap() {
            user.apply(&mut command);
        }
        assert!(command.arg(folder.join("file")).status().unwrap().success());
    }
}

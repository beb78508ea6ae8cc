//! The one `howdah up` of a state folder, seen from outside: is it there, which process, which build.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use camino::Utf8Path;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The file that the running process keeps locked.
const LOCK: &str = "lock";
/// The file with the number of the running process.
const PID: &str = "howdah.pid";
/// The log of a process in the background.
pub(crate) const LOG: &str = "howdah.log";

/// A process that holds the lock writes its number at once.
const NUMBER_WITHIN: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);

/// A running `howdah up`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Daemon {
    pid: Pid,
}

/// How the build of a running process compares with ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    Same,
    Other,
}

impl Daemon {
    /// The process that holds the state folder, if there is one.
    pub(crate) async fn find(state: &Utf8Path) -> Result<Option<Self>> {
        let start = Instant::now();
        loop {
            if !is_locked(state)? {
                return Ok(None);
            }
            if let Some(pid) = holder(state) {
                return Ok(Some(Self { pid }));
            }
            // It may have taken the lock this very moment and not written its number yet.
            if start.elapsed() > NUMBER_WITHIN {
                bail!(
                    "{state} is in use, but {} does not name a process of yours that uses it",
                    state.join(PID)
                );
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    pub(crate) fn pid(self) -> Pid {
        self.pid
    }

    /// Asks the process to stop everything and end.
    pub(crate) fn terminate(self) -> Result<()> {
        match kill(self.pid, Signal::SIGTERM) {
            // It ended by itself.
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(errno) => Err(errno).with_context(|| format!("ask process {} to stop", self.pid)),
        }
    }

    /// Compares the program that the process runs with our own; `None` when that cannot be told.
    pub(crate) fn build(self) -> Option<Build> {
        let theirs = format!("/proc/{}/exe", self.pid);
        let ours = "/proc/self/exe";
        let (their_file, our_file) = (fs::metadata(&theirs).ok()?, fs::metadata(ours).ok()?);
        let same_file = (their_file.dev(), their_file.ino()) == (our_file.dev(), our_file.ino());
        let same = same_file
            || (their_file.len() == our_file.len()
                && same_bytes(&mut File::open(theirs).ok()?, &mut File::open(ours).ok()?).ok()?);
        Some(if same { Build::Same } else { Build::Other })
    }
}

/// The process that the folder names, if it has the lock open. A number alone is not to be trusted: that of a
/// killed process may belong to an innocent one by now.
fn holder(state: &Utf8Path) -> Option<Pid> {
    let text = fs::read_to_string(state.join(PID)).ok()?;
    let pid: i32 = text.trim().parse().ok()?;
    let lock = state.join(LOCK).canonicalize_utf8().ok()?;
    let mut files = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten();
    let open = files.any(|file| fs::read_link(file.path()).is_ok_and(|path| path == lock));
    open.then_some(Pid::from_raw(pid))
}

/// Whether a process holds the state folder.
pub(crate) fn is_locked(state: &Utf8Path) -> Result<bool> {
    let path = state.join(LOCK);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error).with_context(|| format!("read {path}")),
    };
    match Flock::lock(file, FlockArg::LockSharedNonblock) {
        Ok(_released_at_once) => Ok(false),
        Err((_, Errno::EWOULDBLOCK)) => Ok(true),
        Err((_, errno)) => Err(errno).with_context(|| format!("look who holds {path}")),
    }
}

fn same_bytes(one: &mut impl io::Read, other: &mut impl io::Read) -> io::Result<bool> {
    let (mut left, mut right) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let count = one.read(&mut left)?;
        if count == 0 {
            return Ok(other.read(&mut right)? == 0);
        }
        match other.read_exact(&mut right[..count]) {
            Ok(()) if left[..count] == right[..count] => {}
            Ok(()) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, camino::Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().to_owned();
        (folder, path)
    }

    #[tokio::test]
    async fn a_folder_without_a_holder_has_no_daemon() {
        let (_folder, state) = folder();
        assert_eq!(Daemon::find(&state).await.unwrap(), None);
        // What a killed process leaves behind.
        fs::write(state.join(LOCK), "").unwrap();
        fs::write(state.join(PID), "1\n").unwrap();
        assert_eq!(Daemon::find(&state).await.unwrap(), None);
    }

    #[tokio::test]
    async fn the_holder_of_the_lock_is_found_and_is_our_build() {
        let (_folder, state) = folder();
        let file = File::create(state.join(LOCK)).unwrap();
        let _held = Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, errno)| errno)
            .unwrap();
        fs::write(state.join(PID), format!("{}\n", std::process::id())).unwrap();
        let daemon = Daemon::find(&state).await.unwrap().unwrap();
        assert_eq!(daemon.pid(), Pid::this());
        assert_eq!(daemon.build(), Some(Build::Same));
    }

    #[test]
    fn a_number_of_a_process_that_has_nothing_to_do_with_the_folder_is_not_believed() {
        let (_folder, state) = folder();
        fs::write(state.join(LOCK), "").unwrap();
        fs::write(state.join(PID), format!("{}\n", std::process::id())).unwrap();
        assert_eq!(holder(&state), None);
    }

    #[test]
    fn bytes_are_compared_to_the_end() {
        let same = |mut a: &[u8], mut b: &[u8]| same_bytes(&mut a, &mut b).unwrap();
        assert!(same(b"abc", b"abc"));
        assert!(!same(b"abc", b"abd"));
        assert!(!same(b"abc", b"abcd"));
        assert!(!same(b"abcd", b"abc"));
    }
}

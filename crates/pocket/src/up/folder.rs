//! The state folder: made, checked, locked.

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};

use camino::{Utf8Path, Utf8PathBuf};
use nix::fcntl::{Flock, FlockArg};

use super::Error;

/// The format written by this version.
const FORMAT: u32 = 1;

/// A folder that this process holds.
pub(super) struct Folder {
    root: Utf8PathBuf,
    _lock: Flock<std::fs::File>,
}

impl Folder {
    /// Makes the folder if it is missing, checks its format and locks it.
    pub(super) fn claim(root: &Utf8Path) -> Result<Self, Error> {
        let failed = |path: &Utf8Path| {
            let path = path.to_owned();
            move |source| Error::Folder { path, source }
        };
        // Others pass through to the Pods' own folders, but cannot look around.
        let mut builder = std::fs::DirBuilder::new();
        builder
            .recursive(true)
            .mode(0o711)
            .create(root)
            .map_err(failed(root))?;
        let root = root.canonicalize_utf8().map_err(failed(root))?;
        let lock = lock(&root)?;
        check_format(&root)?;
        for (name, mode) in [
            ("pki", 0o700),
            ("volumes", 0o711),
            ("pods", 0o711),
            ("bin", 0o755),
        ] {
            let path = root.join(name);
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(mode)
                .create(&path)
                .map_err(failed(&path))?;
        }
        let pid = root.join("howdah.pid");
        std::fs::write(&pid, format!("{}\n", std::process::id())).map_err(failed(&pid))?;
        private(&root.join("pocket.db")).map_err(failed(&root.join("pocket.db")))?;
        Ok(Self { root, _lock: lock })
    }

    pub(super) fn path(&self, name: &str) -> Utf8PathBuf {
        self.root.join(name)
    }

    pub(super) fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// Says that nobody runs here any more; the lock goes with the process at the latest.
    pub(super) fn release(self) {
        drop(std::fs::remove_file(self.root.join("howdah.pid")));
    }
}

/// The store holds Secrets, so the file exists with the right mode before SQLite opens it.
fn private(path: &Utf8Path) -> io::Result<()> {
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))
}

fn lock(root: &Utf8Path) -> Result<Flock<std::fs::File>, Error> {
    let path = root.join("lock");
    let open = std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path);
    let file = open.map_err(|source| Error::Folder {
        path: path.clone(),
        source,
    })?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| {
        if errno == nix::errno::Errno::EWOULDBLOCK {
            let pid = std::fs::read_to_string(root.join("howdah.pid")).ok();
            Error::Running {
                path: root.to_owned(),
                pid: pid.and_then(|pid| pid.trim().parse().ok()),
            }
        } else {
            Error::Folder {
                path,
                source: errno.into(),
            }
        }
    })
}

fn check_format(root: &Utf8Path) -> Result<(), Error> {
    let path = root.join("version");
    match std::fs::read_to_string(&path) {
        Ok(text) => match text.trim().parse::<u32>() {
            Ok(found) if found <= FORMAT => Ok(()),
            _ => Err(Error::Newer {
                path: root.to_owned(),
                found: text.trim().to_owned(),
                known: FORMAT,
            }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let write = std::fs::write(&path, format!("{FORMAT}\n"));
            write.map_err(|source| Error::Folder { path, source })
        }
        Err(source) => Err(Error::Folder { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn temporary() -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().join("state")).unwrap();
        (dir, path)
    }

    #[test]
    fn a_folder_is_held_by_one() {
        let (_dir, path) = temporary();
        let first = Folder::claim(&path).unwrap();
        let second = Folder::claim(&path).err().unwrap().to_string();
        assert!(
            second.contains(&format!("(process {})", std::process::id())),
            "{second}"
        );
        first.release();
        assert!(Folder::claim(&path).is_ok());
    }

    #[test]
    fn a_newer_format_is_refused() {
        let (_dir, path) = temporary();
        Folder::claim(&path).unwrap().release();
        std::fs::write(path.join("version"), "99\n").unwrap();
        let error = Folder::claim(&path).err().unwrap().to_string();
        assert!(
            error.contains("has format 99, newer than this howdah understands (1)"),
            "{error}"
        );
    }
}

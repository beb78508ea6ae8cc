//! Where the files of a Pod lie, and who owns them.
//!
//! Folders in which the node writes belong to the node, with the Pod's group let in; only `root`, the volumes meant
//! for writing, the logs and the attempts belong to the Pod's user. So a Pod cannot swap a folder under a node that
//! runs as root.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};

use camino::{Utf8Path, Utf8PathBuf};
use nix::fcntl::OFlag;
use serde::{Deserialize, Serialize};

use super::ProcessUser;
use super::shim::spec;

/// The folder of one Pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PodDir {
    path: Utf8PathBuf,
    user: Option<ProcessUser>,
}

/// What the node must remember of a Pod that may vanish from the API meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PodRecord {
    /// The Pod's uid.
    pub(crate) uid: String,
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
    /// The address it was given.
    pub(crate) ip: std::net::Ipv4Addr,
    /// The containers that were stopped with the node and not by themselves; they are started again with it,
    /// whatever the Pod's restart policy.
    #[serde(default)]
    pub(crate) stopped: Vec<String>,
}

impl PodDir {
    pub(crate) fn new(path: Utf8PathBuf, user: Option<ProcessUser>) -> Self {
        Self { path, user }
    }

    pub(crate) fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// The folder that plays the container's file system root.
    pub(crate) fn root(&self) -> Utf8PathBuf {
        self.path.join("root")
    }

    pub(crate) fn volume(&self, name: &str) -> Utf8PathBuf {
        self.path.join("volumes").join(name)
    }

    fn logs(&self, container: &str) -> Utf8PathBuf {
        self.path.join("logs").join(container)
    }

    pub(crate) fn log(&self, container: &str, attempt: u32) -> Utf8PathBuf {
        self.logs(container).join(format!("{attempt}.log"))
    }

    fn attempts(&self, container: &str) -> Utf8PathBuf {
        self.path.join("containers").join(container)
    }

    pub(crate) fn attempt(&self, container: &str, attempt: u32) -> Utf8PathBuf {
        self.attempts(container).join(attempt.to_string())
    }

    /// The last attempt that left a trace.
    pub(crate) fn last_attempt(&self, container: &str) -> Option<u32> {
        numbers(&self.attempts(container)).max()
    }

    /// Creates the skeleton.
    pub(crate) fn create(&self) -> io::Result<()> {
        self.create_shared(&self.path)?;
        for folder in ["volumes", "logs", "containers"] {
            self.create_shared(&self.path.join(folder))?;
        }
        self.create_private(&self.root())
    }

    /// Creates the folders for one attempt and forgets all but the one before it.
    pub(crate) fn create_attempt(&self, container: &str, attempt: u32) -> io::Result<Utf8PathBuf> {
        self.create_private(&self.logs(container))?;
        self.create_shared(&self.attempts(container))?;
        let folder = self.attempt(container, attempt);
        self.create_private(&folder)?;
        for old in numbers(&self.attempts(container)).filter(|number| number + 1 < attempt) {
            fs::remove_dir_all(self.attempt(container, old))?;
            let log = self.log(container, old);
            for file in [super::shim::log::rotated(&log), log] {
                ignore_missing(fs::remove_file(file))?;
            }
        }
        Ok(folder)
    }

    /// A folder that the Pod may enter and read, but not change.
    pub(crate) fn create_shared(&self, path: &Utf8Path) -> io::Result<()> {
        make_dir(path)?;
        let folder = open_dir(path)?;
        if let Some(user) = &self.user {
            fchown(&folder, None, Some(user.gid))?;
            folder.set_permissions(Permissions::from_mode(0o750))?;
        }
        Ok(())
    }

    /// A folder that belongs to the Pod.
    pub(crate) fn create_private(&self, path: &Utf8Path) -> io::Result<()> {
        make_dir(path)?;
        self.give_dir(path)
    }

    /// Hands a folder, not what is in it, to the Pod.
    pub(crate) fn give_dir(&self, path: &Utf8Path) -> io::Result<()> {
        let folder = open_dir(path)?;
        if let Some(user) = &self.user
            && folder.metadata()?.uid() != user.uid
        {
            fchown(&folder, Some(user.uid), Some(user.gid))?;
        }
        Ok(())
    }

    /// Hands an open file to the Pod.
    pub(crate) fn give_file(&self, file: &File) -> io::Result<()> {
        match &self.user {
            Some(user) => fchown(file, Some(user.uid), Some(user.gid)),
            None => Ok(()),
        }
    }

    pub(crate) fn read_record(&self) -> io::Result<Option<PodRecord>> {
        spec::read(&self.path.join("pod.json"))
    }

    pub(crate) fn write_record(&self, record: &PodRecord) -> io::Result<()> {
        spec::write(&self.path.join("pod.json"), record)
    }

    /// Removes everything. Links are removed, not followed, so volumes that live elsewhere stay.
    pub(crate) fn remove(&self) -> io::Result<()> {
        ignore_missing(fs::remove_dir_all(&self.path))
    }
}

/// The folder name of a Pod: short, because the paths of Unix sockets are limited to 107 bytes.
pub(crate) fn folder_name(uid: &str) -> String {
    let name: String = uid
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(8)
        .collect();
    name.to_ascii_lowercase()
}

/// The first folder on the way to `path`, itself included, that the user may not pass through.
pub(crate) fn untraversable(path: &Utf8Path, user: &ProcessUser) -> Option<Utf8PathBuf> {
    let mut ancestors: Vec<_> = path
        .ancestors()
        .filter(|path| !path.as_str().is_empty())
        .collect();
    ancestors.reverse();
    ancestors
        .into_iter()
        .find(|folder| {
            fs::metadata(folder).is_ok_and(|found| {
                found.is_dir() && !may_pass(found.mode(), found.uid(), found.gid(), user)
            })
        })
        .map(Utf8Path::to_owned)
}

fn may_pass(mode: u32, owner: u32, group: u32, user: &ProcessUser) -> bool {
    let bit = if user.uid == owner {
        0o100
    } else if user.gid == group {
        0o010
    } else {
        0o001
    };
    user.uid == 0 || mode & bit != 0
}

fn make_dir(path: &Utf8Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn open_dir(path: &Utf8Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW).bits())
        .open(path)
}

fn numbers(folder: &Utf8Path) -> impl Iterator<Item = u32> + use<> {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn temporary() -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        (dir, path)
    }

    #[test]
    fn removing_a_pod_leaves_what_its_links_point_to() {
        let (_guard, base) = temporary();
        let volume = base.join("volume");
        fs::create_dir(&volume).unwrap();
        fs::write(volume.join("row"), "precious").unwrap();
        let dir = PodDir::new(base.join("pod"), None);
        dir.create().unwrap();
        std::os::unix::fs::symlink(&volume, dir.root().join("data")).unwrap();
        dir.remove().unwrap();
        assert!(!dir.path().exists());
        assert_eq!(fs::read_to_string(volume.join("row")).unwrap(), "precious");
    }

    #[test]
    fn a_link_is_never_handed_over_in_place_of_a_folder() {
        let (_guard, base) = temporary();
        let dir = PodDir::new(base.join("pod"), None);
        dir.create().unwrap();
        std::os::unix::fs::symlink("/etc", dir.volume("data")).unwrap();
        assert!(dir.create_private(&dir.volume("data")).is_err());
    }

    #[test]
    fn only_the_last_two_attempts_are_kept() {
        let (_guard, base) = temporary();
        let dir = PodDir::new(base.join("pod"), None);
        dir.create().unwrap();
        for attempt in 0..4 {
            dir.create_attempt("c", attempt).unwrap();
            fs::write(dir.log("c", attempt), "").unwrap();
        }
        assert_eq!(dir.last_attempt("c"), Some(3));
        assert!(dir.attempt("c", 2).exists() && dir.log("c", 2).exists());
        assert!(!dir.attempt("c", 1).exists() && !dir.log("c", 1).exists());
    }

    #[test]
    fn the_first_closed_folder_on_the_way_is_named() {
        let (_guard, base) = temporary();
        fs::set_permissions(&base, Permissions::from_mode(0o755)).unwrap();
        let closed = base.join("closed");
        fs::create_dir_all(closed.join("below")).unwrap();
        fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
        let nobody = ProcessUser {
            name: "nobody".to_owned(),
            uid: 65_534,
            gid: 65_534,
        };
        assert_eq!(untraversable(&closed.join("below"), &nobody), Some(closed));
        assert_eq!(untraversable(&base, &nobody), None);
    }

    #[test]
    fn pod_folders_have_eight_letters_of_the_uid() {
        assert_eq!(folder_name("e109a4e7-d198-4f93"), "e109a4e7");
        assert_eq!(folder_name("../x"), "x");
    }
}

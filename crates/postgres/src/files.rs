//! Files that are either old or new after a crash, never half written.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};

use camino::Utf8Path;

/// A file operation that did not work.
#[derive(Debug, thiserror::Error)]
#[error("{operation} {path}")]
pub struct Error {
    operation: &'static str,
    path: String,
    #[source]
    source: io::Error,
}

impl Error {
    fn of<'a>(operation: &'static str, path: &'a Utf8Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self {
            operation,
            path: path.to_string(),
            source,
        }
    }

    /// The kind of the error that the system gave.
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

/// Runs file work that may wait for the disk away from the async workers.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(ended) => Err(Error {
            operation: "finish",
            path: "file operation".to_owned(),
            source: io::Error::other(ended),
        }),
    }
}

/// Makes the folder with its parents, for its owner alone.
pub(crate) fn make_private_folder(path: &Utf8Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(Error::of("create", path))
}

/// Restores mode 0700, which Postgres insists on and which a kubelet with `fsGroup` may have widened.
pub(crate) fn make_private(path: &Utf8Path) -> Result<(), Error> {
    fs::set_permissions(path, Permissions::from_mode(0o700))
        .map_err(Error::of("set the mode of", path))
}

/// Replaces the file if its content differs; tells whether it did.
pub(crate) fn write_if_changed(path: &Utf8Path, content: &str, mode: u32) -> Result<bool, Error> {
    match fs::read(path) {
        Ok(old) if old == content.as_bytes() => return Ok(false),
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Error::of("read", path)(error));
        }
        _ => {}
    }
    write(path, content, mode)?;
    Ok(true)
}

/// Writes a temporary file, syncs it, renames it into place and syncs the folder.
pub(crate) fn write(path: &Utf8Path, content: &str, mode: u32) -> Result<(), Error> {
    let name = path.file_name().unwrap_or("file");
    let temporary = path.with_file_name(format!("{name}.howdah-new"));
    remove_file_if_present(&temporary)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&temporary)
        .map_err(Error::of("create", &temporary))?;
    file.write_all(content.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(Error::of("write", &temporary))?;
    fs::rename(&temporary, path).map_err(Error::of("replace", path))?;
    sync_parent(path)
}

/// Copies a file that may already be gone.
pub(crate) fn copy(from: &Utf8Path, to: &Utf8Path) -> Result<(), Error> {
    match fs::copy(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::of("copy", from)(error))
        }
        _ => Ok(()),
    }
}

/// Gives a file a second name, or copies it to another file system. The name may already be there, and
/// the file gone.
pub(crate) fn link_or_copy(from: &Utf8Path, to: &Utf8Path) -> Result<(), Error> {
    match fs::hard_link(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => copy(from, to),
        Err(error)
            if !matches!(
                error.kind(),
                io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound
            ) =>
        {
            Err(Error::of("link", from)(error))
        }
        _ => Ok(()),
    }
}

/// Renames, then syncs the folders of both names. The target must not exist or be an empty folder.
pub(crate) fn rename(from: &Utf8Path, to: &Utf8Path) -> Result<(), Error> {
    fs::rename(from, to).map_err(Error::of("rename", from))?;
    sync_parent(to)?;
    sync_parent(from)
}

/// Makes the names in the folder of `path` durable.
pub(crate) fn sync_parent(path: &Utf8Path) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(path);
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(Error::of("sync", folder))
}

/// Makes everything durable that was written to the file system of `path`. For a thousand files this is
/// one wait for the disk, where syncing them one by one is a thousand.
pub(crate) fn sync_file_system(path: &Utf8Path) -> Result<(), Error> {
    File::open(path)
        .and_then(|file| nix::unistd::syncfs(&file).map_err(io::Error::from))
        .map_err(Error::of("sync the file system of", path))
}

/// Removes a file that may already be gone.
pub(crate) fn remove_file_if_present(path: &Utf8Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::of("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// Removes a folder and all in it; it may already be gone.
pub(crate) fn remove_tree(path: &Utf8Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::of("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// The names in a folder; none if there is no such folder.
pub(crate) fn names(folder: &Utf8Path) -> Result<Vec<String>, Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::of("list", folder)(error)),
    };
    let mut names = entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<Vec<_>>>()
        .map_err(Error::of("list", folder))?;
    names.sort();
    Ok(names)
}

/// The text of a file; none if there is no such file.
pub(crate) fn read_if_present(path: &Utf8Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::of("read", path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_different_content_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("file");
        assert!(write_if_changed(&path, "a", 0o600).unwrap());
        assert!(!write_if_changed(&path, "a", 0o600).unwrap());
        assert!(write_if_changed(&path, "b", 0o600).unwrap());
        assert_eq!(read_if_present(&path).unwrap().as_deref(), Some("b"));
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(names(path.parent().unwrap()).unwrap(), ["file"]);
    }
}

//! The components folder: where it is, who may read it, and one build in it at a time.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use anyhow::{Context, Result, bail, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use howdah_types::catalogue;

/// The folder named by the flag or variable, else the default of this user; always absolute.
pub(crate) fn resolve(given: Option<Utf8PathBuf>, root: bool) -> Result<Utf8PathBuf> {
    let variable = |name| std::env::var(name).ok();
    let folder = match given.filter(|path| !path.as_str().is_empty()) {
        Some(path) => path,
        None => catalogue::default_folder(
            root,
            variable("XDG_DATA_HOME").as_deref(),
            variable("HOME").as_deref(),
        )
        .context("there is no home folder to put components in: name one with --components")?
        .into(),
    };
    let absolute = camino::absolute_utf8(&folder).with_context(|| format!("resolve {folder}"))?;
    ensure!(
        !absolute.as_str().contains([':', '"', ';'])
            && !absolute.as_str().contains(char::is_whitespace),
        "the components folder {absolute} must have no colon, quote, semicolon or space in its path, \
         since it becomes part of library search paths"
    );
    Ok(absolute)
}

/// Creates the folder, open to every user whatever the umask is.
pub(crate) fn create(folder: &Utf8Path) -> Result<()> {
    let mut missing: Vec<_> = folder
        .ancestors()
        .take_while(|path| !path.exists())
        .collect();
    while let Some(path) = missing.pop() {
        fs::create_dir(path)
            .or_else(|error| if path.is_dir() { Ok(()) } else { Err(error) })
            .with_context(|| {
                format!("create the components folder {path}; name another one with --components")
            })?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// Fails when root builds where the unprivileged user that will run the programs cannot look.
pub(crate) fn check_open_to_others(folder: &Utf8Path) -> Result<()> {
    for path in folder.ancestors() {
        let mode = path
            .metadata()
            .with_context(|| format!("look at {path}"))?
            .mode();
        if mode & 0o001 == 0 {
            bail!(
                "{path} is closed to other users (mode {:04o}), and under root Postgres runs as an \
                 unprivileged user: run `chmod o+x {path}` or name another folder with --components",
                mode & 0o7777
            );
        }
    }
    Ok(())
}

/// Holds the folder for this process until dropped, after waiting for another that has it.
pub(crate) fn lock(folder: &Utf8Path) -> Result<File> {
    let path = folder.join(".lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("open {path}"))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => eprintln!("waiting for another build in {folder}"),
        Err(TryLockError::Error(error)) => return Err(error).context(format!("lock {path}")),
    }
    file.lock().with_context(|| format!("lock {path}"))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn created_folders_are_open_and_a_closed_parent_is_named() {
        let temporary = tempfile::tempdir().unwrap();
        let parent = Utf8Path::from_path(temporary.path()).unwrap();
        let folder = parent.join("a/b");
        create(&folder).unwrap();
        create(&folder).unwrap();
        fs::set_permissions(parent, fs::Permissions::from_mode(0o755)).unwrap();
        check_open_to_others(&folder).unwrap();
        fs::set_permissions(parent, fs::Permissions::from_mode(0o700)).unwrap();
        let error = check_open_to_others(&folder).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("{parent} is closed to other users (mode 0700)")),
            "{error}"
        );
    }

    #[test]
    fn a_relative_folder_becomes_absolute_and_a_space_is_refused() {
        assert!(
            resolve(Some("components".into()), false)
                .unwrap()
                .is_absolute()
        );
        let error = resolve(Some("/a b".into()), false).unwrap_err().to_string();
        assert!(error.contains("/a b"), "{error}");
    }
}

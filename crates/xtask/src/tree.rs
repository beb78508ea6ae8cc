//! Folders of files: walking, removing by pattern, permissions, sizes.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

/// Every file and folder below `root` but not `root` itself; symbolic links are listed and not followed.
pub(crate) fn walk(root: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in folder
            .read_dir_utf8()
            .with_context(|| format!("list {folder}"))?
        {
            let entry = entry.with_context(|| format!("list {folder}"))?;
            if entry.file_type()?.is_dir() {
                open.push(entry.path().to_owned());
            }
            found.push(entry.into_path());
        }
    }
    found.sort();
    Ok(found)
}

/// The regular files below `root`.
pub(crate) fn files(root: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let mut found = walk(root)?;
    found.retain(|path| path.symlink_metadata().is_ok_and(|meta| meta.is_file()));
    Ok(found)
}

/// Removes what matches one of the patterns, with all below it.
pub(crate) fn remove_matching(root: &Utf8Path, patterns: &[String]) -> Result<()> {
    for path in walk(root)? {
        let Ok(relative) = path.strip_prefix(root) else {
            continue;
        };
        if patterns
            .iter()
            .any(|pattern| matches(pattern, relative.as_str()))
        {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Removes a file or folder; one that is not there is fine.
pub(crate) fn remove(path: &Utf8Path) -> Result<()> {
    let Ok(meta) = path.symlink_metadata() else {
        return Ok(());
    };
    let result = if meta.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    result.with_context(|| format!("remove {path}"))
}

/// Makes all below `root` readable, and what can be run runnable, for every user, whatever the umask is.
///
/// Bits that change the user of a program are dropped: nothing in a bundle needs them.
pub(crate) fn open_to_all(root: &Utf8Path) -> Result<()> {
    for path in walk(root)?.into_iter().chain([root.to_owned()]) {
        let meta = path
            .symlink_metadata()
            .with_context(|| format!("look at {path}"))?;
        if meta.is_symlink() {
            continue;
        }
        let runnable = meta.is_dir() || meta.mode() & 0o111 != 0;
        let mode = (meta.mode() & 0o755) | 0o644 | if runnable { 0o111 } else { 0 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))
            .with_context(|| format!("set the permissions of {path}"))?;
    }
    Ok(())
}

/// The bytes of all files below `root`.
pub(crate) fn size(root: &Utf8Path) -> Result<u64> {
    let sizes = files(root)?
        .into_iter()
        .map(|path| Ok(path.symlink_metadata()?.len()));
    sizes.sum()
}

/// Whether a path fits a pattern, name by name; `*` stands for any part of one name.
fn matches(pattern: &str, path: &str) -> bool {
    let mut names = path.split('/');
    pattern
        .split('/')
        .all(|part| names.next().is_some_and(|name| name_matches(part, name)))
        && names.next().is_none()
}

fn name_matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(name) = name.strip_prefix(start) else {
        return false;
    };
    name.char_indices()
        .map(|(index, _)| index)
        .chain([name.len()])
        .any(|index| name_matches(rest, &name[index..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_a_part_of_one_name() {
        for (pattern, path, fits) in [
            ("usr/share/doc", "usr/share/doc", true),
            ("usr/share/doc", "usr/share/doc/a", false),
            ("usr/share/doc", "usr/share/docs", false),
            ("usr/lib/*/gconv", "usr/lib/x86_64-linux-gnu/gconv", true),
            ("usr/lib/*/gconv", "usr/lib/a/b/gconv", false),
            ("lib/llvmjit*", "lib/llvmjit_types.bc", true),
            ("lib/llvmjit*", "lib/llvmjit", true),
            ("lib/*.so", "lib/a.so.1", false),
            ("lib/*db*.so", "lib/libdb-5.3.so", true),
        ] {
            assert_eq!(matches(pattern, path), fits, "{pattern} {path}");
        }
    }

    #[test]
    fn permissions_open_up_and_lose_the_bits_that_change_the_user() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        let mode = |name: &str| root.join(name).metadata().unwrap().mode() & 0o7777;
        for (name, before) in [("program", 0o4700), ("data", 0o600)] {
            fs::write(root.join(name), "x").unwrap();
            fs::set_permissions(root.join(name), fs::Permissions::from_mode(before)).unwrap();
        }
        open_to_all(root).unwrap();
        assert_eq!(
            (mode("program"), mode("data"), mode("")),
            (0o755, 0o644, 0o755)
        );
        assert_eq!(size(root).unwrap(), 2);
    }

    #[test]
    fn matching_folders_go_with_all_below() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        fs::create_dir_all(root.join("usr/share/doc/a")).unwrap();
        fs::write(root.join("usr/share/doc/a/file"), "").unwrap();
        fs::write(root.join("usr/keep"), "").unwrap();
        remove_matching(root, &["usr/share/doc".to_owned()]).unwrap();
        assert_eq!(files(root).unwrap(), [root.join("usr/keep")]);
    }
}

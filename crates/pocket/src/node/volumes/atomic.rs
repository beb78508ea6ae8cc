//! Writes the files of a volume so that a reader sees all of the old or all of the new ones.
//!
//! The layout is the one that programs know from kubelets: the files lie in a folder of their own, `..data` links to
//! it, and every name in the volume links into `..data`. One rename of that link changes all files at once.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};

use camino::{Utf8Path, Utf8PathBuf};

use crate::node::layout::PodDir;
use crate::node::plan::files::Payload;

const DATA: &str = "..data";

/// Brings `folder` to hold exactly `payload`; says whether anything had to change.
pub(super) fn write(dir: &PodDir, folder: &Utf8Path, payload: &Payload) -> io::Result<bool> {
    dir.create_shared(folder)?;
    if is_current(folder, payload)? {
        return Ok(false);
    }
    let generation = format!("..{}", uuid::Uuid::new_v4().simple());
    write_generation(dir, &folder.join(&generation), payload)?;
    let temporary = folder.join("..data_tmp");
    remove(&temporary)?;
    symlink(&generation, &temporary)?;
    fs::rename(&temporary, folder.join(DATA))?;
    link_names(folder, payload)?;
    remove_others(folder, &generation)?;
    Ok(true)
}

fn is_current(folder: &Utf8Path, payload: &Payload) -> io::Result<bool> {
    let data = folder.join(DATA);
    let mut found = BTreeSet::new();
    match list(&data, Utf8Path::new(""), &mut found) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        other => other?,
    }
    if !found
        .iter()
        .map(|path| path.as_str())
        .eq(payload.keys().map(String::as_str))
    {
        return Ok(false);
    }
    for (path, content) in payload {
        let path = data.join(path);
        let mode = fs::metadata(&path)?.permissions().mode() & 0o777;
        if mode != content.mode & 0o777 || fs::read(&path)? != content.bytes {
            return Ok(false);
        }
    }
    link_names(folder, payload)?;
    Ok(true)
}

fn list(base: &Utf8Path, below: &Utf8Path, into: &mut BTreeSet<Utf8PathBuf>) -> io::Result<()> {
    for entry in base.join(below).read_dir_utf8()? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            list(base, &path, into)?;
        } else {
            into.insert(path);
        }
    }
    Ok(())
}

fn write_generation(dir: &PodDir, generation: &Utf8Path, payload: &Payload) -> io::Result<()> {
    dir.create_shared(generation)?;
    for (path, content) in payload {
        let path = generation.join(path);
        let mut missing: Vec<_> = path
            .ancestors()
            .skip(1)
            .take_while(|parent| *parent != generation)
            .collect();
        missing.reverse();
        for parent in missing {
            dir.create_shared(parent)?;
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        file.write_all(&content.bytes)?;
        dir.give_file(&file)?;
        file.set_permissions(Permissions::from_mode(content.mode & 0o777))?;
    }
    Ok(())
}

/// One link per first part of a path; links to what is no more are removed.
fn link_names(folder: &Utf8Path, payload: &Payload) -> io::Result<()> {
    let first = |path: &String| path.split('/').next().map(str::to_owned);
    let wanted: BTreeSet<String> = payload.keys().filter_map(first).collect();
    for name in &wanted {
        let link = folder.join(name);
        if fs::symlink_metadata(&link).is_err() {
            symlink(format!("{DATA}/{name}"), &link)?;
        }
    }
    for entry in folder.read_dir_utf8()? {
        let entry = entry?;
        let name = entry.file_name();
        if !name.starts_with("..") && !wanted.contains(name) {
            remove(entry.path())?;
        }
    }
    Ok(())
}

fn remove_others(folder: &Utf8Path, generation: &str) -> io::Result<()> {
    for entry in folder.read_dir_utf8()? {
        let entry = entry?;
        let name = entry.file_name();
        if name.starts_with("..") && name != generation && entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn remove(path: &Utf8Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::plan::files::FileContent;

    struct World {
        _guard: tempfile::TempDir,
        dir: PodDir,
        folder: Utf8PathBuf,
    }

    impl World {
        fn new() -> Self {
            let guard = tempfile::tempdir().unwrap();
            let base = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
            let dir = PodDir::new(base.join("pod"), None);
            dir.create().unwrap();
            let folder = dir.volume("config");
            Self {
                _guard: guard,
                dir,
                folder,
            }
        }

        fn write(&self, files: &[(&str, &str, u32)]) -> bool {
            let payload = files
                .iter()
                .map(|(path, text, mode)| {
                    let content = FileContent {
                        bytes: text.as_bytes().to_vec(),
                        mode: *mode,
                    };
                    ((*path).to_owned(), content)
                })
                .collect();
            write(&self.dir, &self.folder, &payload).unwrap()
        }

        fn names(&self) -> Vec<String> {
            let mut names: Vec<_> = self
                .folder
                .read_dir_utf8()
                .unwrap()
                .map(|entry| entry.unwrap().file_name().to_owned())
                .filter(|name| !name.starts_with(".."))
                .collect();
            names.sort();
            names
        }
    }

    #[test]
    fn files_have_their_contents_and_permissions() {
        let world = World::new();
        assert!(world.write(&[("a", "1", 0o644), ("sub/b", "2", 0o440)]));
        assert_eq!(fs::read_to_string(world.folder.join("a")).unwrap(), "1");
        let nested = world.folder.join("sub/b");
        assert_eq!(fs::read_to_string(&nested).unwrap(), "2");
        let mode = fs::metadata(&nested).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o440);
    }

    #[test]
    fn the_same_payload_changes_nothing() {
        let world = World::new();
        assert!(world.write(&[("a", "1", 0o644)]));
        let before = fs::read_link(world.folder.join(DATA)).unwrap();
        assert!(!world.write(&[("a", "1", 0o644)]));
        assert_eq!(fs::read_link(world.folder.join(DATA)).unwrap(), before);
        assert!(world.write(&[("a", "1", 0o600)]));
    }

    #[test]
    fn an_update_swaps_all_files_at_once_and_leaves_no_old_ones() {
        let world = World::new();
        world.write(&[("a", "1", 0o644), ("gone", "x", 0o644)]);
        // A reader that has the folder open keeps seeing the old generation as a whole.
        let old = fs::canonicalize(world.folder.join(DATA)).unwrap();
        assert!(world.write(&[("a", "2", 0o644), ("new", "y", 0o644)]));
        assert_eq!(world.names(), ["a", "new"]);
        assert_eq!(fs::read_to_string(world.folder.join("a")).unwrap(), "2");
        assert!(!old.exists());
        let hidden = world.folder.read_dir_utf8().unwrap().count() - 2;
        assert_eq!(hidden, 2, "..data and one generation");
    }

    #[test]
    fn a_torn_update_is_completed_by_the_next_one() {
        let world = World::new();
        world.write(&[("a", "1", 0o644)]);
        symlink("nowhere", world.folder.join("..data_tmp")).unwrap();
        fs::create_dir(world.folder.join("..half")).unwrap();
        fs::remove_file(world.folder.join("a")).unwrap();
        world.write(&[("a", "1", 0o644)]);
        assert_eq!(fs::read_to_string(world.folder.join("a")).unwrap(), "1");
        world.write(&[("a", "2", 0o644)]);
        assert!(!world.folder.join("..half").exists());
    }
}

//! Half-made data directories: made in a folder of their own beside `data`, renamed when complete.
//!
//! A staging folder `data.<kind>-<nonce>` holds a marker file and, below it, the directory in the
//! making. Only folders with that name and that marker are ever removed as left over. A directory
//! that is replaced becomes `data.old-<nonce>` and is kept until [`discard_replaced`].

use camino::{Utf8Path, Utf8PathBuf};

use crate::files::{self, Error};
use crate::layout::Layout;

const MARKER: &str = "howdah-unfinished";
const MARKER_TEXT: &str =
    "A data directory in the making. It is removed when the attempt is over.\n";
const REPLACED: &str = "data.old-";

/// What the directory is made by.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// A new database system.
    Initdb,
    /// A copy of another member's.
    Clone,
}

impl Kind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Initdb => "data.initdb-",
            Self::Clone => "data.clone-",
        }
    }
}

/// A data directory in the making.
#[derive(Debug, Clone)]
pub(crate) struct Staging {
    folder: Utf8PathBuf,
}

impl Staging {
    /// Makes an empty staging folder.
    pub(crate) fn create(layout: &Layout, kind: Kind) -> Result<Self, Error> {
        let folder = layout
            .volume()
            .join(format!("{}{}", kind.prefix(), nonce()));
        files::make_private_folder(&folder)?;
        files::write(&folder.join(MARKER), MARKER_TEXT, 0o600)?;
        files::sync_parent(&folder)?;
        Ok(Self { folder })
    }

    /// Where the directory is made.
    pub(crate) fn data(&self) -> Utf8PathBuf {
        self.folder.join("data")
    }

    /// Makes the finished directory durable and renames it to `data`, which must be missing or empty.
    pub(crate) fn install(&self, layout: &Layout) -> Result<(), Error> {
        files::sync_file_system(&self.data())?;
        let tablespaces = self.data().join("pg_tblspc");
        for name in files::names(&tablespaces)? {
            files::sync_file_system(&tablespaces.join(name))?;
        }
        files::rename(&self.data(), &layout.data())?;
        // What was cut short was about the directory that was there before.
        files::remove_file_if_present(&layout.rewind_marker())?;
        files::remove_tree(&layout.rewind_wal())?;
        self.discard()
    }

    /// Removes the folder and all in it.
    pub(crate) fn discard(&self) -> Result<(), Error> {
        files::remove_tree(&self.folder)
    }
}

/// Removes what crashed attempts of that kind left behind.
pub(crate) fn remove_leftovers(layout: &Layout, kind: Kind) -> Result<(), Error> {
    let volume = layout.volume();
    for name in files::names(&volume)? {
        let folder = volume.join(&name);
        let marker = files::read_if_present(&folder.join(MARKER));
        let ours = is_named(&name, kind.prefix())
            && matches!(marker, Ok(Some(text)) if text == MARKER_TEXT);
        if ours {
            files::remove_tree(&folder)?;
        }
    }
    Ok(())
}

/// Moves `data` aside if there is something in it.
pub(crate) fn set_aside(layout: &Layout) -> Result<(), Error> {
    if files::names(&layout.data())?.is_empty() {
        return Ok(());
    }
    let aside = layout.volume().join(format!("{REPLACED}{}", nonce()));
    files::rename(&layout.data(), &aside)
}

/// Puts a directory that was set aside back if a crash kept its replacement from being installed.
/// Tells whether it did.
pub(crate) fn undo_set_aside(layout: &Layout) -> Result<bool, Error> {
    let data = layout.data();
    if !files::names(&data)?.is_empty() {
        return Ok(false);
    }
    match replaced(layout)?.pop() {
        Some(aside) => files::rename(&aside, &data).map(|()| true),
        None => Ok(false),
    }
}

/// Removes directories that were set aside: their replacement works. Tells whether there were any.
pub(crate) fn discard_replaced(layout: &Layout) -> Result<bool, Error> {
    let replaced = replaced(layout)?;
    for folder in &replaced {
        files::remove_tree(folder)?;
    }
    Ok(!replaced.is_empty())
}

/// Directories that were set aside, the newest last.
fn replaced(layout: &Layout) -> Result<Vec<Utf8PathBuf>, Error> {
    let volume = layout.volume();
    let mut folders: Vec<Utf8PathBuf> = files::names(&volume)?
        .into_iter()
        .filter(|name| is_named(name, REPLACED))
        .map(|name| volume.join(name))
        .collect();
    folders.sort_by_key(|folder| changed_at(folder));
    Ok(folders)
}

fn changed_at(folder: &Utf8Path) -> Option<std::time::SystemTime> {
    folder
        .join("PG_VERSION")
        .metadata()
        .and_then(|meta| meta.modified())
        .ok()
}

fn is_named(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|nonce| {
        nonce.len() == 16 && nonce.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

fn nonce() -> String {
    format!("{:016x}", rand::random::<u64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume() -> (tempfile::TempDir, Layout) {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::below(Utf8Path::from_path(folder.path()).unwrap());
        files::make_private_folder(&layout.volume()).unwrap();
        (folder, layout)
    }

    #[test]
    fn only_marked_leftovers_are_removed() {
        let (_folder, layout) = volume();
        let left_over = Staging::create(&layout, Kind::Initdb).unwrap();
        let other_kind = Staging::create(&layout, Kind::Clone).unwrap();
        let unmarked = layout.volume().join("data.initdb-0123456789abcdef");
        let by_people = layout.volume().join("data.initdb-keep");
        files::make_private_folder(&unmarked).unwrap();
        files::make_private_folder(&by_people).unwrap();
        remove_leftovers(&layout, Kind::Initdb).unwrap();
        assert!(!left_over.folder.exists());
        assert!(other_kind.folder.exists() && unmarked.exists() && by_people.exists());
    }

    #[test]
    fn a_replacement_that_was_never_installed_is_undone() {
        let (_folder, layout) = volume();
        files::make_private_folder(&layout.data()).unwrap();
        files::write(&layout.data().join("PG_VERSION"), "18\n", 0o600).unwrap();
        set_aside(&layout).unwrap();
        assert!(!layout.data().exists());
        assert!(undo_set_aside(&layout).unwrap());
        assert!(layout.data().join("PG_VERSION").exists());
        assert!(!undo_set_aside(&layout).unwrap());
    }

    #[test]
    fn a_finished_directory_replaces_the_old_one_which_stays_until_discarded() {
        let (_folder, layout) = volume();
        files::make_private_folder(&layout.data()).unwrap();
        files::write(&layout.data().join("PG_VERSION"), "old", 0o600).unwrap();
        let staging = Staging::create(&layout, Kind::Clone).unwrap();
        files::make_private_folder(&staging.data()).unwrap();
        files::write(&staging.data().join("PG_VERSION"), "new", 0o600).unwrap();
        assert!(
            staging.install(&layout).is_err(),
            "a full directory must not be replaced"
        );
        set_aside(&layout).unwrap();
        staging.install(&layout).unwrap();
        let version = files::read_if_present(&layout.data().join("PG_VERSION")).unwrap();
        assert_eq!(version.as_deref(), Some("new"));
        assert!(discard_replaced(&layout).unwrap());
        assert!(!discard_replaced(&layout).unwrap());
        assert_eq!(files::names(&layout.volume()).unwrap(), ["data"]);
    }
}

//! WAL that is kept aside: for a rewind, and what it takes out of the database's history.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use howdah_types::Lsn;

use crate::control::ControlData;
use crate::files;
use crate::layout::Layout;
use crate::wal;

/// How many diverged histories are kept.
const KEPT: usize = 2;

/// Gives every segment and history a second name in `aside`; those that have one are left alone.
pub(crate) fn link_all(from: &Utf8Path, aside: &Utf8Path) -> Result<(), files::Error> {
    files::make_private_folder(aside)?;
    for name in files::names(from)? {
        let is_segment = wal::parse_segment_name(&name, 1 << 24).is_some();
        if is_segment || wal::parse_history_name(&name).is_some() {
            files::link_or_copy(&from.join(&name), &aside.join(&name))?;
        }
    }
    Ok(())
}

/// Keeps the WAL from the fork on in a folder of its own, and removes the oldest such folders.
///
/// The segment with the fork is copied, since the rewind writes over it; the later ones it only
/// removes, so a second name is enough. If the fork is not known, it is the newest checkpoint.
pub(crate) fn keep(
    layout: &Layout,
    control: &ControlData,
    fork: Option<Lsn>,
) -> Result<(), files::Error> {
    let from = fork.unwrap_or(control.checkpoint);
    let Some(first) = from.bytes().checked_div(control.segment_size) else {
        return Ok(());
    };
    let source = wal::folder(&layout.data());
    let all = layout.diverged();
    let number = folders(&all)?.last().map_or(1, |(number, _)| number + 1);
    let folder = all.join(format!("{number:08}-timeline-{}", control.timeline));
    files::make_private_folder(&folder)?;
    for name in files::names(&source)? {
        let (path, kept) = (source.join(&name), folder.join(&name));
        match wal::parse_segment_name(&name, control.segment_size) {
            Some((timeline, number)) if timeline == control.timeline && number == first => {
                files::copy(&path, &kept)?;
            }
            Some((timeline, number)) if timeline == control.timeline && number > first => {
                files::link_or_copy(&path, &kept)?;
            }
            None if wal::parse_history_name(&name).is_some() => files::copy(&path, &kept)?,
            _ => {}
        }
    }
    files::sync_file_system(&folder)?;
    let folders = folders(&all)?;
    let old = folders.len().saturating_sub(KEPT);
    folders
        .iter()
        .take(old)
        .try_for_each(|(_, folder)| files::remove_tree(folder))
}

/// The folders of diverged histories, the oldest first.
fn folders(all: &Utf8Path) -> Result<Vec<(u32, Utf8PathBuf)>, files::Error> {
    let mut folders: Vec<(u32, Utf8PathBuf)> = files::names(all)?
        .into_iter()
        .filter_map(|name| {
            let number = name.split_once("-timeline-")?.0.parse().ok()?;
            Some((number, all.join(name)))
        })
        .filter(|(_, path)| fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir()))
        .collect();
    folders.sort();
    Ok(folders)
}

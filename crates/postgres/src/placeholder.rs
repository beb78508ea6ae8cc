//! Timeline numbers that are left out.
//!
//! At a promotion Postgres takes the first number that has no history file, counted from the timeline
//! that it follows. To make it take a certain one, the numbers between get a file each: a placeholder
//! with nothing but a comment. To Postgres that is the history of a timeline without parents, which no
//! running standby takes for a child of its own and so never follows. They stay, because every standby
//! that comes from an older timeline asks its primary for the history of each number between. But a
//! standby that starts follows the newest number that it finds, so placeholders above the newest real
//! history are removed before each start.

use std::collections::BTreeMap;

use camino::Utf8Path;
use howdah_types::Timeline;

use crate::files;
use crate::wal;

/// The first line of a placeholder.
const MARK: &str = "# howdah: no timeline has this number";

/// What a history file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Real,
    Placeholder,
}

/// All history files of a data directory.
pub(crate) fn histories(data: &Utf8Path) -> Result<BTreeMap<Timeline, Kind>, files::Error> {
    let folder = wal::folder(data);
    let mut found = BTreeMap::new();
    for name in files::names(&folder)? {
        let Some(timeline) = wal::parse_history_name(&name) else {
            continue;
        };
        let kind = match files::read_if_present(&folder.join(&name)) {
            Ok(Some(text)) if text.starts_with(MARK) => Kind::Placeholder,
            Ok(None) => continue,
            // Also what cannot be read as text takes its number.
            _ => Kind::Real,
        };
        found.insert(timeline, kind);
    }
    Ok(found)
}

/// The newest timeline with a real history.
pub(crate) fn newest_real(histories: &BTreeMap<Timeline, Kind>) -> Option<Timeline> {
    let mut real = histories
        .iter()
        .filter(|(_, kind)| matches!(kind, Kind::Real));
    real.next_back().map(|(timeline, _)| *timeline)
}

/// Removes placeholders above the newest real history.
pub(crate) fn remove_stale(data: &Utf8Path) -> Result<(), files::Error> {
    let histories = histories(data)?;
    let newest = newest_real(&histories).unwrap_or(Timeline::FIRST);
    let stale = histories
        .iter()
        .filter(|(timeline, kind)| **timeline > newest && matches!(kind, Kind::Placeholder));
    remove(data, stale.map(|(timeline, _)| *timeline))
}

/// Removes the files of these numbers.
pub(crate) fn remove(
    data: &Utf8Path,
    timelines: impl IntoIterator<Item = Timeline>,
) -> Result<(), files::Error> {
    let mut last = None;
    for timeline in timelines {
        let path = wal::folder(data).join(wal::history_name(timeline));
        files::remove_file_if_present(&path)?;
        last = Some(path);
    }
    last.map_or(Ok(()), |path| files::sync_parent(&path))
}

/// Moves the histories of all timelines above `kept` to another folder.
pub(crate) fn forget(data: &Utf8Path, kept: Timeline, to: &Utf8Path) -> Result<bool, files::Error> {
    let above: Vec<Timeline> = histories(data)?
        .into_keys()
        .filter(|timeline| *timeline > kept)
        .collect();
    files::make_private_folder(to)?;
    for timeline in &above {
        let name = wal::history_name(*timeline);
        files::rename(&wal::folder(data).join(&name), &to.join(&name))?;
    }
    Ok(!above.is_empty())
}

/// Gives each of these numbers a placeholder.
pub(crate) fn place(data: &Utf8Path, timelines: &[Timeline]) -> Result<(), files::Error> {
    for timeline in timelines {
        let path = wal::folder(data).join(wal::history_name(*timeline));
        files::write(&path, &format!("{MARK} {timeline}\n"), 0o600)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(number: u32) -> Timeline {
        Timeline::new(number).unwrap()
    }

    #[test]
    fn only_placeholders_above_the_newest_real_history_are_stale() {
        let folder = tempfile::tempdir().unwrap();
        let data = Utf8Path::from_path(folder.path()).unwrap();
        files::make_private_folder(&wal::folder(data)).unwrap();
        remove_stale(data).unwrap();
        place(data, &[2, 3, 5, 6].map(timeline)).unwrap();
        let real = wal::folder(data).join("00000004.history");
        files::write(&real, "1\t0/3000000\tno reason\n", 0o600).unwrap();
        files::write(&wal::folder(data).join("odd.history"), MARK, 0o600).unwrap();
        remove_stale(data).unwrap();
        let left = histories(data).unwrap();
        assert_eq!(newest_real(&left), Some(timeline(4)));
        let placeholders = [
            (timeline(2), Kind::Placeholder),
            (timeline(3), Kind::Placeholder),
        ];
        let expected = placeholders.into_iter().chain([(timeline(4), Kind::Real)]);
        assert_eq!(left, expected.collect());
        std::fs::remove_file(real).unwrap();
        remove_stale(data).unwrap();
        assert_eq!(histories(data).unwrap(), BTreeMap::new());
    }

    #[test]
    fn histories_above_a_timeline_are_forgotten_but_kept_aside() {
        let folder = tempfile::tempdir().unwrap();
        let data = Utf8Path::from_path(folder.path()).unwrap();
        files::make_private_folder(&wal::folder(data)).unwrap();
        place(data, &[2, 3, 5].map(timeline)).unwrap();
        let aside = data.join("aside");
        assert!(forget(data, timeline(2), &aside).unwrap());
        assert!(histories(data).unwrap().into_keys().eq([timeline(2)]));
        let kept = files::names(&aside).unwrap();
        assert_eq!(kept, ["00000003.history", "00000005.history"]);
        assert!(!forget(data, timeline(2), &aside).unwrap());
    }

    #[test]
    fn a_history_that_is_no_text_takes_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let data = Utf8Path::from_path(folder.path()).unwrap();
        files::make_private_folder(&wal::folder(data)).unwrap();
        std::fs::write(wal::folder(data).join("00000007.history"), [0xff, 0]).unwrap();
        assert_eq!(newest_real(&histories(data).unwrap()), Some(timeline(7)));
    }
}

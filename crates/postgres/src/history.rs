//! The history of a timeline: which timelines it came from, and where it left them.

use camino::Utf8Path;
use howdah_types::{Lsn, Timeline};

use crate::files;
use crate::wal;

/// The parents of a timeline, the oldest first, each with the position at which it was left.
pub(crate) type History = Vec<(Timeline, Lsn)>;

/// Why a history is not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("read the history of timeline {0}")]
    File(Timeline, #[source] files::Error),
    #[error("there is no history of timeline {0}")]
    Missing(Timeline),
    #[error("the history of timeline {0} cannot be understood")]
    Malformed(Timeline),
}

/// Reads the history of a timeline from its file in the WAL folder. The first timeline has none.
pub(crate) fn read(data: &Utf8Path, timeline: Timeline) -> Result<History, Error> {
    if timeline == Timeline::FIRST {
        return Ok(Vec::new());
    }
    let path = wal::folder(data).join(wal::history_name(timeline));
    let text = files::read_if_present(&path)
        .map_err(|error| Error::File(timeline, error))?
        .ok_or(Error::Missing(timeline))?;
    parse(&text, timeline).ok_or(Error::Malformed(timeline))
}

/// Each line is a timeline, the position of its end and a reason, with tabs between (`timeline.c`).
pub(crate) fn parse(text: &str, timeline: Timeline) -> Option<History> {
    let lines = text.lines().map(str::trim);
    let entries: History = lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
        })
        .collect::<Option<_>>()?;
    let numbers = entries.iter().map(|(timeline, _)| *timeline);
    let rising = numbers.chain([timeline]).is_sorted_by(|a, b| a < b);
    (rising && !entries.is_empty()).then_some(entries)
}

/// The timeline that a position on `timeline` belongs to, and the parents of that one: up to where a
/// timeline was left, the WAL is its parent's.
pub(crate) fn settle(
    mut timeline: Timeline,
    mut history: History,
    lsn: Lsn,
) -> (Timeline, History) {
    while let Some((parent, _)) = history.pop_if(|(_, fork)| lsn <= *fork) {
        timeline = parent;
    }
    (timeline, history)
}

/// The position up to which two histories are the same; none if they do not part.
pub(crate) fn fork_of(ours: (Timeline, History), theirs: (Timeline, History)) -> Option<Lsn> {
    let ends = |(timeline, history): (Timeline, History)| {
        history
            .into_iter()
            .map(|(timeline, end)| (timeline, Some(end)))
            .chain([(timeline, None)])
            .collect::<Vec<_>>()
    };
    let (ours, theirs) = (ends(ours), ends(theirs));
    let mut common = None;
    for ((our, our_end), (their, their_end)) in ours.into_iter().zip(theirs) {
        if our != their {
            return common;
        }
        if our_end != their_end {
            return match (our_end, their_end) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        common = our_end;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(number: u32) -> Timeline {
        Timeline::new(number).unwrap()
    }

    #[test]
    fn histories_are_read_as_postgres_writes_them() {
        let text = "1\t0/3000148\tno recovery target specified\n\n# a comment\n3\t0/5000000\tx\n";
        let parsed = parse(text, timeline(5)).unwrap();
        assert_eq!(
            parsed,
            [
                (timeline(1), "0/3000148".parse().unwrap()),
                (timeline(3), "0/5000000".parse().unwrap())
            ]
        );
        for odd in [
            "",
            "# only\n",
            "1\n",
            "x\t0/1\n",
            "1\t0-1\n",
            "2\t0/1\n1\t0/2\n",
            "5\t0/1\n",
        ] {
            assert_eq!(parse(odd, timeline(5)), None, "{odd:?}");
        }
    }

    #[test]
    fn a_position_before_a_fork_is_the_parents() {
        let history = vec![(timeline(1), Lsn::new(10)), (timeline(2), Lsn::new(20))];
        let settled = |lsn| {
            let (timeline, history) = settle(timeline(4), history.clone(), Lsn::new(lsn));
            (timeline.number(), history.len())
        };
        assert_eq!(settled(21), (4, 2));
        assert_eq!(settled(20), (2, 1));
        assert_eq!(settled(11), (2, 1));
        assert_eq!(settled(10), (1, 0));
    }

    fn history(number: u32, parents: &[(u32, u64)]) -> (Timeline, History) {
        let timeline = |number| Timeline::new(number).unwrap();
        let parents = parents
            .iter()
            .map(|(number, end)| (timeline(*number), Lsn::new(*end)));
        (timeline(number), parents.collect())
    }

    #[test]
    fn histories_part_where_the_first_one_leaves() {
        let fork = |ours, theirs| fork_of(ours, theirs).map(Lsn::bytes);
        assert_eq!(fork(history(1, &[]), history(2, &[(1, 10)])), Some(10));
        assert_eq!(fork(history(2, &[(1, 8)]), history(3, &[(1, 10)])), Some(8));
        assert_eq!(
            fork(history(2, &[(1, 10)]), history(3, &[(1, 10)])),
            Some(10)
        );
        assert_eq!(
            fork(history(2, &[(1, 5)]), history(4, &[(1, 5), (2, 9)])),
            Some(9)
        );
        assert_eq!(fork(history(2, &[(1, 5)]), history(2, &[(1, 5)])), None);
    }
}

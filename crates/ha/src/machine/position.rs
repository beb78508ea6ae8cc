//! Positions in the write-ahead log across timelines.

use std::fmt;

use howdah_types::{Lsn, Timeline};
use serde::{Deserialize, Serialize};

/// A place on a timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Point {
    /// The timeline. Each is made by one promotion only (I11), so points can be compared.
    pub timeline: Timeline,
    /// Where on it.
    pub lsn: Lsn,
}

/// How far a copy reaches, and over which timelines it got there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The end of what is flushed to disk.
    pub end: Point,
    /// The timelines before that of `end`, oldest first, each with the place where it was left.
    pub history: Vec<Point>,
}

impl Position {
    /// A position on a first timeline.
    pub fn new(timeline: Timeline, lsn: Lsn) -> Self {
        Self {
            end: Point { timeline, lsn },
            history: Vec::new(),
        }
    }

    /// How far this copy follows a timeline, if it ever was on it.
    pub fn reach(&self, timeline: Timeline) -> Option<Lsn> {
        if timeline == self.end.timeline {
            return Some(self.end.lsn);
        }
        let left = self.history.iter().find(|left| left.timeline == timeline);
        left.map(|left| left.lsn)
    }

    /// True if everything up to the point is in this copy.
    pub fn contains(&self, point: Point) -> bool {
        self.reach(point.timeline)
            .is_some_and(|reach| reach >= point.lsn)
    }

    /// The same for a copy that may come from elsewhere, where promotions take the same numbers: every fork that
    /// it passed must be one of this history.
    pub fn can_feed_copy(&self, copy: &Self) -> bool {
        let known = |left: &Point| self.history.contains(left);
        self.can_feed(copy.end) && copy.history.iter().all(known)
    }

    /// How many bytes of the log up to the point are missing in this copy, as far as that can be told.
    pub fn lag_behind(&self, point: Point) -> u64 {
        let reach = self.reach(point.timeline).unwrap_or(self.end.lsn);
        point.lsn.bytes().saturating_sub(reach.bytes())
    }

    /// True if a copy that ends at `point` can become this one by reading on: it is on this history,
    /// at or before the fork (I11). `source` may still grow, so its own timeline has no end.
    pub fn can_feed(&self, point: Point) -> bool {
        let mut left = self.history.iter();
        point.timeline == self.end.timeline
            || left.any(|left| left.timeline == point.timeline && point.lsn <= left.lsn)
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.lsn, self.timeline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(timeline: u32, lsn: u64) -> Point {
        Point {
            timeline: Timeline::new(timeline).unwrap(),
            lsn: Lsn::new(lsn),
        }
    }

    #[test]
    fn a_copy_contains_what_lies_before_each_fork() {
        let copy = Position {
            end: point(3, 50),
            history: vec![point(1, 20), point(2, 40)],
        };
        for (place, inside) in [
            (point(1, 20), true),
            (point(1, 21), false),
            (point(2, 40), true),
            (point(3, 50), true),
            (point(3, 51), false),
            (point(4, 1), false),
        ] {
            assert_eq!(copy.contains(place), inside, "{place}");
        }
        assert!(copy.can_feed(point(3, 51)), "its own timeline grows");
        assert!(copy.can_feed(point(2, 40)));
        assert!(!copy.can_feed(point(2, 41)), "past the fork");
        let other = |left| Position {
            end: point(3, 45),
            history: vec![point(1, 20), point(2, left)],
        };
        assert!(copy.can_feed_copy(&other(40)));
        assert!(
            !copy.can_feed_copy(&other(39)),
            "a timeline of the same number"
        );
        for (place, lag) in [
            (point(3, 50), 0),
            (point(3, 58), 8),
            (point(2, 45), 5),
            (point(1, 5), 0),
            (point(4, 60), 10),
        ] {
            assert_eq!(copy.lag_behind(place), lag, "{place}");
        }
    }
}

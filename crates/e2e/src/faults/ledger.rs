//! What the writers were told, row by row.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// How a row was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// The server said that it is committed; this is the address that the server gave as its own.
    Acknowledged(Option<IpAddr>),
    /// The server said that it is not.
    Failed,
    /// The connection broke after the row was sent, or no answer came in time, or the answer was a warning.
    Unknown,
}

/// One row that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The writer, and its number for the row: unique together.
    pub row: (u32, u64),
    /// When it was sent.
    pub sent: Instant,
    /// When the answer was known.
    pub done: Instant,
    /// The answer.
    pub answered: Answered,
}

/// Everything that all writers were told, in the order of the answers. Copies are the same ledger.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Arc<Mutex<Vec<Entry>>>);

impl Ledger {
    /// Remembers an answer.
    pub fn add(&self, entry: Entry) {
        self.0.lock().push(entry);
    }

    /// The rows that were answered so.
    #[must_use]
    pub fn rows(&self, wanted: impl Fn(Answered) -> bool) -> BTreeSet<(u32, u64)> {
        let entries = self.0.lock();
        let found = entries.iter().filter(|entry| wanted(entry.answered));
        found.map(|entry| entry.row).collect()
    }

    /// How many rows were acknowledged that were sent after a moment.
    #[must_use]
    pub fn acknowledged_since(&self, moment: Instant) -> usize {
        self.since(moment, |_| true)
    }

    /// How many rows another server than this one acknowledged that were sent after a moment.
    #[must_use]
    pub fn acknowledged_elsewhere(&self, moment: Instant, old: IpAddr) -> usize {
        self.since(moment, |server| server != Some(old))
    }

    fn since(&self, moment: Instant, wanted: impl Fn(Option<IpAddr>) -> bool) -> usize {
        let entries = self.0.lock();
        let is_wanted = |entry: &&Entry| match entry.answered {
            Answered::Acknowledged(server) => entry.sent >= moment && wanted(server),
            _ => false,
        };
        entries.iter().filter(is_wanted).count()
    }

    /// The longest time between two acknowledgements, one after the other, that touches this span. It begins at the
    /// last one before the fault took effect and ends at the first one after.
    #[must_use]
    pub fn longest_pause(&self, from: Instant, until: Instant) -> Duration {
        let entries = self.0.lock();
        let is_acknowledged = |entry: &&Entry| matches!(entry.answered, Answered::Acknowledged(_));
        let mut moments: Vec<_> = entries
            .iter()
            .filter(is_acknowledged)
            .map(|entry| entry.done)
            .collect();
        moments.sort_unstable();
        let pauses = moments.windows(2).filter_map(|pair| match *pair {
            [one, next] if next >= from && one <= until => Some(next - one),
            _ => None,
        });
        pauses.max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACKNOWLEDGED: Answered = Answered::Acknowledged(None);

    fn ledger(origin: Instant, entries: &[(u64, Answered)]) -> Ledger {
        let ledger = Ledger::default();
        for (at, answered) in entries {
            let sent = origin + Duration::from_millis(*at);
            ledger.add(Entry {
                row: (0, *at),
                sent,
                done: sent,
                answered: *answered,
            });
        }
        ledger
    }

    #[test]
    fn the_longest_pause_is_between_acknowledged_rows_around_the_span() {
        let origin = Instant::now();
        let entries = [
            (0, ACKNOWLEDGED),
            (900, ACKNOWLEDGED),
            (1000, ACKNOWLEDGED),
            (1200, Answered::Failed),
            (1300, Answered::Unknown),
            (1600, ACKNOWLEDGED),
            (1700, ACKNOWLEDGED),
            (9000, ACKNOWLEDGED),
        ];
        let ledger = ledger(origin, &entries);
        let at = |milliseconds| origin + Duration::from_millis(milliseconds);
        let pause = ledger.longest_pause(at(1050), at(1650));
        assert_eq!(pause, Duration::from_millis(600));
    }

    #[test]
    fn rows_are_counted_by_the_server_that_acknowledged_them() {
        let origin = Instant::now();
        let [one, other] = [1, 2].map(|last| IpAddr::from([127, 0, 0, last]));
        let entries = [
            (0, Answered::Acknowledged(Some(one))),
            (10, Answered::Acknowledged(Some(one))),
            (20, Answered::Acknowledged(Some(other))),
            (30, Answered::Failed),
        ];
        let ledger = ledger(origin, &entries);
        let moment = origin + Duration::from_millis(5);
        assert_eq!(ledger.acknowledged_since(moment), 2);
        assert_eq!(ledger.acknowledged_elsewhere(moment, one), 1);
        assert_eq!(ledger.rows(|it| it == Answered::Failed).len(), 1);
    }
}

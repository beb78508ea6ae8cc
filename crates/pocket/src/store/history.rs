//! Which revisions may be forgotten: bookkeeping of the event log by number, bytes and age.
//!
//! Events are counted in marks of some dozens, so that it costs next to nothing, and they are forgotten a
//! mark at a time. No step forgets much, so no write waits long for it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::options::History as Limits;

/// The most events in a mark, and the most marks in a step.
const MARK: u64 = 64;
const STEP: usize = 8;

/// The events that have not been forgotten yet.
pub(super) struct History {
    limits: Limits,
    marks: VecDeque<Mark>,
    events: u64,
    bytes: u64,
}

/// Some consecutive events.
struct Mark {
    upto: u64,
    events: u64,
    bytes: u64,
    since: Instant,
    last: Instant,
}

impl History {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            marks: VecDeque::new(),
            events: 0,
            bytes: 0,
        }
    }

    /// Counts an event.
    pub(super) fn record(&mut self, revision: u64, bytes: u64, now: Instant) {
        self.events += 1;
        self.bytes += bytes;
        let Limits { events, age, .. } = self.limits;
        let room = (events / 4).clamp(1, MARK);
        let whole = self.limits.bytes / 16;
        if let Some(mark) = self.marks.back_mut()
            && mark.events < room
            && mark.bytes < whole
            && now.saturating_duration_since(mark.since) < age / 32
        {
            mark.upto = revision;
            mark.events += 1;
            mark.bytes += bytes;
            mark.last = now;
            return;
        }
        self.marks.push_back(Mark {
            upto: revision,
            events: 1,
            bytes,
            since: now,
            last: now,
        });
    }

    /// The revision to forget up to in the next step, if a limit is exceeded.
    pub(super) fn due(&self, now: Instant) -> Option<u64> {
        let (mut events, mut bytes) = (self.events, self.bytes);
        let mut upto = None;
        for mark in self.marks.iter().take(STEP) {
            let old = now.saturating_duration_since(mark.last) >= self.limits.age;
            if !old && events <= self.limits.events && bytes <= self.limits.bytes {
                break;
            }
            upto = Some(mark.upto);
            events -= mark.events;
            bytes -= mark.bytes;
        }
        upto
    }

    /// Takes what has been forgotten off the books.
    pub(super) fn forgotten(&mut self, upto: u64) {
        while let Some(mark) = self.marks.front().filter(|mark| mark.upto <= upto) {
            self.events -= mark.events;
            self.bytes -= mark.bytes;
            self.marks.pop_front();
        }
    }

    /// How long until something is old enough to be forgotten; nothing when there is nothing.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        let oldest = self.marks.front()?;
        let age = now.saturating_duration_since(oldest.last);
        Some(self.limits.age.saturating_sub(age))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn history(events: u64, bytes: u64) -> History {
        History::new(Limits {
            events,
            bytes,
            age: 10 * MINUTE,
        })
    }

    /// Forgets all that is due and tells up to where.
    fn forget(history: &mut History, now: Instant) -> Option<u64> {
        let mut upto = None;
        while let Some(due) = history.due(now) {
            history.forgotten(due);
            upto = Some(due);
        }
        upto
    }

    #[test]
    fn the_number_of_events_is_bounded() {
        let (mut history, now) = (history(1000, u64::MAX), Instant::now());
        for revision in 1..=1000 {
            history.record(revision, 10, now);
        }
        assert_eq!(forget(&mut history, now), None);
        for revision in 1001..=5000 {
            history.record(revision, 10, now);
        }
        let upto = forget(&mut history, now).unwrap();
        assert!((4000..4000 + MARK).contains(&upto), "{upto}");
    }

    #[test]
    fn the_bytes_of_events_are_bounded() {
        let (mut history, now) = (history(u64::MAX, 1 << 20), Instant::now());
        for revision in 1..=100 {
            history.record(revision, 100 << 10, now);
        }
        let upto = forget(&mut history, now).unwrap();
        assert!((90..=91).contains(&upto), "{upto}");
        history.record(101, 2 << 20, now);
        assert_eq!(forget(&mut history, now), Some(101));
    }

    #[test]
    fn old_events_are_forgotten_and_the_time_until_then_is_known() {
        let (mut history, start) = (history(1000, u64::MAX), Instant::now());
        assert_eq!(history.wait(start), None);
        for minute in 0..30_u32 {
            history.record(u64::from(minute) + 1, 10, start + minute * MINUTE);
        }
        let now = start + 30 * MINUTE;
        assert_eq!(forget(&mut history, now), Some(21));
        assert_eq!(history.wait(now), Some(MINUTE));
        assert_eq!(forget(&mut history, now + 10 * MINUTE), Some(30));
        assert_eq!(history.wait(now), None);
    }

    #[test]
    fn a_step_is_small() {
        let (mut history, now) = (history(100, u64::MAX), Instant::now());
        for revision in 1..=100_000 {
            history.record(revision, 10, now);
        }
        assert!(history.due(now).unwrap() <= STEP as u64 * MARK);
    }
}

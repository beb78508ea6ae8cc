//! How many sessions there are, and how many of them could not be interrupted now.

use std::cell::Cell;
use std::sync::atomic::{AtomicI64, Ordering};

use howdah_session::Session;

/// What a session is doing, as far as holding it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It has no session yet, or no more.
    Absent,
    /// It is between transactions.
    Resting,
    /// It is in the middle of something.
    Busy,
    /// It is kept waiting.
    Held,
    /// It cannot be followed, or is replication: it is never held.
    Apart,
}

/// Sessions by [`Standing`], of all threads; the first place is not used.
static COUNTS: [AtomicI64; 5] = [const { AtomicI64::new(0) }; 5];

/// How many sessions there are, and how many of them are in the middle of something.
pub(crate) fn counts() -> (i64, i64) {
    let count = |standing: Standing| COUNTS[standing as usize].load(Ordering::Relaxed);
    let all = [
        Standing::Resting,
        Standing::Busy,
        Standing::Held,
        Standing::Apart,
    ];
    (all.into_iter().map(count).sum(), count(Standing::Busy))
}

/// One connection's part in the counts.
pub(super) struct Counted(Cell<Standing>);

impl Counted {
    pub(super) const fn new() -> Self {
        Self(Cell::new(Standing::Absent))
    }

    /// Counts the session as what it is now.
    pub(super) fn see(&self, session: &Session) {
        self.set(if session.is_opening() {
            Standing::Absent
        } else if session.is_held() {
            Standing::Held
        } else if session.is_apart() {
            Standing::Apart
        } else if session.is_at_rest() {
            Standing::Resting
        } else {
            Standing::Busy
        });
    }

    fn set(&self, now: Standing) {
        let before = self.0.replace(now);
        if before != now {
            COUNTS[before as usize].fetch_sub(1, Ordering::Relaxed);
            COUNTS[now as usize].fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.set(Standing::Absent);
    }
}

//! What a store is opened with: how much it keeps, and whose clock it goes by.

use std::sync::Arc;
use std::time::{Duration, Instant};

/// Tells the age of history; injected, so tests can make time pass.
pub(crate) type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// How much past a watch or a paged list can reach back to.
///
/// What is older than any of the three limits is forgotten, and a client that asks for it is answered `410 Gone`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// The most events.
    pub events: u64,
    /// The most bytes of objects in these events.
    pub bytes: u64,
    /// The age at which events are forgotten.
    pub age: Duration,
}

impl Default for History {
    fn default() -> Self {
        Self {
            events: 50_000,
            bytes: 64 << 20,
            age: Duration::from_secs(600),
        }
    }
}

/// Settings of a store.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) history: History,
    /// The most bytes of current objects, which all are in memory; nothing but deletions pass beyond.
    pub(crate) objects_bytes: u64,
    /// The most pages of the file, for tests of a full disk.
    pub(crate) max_pages: Option<u32>,
    /// What grows old is looked after at most this often.
    pub(crate) rest: Duration,
    pub(crate) clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            history: History::default(),
            objects_bytes: 512 << 20,
            max_pages: None,
            rest: Duration::from_secs(5),
            clock: Arc::new(Instant::now),
        }
    }
}

impl Options {
    /// Everything as usual, but for the history.
    #[must_use]
    pub(crate) fn with_history(history: History) -> Self {
        Self {
            history,
            ..Self::default()
        }
    }
}

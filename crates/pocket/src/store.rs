//! The revision store: current objects, an event log and watches over one SQLite file.
//!
//! Every write gets the next revision, which is the `resourceVersion` clients see. Writes go
//! through one thread that commits whatever has queued up in a single transaction, so a burst of
//! writers shares one sync to disk, and nobody is answered before that sync. Reads never touch
//! the disk: the current objects are kept in memory as compact bytes. Watchers pull from a short
//! ring of recent events and fall back to the event log on disk, so a slow watcher costs no
//! memory and can neither miss nor repeat an event.
//!
//! This module knows nothing of kinds, HTTP or validation; it never reads a clock.

mod db;
mod state;
mod watch;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::oneshot;

use self::state::Shared;
pub(crate) use self::watch::Watcher;

/// How many events are kept for watchers that fall behind; older ones answer `410 Gone`.
const DEFAULT_HISTORY: u64 = 5_000;

/// Why a read or write of the store was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key exists already.
    #[error("object exists already")]
    AlreadyExists,
    /// The key does not exist.
    #[error("object not found")]
    NotFound,
    /// The object is at another revision than the writer expected.
    #[error("object has been modified")]
    Conflict,
    /// The revision asked for is no longer in the event log.
    #[error("too old resource version: {requested} ({oldest})")]
    Expired {
        /// What was asked for.
        requested: u64,
        /// The oldest revision a watch can still start from.
        oldest: u64,
    },
    /// The revision asked for has not been reached yet.
    #[error("too large resource version: {requested}, current: {current}")]
    Future {
        /// What was asked for.
        requested: u64,
        /// The newest revision.
        current: u64,
    },
    /// The disk or SQLite refused; nothing was written.
    #[error("store unavailable: {0}")]
    Unavailable(String),
}

/// Names one object: resource is `plural.group` (`pods` for the core group).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    /// `plural` or `plural.group`.
    pub(crate) resource: Arc<str>,
    /// Empty for cluster-scoped objects.
    pub(crate) namespace: Box<str>,
    /// The object's name.
    pub(crate) name: Box<str>,
}

impl Key {
    /// Builds a key from borrowed parts.
    #[must_use]
    pub(crate) fn new(resource: &Arc<str>, namespace: &str, name: &str) -> Self {
        Self {
            resource: Arc::clone(resource),
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

/// One stored object: its revision and its JSON, without `apiVersion` and `kind`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// The revision of the last write.
    pub(crate) revision: u64,
    /// The JSON text.
    pub(crate) json: Bytes,
}

/// What an event did to its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventKind {
    /// The object is new.
    Added,
    /// The object changed.
    Modified,
    /// The object is gone.
    Deleted,
}

/// One write, as watchers see it.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// The revision this write got.
    pub(crate) revision: u64,
    /// The object written.
    pub(crate) key: Key,
    /// What happened to it.
    pub(crate) kind: EventKind,
    /// The object after the write; for a deletion its last state with the deletion's revision.
    pub(crate) json: Bytes,
    /// The object before the write.
    pub(crate) previous: Option<Bytes>,
}

/// A write request. The store sets `metadata.resourceVersion` in the object.
#[derive(Debug)]
pub(crate) enum Write {
    /// Writes an object that must not exist.
    Create(Key, Value),
    /// Replaces an object that must be at this revision.
    Update(Key, u64, Value),
    /// Removes an object that must be at this revision; the value is its last state.
    Delete(Key, u64, Value),
}

/// A list of objects as of one revision.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// The revision the list is consistent with.
    pub(crate) revision: u64,
    /// Objects in order of namespace and name.
    pub(crate) items: Vec<(Key, Stored)>,
}

/// A handle to the store; clones share it. The file is released when the last one is dropped.
#[derive(Clone)]
pub(crate) struct Store {
    shared: Arc<Shared>,
    writer: Arc<writer::Writer>,
}

impl Store {
    /// Opens or creates the store in this file.
    ///
    /// # Errors
    /// When the file cannot be opened or is not a store.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        Self::open_with_history(path, DEFAULT_HISTORY)
    }

    /// Opens the store and keeps about this many events for watchers.
    ///
    /// # Errors
    /// When the file cannot be opened or is not a store.
    pub(crate) fn open_with_history(path: &Path, history: u64) -> Result<Self, Error> {
        let db = db::Db::open(path)?;
        let loaded = db.load()?;
        let shared = Arc::new(Shared::new(loaded, db::Reader::open(path)?));
        let writer = Arc::new(writer::Writer::start(db, Arc::clone(&shared), history)?);
        Ok(Self { shared, writer })
    }

    /// The newest revision.
    #[must_use]
    pub(crate) fn revision(&self) -> u64 {
        self.shared.revision()
    }

    /// The current state of one object.
    #[must_use]
    pub(crate) fn get(&self, key: &Key) -> Option<Stored> {
        self.shared.get(key)
    }

    /// All current objects of a resource, in one namespace or (`None`) in all.
    #[must_use]
    pub(crate) fn list(&self, resource: &str, namespace: Option<&str>) -> Snapshot {
        self.shared.list(resource, namespace)
    }

    /// The objects of a resource as they were at a revision.
    ///
    /// # Errors
    /// [`Error::Expired`] when the event log no longer reaches back, [`Error::Future`] when the
    /// revision does not exist yet.
    pub(crate) fn list_at(
        &self,
        resource: &str,
        namespace: Option<&str>,
        revision: u64,
    ) -> Result<Snapshot, Error> {
        self.shared.list_at(resource, namespace, revision)
    }

    /// Watches a resource: everything after `after`, first from history, then live.
    ///
    /// # Errors
    /// [`Error::Expired`] when the event log no longer reaches back, [`Error::Future`] when the
    /// revision does not exist yet.
    pub(crate) fn watch(
        &self,
        resource: &Arc<str>,
        namespace: Option<&str>,
        after: u64,
    ) -> Result<Watcher, Error> {
        Watcher::new(Arc::clone(&self.shared), resource, namespace, after)
    }

    /// Carries out a write and answers once it is on disk.
    ///
    /// # Errors
    /// When the expectation in the write does not hold, or the disk refuses.
    pub(crate) async fn write(&self, write: Write) -> Result<Stored, Error> {
        let (reply, answer) = oneshot::channel();
        self.writer.send(writer::Command { write, reply })?;
        answer
            .await
            .map_err(|_| Error::Unavailable("the writer has stopped".into()))?
    }

    /// Commits what has queued up and closes the file; later writes are refused.
    pub(crate) async fn close(&self) {
        let writer = Arc::clone(&self.writer);
        // Joining a thread blocks, so it happens off the async workers.
        if tokio::task::spawn_blocking(move || writer.stop())
            .await
            .is_err()
        {
            tracing::warn!("store writer did not stop cleanly");
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl<T> From<mpsc::SendError<T>> for Error {
    fn from(_: mpsc::SendError<T>) -> Self {
        Self::Unavailable("the writer has stopped".into())
    }
}

#[cfg(test)]
mod tests;

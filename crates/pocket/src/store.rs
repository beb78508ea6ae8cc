//! The revision store: current objects, an event log and watches over one SQLite file.
//!
//! Every write gets the next revision, which is the `resourceVersion` clients see. Writes go
//! through one thread that commits whatever has queued up in a single transaction, so a burst of
//! writers shares one sync to disk, and nobody is answered before that sync. Reads never touch
//! the disk: the current objects are kept in memory as compact bytes. Watchers pull from a short
//! ring of recent events and fall back to the event log on disk, so a slow watcher costs no
//! memory and can neither miss nor repeat an event.
//!
//! This module knows nothing of kinds, HTTP or validation; time is told to it.
//!
//! # What is on disk, and when
//!
//! The file is in WAL mode with `synchronous=FULL`. A transaction is appended to the `-wal` file
//! with a checksum over each page and a mark on its last one, then the `-wal` file is synced, and
//! only then are its writes visible to readers and watchers, and answered. So
//!
//! - the death of the process at any instruction loses nothing that was answered;
//! - a power cut can tear or lose no more than the tail of the log that was not synced yet: writes that
//!   nobody was answered. On opening, SQLite reads the log up to the last whole transaction;
//! - a write that got no answer may have happened, as a whole, or not at all;
//! - nobody has ever been shown what a crash can take back.
//!
//! After the answers the writer moves the log into the file: it syncs the log, writes the pages, syncs the file, and
//! only then writes the log from its start again. That happens each thousand pages or so. Readers of the past hold
//! their connection for one short query at a time, and have to wait when the log is longer than four times that,
//! so it cannot grow without limit.
//!
//! # How much is kept
//!
//! | what | limit | beyond it |
//! |---|---|---|
//! | current objects, in memory and in the file | 512 MiB | creating and growing are refused, deleting is not |
//! | past events, in the file | [`History`]: 50,000, 64 MiB, 10 minutes | forgotten; who asks for them gets `410 Gone` |
//! | past events, in memory | 4,096, about 4 MiB | read from the file by those watchers who need them |
//! | the `-wal` file | about 16 MiB, and one transaction | moved into the file while readers wait |
//! | space in the file that is not in use | 8 MiB and a third of the file | given back in steps |
//!
//! A slow watcher is not buffered for: it has a position in the log and a page of at most 256 events (512 KiB), and
//! is ended with `410 Gone` when what comes next has been forgotten.
//!
//! # A full disk
//!
//! SQLite takes a transaction back that it could not write, and the writes in it are refused with
//! [`Error::Full`]. Reads and watches go on. The next write tries again.

mod db;
mod event;
mod history;
mod log;
mod options;
mod ring;
mod state;
mod wakes;
mod watch;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::oneshot;

pub(crate) use self::event::{Event, EventKind};
pub use self::options::History;
pub(crate) use self::options::Options;
use self::state::Shared;
pub(crate) use self::watch::Watcher;

/// Why a read or write of the store was refused.
#[derive(Clone, Debug, thiserror::Error)]
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
    /// The disk has no room; nothing was written.
    #[error("no room on the disk for the API's storage")]
    Full,
    /// The objects would be larger together than they may be; nothing was written.
    #[error("the objects in the API's storage would take more than {limit} MiB; delete some first")]
    Quota {
        /// The most they may take, in MiB.
        limit: u64,
    },
    /// The file was written by a newer howdah.
    #[error(
        "the API's storage has format {found}, newer than this howdah understands ({known}); use a newer howdah or another folder"
    )]
    Newer {
        /// Its format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// The file is some other program's.
    #[error("the file of the API's storage belongs to another program")]
    Foreign,
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
    pub(crate) namespace: Arc<str>,
    /// The object's name.
    pub(crate) name: Arc<str>,
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
    /// When the file cannot be opened, is not a store or has a format of the future.
    pub(crate) fn open(path: &Path, options: &Options) -> Result<Self, Error> {
        let db = db::Db::open(path, options.max_pages)?;
        let mut loaded = db.load()?;
        let mut history = history::History::new(options.history);
        let now = (options.clock)();
        for (revision, bytes) in std::mem::take(&mut loaded.history) {
            history.record(revision, bytes, now);
        }
        let shared = Arc::new(Shared::new(loaded, log::Reader::open(path)?));
        let writer = writer::Writer::start(db, Arc::clone(&shared), history, options)?;
        let writer = Arc::new(writer);
        Ok(Self { shared, writer })
    }

    /// The newest revision.
    #[must_use]
    pub(crate) fn revision(&self) -> u64 {
        self.shared.revision()
    }

    /// The revision of the newest change of a resource, or a later one before which there was none.
    #[must_use]
    pub(crate) fn newest(&self, resource: &str) -> u64 {
        self.shared.newest(resource)
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
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full,
            Some(rusqlite::ErrorCode::NotADatabase) => Self::Foreign,
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<rusqlite::types::FromSqlError> for Error {
    fn from(error: rusqlite::types::FromSqlError) -> Self {
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

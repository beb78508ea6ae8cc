//! The API server: one record, linearizable compare-and-set, and all that makes it hard to use.

use howdah_ha::machine::{ApiEnd, Read, Record, Version};

/// A call as it travels.
#[derive(Debug, Clone)]
pub(crate) enum Request {
    Read,
    Write {
        expected: Option<Version>,
        record: Box<Record>,
    },
}

/// The stored record and the faults of the server.
#[derive(Debug, Default)]
pub(crate) struct Kube {
    pub(crate) stored: Option<(Record, Version)>,
    counter: u64,
    /// Older states, for a restore.
    pub(crate) past: Vec<(Record, Version)>,
    pub(crate) down: bool,
    pub(crate) slow: bool,
    pub(crate) loses_replies: bool,
}

impl Kube {
    /// Serves one call; tells whether the record changed.
    pub(crate) fn serve(&mut self, request: Request) -> (ApiEnd, bool) {
        match request {
            Request::Read => (ApiEnd::Read(self.read()), false),
            Request::Write { expected, record } => {
                if self.stored.as_ref().map(|(_, version)| *version) != expected {
                    return (ApiEnd::Conflict, false);
                }
                (ApiEnd::Written(self.put(*record)), true)
            }
        }
    }

    pub(crate) fn read(&self) -> Read {
        match &self.stored {
            None => Read::Missing,
            Some((record, version)) => Read::Found(Box::new(record.clone()), *version),
        }
    }

    /// Stores a record at a new version.
    pub(crate) fn put(&mut self, record: Record) -> Version {
        self.counter += 1;
        let version = Version(self.counter);
        self.stored = Some((record.clone(), version));
        self.past.push((record, version));
        version
    }
}

//! What the driver tells the machine.

use howdah_types::{InstanceName, SystemIdentifier};

use crate::record::{Record, RecordVersion};

/// Something that the driver observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The control record as last read from the API.
    Record(RecordView),
    /// The data directory as inspected.
    Data(DataView),
    /// The postmaster as observed.
    Postgres(PostgresView),
    /// The action in flight ended.
    Finished(Outcome),
    /// The member shall stop for good: the Pod is being terminated.
    Stop,
    /// Time passed.
    Tick,
}

/// How an action ended. What it changed is told by the view events that come with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was executed.
    Done,
    /// It was not; it is tried again after a pause that grows.
    Failed,
}

/// What is known of the control record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordView {
    /// Nothing was read yet.
    Unknown,
    /// The API answered that there is none.
    Missing,
    /// It says this, at this version.
    Present(Record, RecordVersion),
}

/// What is known of the data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataView {
    /// It was not inspected yet.
    Unknown,
    /// There is no database, finished or half made.
    Empty,
    /// It holds a copy of that database system.
    Initialised(SystemIdentifier),
    /// It holds a copy that cannot catch up: the primary no longer has the WAL that it needs.
    Stale(SystemIdentifier),
    /// It cannot be used as it is, and must not be touched: the reason for people.
    Damaged(String),
}

/// What is known of the postmaster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostgresView {
    /// No postmaster runs on the data directory.
    Stopped,
    /// A postmaster runs.
    Running(Role),
}

/// What a running Postgres is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// Writable.
    Primary,
    /// In recovery, set to follow that member.
    Standby {
        /// The member that it streams from.
        of: InstanceName,
    },
}

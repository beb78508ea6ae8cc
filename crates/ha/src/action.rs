//! What the machine tells the driver to do.

use howdah_types::InstanceName;

use crate::record::{Epoch, Record, RecordVersion};
use crate::time::Instant;

/// Something to do. Every action is idempotent: it may be given again after a crash or a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Inspect the data directory and report [`crate::Event::Data`].
    Inspect,
    /// Write the control record, by compare-and-set: create it if `expected` is none, else replace
    /// exactly that version. Read it again afterwards, however the write ended.
    WriteRecord {
        /// The version that must still be stored.
        expected: Option<RecordVersion>,
        /// What to store.
        record: Record,
    },
    /// Create a new database system in the empty volume.
    Initialise,
    /// Copy the database of `from` into the volume. An old copy is moved aside first and removed
    /// only when the new one streams.
    Clone {
        /// The recorded primary.
        from: InstanceName,
    },
    /// Start Postgres writable.
    StartPrimary,
    /// Start Postgres in recovery, streaming from that member.
    StartStandby {
        /// The recorded primary.
        of: InstanceName,
    },
    /// Point the running standby at another member.
    Follow {
        /// The recorded primary.
        primary: InstanceName,
    },
    /// Send clients here: the role label of the Pod and the routes of the primary Service,
    /// marked with the epoch.
    Route {
        /// The epoch that is held.
        epoch: Epoch,
    },
    /// Stop Postgres.
    StopPostgres {
        /// True when authority was lost: no client may be answered any longer.
        at_once: bool,
    },
    /// Give a [`crate::Event::Tick`] at that time.
    WakeAt(Instant),
    /// Everything is stopped: end the process.
    Exit,
}

/// Why a member can do nothing now; for its status and log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standstill {
    /// The control record is missing. It is unknown, never free: only people can say what holds.
    RecordMissing,
    /// The record is older than one that was seen before: the API went back in time.
    RecordWentBack,
    /// The record names this member as primary, but its volume is empty.
    PrimaryDataMissing,
    /// The volume belongs to another database system than the record names.
    ForeignData,
    /// The data directory is damaged: the driver's reason.
    DataDamaged(String),
    /// The primary has not initialised the database yet.
    WaitingForPrimary,
}

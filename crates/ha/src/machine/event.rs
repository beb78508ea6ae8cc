//! What the driver tells the machine.

use std::collections::BTreeMap;

use howdah_types::{Lsn, SystemIdentifier};

use super::config::Settings;
use super::control::Record;
use super::ids::{Holder, Member};
use super::message::Message;
use super::position::Position;
use crate::time::Instant;

/// The version of the stored record that a compare-and-set refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u64);

/// What was read from the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// There is no record.
    Missing,
    /// It says this.
    Found(Box<Record>, Version),
}

/// How a call to the API ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiEnd {
    /// A read came back.
    Read(Read),
    /// A write was applied.
    Written(Version),
    /// A write was refused: another version is stored.
    Conflict,
    /// No answer in time, or an error: a write may have been applied, or may still be.
    Unknown,
}

/// How a job on Postgres ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobEnd {
    /// Done.
    Done,
    /// The names are in force and the walsenders of others have ended; the log ended there.
    NamesSet(Lsn),
    /// Not done.
    Failed,
}

/// What the data directory holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// Not looked at yet.
    Unknown,
    /// Nothing.
    Empty,
    /// A copy of that system.
    Copy(SystemIdentifier),
    /// A copy of that system that a rewind was rewriting when it was cut short. It may only be replaced.
    Unfinished(SystemIdentifier),
    /// Something that must not be touched.
    Damaged,
}

/// What runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// Nothing.
    Stopped,
    /// A standby.
    Standby {
        /// The member it is told to receive from, or the source ([`Member::SOURCE`]).
        upstream: Option<Member>,
        /// True as long as a WAL receiver lives.
        receiving: bool,
    },
    /// A writable server.
    Primary,
}

/// Postgres as observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PgView {
    /// The time before the driver began to look, on its own clock. A view that is older than the one before
    /// it, or than the end of a job, is left out.
    pub taken: Instant,
    /// The data directory.
    pub data: Data,
    /// What runs on it.
    pub server: Server,
    /// How far it is flushed, if the server tells.
    pub position: Option<Position>,
    /// The standbys that stream from it, and how far each has flushed.
    pub standbys: BTreeMap<Member, Lsn>,
    /// True if clients are let in.
    pub open: bool,
    /// False if the last test write did not reach the disk in time.
    pub writes: bool,
    /// False if the standby was refused by its upstream: its place is not on that history, or the WAL
    /// it needs is gone.
    pub fed: bool,
}

impl PgView {
    /// A server that was not looked at yet.
    pub fn unknown() -> Self {
        Self {
            taken: Instant::from_nanos(0),
            data: Data::Unknown,
            server: Server::Stopped,
            position: None,
            standbys: BTreeMap::new(),
            open: false,
            writes: true,
            fed: true,
        }
    }
}

/// What a standby cluster streams from, as it answered last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The database system that it is.
    pub system: SystemIdentifier,
    /// How far it is, over which timelines.
    pub position: Position,
}

/// Something that the driver observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A watch showed the record; it may be stale.
    Watched(Read),
    /// The call in flight ended.
    Api(ApiEnd),
    /// Postgres as it was when the driver looked.
    Postgres(PgView),
    /// The job in flight ended. Nothing is done with Postgres until a view comes that was taken after this
    /// event, so the driver looks at once. The end of a job that a kill replaced is never told.
    Job(JobEnd),
    /// A message came in.
    Message(Holder, Message),
    /// The process of that member ended, and its Postgres with it, as far as can be told from here.
    Gone(Member),
    /// The source of a standby cluster as it is; none if it does not answer, or is another one from now on.
    Source(Option<Source>),
    /// Time passed.
    Tick,
    /// The settings changed.
    Configured(Settings),
    /// People want this member's copy replaced by a clone. A holder refuses; a standby does it as soon as
    /// a holder serves that it can be cloned from (I13), and [`super::State::reinitialise`] says until when
    /// it is to be done.
    Reinitialise,
    /// The member shall stop for good.
    Stop,
}

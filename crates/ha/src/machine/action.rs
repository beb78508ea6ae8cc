//! What the machine tells the driver to do. Everything may be told again.

use std::collections::BTreeSet;
use std::fmt;

use howdah_types::{Lsn, Timeline};

use super::control::{Intent, Record};
use super::event::Version;
use super::ids::Member;
use super::message::Message;
use crate::epoch::Epoch;
use crate::time::Instant;

/// The synchronous standbys as Postgres has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Who may acknowledge.
    pub standbys: BTreeSet<Member>,
    /// How many must. More than there are: every commit waits.
    pub acks: u16,
}

/// Work on Postgres; one at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Job {
    /// Create a database system.
    Initialise,
    /// Start, with `standby.signal` written first (I2).
    Start {
        /// True if the driver may leave the signal out; never, outside of the mutation check.
        writable: bool,
    },
    /// Start again as primary after a crash, under the same epoch.
    Restart,
    /// Receive from that member or the source ([`Member::SOURCE`]), or from nobody.
    Receive(Option<Member>),
    /// Set the synchronous standbys, end the walsenders of members that are not among them, and tell
    /// the end of the log after that.
    SetNames(Names),
    /// Become writable on that timeline; its number is made sure of by placing the history files of
    /// those before it, and by creating its history file in the archive if absent (I11).
    Promote {
        /// The new timeline; none: whatever Postgres would take.
        timeline: Option<Timeline>,
    },
    /// Let clients in.
    Open,
    /// Write what is not on disk yet, so that an ordered stop is short. Clients go on writing meanwhile.
    Checkpoint,
    /// Stop in order.
    Stop,
    /// Kill every process. Replaces the job in flight.
    Kill,
    /// Keep what diverged apart, then rewind to the history of that member.
    Rewind {
        /// The recorded primary, or the source.
        from: Member,
        /// WAL past this place of the own timeline goes to the diverged part of the archive.
        fork: Option<Lsn>,
    },
    /// Copy that member anew. The old copy is moved aside until the new one streams.
    Clone {
        /// The recorded primary, or the source.
        from: Member,
    },
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Read the record.
    ReadRecord,
    /// Write the record by compare-and-set: create it if `expected` is none.
    WriteRecord {
        /// The version that must still be stored.
        expected: Option<Version>,
        /// What to store.
        record: Box<Record>,
    },
    /// Work on Postgres.
    Do(Job),
    /// Send a message.
    Send(Member, Message),
    /// Kill Postgres at that time, without asking again; none: never.
    Guard(Option<Instant>),
    /// Send clients here, unless a newer epoch did (I14).
    Route {
        /// The epoch.
        epoch: Epoch,
        /// True: an older epoch gives way.
        unless_newer: bool,
    },
    /// What people asked for cannot be done, and is not tried any longer.
    Refuse {
        /// What they asked for.
        asked: Asked,
        /// Why not.
        why: Refusal,
    },
    /// Everything is stopped.
    Exit,
}

/// A wish of people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// That the holder hands over, by the record's intent, which is cleared.
    Intent(Intent),
    /// That this member replaces its copy.
    Reinitialise,
    /// That the cluster becomes a standby of its source.
    Replicate,
}

/// Why a wish is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// The member holds the epoch.
    Holds,
    /// The member may not take over, or is no member.
    NoVoter,
    /// The member is fenced.
    Fenced,
    /// The member, or every other voter, does not stream from the holder.
    NotStreaming,
    /// It streams, and is too far behind.
    Behind,
    /// The source is another database system: nothing here has anything to do with it.
    OtherSystem,
}

impl Refusal {
    /// True if waiting a little may help.
    pub fn may_pass(self) -> bool {
        matches!(self, Self::NotStreaming | Self::Behind)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Holds => "it is the primary",
            Self::NoVoter => "it is no member that may become primary",
            Self::Fenced => "it is fenced",
            Self::NotStreaming => "it does not stream from the primary",
            Self::Behind => "it is too far behind the primary",
            Self::OtherSystem => "the source is another database system than this cluster",
        })
    }
}

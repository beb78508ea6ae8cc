//! What members say to each other. Any of it may be lost, late, repeated or out of order.

use std::time::Duration;

use howdah_types::SystemIdentifier;
use serde::{Deserialize, Serialize};

use super::control::Record;
use super::ids::Holder;
use super::position::{Point, Position};
use crate::epoch::Epoch;
use crate::time::Instant;

/// What a sealed member reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The boot that is sealed.
    pub holder: Holder,
    /// Its database system.
    pub system: SystemIdentifier,
    /// How far it got. It gets no further.
    pub position: Position,
    /// The farthest place of a serving holder that it heard of.
    #[serde(default)]
    pub reached: Option<Point>,
}

/// A message between two members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// The holder greets: it asks for a grant, and for being followed once it is promoted.
    Heartbeat {
        /// The epoch it holds.
        epoch: Epoch,
        /// The revision of its record.
        revision: u64,
        /// When it was sent, on the holder's clock.
        sent: Instant,
        /// Its position, once it is promoted.
        follow: Option<Position>,
        /// True once the epoch serves.
        serving: bool,
    },
    /// The answer to a heartbeat.
    Grant {
        /// The epoch of the heartbeat.
        epoch: Epoch,
        /// Its `sent`.
        sent: Instant,
        /// True if the member is bound.
        granted: bool,
        /// For how long from the moment it answered, on its own clock.
        lasts: Duration,
        /// The highest epoch that the member has promised or seen.
        promised: Option<Epoch>,
        /// The highest epoch that it knows to be held, or to have been.
        seen: Option<Epoch>,
    },
    /// A would-be candidate asks whether a seal would be accepted; nothing changes by it.
    Canvass {
        /// The epoch it would claim.
        epoch: Epoch,
        /// The record it judges by.
        record: Box<Record>,
    },
    /// The answer to a canvass.
    Canvassed {
        /// The epoch of the canvass.
        epoch: Epoch,
        /// What the member would report now; none if it would refuse.
        willing: Option<Report>,
        /// The highest epoch it has promised or seen.
        promised: Option<Epoch>,
        /// The newest record that it knows of, by epoch and revision.
        seen: Option<(Epoch, u64)>,
    },
    /// Receive nothing from epochs below this one any longer, and report.
    Seal {
        /// The epoch to be claimed.
        epoch: Epoch,
        /// The record that the candidate judges by.
        record: Box<Record>,
    },
    /// Sealed.
    Sealed {
        /// The epoch of the seal.
        epoch: Epoch,
        /// What the member reports.
        report: Report,
    },
}

//! The control record: who may be primary. One object in the API, so one compare-and-set covers all.

use std::fmt;
use std::str::FromStr;

use howdah_types::{InstanceName, SystemIdentifier};
use serde::{Deserialize, Serialize};

/// The number of a holder's term, from 1. Strictly increasing at every change of holder (I1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Epoch(u64);

impl Epoch {
    /// The epoch of the member that creates the record.
    pub const FIRST: Self = Self(1);

    /// The epoch after this one.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The epoch as a number.
    pub fn number(self) -> u64 {
        self.0
    }
}

impl FromStr for Epoch {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<std::num::NonZeroU64>()
            .map(|number| Self(number.get()))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One boot of one member: Pod UID and a nonce drawn at start, never the name alone, since names
/// are used again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holder(String);

impl Holder {
    /// The holder with that identity.
    pub fn new(identity: impl Into<String>) -> Self {
        Self(identity.into())
    }

    /// The identity as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What the control record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The current term.
    pub epoch: Epoch,
    /// The member that is, or is about to be, primary.
    pub primary: InstanceName,
    /// The boot of that member which holds the epoch.
    pub holder: Holder,
    /// The database system, once the primary has initialised it.
    pub system: Option<SystemIdentifier>,
}

/// The version of the stored record that a compare-and-set refers to (`metadata.resourceVersion`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordVersion(pub String);

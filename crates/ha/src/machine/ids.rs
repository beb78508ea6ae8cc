//! Who is who: members by number, and the boots of a member.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One instance of the cluster, by the number in its name. Names are used again; see [`Holder`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Member(pub u16);

impl Member {
    /// No member: what a standby cluster streams from, where a member is told whom to receive from.
    pub const SOURCE: Self = Self(u16::MAX);
}

/// One life of a member's agent: drawn at random at its start, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Boot(pub u64);

/// One boot of one member: what holds an epoch. A name alone never does (I1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Holder {
    /// The instance.
    pub member: Member,
    /// Its life.
    pub boot: Boot,
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::SOURCE => f.write_str("the source"),
            Self(number) => write!(f, "m{number}"),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:x}", self.member, self.boot.0)
    }
}

//! The number of a holder's term.

use std::fmt;
use std::str::FromStr;

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

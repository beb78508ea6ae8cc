//! Positions in the write-ahead log.

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};
use std::str::FromStr;

use crate::text::serde_as_text;

/// Text that is no WAL position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "WAL position \"{0}\" must be two hexadecimal numbers with '/' between, for example 0/3000060"
)]
pub struct ParseLsnError(String);

/// Text that is no timeline number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("timeline \"{0}\" must be a number from 1 to 4294967295")]
pub struct ParseTimelineError(String);

/// A position in the write-ahead log in bytes, written as Postgres does (type `pg_lsn`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Lsn(u64);

impl Lsn {
    /// The position that many bytes from the start of the log.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Bytes from the start of the log.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// How many bytes `self` is ahead of `other`; 0 if it is not.
    pub const fn ahead_of(self, other: Self) -> u64 {
        self.0.saturating_sub(other.0)
    }
}

impl FromStr for Lsn {
    type Err = ParseLsnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let half = |part: &str| {
            let hex = (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_hexdigit());
            hex.then(|| u64::from_str_radix(part, 16).ok()).flatten()
        };
        text.split_once('/')
            .and_then(|(high, low)| Some(Self(half(high)? << 32 | half(low)?)))
            .ok_or_else(|| ParseLsnError(text.to_owned()))
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

serde_as_text!(Lsn);

/// A timeline of the write-ahead log, from 1 (PostgreSQL manual 25.3.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timeline(NonZeroU32);

impl Timeline {
    /// The timeline of a new database system.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// The timeline with that number; none for 0.
    pub fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    /// The timeline as a number.
    pub fn number(self) -> u32 {
        self.0.get()
    }
}

impl FromStr for Timeline {
    type Err = ParseTimelineError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse()
            .map(Self)
            .map_err(|_| ParseTimelineError(text.to_owned()))
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

serde_as_text!(Timeline);

/// The number that `initdb` gives a database system and that all its copies share
/// (`pg_control_system()`); never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SystemIdentifier(NonZeroU64);

impl SystemIdentifier {
    /// The identifier with that value; none for 0.
    pub fn new(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }
}

impl FromStr for SystemIdentifier {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for SystemIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

serde_as_text!(SystemIdentifier);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn positions_are_read_as_postgres_writes_them() {
        let lsn: Lsn = "16/B374D848".parse().unwrap();
        assert_eq!(lsn.bytes(), 0x16_B374_D848);
        assert_eq!(lsn.to_string(), "16/B374D848");
        for bad in ["", "16", "/1", "1/", "1/123456789", "1/+1", "g/1", "1/1/1"] {
            assert!(bad.parse::<Lsn>().is_err(), "{bad} must be refused");
        }
    }

    #[test]
    fn lag_is_never_negative() {
        assert_eq!(Lsn::new(10).ahead_of(Lsn::new(4)), 6);
        assert_eq!(Lsn::new(4).ahead_of(Lsn::new(10)), 0);
    }

    #[test]
    fn zero_is_neither_a_timeline_nor_a_system() {
        assert!("0".parse::<Timeline>().is_err());
        assert!("0".parse::<SystemIdentifier>().is_err());
        assert_eq!(
            "7340121".parse::<SystemIdentifier>().unwrap().to_string(),
            "7340121"
        );
    }

    proptest! {
        #[test]
        fn positions_round_trip(bytes: u64) {
            let lsn = Lsn::new(bytes);
            prop_assert_eq!(lsn.to_string().parse::<Lsn>().unwrap(), lsn);
        }
    }
}

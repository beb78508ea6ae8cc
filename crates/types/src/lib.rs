//! Validated names, versions, WAL positions, quantities and durations that every other crate shares.
//!
//! A value of one of these types is proof that its text was checked: each has `FromStr`, `Display`
//! (which round-trip) and serde through the same text. No I/O, no clock, no Kubernetes client.

#![forbid(unsafe_code)]

pub mod catalogue;
mod duration;
mod name;
mod quantity;
mod text;
mod version;
mod wal;

pub use duration::{IsoDuration, ParseDurationError};
pub use name::{CLUSTER_NAME_MAX, ClusterName, InstanceName, ParseNameError};
pub use quantity::{ParseQuantityError, Quantity};
pub use version::{ParseVersionError, PgMajor, PgVersion, VersionRequest};
pub use wal::{Lsn, ParseLsnError, ParseTimelineError, SystemIdentifier, Timeline};

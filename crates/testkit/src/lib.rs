//! What tests and benchmarks share: real components, temporary worlds, loopback addresses, waiting on conditions.
//!
//! For tests alone: every failure is an [`anyhow::Error`] with a sentence for the person who reads the test's output.
//! Nothing here knows Kubernetes or what Howdah does with Postgres.

#![forbid(unsafe_code)]

mod address;
pub mod bench;
mod components;
mod descriptors;
mod user;
mod wait;
mod world;

pub use address::{LoopbackAddress, free_loopback_address};
pub use components::{Components, Programs, components, postgres_bin_dir};
pub use descriptors::raise_descriptors;
pub use user::{RunAs, unprivileged, unprivileged_user};
pub use wait::wait_until;
pub use world::TempWorld;

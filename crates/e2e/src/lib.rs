//! The system suite's tools: a world with its own pocket, the commands people type, SQL, and what is left behind.
//!
//! The tests in `tests/` and the measurements in `src/bin` use nothing but the release binary, `kubectl` and
//! Postgres connections. `HOWDAH_BIN` names the binary and `HOWDAH_COMPONENTS` the components.

#![forbid(unsafe_code)]

mod cluster;
mod manifest;
mod outcome;
mod processes;
mod sql;
mod world;

pub use cluster::Cluster;
pub use manifest::{Manifest, NINE_LINES};
pub use outcome::Outcome;
pub use processes::{Process, Processes};
pub use sql::Sql;
pub use world::{World, contains, eventually, run};

//! The system suite's tools: a world with its own pocket, the commands people type, SQL, and what is left behind.
//!
//! The cases in `tests/` and the measurements in `bench/` use nothing but the release binary, `kubectl`, the
//! Kubernetes API and Postgres connections. `HOWDAH_BIN` names the binary and `HOWDAH_COMPONENTS` the components;
//! `HOWDAH_E2E_KUBECONFIG` names a cluster to use instead of pocket where a case makes sense on any cluster. It has
//! to be used from where the addresses of its Services and Pods can be reached.

#![forbid(unsafe_code)]

mod api;
mod cluster;
mod explain;
pub mod faults;
mod leftovers;
mod manifest;
mod outcome;
mod pattern;
mod processes;
mod rest;
mod sql;
mod wait;
mod world;
mod writer;

pub use api::{Api, Kind, text};
pub use cluster::{Cluster, condition};
pub use leftovers::listeners;
pub use manifest::{Manifest, NINE_LINES};
pub use outcome::Outcome;
pub use processes::{Process, Processes, Vigil};
pub use rest::{Answer, PatchType, Rest, Watch};
pub use sql::{Sql, Target};
pub use wait::{contains, eventually, lines};
pub use world::{Tool, World, on_any_cluster, on_pocket};
pub use writer::{Acknowledged, Writer};

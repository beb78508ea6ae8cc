//! The operator: watches SGClusters and keeps the objects that make them.
//!
//! What to build is decided by `howdah-plan`; this crate reads, generates passwords and
//! certificates, applies, removes and reports. It speaks only the Kubernetes API and does not know
//! on which platform.

#![forbid(unsafe_code)]

mod certificates;
mod cluster;
mod config;
mod context;
mod crds;
mod difference;
mod events;
mod health;
pub mod install;
mod leader;
mod passwords;
mod peer_tls;
mod record_events;
mod records;
mod run;
mod scope;
mod server_tls;
mod triggers;
mod webhook;
mod work;

pub use config::{Certificate, Config, Webhook};
pub use crds::{Error as InstallError, install_crds};
pub use run::{Error, run};

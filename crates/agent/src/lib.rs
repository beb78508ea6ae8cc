//! The instance agent: the first process of the `patroni` container.
//!
//! It reads the cluster's control record, asks the pure machine in `howdah-ha` what to do, and does it
//! with `howdah-postgres`. These share one `member::Member`:
//!
//! - the `driver` owns the machine's state, feeds it events and executes one action at a time;
//! - the `watching` tasks bring the control record and the cluster's Pods from the API;
//! - the `keeper` looks after the running Postgres: configuration, roles, slots, status;
//! - the `pooler` task looks after the connection pooler beside Postgres;
//! - the `proxy` task looks after the files of Envoy in front of both;
//! - the `upstream` task asks what a standby cluster streams from;
//! - the `publisher` writes this member's role and status to its Pod;
//! - the `wire` carries the machine's messages between the members, over mutual TLS;
//! - the `rest` server answers probes and people from what the others left in the member's view.
//!
//! The API may be away at any time: nothing here stops Postgres because of that.

mod args;
mod chain;
mod clock;
mod cluster;
mod disk;
mod driver;
mod durable;
pub mod guard;
mod ids;
mod jobs;
mod keeper;
mod lease;
mod member;
mod mounted;
mod observer;
mod peers;
mod pooler;
mod proxy;
mod publisher;
mod record;
mod refusal;
mod remembered;
mod replace;
mod rest;
mod route;
mod run;
mod server_tls;
mod settings;
mod upstream;
mod view;
mod watching;
mod wire;
mod wishes;

pub use args::{Args, ArgsError};
pub use run::{Error, run, run_with};

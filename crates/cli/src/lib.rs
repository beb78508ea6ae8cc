//! The verbs people type: `apply`, `get`, `status` and the rest, over any kubeconfig.
//!
//! Arguments as typed become resolved arguments, verbs turn those into data, and one renderer prints it.
//! Data goes to standard output, everything else to standard error. The verbs know the Kubernetes API and
//! the names that Howdah gives to objects; they know neither the operator nor pocket.

#![forbid(unsafe_code)]

mod chain;
mod connect;
mod discovery;
mod error;
mod exit;
mod ha;
mod manifest;
mod names;
mod output;
mod reference;
mod server;
mod status;
mod table;
mod terminal;
mod text;
mod verbs;

pub use chain::chain;
pub use connect::{ConnectArgs, Environment, client};
pub use error::Error;
pub use exit::Exit;
pub use terminal::Terminal;
pub use verbs::patronictl::run as patronictl;
pub use verbs::{Verb, run};

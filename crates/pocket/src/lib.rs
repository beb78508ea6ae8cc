//! pocket: a Kubernetes API, node and network for one machine.

mod api;
pub mod controllers;
pub mod net;
pub mod node;
mod pki;
mod store;
mod table;
mod up;

pub use api::{ApiServer, Identity, TlsError};
pub use pki::Error as PkiError;
pub use store::Error as StoreError;
pub use up::{Block, Config, DEFAULT_PORT, Error, Running, start};

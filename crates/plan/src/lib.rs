//! Pure planning: a manifest and what it refers to become proven values, objects and status.
//!
//! No client, no clock, no randomness and no unordered collection: the same inputs give the same
//! bytes. Effects (reading, generating passwords, applying) belong to the operator.

#![forbid(unsafe_code)]

pub mod admission;
pub mod build;
pub mod credentials;
pub mod ha;
pub mod hba;
pub mod instances;
pub mod invalid;
pub mod metadata;
pub mod names;
pub mod parameters;
pub mod peer;
pub mod pooling;
pub mod references;
pub mod resources;
pub mod roles;
pub mod server_tls;
pub mod status;
pub mod unacted;
pub mod validate;
pub mod validated;
pub mod version;

mod defaults;
mod hash;

pub use build::{Objects, build};
pub use hash::hash;
pub use invalid::Invalid;
pub use validate::{Inputs, validate};
pub use validated::ValidatedCluster;

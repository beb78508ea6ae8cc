//! Pure planning: a manifest and what it refers to become proven values, objects and status.
//!
//! No client, no clock, no randomness and no unordered collection: the same inputs give the same
//! bytes. Effects (reading, generating passwords, applying) belong to the operator.

#![forbid(unsafe_code)]

pub mod hba;
pub mod instances;
pub mod invalid;
pub mod parameters;
pub mod version;

mod hash;

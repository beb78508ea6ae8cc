//! The vocabulary of Howdah: small types with parsing, display and serialisation, and nothing else.
//!
//! No clock, no socket, no client: every other crate may depend on this one.

pub mod catalogue;

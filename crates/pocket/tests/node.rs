//! The node with real processes, as its users see it.

#[path = "node/shim.rs"]
mod shim;
#[path = "node/support.rs"]
mod support;

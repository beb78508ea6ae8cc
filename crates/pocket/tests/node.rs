//! The node with real processes, as its users see it.

#[path = "node/lifecycle.rs"]
mod lifecycle;
#[path = "node/pods.rs"]
mod pods;
#[path = "node/shim.rs"]
mod shim;
#[path = "node/streams.rs"]
mod streams;
#[path = "node/support.rs"]
mod support;
#[path = "node/world.rs"]
mod world;

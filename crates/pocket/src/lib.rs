//! A Kubernetes API, node and network for one machine.

pub mod net;
pub mod node;

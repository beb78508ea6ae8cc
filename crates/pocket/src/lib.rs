//! pocket: a Kubernetes API, node and network for one machine.

pub mod controllers;

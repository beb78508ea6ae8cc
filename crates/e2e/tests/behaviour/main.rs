//! How an API server behaves: the same requests with the same expectations for pocket, and for any cluster that
//! `HOWDAH_E2E_KUBECONFIG` names.
//!
//! Requests are raw, so that what a client library hides is checked too. A cluster needs its controllers for these
//! cases, but no node.

mod access;
mod applying;
mod custom;
mod deletion;
mod lists;
mod namespaces;
mod objects;
mod patches;
mod pods;
mod tables;
mod watches;

use serde_json::{Value, json};

/// Config maps: objects without rules of their own.
pub(crate) const MAPS: &str = "/api/v1/namespaces/{ns}/configmaps";

/// A config map with one entry.
pub(crate) fn map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": value}})
}

/// The path of a config map.
pub(crate) fn map_path(name: &str) -> String {
    format!("{MAPS}/{name}")
}

//! Envoy in front of the pooler and of Postgres: whether there is one, what goes through it, and its file.
//!
//! Envoy ends TLS and understands the protocol through our filter. What stands behind it sees the address of the
//! Pod, and no encryption; so whatever the user decides by either is never behind it.

mod render;

use howdah_api::ClusterSpec;

use crate::hba;

pub use render::{Placeholders, render};

/// Where clients of the pooler come in.
pub const POOLED_PORT: i32 = 7432;
/// Where clients of Postgres itself come in.
pub const DIRECT_PORT: i32 = 7433;
/// Where Prometheus reads, and where it is asked whether Envoy is ready.
pub const METRICS_PORT: i32 = 8001;

/// Most threads; more only pass connections around.
const MOST_THREADS: u64 = 16;

/// What goes through Envoy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proxy {
    /// True if Postgres itself is behind a port, and not only the pooler.
    pub direct: bool,
    /// Threads that serve clients.
    pub threads: u64,
}

/// Whether the user wants Envoy.
pub(crate) fn wanted(spec: &ClusterSpec) -> bool {
    spec.pods.disable_envoy != Some(true)
}

/// Decides what goes through Envoy; `cpu_millis` is what Postgres has.
pub(crate) fn proxy(spec: &ClusterSpec, hba_rules: &[String], cpu_millis: u64) -> Option<Proxy> {
    // These rules look at the client's address or encryption, which only the client's own connection shows.
    let direct = !hba_rules.iter().any(|rule| hba::looks_at_connection(rule));
    let something = direct || !spec.pods.disable_connection_pooling;
    (wanted(spec) && something).then(|| Proxy {
        direct,
        threads: cpu_millis.div_ceil(2000).clamp(1, MOST_THREADS),
    })
}

#[cfg(test)]
mod tests;

//! What holds for all connections of a filter chain.

use std::time::Duration;

use howdah_session::Policy;

use super::metrics::Metrics;
use crate::abi::NetworkConfig;
use crate::config::{self, Postgres};

/// The configuration of a filter chain, shared by all threads and never changed.
pub(super) struct Config {
    pub(super) policy: Policy,
    pub(super) startup_timeout: Duration,
    pub(super) metrics: Metrics,
}

impl Config {
    pub(super) fn new(envoy: NetworkConfig, name: &[u8], json: &[u8]) -> Result<Self, String> {
        let postgres: Postgres = config::parse("postgres", name, json)?;
        Ok(Self {
            policy: Policy {
                require_tls: postgres.require_tls,
                ..Policy::default()
            },
            startup_timeout: postgres.startup_timeout(),
            metrics: Metrics::define(envoy)?,
        })
    }
}

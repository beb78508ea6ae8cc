//! What holds for all connections of a filter chain.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use howdah_session::Policy;

use super::metrics::Metrics;
use crate::abi::{Level, Network, NetworkConfig};
use crate::config::{self, Postgres};

/// The configuration of a filter chain, shared by all threads and never changed but for what has been said.
pub(super) struct Config {
    pub(super) policy: Policy,
    pub(super) startup_timeout: Duration,
    pub(super) metrics: Metrics,
    warned: AtomicBool,
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
            warned: AtomicBool::new(false),
        })
    }

    /// Says once what is lost when the server is dialled before the client has said who it is.
    pub(super) fn warn_of_early_dialling(&self, envoy: Network) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            envoy.log(Level::Warn, || {
                "the filter postgres stands before a tcp_proxy that dials the server for every client, also for those \
                 that are refused or held: set upstream_connect_mode: ON_DOWNSTREAM_DATA and max_early_data_bytes: 16384"
                    .to_owned()
            });
        }
    }
}

//! The controllers that make a cluster of the objects in the store.

use camino::Utf8PathBuf;
use kube::Client;
use tokio_util::sync::CancellationToken;

/// What the controllers need to know.
pub(crate) struct Config {
    /// Where volumes are made.
    pub(crate) volumes: Utf8PathBuf,
    /// The certificate of the cluster's authority.
    pub(crate) authority: String,
}

/// Runs every controller until the token is cancelled.
pub(crate) async fn run(_client: Client, _config: Config, shutdown: CancellationToken) {
    shutdown.cancelled().await;
}

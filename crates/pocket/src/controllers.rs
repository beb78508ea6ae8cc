//! The controllers of a control plane, as far as pocket's kinds need them.
//!
//! Each watches through the API and acts through the API, as those of kube-controller-manager do, and is
//! idle when nothing changes. They know nothing of how pocket stores objects or runs Pods.

mod cluster_roles;
mod definitions;
mod endpoints;
mod events;
mod garbage;
mod namespaces;
mod service_accounts;
mod volumes;

use std::time::Duration;

use camino::Utf8PathBuf;
use futures::future::BoxFuture;
use kube::Client;
use kube::runtime::controller::Action;
use tokio_util::sync::CancellationToken;

/// What the controllers need to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder below which each PersistentVolume is a directory.
    pub volumes_dir: Utf8PathBuf,
    /// The certificate of the authority that signed the API server's, PEM.
    pub ca_certificate: String,
}

/// Runs all controllers until `shutdown`.
pub async fn run(client: Client, config: Config, shutdown: CancellationToken) {
    let controllers: [BoxFuture<'static, ()>; 8] = [
        Box::pin(cluster_roles::run(client.clone(), shutdown.clone())),
        Box::pin(definitions::run(client.clone(), shutdown.clone())),
        Box::pin(endpoints::run(client.clone(), shutdown.clone())),
        Box::pin(events::run(client.clone(), shutdown.clone())),
        Box::pin(garbage::run(client.clone(), shutdown.clone())),
        Box::pin(namespaces::run(client.clone(), shutdown.clone())),
        Box::pin(service_accounts::run(
            client.clone(),
            config.ca_certificate,
            shutdown.clone(),
        )),
        Box::pin(volumes::run(client, config.volumes_dir, shutdown)),
    ];
    futures::future::join_all(controllers).await;
}

/// Why a pass of a controller did not finish; it is tried again.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// The API refused.
    #[error("call the API")]
    Api(#[source] kube::Error),
    /// A directory could not be made, moved or removed.
    #[error("change {path}")]
    Directory {
        path: Utf8PathBuf,
        #[source]
        source: std::io::Error,
    },
}

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Self {
        Self::Api(error)
    }
}

/// The answer to a failed pass: again soon. Conflicts are ordinary and say nothing.
fn again(controller: &'static str, error: &Error) -> Action {
    let conflict = matches!(error, Error::Api(kube::Error::Api(status)) if status.code == 409);
    if !conflict {
        let source = std::error::Error::source(error)
            .map(ToString::to_string)
            .unwrap_or_default();
        tracing::warn!(controller, %error, source, "controller pass did not finish");
    }
    Action::requeue(Duration::from_secs(1))
}

/// Turns "there is no such object" into `None`.
fn found<T>(result: kube::Result<T>) -> kube::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(error),
    }
}

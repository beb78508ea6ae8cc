//! Wiring: probes, webhooks, and the terms in which this operator leads.

use std::sync::Arc;

use kube::Client;
use kube::api::ListParams;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::cluster::Guarded;
use crate::context::Context;
use crate::health::{self, Health};
use crate::leader::Leader;
use crate::scope::Scope;
use crate::webhook;
use crate::work::work;
use crate::{Config, Webhook};

/// Why the operator could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kinds are not served, or may not be seen there; the definitions and the rights have to be installed first.
    #[error("list SGClusters of {0}")]
    List(String, #[source] kube::Error),
    /// Probes would not be answered.
    #[error("listen on {0} for probes")]
    Listen(std::net::SocketAddr, #[source] std::io::Error),
    /// Webhooks would not be answered.
    #[error("listen on {0} for admission webhooks")]
    Webhook(std::net::SocketAddr, #[source] std::io::Error),
}

/// Runs the operator until it is told to stop; passes that have begun are finished.
///
/// It works only while it holds the leader Lease, and waits for it as long as another does.
pub async fn run(client: Client, config: Config, shutdown: CancellationToken) -> Result<(), Error> {
    let health = Health::default();
    let Some(address) = config.health else {
        return serve(client, config, shutdown, health).await;
    };
    let listener = health::bind(address).await;
    let listener = listener.map_err(|source| Error::Listen(address, source))?;
    let serving = health::serve(listener, health.clone());
    tokio::select! {
        ended = Box::pin(serve(client, config, shutdown, health)) => ended,
        // It ends only with this future.
        () = serving => Ok(()),
    }
}

/// Answers webhooks, if it should, beside all else.
async fn serve(
    client: Client,
    config: Config,
    shutdown: CancellationToken,
    health: Health,
) -> Result<(), Error> {
    let Some(Webhook {
        address,
        certificate,
    }) = config.webhook.clone()
    else {
        return lead(client, config, shutdown, health).await;
    };
    let listener = health::bind(address).await;
    let listener = listener.map_err(|source| Error::Webhook(address, source))?;
    let context = Arc::new(Context::new(client.clone(), config.clone()));
    let stop = shutdown.child_token();
    let answering = webhook::serve(listener, context, certificate, stop.clone());
    let leading = async {
        let ended = Box::pin(lead(client, config, shutdown, health)).await;
        stop.cancel();
        ended
    };
    tokio::join!(leading, answering).0
}

async fn lead(
    client: Client,
    config: Config,
    shutdown: CancellationToken,
    health: Health,
) -> Result<(), Error> {
    // A watch would wait for ever for kinds that nobody installed.
    for scope in Scope::all(&config) {
        let clusters = scope.api::<Guarded>(&client);
        let listed = clusters.list(&ListParams::default().limit(1)).await;
        listed.map_err(|source| Error::List(scope.to_string(), source))?;
    }
    health.ready();
    info!(namespace = config.namespace, "operator started");
    let leader = Leader::new(client.clone(), &config);
    while leader.acquire(&shutdown).await {
        let term = shutdown.child_token();
        let hold = async {
            leader.hold(&term).await;
            term.cancel();
        };
        tokio::join!(Box::pin(work(&client, &config, &term)), hold);
        leader.release().await;
    }
    info!("operator stopped");
    Ok(())
}

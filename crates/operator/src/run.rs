//! Wiring: the watches, the controller and its end.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::channel::mpsc::UnboundedReceiver;
use howdah_api::{SGInstanceProfile, SGPoolingConfig, SGPostgresConfig};
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Service};
use kube::Client;
use kube::api::{Api, ListParams};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::{Controller, controller, watcher};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use crate::cluster::{Guarded, error_policy, reconcile};
use crate::context::Context;
use crate::health::{self, Health};
use crate::leader::Leader;
use crate::{Certificate, Config, Webhook};
use crate::{record_events, records, triggers, webhook};

/// A burst of changes causes one pass; short enough not to be felt.
const DEBOUNCE: Duration = Duration::from_millis(20);

/// Clusters that are looked at side by side.
const CONCURRENCY: u16 = 8;

/// Why the operator could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kinds are not served; the definitions have to be installed first.
    #[error("list SGClusters")]
    List(#[source] kube::Error),
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
    let clusters: Api<Guarded> = Api::all(client.clone());
    // A watch would wait for ever for kinds that nobody installed.
    clusters
        .list(&ListParams::default().limit(1))
        .await
        .map_err(Error::List)?;
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

/// Reconciles until the term ends.
async fn work(client: &Client, config: &Config, term: &CancellationToken) {
    let context = Arc::new(Context::new(client.clone(), config.clone()));
    let keeper = Arc::clone(&context);
    let (watching, listeners) = records::watch(client.clone());
    let controller = controller(client.clone(), config, listeners.clusters);
    let clusters = controller.store();
    let recorder = context.recorder.clone();
    let telling = record_events::tell(listeners.news, clusters.clone(), recorder);
    let passes = controller
        .graceful_shutdown_on(term.clone().cancelled_owned())
        .run(reconcile, error_policy, context)
        .for_each(|result| {
            // Failed passes have been logged where they failed.
            if let Err(error) = result {
                debug!(%error, "controller reported");
            }
            std::future::ready(())
        });
    let keeping = async {
        match &config.webhook {
            Some(webhook) if webhook.certificate == Certificate::Own => {
                webhook::keep(&keeper).await;
            }
            _ => std::future::pending().await,
        }
    };
    tokio::select! {
        () = passes => {}
        () = keeping => {}
        () = ended_before_the_first_pass(&clusters, term) => {}
        () = telling => {}
        () = watching => {}
    }
}

/// A controller that is told to end before it has seen all clusters stops to look for them, and then waits for
/// them for ever. It has not begun a pass.
async fn ended_before_the_first_pass(clusters: &Store<Guarded>, term: &CancellationToken) {
    tokio::select! {
        biased;
        _ = clusters.wait_until_ready() => std::future::pending().await,
        () = term.cancelled() => {}
    }
}

fn controller(
    client: Client,
    config: &Config,
    control_records: UnboundedReceiver<ObjectRef<Guarded>>,
) -> Controller<Guarded> {
    let everything = watcher::Config::default;
    let ours = triggers::owned_objects;
    let controller = Controller::new(Api::<Guarded>::all(client.clone()), everything());
    let clusters = controller.store();
    let profiles = clusters.clone();
    let postgres_configs = clusters.clone();
    let pooling_configs = clusters.clone();
    controller
        .with_config(
            controller::Config::default()
                .debounce(DEBOUNCE)
                .concurrency(CONCURRENCY),
        )
        .owns(Api::<Pod>::all(client.clone()), ours())
        .owns(Api::<PersistentVolumeClaim>::all(client.clone()), ours())
        .owns(Api::<Service>::all(client.clone()), ours())
        .owns(Api::<ConfigMap>::all(client.clone()), ours())
        .watches(
            Api::<SGInstanceProfile>::all(client.clone()),
            everything(),
            move |object| {
                triggers::referring(&profiles, &object, |cluster, name| {
                    cluster.spec.sg_instance_profile.as_deref() == Some(name)
                })
            },
        )
        .watches(
            Api::<SGPostgresConfig>::all(client.clone()),
            everything(),
            move |object| {
                triggers::referring(&postgres_configs, &object, |cluster, name| {
                    let configurations = cluster.spec.configurations.as_ref();
                    configurations.is_some_and(|c| c.sg_postgres_config.as_deref() == Some(name))
                })
            },
        )
        .watches(
            Api::<SGPoolingConfig>::all(client.clone()),
            everything(),
            move |object| {
                triggers::referring(&pooling_configs, &object, |cluster, name| {
                    let configurations = cluster.spec.configurations.as_ref();
                    configurations.is_some_and(|c| c.sg_pooling_config.as_deref() == Some(name))
                })
            },
        )
        .reconcile_on(control_records)
        .reconcile_on(triggers::secrets(client.clone(), clusters))
        .reconcile_all_on(triggers::catalogue(client, config))
}

#[cfg(test)]
mod tests {
    use kube::client::Body;

    use super::*;

    #[tokio::test]
    async fn a_term_that_ends_before_the_clusters_are_known_ends_the_work() {
        let silent = tower::service_fn(|_: http::Request<Body>| {
            std::future::pending::<Result<http::Response<Body>, std::convert::Infallible>>()
        });
        let client = Client::new(silent, "default");
        let term = CancellationToken::new();
        term.cancel();
        let config = Config::default();
        let working = Box::pin(work(&client, &config, &term));
        tokio::time::timeout(Duration::from_secs(30), working)
            .await
            .unwrap();
    }
}

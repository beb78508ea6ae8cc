//! The work of the operator that leads: the watches, the controllers and their end.
//!
//! Each scope has watches and a controller of its own, so that one namespace's trouble is not another's.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::channel::mpsc::UnboundedReceiver;
use futures::future::join_all;
use howdah_api::{SGInstanceProfile, SGPoolingConfig, SGPostgresConfig};
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Service};
use kube::Client;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::{Controller, controller, watcher};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::cluster::{Guarded, error_policy, reconcile};
use crate::context::Context;
use crate::scope::Scope;
use crate::{Certificate, Config};
use crate::{record_events, records, triggers, webhook};

/// A burst of changes causes one pass; short enough not to be felt.
const DEBOUNCE: Duration = Duration::from_millis(20);

/// Clusters that are looked at side by side, in all scopes together.
const CONCURRENCY: u16 = 8;

/// Reconciles until the term ends.
pub(crate) async fn work(client: &Client, config: &Config, term: &CancellationToken) {
    let context = Arc::new(Context::new(client.clone(), config.clone()));
    let scopes = Scope::all(config);
    let share = u16::try_from(scopes.len()).unwrap_or(u16::MAX);
    let concurrency = CONCURRENCY.div_ceil(share);
    let scopes = scopes.into_iter().map(|scope| {
        let part = Part {
            scope,
            concurrency,
            context: Arc::clone(&context),
        };
        Box::pin(part.work(term))
    });
    let keeping = async {
        match &config.webhook {
            Some(webhook) if webhook.certificate == Certificate::Own => {
                webhook::keep(&context).await;
            }
            _ => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = join_all(scopes) => {}
        () = keeping => {}
    }
}

/// The work within one scope.
struct Part {
    scope: Scope,
    /// Clusters that are looked at side by side.
    concurrency: u16,
    context: Arc<Context>,
}

impl Part {
    async fn work(self, term: &CancellationToken) {
        let client = &self.context.client;
        let (watching, listeners) = records::watch(&self.scope, client);
        let controller = self.controller(listeners.clusters);
        let clusters = controller.store();
        let recorder = self.context.recorder.clone();
        let telling = record_events::tell(listeners.news, clusters.clone(), recorder);
        let context = Arc::clone(&self.context);
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
        tokio::select! {
            () = passes => {}
            () = ended_before_the_first_pass(&clusters, term) => {}
            () = telling => {}
            () = watching => {}
        }
    }

    fn controller(
        &self,
        control_records: UnboundedReceiver<ObjectRef<Guarded>>,
    ) -> Controller<Guarded> {
        let Context { client, config, .. } = &*self.context;
        let scope = &self.scope;
        let everything = watcher::Config::default;
        let ours = triggers::owned_objects;
        let controller = Controller::new(scope.api::<Guarded>(client), everything());
        let clusters = controller.store();
        let profiles = clusters.clone();
        let postgres_configs = clusters.clone();
        let pooling_configs = clusters.clone();
        controller
            .with_config(
                controller::Config::default()
                    .debounce(DEBOUNCE)
                    .concurrency(self.concurrency),
            )
            .owns(scope.api::<Pod>(client), ours())
            .owns(scope.api::<PersistentVolumeClaim>(client), ours())
            .owns(scope.api::<Service>(client), ours())
            .owns(scope.api::<ConfigMap>(client), ours())
            .watches(
                scope.api::<SGInstanceProfile>(client),
                everything(),
                move |object| {
                    triggers::referring(&profiles, &object, |cluster, name| {
                        cluster.spec.sg_instance_profile.as_deref() == Some(name)
                    })
                },
            )
            .watches(
                scope.api::<SGPostgresConfig>(client),
                everything(),
                move |object| {
                    triggers::referring(&postgres_configs, &object, |cluster, name| {
                        let configurations = cluster.spec.configurations.as_ref();
                        configurations
                            .is_some_and(|c| c.sg_postgres_config.as_deref() == Some(name))
                    })
                },
            )
            .watches(
                scope.api::<SGPoolingConfig>(client),
                everything(),
                move |object| {
                    triggers::referring(&pooling_configs, &object, |cluster, name| {
                        let configurations = cluster.spec.configurations.as_ref();
                        configurations.is_some_and(|c| c.sg_pooling_config.as_deref() == Some(name))
                    })
                },
            )
            .reconcile_on(control_records)
            .reconcile_on(triggers::secrets(scope, client, clusters))
            .reconcile_all_on(triggers::catalogue(client.clone(), config))
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

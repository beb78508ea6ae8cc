//! Namespaces that are being deleted: remove all they hold, then let them go.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use http::Request;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, DynamicObject, ListParams};
use kube::discovery::{Discovery, Scope, verbs};
use kube::runtime::controller::Action;
use kube::runtime::{Controller, watcher};
use kube::{Api, Client, ResourceExt};
use tokio_util::sync::CancellationToken;

use super::{Error, again};

/// The finalizer in `spec.finalizers` that this controller takes away.
const FINALIZER: &str = "kubernetes";
/// How soon to look again at a namespace whose objects still end.
const RECHECK: Duration = Duration::from_millis(200);

pub(super) async fn run(client: Client, shutdown: CancellationToken) {
    let context = Arc::new(client.clone());
    Controller::new(Api::<Namespace>::all(client), watcher::Config::default())
        .graceful_shutdown_on(shutdown.cancelled_owned())
        .run(reconcile, |_, error, _| again("namespaces", error), context)
        .for_each(|_| std::future::ready(()))
        .await;
}

async fn reconcile(namespace: Arc<Namespace>, client: Arc<Client>) -> Result<Action, Error> {
    let finalizers = namespace
        .spec
        .as_ref()
        .and_then(|spec| spec.finalizers.as_ref());
    let ours = finalizers.is_some_and(|finalizers| finalizers.iter().any(|name| name == FINALIZER));
    if namespace.metadata.deletion_timestamp.is_none() || !ours {
        return Ok(Action::await_change());
    }
    if delete_contents(&client, &namespace.name_any()).await? > 0 {
        return Ok(Action::requeue(RECHECK));
    }
    finalize(&client, &namespace).await?;
    Ok(Action::await_change())
}

/// Deletes every object of the namespace; gives the number that are still there.
async fn delete_contents(client: &Client, namespace: &str) -> Result<usize, Error> {
    let mut remaining = 0;
    let discovery = Discovery::new(client.clone()).run().await?;
    for group in discovery.groups() {
        for (resource, capabilities) in group.recommended_resources() {
            let deletable = capabilities.supports_operation(verbs::DELETE)
                && capabilities.supports_operation(verbs::LIST);
            if capabilities.scope != Scope::Namespaced || !deletable {
                continue;
            }
            let api = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &resource);
            for object in api.list_metadata(&ListParams::default()).await? {
                remaining += 1;
                if object.metadata.deletion_timestamp.is_none() {
                    super::found(
                        api.delete(&object.name_any(), &DeleteParams::background())
                            .await,
                    )?;
                }
            }
        }
    }
    Ok(remaining)
}

async fn finalize(client: &Client, namespace: &Namespace) -> Result<(), Error> {
    let mut finalized = namespace.clone();
    if let Some(finalizers) = finalized
        .spec
        .as_mut()
        .and_then(|spec| spec.finalizers.as_mut())
    {
        finalizers.retain(|name| name != FINALIZER);
    }
    let path = format!("/api/v1/namespaces/{}/finalize", namespace.name_any());
    let body = serde_json::to_vec(&finalized).map_err(kube::Error::SerdeError)?;
    let request = Request::put(path)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(body)
        .map_err(kube::Error::HttpError)?;
    super::found(client.request::<Namespace>(request).await)?;
    Ok(())
}

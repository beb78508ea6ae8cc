//! Definitions that are being deleted: remove the objects of their kind, then let them go.

use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind, PartialObjectMeta};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Error, found};

/// The finalizer that this controller takes away.
const FINALIZER: &str = "customresourcecleanup.apiextensions.k8s.io";
/// How soon to look again at a kind whose objects still end.
const RECHECK: Duration = Duration::from_millis(200);
const RETRY: Duration = Duration::from_secs(1);

pub(super) async fn run(client: Client, shutdown: CancellationToken) {
    // Definitions are large; only their metadata is watched.
    let api: Api<PartialObjectMeta<CustomResourceDefinition>> = Api::all(client.clone());
    let changes = watcher(api, watcher::Config::default());
    let mut changes = Box::pin(changes.default_backoff().applied_objects());
    let ending = TaskTracker::new();
    let mut known: Vec<String> = Vec::new();
    loop {
        let change = tokio::select! {
            () = shutdown.cancelled() => return,
            change = changes.next() => change,
        };
        let Some(Ok(definition)) = change else {
            continue;
        };
        let uid = definition.uid().unwrap_or_default();
        if is_ending(&definition) && !known.contains(&uid) {
            known.push(uid);
            let (client, name) = (client.clone(), definition.name_any());
            let ended = shutdown
                .clone()
                .run_until_cancelled_owned(end(client, name));
            ending.spawn(ended);
        }
    }
}

fn is_ending(definition: &PartialObjectMeta<CustomResourceDefinition>) -> bool {
    let ours = definition.finalizers().iter().any(|name| name == FINALIZER);
    definition.metadata.deletion_timestamp.is_some() && ours
}

/// Works on one definition until it is gone.
async fn end(client: Client, name: String) {
    loop {
        match step(&client, &name).await {
            Ok(0) => return,
            Ok(_) => tokio::time::sleep(RECHECK).await,
            Err(error) => {
                super::again("definitions", &error);
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// Deletes what is left of a kind; lets the definition go when that is nothing.
async fn step(client: &Client, name: &str) -> Result<usize, Error> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let Some(definition) = found(definitions.get(name).await)? else {
        return Ok(0);
    };
    let left = delete_objects(client, &definition).await?;
    if left == 0 {
        let finalizers = definition
            .finalizers()
            .iter()
            .filter(|name| *name != FINALIZER);
        let metadata = json!({
            "resourceVersion": definition.resource_version(),
            "finalizers": finalizers.collect::<Vec<_>>(),
        });
        let patch = Patch::Merge(json!({"metadata": metadata}));
        found(
            definitions
                .patch(name, &PatchParams::default(), &patch)
                .await,
        )?;
    }
    Ok(left)
}

async fn delete_objects(
    client: &Client,
    definition: &CustomResourceDefinition,
) -> Result<usize, Error> {
    let spec = &definition.spec;
    let Some(version) = spec.versions.iter().find(|version| version.served) else {
        return Ok(0);
    };
    let kind = GroupVersionKind::gvk(&spec.group, &version.name, &spec.names.kind);
    let resource = ApiResource::from_gvk_with_plural(&kind, &spec.names.plural);
    let all: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    let objects = all.list_metadata(&ListParams::default()).await?.items;
    for object in objects
        .iter()
        .filter(|one| one.metadata.deletion_timestamp.is_none())
    {
        let api = match object.namespace() {
            Some(namespace) => Api::namespaced_with(client.clone(), &namespace, &resource),
            None => all.clone(),
        };
        found(
            api.delete(&object.name_any(), &DeleteParams::background())
                .await,
        )?;
    }
    Ok(objects.len())
}

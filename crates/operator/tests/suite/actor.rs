//! Plays the instances and the node: Pods become ready and end, the first one takes the record.

use std::time::Duration;

use howdah_api::labels;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt as _};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::suite::world::NAMESPACE;

/// Plays until it is told to stop. Whatever does not succeed is tried again.
pub(crate) async fn play(client: Client, shutdown: CancellationToken) {
    let mut beat = tokio::time::interval(Duration::from_millis(20));
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = beat.tick() => {}
        }
        let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
        let Ok(list) = pods.list(&ListParams::default()).await else {
            continue;
        };
        for pod in list.items {
            let name = pod.name_any();
            if pod.metadata.deletion_timestamp.is_some() {
                drop(
                    pods.delete(&name, &DeleteParams::default().grace_period(0))
                        .await,
                );
            } else if !is_ready(&pod) {
                drop(take_record(&client, &pod).await);
                drop(become_ready(&pods, &name).await);
            }
        }
    }
}

pub(crate) fn is_ready(pod: &Pod) -> bool {
    howdah_plan::status::is_ready(pod)
}

async fn become_ready(pods: &Api<Pod>, name: &str) -> Result<(), kube::Error> {
    let status = json!({"status": {
        "phase": "Running",
        "podIP": "127.0.0.1",
        "conditions": [{"type": "Ready", "status": "True"}],
    }});
    pods.patch_status(name, &PatchParams::default(), &Patch::Merge(status))
        .await
        .map(drop)
}

/// Only an instance that may bootstrap creates the record, as the real ones do.
async fn take_record(client: &Client, pod: &Pod) -> Result<(), kube::Error> {
    let may_bootstrap = pod.annotations().contains_key(labels::MAY_BOOTSTRAP);
    let Some(cluster) = pod
        .labels()
        .get(labels::CLUSTER_NAME)
        .filter(|_| may_bootstrap)
    else {
        return Ok(());
    };
    let mut lease = Lease::default();
    lease.metadata.name = Some(cluster.clone());
    lease
        .metadata
        .owner_references
        .clone_from(&pod.metadata.owner_references);
    lease.metadata.labels = Some(
        [labels::APP, labels::CLUSTER_NAME, labels::CLUSTER_UID]
            .into_iter()
            .filter_map(|key| Some((key.to_owned(), pod.labels().get(key)?.clone())))
            .collect(),
    );
    let index = pod
        .name_any()
        .rsplit_once('-')
        .map(|(_, index)| index.parse::<u32>().ok());
    lease.metadata.annotations =
        Some([(labels::RECORD.to_owned(), record(1, index.flatten(), 0))].into());
    let leases: Api<Lease> = Api::namespaced(client.clone(), NAMESPACE);
    leases
        .create(&PostParams::default(), &lease)
        .await
        .map(drop)
}

/// A record as instances write it: a term that serves, its primary, and how many confirm writes.
pub(crate) fn record(epoch: u64, primary: Option<u32>, acks: u32) -> String {
    json!({
        "epoch": epoch, "revision": epoch, "nonce": 1, "system": "7", "timeline": epoch,
        "holder": {"member": primary.unwrap_or(0), "boot": 5},
        "cohort": {"standbys": [], "acks": acks, "writer": 0, "timeline": epoch, "floor": null},
        "older": [], "serving": true, "released": false, "intent": null,
    })
    .to_string()
}

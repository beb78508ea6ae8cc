//! Writes a Pod's status to the API: only changes, the newest one first, and again until it is accepted.
//!
//! A task of its own, so that a slow or absent API never holds up the supervision of processes.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::watch;
use tracing::warn;

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Writes every status that comes through the channel, skipping those that are overtaken; ends with the channel.
pub(super) async fn write_all(
    api: Api<Pod>,
    pod: Pod,
    mut statuses: watch::Receiver<Option<PodStatus>>,
) {
    let mut wait = FIRST_WAIT;
    while statuses.changed().await.is_ok() {
        loop {
            let Some(status) = statuses.borrow_and_update().clone() else {
                break;
            };
            match write(&api, &pod, &status).await {
                Ok(()) => {
                    wait = FIRST_WAIT;
                    break;
                }
                Err(error) if is_gone(&error) => return,
                Err(error) => {
                    warn!(pod = %pod.name_any(), %error, "status not written");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
            }
        }
    }
}

/// Writes one status.
pub(super) async fn write(
    api: &Api<Pod>,
    pod: &Pod,
    status: &PodStatus,
) -> Result<(), kube::Error> {
    let patch = Patch::Merge(body(pod, status));
    api.patch_status(&pod.name_any(), &PatchParams::default(), &patch)
        .await
        .map(drop)
}

/// Whether the Pod that this node runs is no more, or another one has its name.
pub(super) fn is_gone(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404 || status.code == 409)
}

/// A merge patch; the uid makes it fail on another Pod of the same name.
fn body(pod: &Pod, status: &PodStatus) -> Value {
    let mut patch = json!({
        "metadata": {"uid": pod.metadata.uid},
        "status": status,
    });
    // A merge patch keeps what it does not name, so fields that the node owns and has cleared are named.
    if let Some(fields) = patch["status"].as_object_mut() {
        for name in [
            "message",
            "reason",
            "podIP",
            "podIPs",
            "initContainerStatuses",
        ] {
            fields.entry(name).or_insert(Value::Null);
        }
    }
    patch
}

//! What the Pods of a cluster look like to the selection of instances.

use howdah_plan::ValidatedCluster;
use howdah_plan::instances::{ObservedInstance, Selection};
use howdah_plan::status::has_started;
use k8s_openapi::api::core::v1::Pod;

use super::dereference::Found;

/// Chooses which Pods to create and delete now.
pub(super) fn select(found: &Found, valid: &ValidatedCluster) -> Selection {
    // A Pod of another name is none of ours, whatever its labels say.
    let observed: Vec<_> = found
        .owned
        .pods
        .iter()
        .filter_map(observe)
        .filter(|pod| *pod.name.cluster() == valid.name)
        .collect();
    howdah_plan::instances::select(
        &valid.name,
        valid.instances,
        valid.spec.pods.management_policy,
        &observed,
        found.record.primary.as_ref(),
    )
}

fn observe(pod: &Pod) -> Option<ObservedInstance> {
    Some(ObservedInstance {
        name: pod.metadata.name.as_ref()?.parse().ok()?,
        started: has_started(pod),
        terminating: pod.metadata.deletion_timestamp.is_some(),
    })
}

/// Whether a Pod has ended for good: an evicted Pod, or one of a node that was shut down, is not
/// started again by anybody.
pub(super) fn has_ended(pod: &Pod) -> bool {
    let phase = pod
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Failed" | "Succeeded"))
}

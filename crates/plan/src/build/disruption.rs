//! How many instances a drain of nodes may take away at once.

use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::metadata::{Class, object_meta, pod_identity};
use crate::names::Names;
use crate::validated::ValidatedCluster;

/// One instance at a time. The primary may be the one: it hands over while it is evicted.
///
/// A single instance gets no budget, which could only block a drain for ever; and an instance that is not ready may
/// always be evicted, for the same reason. `minAvailable` in plain numbers is what Kubernetes counts for Pods that are
/// not of one of its own controllers.
pub(super) fn budget(cluster: &ValidatedCluster) -> Option<PodDisruptionBudget> {
    let others = i32::try_from(cluster.instances)
        .unwrap_or(i32::MAX)
        .saturating_sub(1);
    (others > 0).then(|| PodDisruptionBudget {
        metadata: object_meta(cluster, Names(&cluster.name).cluster(), Class::Other),
        spec: Some(PodDisruptionBudgetSpec {
            min_available: Some(IntOrString::Int(others)),
            selector: Some(LabelSelector {
                match_labels: Some(pod_identity(cluster.name.as_str(), &cluster.uid)),
                ..LabelSelector::default()
            }),
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    })
}

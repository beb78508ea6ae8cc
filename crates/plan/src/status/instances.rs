//! The instances one by one.

use howdah_api::cluster::PodStatus;
use howdah_api::{ClusterStatus, labels};
use howdah_types::InstanceName;
use k8s_openapi::api::core::v1::Pod;
use serde::Deserialize;

use super::{Outcome, Seen};

/// The part of an instance's own report that matters here.
#[derive(Debug, Default, Deserialize)]
struct Report {
    #[serde(default)]
    pending_restart: bool,
    /// What Postgres does, in Patroni's words.
    #[serde(default)]
    state: String,
}

/// Whether the Ready condition of a Pod is true.
pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Whether an instance is ready, or its Postgres runs and the rest is up to others.
///
/// A primary that has to wait for a replica to confirm its first write, or for others to agree, never
/// becomes ready without them.
pub fn has_started(pod: &Pod) -> bool {
    is_ready(pod) || ["running", "streaming"].contains(&report(pod).state.as_str())
}

/// Whether an instance must restart: its Postgres says so, or its Pod is not as planned.
pub fn is_pending_restart(pod: &Pod, planned: Option<&Pod>) -> bool {
    let other_template = planned.is_some_and(|planned| {
        annotation(pod, labels::TEMPLATE_HASH) != annotation(planned, labels::TEMPLATE_HASH)
    });
    report(pod).pending_restart || other_template
}

fn report(pod: &Pod) -> Report {
    annotation(pod, labels::STATUS)
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// The entries of all Pods, by instance number.
pub(super) fn pod_statuses(seen: &Seen<'_>, old: &ClusterStatus) -> Vec<PodStatus> {
    let mut named: Vec<(InstanceName, &Pod)> = seen
        .pods
        .iter()
        .filter_map(|pod| Some((pod.metadata.name.as_ref()?.parse().ok()?, pod)))
        .collect();
    named.sort_by(|(a, _), (b, _)| a.cmp(b));
    named
        .into_iter()
        .map(|(name, pod)| pod_status(seen, old, &name, pod))
        .collect()
}

fn pod_status(seen: &Seen<'_>, old: &ClusterStatus, name: &InstanceName, pod: &Pod) -> PodStatus {
    let text = name.to_string();
    let before = old
        .pod_statuses
        .iter()
        .find(|status| status.name == text)
        .cloned();
    let pending = match seen.outcome {
        Outcome::Built { planned, .. } => {
            let same = |planned: &&Pod| planned.metadata.name == pod.metadata.name;
            is_pending_restart(pod, planned.iter().find(same))
        }
        // Without a plan nothing is known about the template, so what was found before stays.
        Outcome::Invalid(_) => {
            let known = before.as_ref().and_then(|status| status.pending_restart);
            known.unwrap_or(false) || is_pending_restart(pod, None)
        }
    };
    // Without a plan nothing is known about groups either.
    let group = match seen.outcome {
        Outcome::Built { cluster, .. } => i32::try_from(cluster.roles.group_of(name.index())).ok(),
        Outcome::Invalid(_) => before.as_ref().and_then(|status| status.replication_group),
    };
    PodStatus {
        name: text,
        node_name: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        replication_group: group,
        primary: Some(seen.primary == Some(name)),
        pending_restart: Some(pending),
        ..before.unwrap_or_default()
    }
}

fn annotation<'a>(pod: &'a Pod, key: &str) -> Option<&'a str> {
    pod.metadata
        .annotations
        .as_ref()?
        .get(key)
        .map(String::as_str)
}

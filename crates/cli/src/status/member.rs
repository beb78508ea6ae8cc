//! One instance, from its Pod and from what an instance says about it.

use std::collections::BTreeMap;

use howdah_api::labels;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use serde::Deserialize;
use serde_json::Value;

use super::model::Member;
use crate::names::{CONTAINER, MEMBER_STATUS, POSTGRES_PORT, ROLE};

/// Fields are loose because Patroni writes words where it has no number.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct TopologyMember {
    pub(super) name: String,
    role: String,
    state: String,
    timeline: Value,
    lag: Value,
}

/// What an instance says about itself in an annotation of its Pod.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MemberNote {
    state: String,
    timeline: Option<u64>,
    pending_restart: bool,
    pending_restart_reason: BTreeMap<String, Value>,
    ha: Value,
}

/// One instance: what the topology says wins over what the Pod says.
pub(super) fn member(pod: &Pod, told: Option<&TopologyMember>) -> Member {
    let note = note(pod);
    let container = container(pod);
    let role = told
        .map(|told| told.role.as_str())
        .or_else(|| label(pod, ROLE))
        .filter(|role| !role.is_empty())
        .map(role_word);
    let state = told
        .map(|told| told.state.clone())
        .filter(|state| !state.is_empty())
        .unwrap_or_else(|| pod_state(pod, container, &note));
    let pending_restart = note.pending_restart;
    Member {
        name: name_of(pod).to_owned(),
        role,
        state,
        timeline: told
            .and_then(|told| number(&told.timeline))
            .or(note.timeline),
        lag_bytes: told.and_then(|told| number(&told.lag)),
        address: address(pod).map(|ip| format!("{ip}:{POSTGRES_PORT}")),
        ready: is_ready(pod),
        restarts: container.map_or(0, |status| {
            u32::try_from(status.restart_count).unwrap_or_default()
        }),
        pending_restart,
        pending_parameters: note.pending_restart_reason.into_keys().collect(),
        tags: TAGS
            .into_iter()
            .filter(|(_, key)| label(pod, key) == Some("true"))
            .map(|(tag, _)| tag)
            .collect(),
        phase: note.ha["phase"].as_str().map(str::to_lowercase),
        epoch: number(&note.ha["epoch"]),
    }
}

/// What an instance can be kept out of, by the labels of its Pod.
const TAGS: [(&str, &str); 3] = [
    ("nofailover", labels::NO_FAILOVER),
    ("noloadbalance", labels::NO_LOAD_BALANCE),
    ("nosync", labels::NO_SYNC),
];

/// Patroni says `leader` and once said `master`; we say primary.
fn role_word(role: &str) -> String {
    match role {
        "leader" | "master" | "primary" => "primary",
        other => other,
    }
    .to_owned()
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64()
}

fn note(pod: &Pod) -> MemberNote {
    let annotations = pod.metadata.annotations.as_ref();
    annotations
        .and_then(|annotations| annotations.get(MEMBER_STATUS))
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// The state as far as the API knows it.
fn pod_state(pod: &Pod, container: Option<&ContainerStatus>, note: &MemberNote) -> String {
    if pod.metadata.deletion_timestamp.is_some() {
        return "stopping".to_owned();
    }
    let state = container.and_then(|container| container.state.as_ref());
    if let Some(waiting) = state.and_then(|state| state.waiting.as_ref()) {
        return waiting.reason.clone().unwrap_or("waiting".to_owned());
    }
    if let Some(ended) = state.and_then(|state| state.terminated.as_ref()) {
        return format!("ended with exit code {}", ended.exit_code);
    }
    if !note.state.is_empty() {
        return note.state.clone();
    }
    let status = pod.status.as_ref();
    let phase = status.and_then(|status| status.phase.as_deref());
    phase.unwrap_or("unknown").to_lowercase()
}

fn container(pod: &Pod) -> Option<&ContainerStatus> {
    let statuses = pod.status.as_ref()?.container_statuses.as_deref()?;
    statuses.iter().find(|status| status.name == CONTAINER)
}

fn label<'a>(pod: &'a Pod, key: &str) -> Option<&'a str> {
    let labels = pod.metadata.labels.as_ref()?;
    labels.get(key).map(String::as_str)
}

pub(super) fn name_of(pod: &Pod) -> &str {
    pod.metadata.name.as_deref().unwrap_or_default()
}

pub(super) fn address(pod: &Pod) -> Option<&str> {
    pod.status.as_ref()?.pod_ip.as_deref()
}

/// Whether the Pod passes its readiness probe.
pub(crate) fn is_ready(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_deref());
    conditions
        .unwrap_or_default()
        .iter()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn words_of_patroni_in_place_of_numbers_are_no_numbers() {
        assert_eq!(number(&json!("unknown")), None);
        assert_eq!(number(&json!(16_777_216)), Some(16_777_216));
    }
}

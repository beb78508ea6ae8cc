//! The conditions that the operator owns, beside those of others.

use howdah_api::cluster::PodStatus;
use howdah_api::conditions::cluster as types;
use howdah_api::conditions::{FALSE, TRUE, find};
use howdah_api::{ClusterStatus, Condition};

use super::{Outcome, Seen, is_ready};
use crate::Invalid;

/// Our conditions with their new state; a condition that did not change keeps its time.
pub(super) fn conditions(
    seen: &Seen<'_>,
    old: &ClusterStatus,
    pods: &[PodStatus],
) -> Vec<Condition> {
    let ours = [
        bootstrapped(seen, old),
        pending_restart(pods),
        failed(seen),
        not_acted_on(seen),
    ];
    let mut conditions = old.conditions.clone();
    for mut condition in ours {
        let same_type = |other: &&mut Condition| other.type_ == condition.type_;
        match conditions.iter_mut().find(same_type) {
            Some(before) => {
                condition.last_transition_time = if before.status == condition.status {
                    before.last_transition_time.clone()
                } else {
                    Some(seen.now.to_owned())
                };
                *before = condition;
            }
            None => {
                condition.last_transition_time = Some(seen.now.to_owned());
                conditions.push(condition);
            }
        }
    }
    conditions
}

/// Once true it stays: it tells of an event, not of the present.
fn bootstrapped(seen: &Seen<'_>, old: &ClusterStatus) -> Condition {
    if let Some(before) = find(&old.conditions, types::BOOTSTRAPPED).filter(|c| c.is_true()) {
        return before.clone();
    }
    let primary = seen.primary.map(ToString::to_string);
    let answers = seen
        .pods
        .iter()
        .any(|pod| primary.is_some() && pod.metadata.name == primary && is_ready(pod));
    if seen.initialised && answers {
        yes(types::BOOTSTRAPPED, types::CLUSTER_BOOTSTRAPPED, None)
    } else {
        no(types::BOOTSTRAPPED, types::CLUSTER_NOT_BOOTSTRAPPED)
    }
}

fn pending_restart(pods: &[PodStatus]) -> Condition {
    let waiting: Vec<_> = pods
        .iter()
        .filter(|pod| pod.pending_restart == Some(true))
        .map(|pod| pod.name.as_str())
        .collect();
    if waiting.is_empty() {
        return no(types::PENDING_RESTART, types::FALSE_PENDING_RESTART);
    }
    let message = format!(
        "a restart is needed for changes to take effect: {}",
        waiting.join(", ")
    );
    yes(
        types::PENDING_RESTART,
        types::POD_REQUIRES_RESTART,
        Some(message),
    )
}

fn failed(seen: &Seen<'_>) -> Condition {
    match seen.outcome {
        Outcome::Built { .. } => no(types::FAILED, types::FALSE_FAILED),
        Outcome::Invalid(problems) => {
            let messages: Vec<_> = problems.iter().map(Invalid::sentence).collect();
            let message = messages.join("; ");
            yes(types::FAILED, types::CLUSTER_CONFIG_FAILED, Some(message))
        }
    }
}

fn not_acted_on(seen: &Seen<'_>) -> Condition {
    if seen.not_acted_on.is_empty() {
        return no(types::FIELDS_NOT_ACTED_ON, types::FALSE_FIELDS_NOT_ACTED_ON);
    }
    let message = format!("set without effect: {}", seen.not_acted_on.join(", "));
    yes(types::FIELDS_NOT_ACTED_ON, types::FIELDS_SET, Some(message))
}

fn yes(type_: &str, reason: &str, message: Option<String>) -> Condition {
    Condition {
        type_: type_.to_owned(),
        status: TRUE.to_owned(),
        reason: Some(reason.to_owned()),
        message,
        last_transition_time: None,
    }
}

fn no(type_: &str, reason: &str) -> Condition {
    Condition {
        status: FALSE.to_owned(),
        ..yes(type_, reason, None)
    }
}

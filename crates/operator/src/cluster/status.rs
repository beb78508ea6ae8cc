//! Step 5: writes the status and tells people what changed.
//!
//! The status is part of the main object, where others write too, so only the keys that differ are
//! patched, and only if nobody wrote in between.

use howdah_api::conditions::{cluster as types, events, find};
use howdah_api::{ClusterStatus, SGCluster};
use howdah_plan::invalid::Reason;
use howdah_plan::status::{Outcome, Seen, status};
use howdah_plan::unacted::unacted;
use howdah_plan::{Invalid, ValidatedCluster};
use jiff::Timestamp;
use kube::{Resource as _, ResourceExt as _};
use serde_json::{Map, Value, json};
use tracing::{info, warn};

use super::Error;
use super::apply::Applied;
use super::dereference::Found;
use super::ensure::patched;
use super::error::{Chain, Class};
use crate::context::Context;
use crate::events::{Happening, Severity};

/// After a pass that applied everything.
pub(super) async fn write(
    context: &Context,
    found: &Found,
    valid: &ValidatedCluster,
    applied: &Applied,
    created: bool,
) -> Result<(), Error> {
    let now = Timestamp::now().to_string();
    let new = status(Seen {
        outcome: Outcome::Built {
            cluster: valid,
            planned: &applied.planned,
        },
        pods: &applied.pods,
        not_acted_on: &valid.not_acted_on,
        ..seen(found, &now)
    });
    store(context, found, &new).await?;
    let mut happenings = Vec::new();
    if created {
        happenings.push(normal(
            events::CLUSTER_CREATED,
            "the cluster's objects were created",
        ));
    } else if applied.updated {
        happenings.push(normal(
            events::CLUSTER_UPDATED,
            "the cluster's objects were updated",
        ));
    }
    happenings.extend(without_effect(found, &new));
    publish(context, found, happenings).await;
    Ok(())
}

/// After a pass that found the cluster invalid.
pub(super) async fn write_invalid(
    context: &Context,
    found: &Found,
    problems: &[Invalid],
) -> Result<(), Error> {
    let now = Timestamp::now().to_string();
    let not_acted_on = unacted(&found.cluster.spec);
    let new = status(Seen {
        outcome: Outcome::Invalid(problems),
        not_acted_on: &not_acted_on,
        ..seen(found, &now)
    });
    store(context, found, &new).await?;
    let mut happenings = failures(found, &new, problems);
    happenings.extend(without_effect(found, &new));
    publish(context, found, happenings).await;
    Ok(())
}

/// After a pass in which the server refused something that was planned.
pub(super) async fn write_refused(
    context: &Context,
    found: &Found,
    error: &Error,
) -> Result<(), Error> {
    match error.refusal_message() {
        Some(message) if error.class() == Class::Invalid => {
            write_invalid(context, found, &[Invalid::config("", message)]).await
        }
        _ => Ok(()),
    }
}

fn seen<'a>(found: &'a Found, now: &'a str) -> Seen<'a> {
    Seen {
        cluster: &found.cluster,
        outcome: Outcome::Invalid(&[]),
        pods: &found.owned.pods,
        primary: found.record.primary.as_ref(),
        initialised: found.record.initialised,
        not_acted_on: &[],
        platform: (std::env::consts::ARCH, std::env::consts::OS),
        now,
    }
}

/// Patches the keys that differ.
async fn store(context: &Context, found: &Found, new: &ClusterStatus) -> Result<(), Error> {
    let old = found.cluster.status.clone().unwrap_or_default();
    let changed = changed_keys(&old, new);
    if changed.is_empty() {
        return Ok(());
    }
    let patch = json!({
        "metadata": {"resourceVersion": found.cluster.resource_version()},
        "status": changed,
    });
    let name = found.cluster.name_any();
    patched::<SGCluster>(context, &found.namespace, &name, patch).await?;
    for condition in &new.conditions {
        let before = find(&old.conditions, &condition.type_);
        if before.is_none_or(|before| before.status != condition.status) {
            info!(
                condition = condition.type_,
                status = condition.status,
                "condition changed"
            );
        }
    }
    Ok(())
}

/// The top-level keys with another value; null for those that are gone.
fn changed_keys(old: &ClusterStatus, new: &ClusterStatus) -> Map<String, Value> {
    let (old, new) = (object(old), object(new));
    let gone = old.keys().filter(|key| !new.contains_key(*key));
    let mut changed: Map<_, _> = gone.map(|key| (key.clone(), Value::Null)).collect();
    changed.extend(
        new.into_iter()
            .filter(|(key, value)| old.get(key) != Some(value)),
    );
    changed
}

fn object(status: &ClusterStatus) -> Map<String, Value> {
    match serde_json::to_value(status) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

/// One Event for each problem, when the problems are other ones than before.
fn failures(found: &Found, new: &ClusterStatus, problems: &[Invalid]) -> Vec<Happening> {
    if !is_news(found, new, types::FAILED) {
        return Vec::new();
    }
    let warning = |problem: &Invalid| Happening {
        severity: Severity::Warning,
        reason: match problem.reason {
            Reason::ClusterConfigFailed | Reason::Reserved => events::CLUSTER_CONFIG_FAILED,
            Reason::ClusterMajorUpgrade => events::CLUSTER_MAJOR_UPGRADE,
        },
        message: problem.sentence(),
    };
    problems.iter().map(warning).collect()
}

fn without_effect(found: &Found, new: &ClusterStatus) -> Option<Happening> {
    if !is_news(found, new, types::FIELDS_NOT_ACTED_ON) {
        return None;
    }
    let message = find(&new.conditions, types::FIELDS_NOT_ACTED_ON)?
        .message
        .clone()?;
    Some(Happening {
        severity: Severity::Warning,
        reason: events::FIELD_NOT_ACTED_ON,
        message,
    })
}

/// Whether a condition is true and was not, or not with this message.
fn is_news(found: &Found, new: &ClusterStatus, type_: &str) -> bool {
    let now = find(&new.conditions, type_);
    let old = found
        .cluster
        .status
        .as_ref()
        .map_or(&[][..], |status| &status.conditions);
    let before = find(old, type_).filter(|condition| condition.is_true());
    now.is_some_and(|now| {
        now.is_true() && before.is_none_or(|before| before.message != now.message)
    })
}

fn normal(reason: &'static str, message: &str) -> Happening {
    Happening {
        severity: Severity::Normal,
        reason,
        message: message.to_owned(),
    }
}

/// An Event that cannot be published is no reason to repeat the pass.
async fn publish(context: &Context, found: &Found, happenings: Vec<Happening>) {
    let about = found.cluster.object_ref(&());
    for happening in happenings {
        if let Err(error) = context.recorder.publish(&happening, &about).await {
            warn!(error = %Chain(&error), reason = happening.reason, "event not published");
        }
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn only_keys_that_differ_are_patched() {
        let old = ClusterStatus {
            postgres_version: Some("18.6".to_owned()),
            instances: Some(1),
            label_prefix: Some("x".to_owned()),
            ..ClusterStatus::default()
        };
        let new = ClusterStatus {
            postgres_version: Some("18.6".to_owned()),
            instances: Some(2),
            ..ClusterStatus::default()
        };
        assert_eq!(
            Value::Object(changed_keys(&old, &new)),
            json!({"instances": 2, "labelPrefix": null})
        );
        assert!(changed_keys(&new, &new).is_empty());
    }
}

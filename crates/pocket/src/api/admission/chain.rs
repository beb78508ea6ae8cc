//! The order in which webhooks are asked, and what their answers lead to.

use std::sync::Arc;

use futures::future::join_all;
use serde_json::Value;

use super::attempt::{Attempt, Finish};
use super::review::{self, Answer};
use super::webhook::Webhook;
use super::{client, condition, patch, rules};
use crate::api::body;
use crate::api::object;
use crate::api::resource::Resource;
use crate::api::status::Failure;

/// The objects that a webhook is shown.
#[derive(Clone, Copy)]
struct Shown<'a> {
    object: Option<&'a Value>,
    old: Option<&'a Value>,
}

/// Asks one after the other; those that want to are asked once more after later changes.
pub(super) async fn mutate(
    attempt: &Attempt<'_>,
    webhooks: &[Webhook],
    object: Option<&Value>,
    old: Option<&Value>,
    finish: &impl Finish,
) -> Result<Option<Value>, Failure> {
    let mut object = object.cloned();
    let mut changed = false;
    // Which have been asked and care about changes, and which of them saw one.
    let mut asked = vec![false; webhooks.len()];
    let mut due = vec![false; webhooks.len()];
    for round in 0..2 {
        for (at, webhook) in webhooks.iter().enumerate() {
            if round == 1 && !due[at] {
                continue;
            }
            let shown = Shown {
                object: object.as_ref(),
                old,
            };
            let Some((answer, seen)) = ask(attempt, webhook, true, shown).await? else {
                continue;
            };
            if let Some(patched) = patched(attempt, webhook, &answer, &seen, shown, finish)? {
                object = Some(patched);
                changed = true;
                if round == 0 {
                    due.clone_from(&asked);
                }
            }
            asked[at] = webhook.again;
        }
    }
    Ok(object.filter(|_| changed))
}

/// Asks all at the same time; the first refusal in their order decides.
pub(super) async fn validate(
    attempt: &Attempt<'_>,
    webhooks: &[Webhook],
    object: Option<&Value>,
    old: Option<&Value>,
) -> Result<(), Failure> {
    let shown = Shown { object, old };
    let answers = webhooks
        .iter()
        .map(|webhook| ask(attempt, webhook, false, shown));
    let answers = join_all(answers).await;
    answers.into_iter().try_for_each(|answer| answer.map(drop))
}

/// The answer of a webhook that is asked and allows it, and the version it was shown.
async fn ask(
    attempt: &Attempt<'_>,
    webhook: &Webhook,
    mutating: bool,
    shown: Shown<'_>,
) -> Result<Option<(Answer, Arc<Resource>)>, Failure> {
    let registry = attempt.server.registry();
    let Some(seen) = rules::matched(webhook, attempt, &registry) else {
        return Ok(None);
    };
    if !selected(attempt, webhook, shown) {
        return Ok(None);
    }
    let uid = uuid::Uuid::new_v4().to_string();
    let mut request = review::request(attempt, &seen, &uid);
    let face = |object: Option<&Value>| object.map(|object| in_version(attempt, object, &seen));
    let (object, old) = (face(shown.object), face(shown.old));
    let conditions = condition::all(&webhook.conditions, &request, object.as_ref(), old.as_ref());
    match conditions {
        Ok(true) => {}
        Ok(false) => return Ok(None),
        Err(error) if webhook.ignore => {
            tracing::warn!(webhook = %webhook.name, %error, "match condition failed, webhook skipped");
            return Ok(None);
        }
        Err(error) => {
            let resource = attempt.resource;
            return Err(Failure::forbidden(
                &resource.plural,
                &resource.group,
                attempt.name,
                &error,
            ));
        }
    }
    if attempt.dry_run && !webhook.dry_runs {
        return Err(Failure::bad_request(format!(
            "admission webhook {:?} does not support dry run",
            webhook.name
        )));
    }
    request["object"] = object.unwrap_or_default();
    request["oldObject"] = old.unwrap_or_default();
    let called = call(attempt, webhook, mutating, request, &uid).await;
    let answer = match called {
        Ok(answer) => answer,
        Err(error) if webhook.ignore => {
            tracing::warn!(webhook = %webhook.name, %error, "webhook failed and is ignored");
            return Ok(None);
        }
        Err(error) => return Err(review::failed(&webhook.name, &error)),
    };
    attempt.warnings.lock().extend(answer.warnings.clone());
    if answer.allowed {
        Ok(Some((answer, seen)))
    } else {
        Err(review::denied(&webhook.name, &answer.result))
    }
}

async fn call(
    attempt: &Attempt<'_>,
    webhook: &Webhook,
    mutating: bool,
    request: Value,
    uid: &str,
) -> Result<Answer, String> {
    if !webhook.speaks_v1 {
        return Err("webhook does not accept known AdmissionReview versions (v1)".into());
    }
    let review = review::review(request);
    let store = attempt.server.store();
    let answer = client::post(store, webhook, &review, attempt.deadline).await;
    let answer = answer.map_err(|error| format!("failed to call webhook: {error}"))?;
    Answer::parse(&answer, uid, mutating)
        .map_err(|error| format!("received invalid webhook response: {error}"))
}

fn selected(attempt: &Attempt<'_>, webhook: &Webhook, shown: Shown<'_>) -> bool {
    let by_object = webhook.objects.is_empty()
        || [shown.object, shown.old].into_iter().flatten().any(|one| {
            let labels = object::at(one, &["metadata", "labels"]);
            one["metadata"].is_object() && webhook.objects.hold_for(labels)
        });
    by_object
        && (webhook.namespaces.is_empty()
            || attempt
                .namespace_labels(shown.object)
                .is_none_or(|labels| webhook.namespaces.hold_for(&labels)))
}

/// Only whole objects have other versions; what subresources take does not.
fn in_version(attempt: &Attempt<'_>, object: &Value, seen: &Resource) -> Value {
    if attempt.kind.is_some() || seen.api_version() == attempt.resource.api_version() {
        return object.clone();
    }
    attempt.convert(object, seen)
}

/// The object as the webhook wants it, when that is another than before.
fn patched(
    attempt: &Attempt<'_>,
    webhook: &Webhook,
    answer: &Answer,
    seen: &Resource,
    shown: Shown<'_>,
    finish: &impl Finish,
) -> Result<Option<Value>, Failure> {
    if answer.patch.is_empty() {
        return Ok(None);
    }
    if answer.patch_type != "JSONPatch" {
        let reason = format!("unsupported patch type {:?}", answer.patch_type);
        return match webhook.ignore {
            true => Ok(None),
            false => Err(review::failed(&webhook.name, &reason)),
        };
    }
    let operations = patch::parse(&answer.patch).map_err(|error| review::broken(&error))?;
    if operations.0.is_empty() {
        return Ok(None);
    }
    let Some(object) = shown.object else {
        return Err(review::broken(&format!(
            "admission webhook {:?} attempted to modify the object, which is not supported for \
             this operation",
            webhook.name
        )));
    };
    let before = in_version(attempt, object, seen);
    let mut after = before.clone();
    patch::apply(&mut after, operations).map_err(|error| review::broken(&error))?;
    check(&before, &after)?;
    if after == before {
        return Ok(None);
    }
    let after = match seen.api_version() == attempt.resource.api_version() {
        false if attempt.kind.is_none() => attempt.convert_back(&after, seen),
        _ => after,
    };
    let after = finish(after)?;
    Ok((after != *object).then_some(after))
}

/// Patches can copy and nest: what comes out is held to the limits of what clients may send.
fn check(before: &Value, after: &Value) -> Result<(), Failure> {
    if !after.is_object() {
        return Err(review::broken("the patched object is no object"));
    }
    body::check_depth(after)?;
    if after.to_string().len() > body::LIMIT {
        return Err(Failure::too_large(body::LIMIT));
    }
    for field in ["apiVersion", "kind"] {
        if before[field] != after[field] {
            return Err(review::broken(&format!(
                "the webhook changed {field} from {} to {}",
                before[field], after[field]
            )));
        }
    }
    Ok(())
}

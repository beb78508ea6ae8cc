//! Patches: merge, JSON, strategic, and server-side apply.

use axum::body::Body;
use axum::response::Response;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use super::call::{Call, Current};
use super::{admit, create, last_applied, present, update, write};
use crate::api::fields::{self, Conflict};
use crate::api::status::{Cause, Failure};
use crate::api::{body, kinds, object};

const JSON: &str = "application/json-patch+json";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

/// Answers a PATCH.
pub(super) async fn patch(call: &Call<'_>, request: Request<Body>) -> Result<Response, Failure> {
    let (parts, sent) = request.into_parts();
    let custom = call.resource.custom().is_some();
    let kind = body::media_type(&parts.headers).to_owned();
    let accepted: &[&str] = if custom {
        &[JSON, MERGE, APPLY]
    } else {
        &[JSON, MERGE, STRATEGIC, APPLY]
    };
    if !accepted.contains(&kind.as_str()) {
        return Err(Failure::unsupported_media(&accepted.join(", ")));
    }
    let sent = body::read(sent).await?;
    if kind == APPLY {
        return apply(call, &sent).await;
    }
    let patch = body::plain_json(&sent)?;
    let operations = match kind.as_str() {
        JSON => Some(operations(&patch)?),
        _ => None,
    };
    // The precondition of a merge patch is the revision it carries.
    let expected = if operations.is_none() {
        update::expected(&patch)?
    } else {
        None
    };
    let stored = update::change(call, expected, |current| {
        let live = face(call, current)?;
        let mut value = match &operations {
            Some(operations) => json_patch(&live, operations)?,
            None if kind == MERGE => merge_patch(&live, &patch),
            None => kinds::strategic_merge(&call.resource, &live, &patch)?,
        };
        check_revision(call, current, &value)?;
        value = body::right_kind(value, &call.resource)?;
        update::check_name(call, &mut value)?;
        write::normalise(call, &mut value)?;
        Ok(value)
    })
    .await?;
    present::one(call, StatusCode::OK, &stored)
}

/// The current object as the client sees it, kind and version included.
fn face(call: &Call<'_>, current: &Current) -> Result<Value, Failure> {
    present::value(&call.resource, current.object.to_string().as_bytes())
}

/// A JSON patch may set the revision too; then it must be the current one.
fn check_revision(call: &Call<'_>, current: &Current, value: &Value) -> Result<(), Failure> {
    match update::expected(value)? {
        Some(at) if at != current.revision => {
            Err(Failure::conflict(&call.resource, call.name()).finally())
        }
        _ => Ok(()),
    }
}

fn operations(patch: &Value) -> Result<json_patch::Patch, Failure> {
    const MOST: usize = 10_000;
    let bad =
        |error: serde_json::Error| Failure::bad_request(format!("error decoding patch: {error}"));
    let operations: json_patch::Patch = serde::Deserialize::deserialize(patch).map_err(bad)?;
    if operations.0.len() > MOST {
        let message = format!(
            "The allowed maximum operations in a JSON patch is {MOST}, got {}",
            operations.0.len()
        );
        return Err(Failure::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            message,
        ));
    }
    Ok(operations)
}

fn json_patch(live: &Value, operations: &json_patch::Patch) -> Result<Value, Failure> {
    let mut value = live.clone();
    json_patch::patch(&mut value, operations).map_err(|_| {
        let message = "the server rejected our request due to an error in our request";
        let mut failure = Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message);
        failure.details = Some(serde_json::Map::new());
        failure
    })?;
    // Copies can grow a value beyond what any body could hold.
    if value.to_string().len() > body::LIMIT {
        return Err(Failure::too_large(body::LIMIT));
    }
    body::check_depth(&value)?;
    Ok(value)
}

/// RFC 7386.
fn merge_patch(live: &Value, patch: &Value) -> Value {
    let Value::Object(changes) = patch else {
        return patch.clone();
    };
    let mut merged = live.as_object().cloned().unwrap_or_default();
    for (name, change) in changes {
        if change.is_null() {
            merged.remove(name);
        } else {
            let before = merged.get(name).unwrap_or(&Value::Null);
            let value = merge_patch(before, change);
            merged.insert(name.clone(), value);
        }
    }
    Value::Object(merged)
}

async fn apply(call: &Call<'_>, sent: &[u8]) -> Result<Response, Failure> {
    if call.options.field_manager.is_empty() {
        let cause = Cause::required("fieldManager", "is required for apply patch");
        return Err(Failure::invalid_kind(
            "meta.k8s.io",
            "PatchOptions",
            "",
            vec![cause],
        ));
    }
    let mut applied = body::right_kind(body::yaml(sent)?, &call.resource)?;
    update::check_name(call, &mut applied)?;
    if !object::list(&applied, &["metadata", "managedFields"]).is_empty() {
        return Err(Failure::bad_request("metadata.managedFields must be nil"));
    }
    object::metadata_mut(&mut applied).remove("managedFields");
    let last = last_applied::text(call, &applied);
    write::prune(call, &mut applied)?;
    write::strip_kind(call, &mut applied);
    let expected = update::expected(&applied)?;
    for field in ["resourceVersion", "creationTimestamp", "generation"] {
        object::metadata_mut(&mut applied).remove(field);
    }
    if call.store().get(&call.key(call.name())).is_none() {
        if expected.is_some() || !call.route.subresource.is_empty() {
            return Err(Failure::not_found(&call.resource, call.name()));
        }
        match create_applied(call, &applied).await {
            // Somebody else created it meanwhile; then it is an update.
            Err(failure) if failure.reason == "AlreadyExists" => {}
            done => return present::one(call, StatusCode::CREATED, &done?),
        }
    }
    let stored = update::change(call, expected, |current| {
        let mut value = laid_over(call, &current.object, &applied)?;
        last_applied::refresh(&mut value, last.as_deref());
        write::complete(call, &mut value)?;
        Ok(value)
    })
    .await?;
    present::one(call, StatusCode::OK, &stored)
}

async fn create_applied(call: &Call<'_>, applied: &Value) -> Result<Vec<u8>, Failure> {
    let mut value = applied.clone();
    create::place(call, &mut value)?;
    object::metadata_mut(&mut value).insert("name".into(), call.name().into());
    create::wipe(call, &mut value);
    let mut value = laid_over(call, &json!({"metadata": {}}), &value)?;
    write::complete(call, &mut value)?;
    let value = admit::new(call, value).await?;
    create::insert(call, value).await
}

fn laid_over(call: &Call<'_>, live: &Value, applied: &Value) -> Result<Value, Failure> {
    let (time, api_version) = (call.timestamp(), call.resource.api_version());
    let writer = call.writer(&time, &api_version);
    fields::apply(&call.resource, live, applied, &writer, call.options.force)
        .map_err(|conflict| conflicted(&conflict))
}

fn conflicted(Conflict(causes): &Conflict) -> Failure {
    let count = causes.len();
    let list = match causes.as_slice() {
        [one] => format!("{}: {}", one.message, one.field),
        many => {
            let lines = many
                .iter()
                .map(|cause| format!("\n- {}: {}", cause.message, cause.field));
            format!("conflicts:{}", lines.collect::<String>())
        }
    };
    let plural = if count == 1 { "" } else { "s" };
    let list = if count == 1 {
        list
    } else {
        list.replacen("conflicts:", "", 1)
    };
    let message = format!("Apply failed with {count} conflict{plural}: {list}");
    Failure::new(StatusCode::CONFLICT, "Conflict", message)
        .with_causes(causes.clone())
        .finally()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merge_patches_remove_with_null_and_replace_lists() {
        let live = json!({"a": {"b": 1, "c": [1, 2]}, "d": 1});
        let patch = json!({"a": {"b": null, "c": [3]}, "d": {"e": {"f": null}}});
        assert_eq!(
            merge_patch(&live, &patch),
            json!({"a": {"c": [3]}, "d": {"e": {}}})
        );
    }
}

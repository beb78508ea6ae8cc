//! Patches: merge, JSON, strategic, and server-side apply.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::response::Response;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use super::call::{Call, Current};
use super::odd::Odd;
use super::{admit, create, last_applied, present, update, write};
use crate::api::body::{self, Doubles};
use crate::api::fields::{self, Conflict};
use crate::api::status::{Cause, Failure};
use crate::api::{kinds, object, options, patches};
use crate::schema;

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
    if call.options.get("force").is_some() {
        let cause = Cause::forbidden("force", "may not be specified for non-apply patch");
        options::refuse("PatchOptions", vec![cause])?;
    }
    let (patch, doubles) = body::plain_json(&sent)?;
    let operations = match kind.as_str() {
        JSON => Some(patches::operations(&patch)?),
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
            Some(operations) => patches::json(&live, operations)?,
            None if kind == MERGE => patches::merge(&live, &patch),
            None => kinds::strategic_merge(&call.resource, &live, &patch)?,
        };
        check_revision(call, current, &value)?;
        let whole = value.clone();
        let undecoded = |failure: Failure| odd_patch(&whole.to_string(), &failure.message);
        value = body::right_kind(value, &call.resource).map_err(undecoded)?;
        update::check_name(call, &mut value)?;
        let unknown = write::prune(call, &mut value).map_err(undecoded)?;
        let of_patch = match kind.as_str() {
            JSON => Odd::new(&doubles, patches::unknown_members(&patch)).in_operations(),
            _ => Odd::new(&doubles, Vec::new()),
        };
        let odd = of_patch.and(Odd::new(&Doubles::default(), unknown));
        odd.judge(call, |problems| match kind.as_str() {
            STRATEGIC => odd_patch(&schema::plain(&patch), problems),
            _ => odd_patch(&whole.to_string(), problems),
        })?;
        write::strip_kind(call, &mut value);
        write::complete(call, &mut value)?;
        Ok(value)
    })
    .await?;
    present::one(call, StatusCode::OK, &stored)
}

/// How a patch that gives fields twice or unknown ones is refused; of which object it does not say.
fn odd_patch(shown: &str, problems: &str) -> Failure {
    let cause = Cause {
        reason: "FieldValueInvalid",
        message: format!("Invalid value: {}: {problems}", schema::quote(shown)),
        field: "patch".into(),
    };
    Failure::invalid_kind("", "", "", vec![cause])
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

async fn apply(call: &Call<'_>, sent: &[u8]) -> Result<Response, Failure> {
    if call.options.field_manager.is_empty() {
        let cause = Cause::required("fieldManager", "is required for apply patch");
        options::refuse("PatchOptions", vec![cause])?;
    }
    let (applied, doubles) = body::lined(sent)?;
    check_kind(call, &applied)?;
    let mut applied = body::right_kind(applied, &call.resource)?;
    update::check_name(call, &mut applied)?;
    if !object::list(&applied, &["metadata", "managedFields"]).is_empty() {
        return Err(Failure::bad_request("metadata.managedFields must be nil"));
    }
    object::metadata_mut(&mut applied).remove("managedFields");
    let last = last_applied::text(call, &applied);
    check_fields(call, &mut applied, &doubles)?;
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

/// An applied object says what it is.
fn check_kind(call: &Call<'_>, applied: &Value) -> Result<(), Failure> {
    let version = object::text(applied, &["apiVersion"]);
    let kind = object::text(applied, &["kind"]);
    if version == call.resource.api_version() && kind == call.resource.kind {
        return Ok(());
    }
    let (group, version) = version.rsplit_once('/').unwrap_or(("", version));
    Err(Failure::bad_request(format!(
        "invalid object type: {group}/{version}, Kind={kind}"
    )))
}

/// What nobody declared cannot be merged, nor can lists whose elements cannot be told apart. Of
/// built-in kinds a client may know more than we do.
fn check_fields(call: &Call<'_>, applied: &mut Value, doubles: &Doubles) -> Result<(), Failure> {
    let unknown = write::prune(call, applied)?;
    let mut problems = Vec::new();
    if call.resource.custom().is_some() {
        let undeclared = |path: &String| format!(".{path}: field not declared in schema");
        problems.extend(unknown.iter().map(undeclared));
    }
    problems.extend(fields::problems(&call.resource, applied));
    if !problems.is_empty() {
        return Err(not_typed(call, &problems));
    }
    let cannot = |problems: &str| Failure::bad_request(problems.to_owned());
    Odd::new(doubles, Vec::new()).judge(call, |problems| {
        let problems = problems.trim_start_matches("strict decoding error: ");
        cannot(&format!(
            "error strict decoding YAML: error converting YAML to JSON: {problems}"
        ))
    })?;
    Odd::new(&Doubles::default(), unknown).judge(call, |problems| {
        let (kind, version) = (&call.resource.kind, &call.resource.version);
        cannot(&format!(
            "{kind} in version \"{version}\" cannot be handled as a {kind}: {problems}"
        ))
    })
}

fn not_typed(call: &Call<'_>, problems: &[String]) -> Failure {
    let problems = match problems {
        [only] => only.clone(),
        many => format!("errors:\n  {}", many.join("\n  ")),
    };
    let message = format!(
        "failed to create typed patch object ({}/{}; {}, Kind={}): {problems}",
        call.namespace(),
        call.name(),
        call.resource.api_version(),
        call.resource.kind
    );
    Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "", message)
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
    let message = match causes.as_slice() {
        [one] => format!(
            "Apply failed with 1 conflict: {}: {}",
            one.message, one.field
        ),
        many => {
            let mut fields: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            for cause in many {
                fields.entry(&cause.message).or_default().push(&cause.field);
            }
            let told = fields.into_iter().map(|(with, fields)| {
                let with = with.replacen("conflict", "conflicts", 1);
                format!("{with}:\n- {}", fields.join("\n- "))
            });
            let told = told.collect::<Vec<_>>().join("\n");
            format!("Apply failed with {} conflicts: {told}", many.len())
        }
    };
    Failure::new(StatusCode::CONFLICT, "Conflict", message)
        .with_causes(causes.clone())
        .finally()
}

//! Replacing objects, and the loop that all changes of existing objects go through.

use axum::body::Body;
use axum::response::Response;
use http::{Request, StatusCode};
use serde_json::Value;

use super::call::{Call, Current};
use super::{admit, create, present, write};
use crate::api::status::Failure;
use crate::api::{body, crd, kinds, object};
use crate::store::Write;

/// Other writers can come in between this often before an update gives up.
const TRIES: usize = 16;

/// Answers a PUT.
pub(super) async fn put(call: &Call<'_>, request: Request<Body>) -> Result<Response, Failure> {
    let (parts, sent) = request.into_parts();
    let sent = body::read(sent).await?;
    let (mut value, doubles) = body::object(&parts.headers, &sent, &call.resource)?;
    check_named(call, &value)?;
    check_name(call, &mut value)?;
    write::normalise(call, &mut value, &doubles)?;
    let expected = expected(&value)?;
    let stored = change(call, expected, |_| Ok(value.clone())).await?;
    present::one(call, StatusCode::OK, &stored)
}

/// The revision an update is based on, if it says so.
pub(super) fn expected(value: &Value) -> Result<Option<u64>, Failure> {
    super::read::revision(object::meta(value, "resourceVersion"))
}

/// A whole object has its name; the URL's alone could be a mistake.
pub(super) fn check_named(call: &Call<'_>, value: &Value) -> Result<(), Failure> {
    if object::meta(value, "name").is_empty() {
        return Err(Failure::bad_request(format!(
            "the name of the object ({} based on URL) was undeterminable: name must be provided",
            call.name()
        )));
    }
    Ok(())
}

pub(super) fn check_name(call: &Call<'_>, value: &mut Value) -> Result<(), Failure> {
    let (sent, name) = (object::meta(value, "name"), call.name());
    if !sent.is_empty() && sent != name {
        return Err(Failure::bad_request(format!(
            "the name of the object ({sent}) does not match the name on the URL ({name})"
        )));
    }
    let namespace = object::meta(value, "namespace");
    if !namespace.is_empty() && namespace != call.namespace() {
        return Err(Failure::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    Ok(())
}

/// A change of the current object into another, before the server has its say.
pub(super) trait Change: Fn(&Current) -> Result<Value, Failure> {}

impl<T: Fn(&Current) -> Result<Value, Failure>> Change for T {}

/// Reads, changes and writes, again when another writer came in between.
///
/// With an expected revision there is one try only. Returns the JSON to answer.
pub(super) async fn change(
    call: &Call<'_>,
    expected: Option<u64>,
    change: impl Change,
) -> Result<Vec<u8>, Failure> {
    for _ in 0..TRIES {
        let current = call.current()?;
        if expected.is_some_and(|at| at != current.revision) {
            return Err(Failure::conflict(&call.resource, call.name()));
        }
        let value = change(&current)?;
        match finish(call, &current, value).await {
            Err(failure)
                if failure.reason == "Conflict" && expected.is_none() && !failure.is_final() => {}
            done => return done,
        }
    }
    Err(Failure::conflict(&call.resource, call.name()))
}

async fn finish(call: &Call<'_>, current: &Current, mut value: Value) -> Result<Vec<u8>, Failure> {
    settle(call, current, &mut value)?;
    if !call.route_is_apply() {
        write::record(call, Some(&current.object), &mut value);
    }
    if let Some(changed) = admit::change(call, current, &value).await? {
        value = changed;
        settle(call, current, &mut value)?;
    }
    call.check_escalation(&value, Some(&current.object))?;
    write::validate(call, &value, Some(&current.object))?;
    admit::accept_change(call, current, &value).await?;
    if write::same(&current.object, &value) {
        return Ok(current.object.to_string().into_bytes());
    }
    let key = call.key(call.name());
    let (revision, dry_run) = (current.revision, call.options.dry_run);
    let at = revision.to_string();
    object::metadata_mut(&mut value).insert("resourceVersion".into(), at.into());
    if write::is_finished(&value) {
        if !dry_run {
            write::commit(call, Write::Delete(key, revision, current.object.clone())).await?;
        }
        return Ok(write::pretend(&value));
    }
    if dry_run {
        return Ok(write::pretend(&value));
    }
    let stored = write::commit(call, Write::Update(key, revision, value)).await?;
    if call.resource.is(crd::KEY) && call.route.subresource.is_empty() {
        create::establish(call, call.name()).await?;
    }
    Ok(stored.json.to_vec())
}

fn settle(call: &Call<'_>, current: &Current, value: &mut Value) -> Result<(), Failure> {
    write::settle(call, current, value)?;
    if call.resource.is("services") && call.route.subresource.is_empty() {
        keep_address(call, current, value)?;
    }
    object::tidy_metadata(value);
    Ok(())
}

/// A Service keeps its address unless it stops having one, or starts to.
fn keep_address(call: &Call<'_>, current: &Current, value: &mut Value) -> Result<(), Failure> {
    let before = object::text(&current.object, &["spec", "clusterIP"]).to_owned();
    let spec = object::members_mut(value, "spec");
    let unset = spec
        .get("clusterIP")
        .and_then(Value::as_str)
        .is_none_or(str::is_empty);
    if unset && !before.is_empty() && spec.get("type").is_some_and(|kind| kind != "ExternalName") {
        spec.insert("clusterIP".into(), before.into());
    }
    kinds::keep_ports(value, &current.object);
    create::assign_address(call, value)
}

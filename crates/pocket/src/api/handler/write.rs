//! What creates, updates and patches share: completing an object and checking it.

use serde_json::Value;

use super::call::{Call, Current};
use super::odd::Odd;
use crate::api::body::Doubles;
use crate::api::resource::Body;
use crate::api::status::{Cause, Failure};
use crate::api::{body, fields, kinds, names, object, typed};
use crate::schema::Schema;
use crate::store::{Stored, Write};

/// Does for an object that the server itself or a webhook has put together what
/// [`normalise`] does for one that a client has sent.
pub(super) fn renormalise(call: &Call<'_>, value: &mut Value) -> Result<(), Failure> {
    prune(call, value)?;
    strip_kind(call, value);
    complete(call, value)
}

/// Turns an object as clients send it into the form in which it is worked on and stored.
pub(super) fn normalise(
    call: &Call<'_>,
    value: &mut Value,
    doubles: &Doubles,
) -> Result<(), Failure> {
    let odd = Odd::new(doubles, prune(call, value)?);
    odd.judge(call, |problems| {
        let (kind, version) = (&call.resource.kind, &call.resource.version);
        Failure::bad_request(format!(
            "{kind} in version \"{version}\" cannot be handled as a {kind}: {problems}"
        ))
    })?;
    strip_kind(call, value);
    complete(call, value)
}

/// Removes what the kind does not know and returns its paths.
pub(super) fn prune(call: &Call<'_>, value: &mut Value) -> Result<Vec<String>, Failure> {
    match &call.resource.body {
        Body::Builtin(_) => typed::prune(&call.resource, value),
        Body::Custom(custom) => {
            let mut unknown = typed::prune_metadata(&call.resource, value)?;
            unknown.extend(custom.schema.prune(value));
            Ok(unknown)
        }
    }
}

/// Removes kind and version and undoes the names of this face of the kind.
pub(super) fn strip_kind(call: &Call<'_>, value: &mut Value) {
    let members = object::members(value);
    members.remove("apiVersion");
    members.remove("kind");
    if let Some(builtin) = call.resource.builtin() {
        builtin.to_stored(value);
    }
}

/// Fills in defaults.
pub(super) fn complete(call: &Call<'_>, value: &mut Value) -> Result<(), Failure> {
    object::tidy_metadata(value);
    match &call.resource.body {
        Body::Builtin(_) => kinds::default(&call.resource, value),
        Body::Custom(custom) => {
            custom.schema.apply_defaults(value);
            Ok(())
        }
    }
}

/// Everything wrong with an object, as a failure.
pub(super) fn validate(call: &Call<'_>, value: &Value, old: Option<&Value>) -> Result<(), Failure> {
    let resource = &call.resource;
    let name = object::meta(value, "name");
    let mut causes = Vec::new();
    if old.is_none() {
        causes.extend(names::check(kinds::name_rule(resource), name));
    }
    check_metadata(value, old, &mut causes);
    match &resource.body {
        Body::Builtin(_) => causes.extend(kinds::validate(resource, value, old)),
        Body::Custom(custom) => causes.extend(against_schema(call, &custom.schema, value, old)),
    }
    body::check_depth(value)?;
    if causes.is_empty() {
        Ok(())
    } else {
        Err(Failure::invalid(resource, name, causes))
    }
}

/// Schemas may speak of kind and version, which are not stored.
fn against_schema(
    call: &Call<'_>,
    schema: &Schema,
    value: &Value,
    old: Option<&Value>,
) -> Vec<Cause> {
    let whole = |object: &Value| {
        let mut object = object.clone();
        let members = object::members(&mut object);
        members.insert("apiVersion".into(), call.resource.api_version().into());
        members.insert("kind".into(), call.resource.kind.as_str().into());
        object
    };
    let (value, old) = (whole(value), old.map(whole));
    let found = match &old {
        Some(old) if call.route.subresource == "status" => schema.validate_status(&value, old),
        old => schema.validate(&value, old.as_ref()),
    };
    found.into_iter().map(Cause::from).collect()
}

fn check_metadata(value: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    names::check_labels(value, causes);
    let owners = object::list(value, &["metadata", "ownerReferences"]);
    for owner in owners {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if object::text(owner, &[field]).is_empty() {
                let detail = match field {
                    "apiVersion" => "version must not be empty",
                    _ => "must not be empty",
                };
                let field = format!("metadata.ownerReferences.{field}");
                causes.push(Cause::invalid(field, &Value::from(""), detail));
            }
        }
    }
    names::check_finalizers(value, causes);
    let controllers = owners
        .iter()
        .filter(|owner| owner["controller"] == true)
        .count();
    if controllers > 1 {
        let detail = "Only one reference can have Controller set to true";
        let list = &value["metadata"]["ownerReferences"];
        causes.push(Cause::invalid("metadata.ownerReferences", list, detail));
    }
    let Some(old) = old.filter(|old| object::is_terminating(old)) else {
        return;
    };
    let before = object::finalizers(old);
    let after = object::finalizers(value);
    let fresh: Vec<&str> = after
        .into_iter()
        .filter(|one| !before.contains(one))
        .collect();
    if !fresh.is_empty() {
        let list: Vec<String> = fresh.iter().map(|one| format!("\"{one}\"")).collect();
        causes.push(Cause::forbidden(
            "metadata.finalizers",
            &format!(
                "no new finalizers can be added if the object is being deleted, found new \
                 finalizers []string{{{}}}",
                list.join(", ")
            ),
        ));
    }
}

/// Records who owns what, for a write that is not an apply.
pub(super) fn record(call: &Call<'_>, live: Option<&Value>, value: &mut Value) {
    let (time, api_version) = (call.timestamp(), call.resource.api_version());
    fields::update(
        &call.resource,
        live,
        value,
        &call.writer(&time, &api_version),
    );
}

/// Carries out a write.
pub(super) async fn commit(call: &Call<'_>, write: Write) -> Result<Stored, Failure> {
    let name = match &write {
        Write::Create(key, _) | Write::Update(key, ..) | Write::Delete(key, ..) => {
            key.name.to_string()
        }
    };
    let done = call.store().write(write).await;
    done.map_err(|error| Failure::from_store(&error, &call.resource, &name))
}

/// What a dry run answers instead of writing: the object without a revision on creation.
pub(super) fn pretend(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// Whether an update is the last step of a deletion.
pub(super) fn is_finished(value: &Value) -> bool {
    let grace = object::at(value, &["metadata", "deletionGracePeriodSeconds"]).as_i64();
    object::is_terminating(value)
        && object::finalizers(value).is_empty()
        && grace.unwrap_or(0) == 0
        && object::list(value, &["spec", "finalizers"]).is_empty()
}

/// Decides what the server decides about an updated object.
pub(super) fn settle(call: &Call<'_>, current: &Current, value: &mut Value) -> Result<(), Failure> {
    let resource = &call.resource;
    let old = &current.object;
    keep_identity(call, old, value)?;
    match call.route.subresource.as_str() {
        "status" => {
            // Only status is written here; built-in kinds let labels and annotations through.
            let status = value.get("status").cloned();
            let metadata = value.get("metadata").cloned();
            let managed = object::at(value, &["metadata", "managedFields"]).clone();
            *value = old.clone();
            let members = object::members(value);
            match status {
                Some(status) => members.insert("status".into(), status),
                None => members.remove("status"),
            };
            if resource.builtin().is_some()
                && let Some(metadata) = metadata
            {
                members.insert("metadata".into(), metadata);
                for field in ["ownerReferences", "finalizers"] {
                    keep(value, old, field);
                }
            }
            if !managed.is_null() {
                object::metadata_mut(value).insert("managedFields".into(), managed);
            }
        }
        "finalize" => {
            let finalizers = value["spec"].clone();
            *value = old.clone();
            value["spec"] = finalizers;
        }
        _ => {
            if resource.status {
                let members = object::members(value);
                match old.get("status") {
                    Some(status) => members.insert("status".into(), status.clone()),
                    None => members.remove("status"),
                };
            }
            if resource.is("namespaces") {
                value["spec"] = old["spec"].clone();
            }
        }
    }
    count_generation(call, old, value);
    Ok(())
}

/// Metadata that an update cannot change.
fn keep_identity(call: &Call<'_>, old: &Value, value: &mut Value) -> Result<(), Failure> {
    let (uid, sent) = (object::meta(old, "uid"), object::meta(value, "uid"));
    if !sent.is_empty() && sent != uid {
        let detail =
            format!("Precondition failed: UID in precondition: {sent}, UID in object meta: {uid}");
        let mut failure = Failure::conflict(&call.resource, object::meta(old, "name"));
        failure.message = format!(
            "Operation cannot be fulfilled on {} \"{}\": {detail}",
            call.resource.key,
            object::meta(old, "name")
        );
        return Err(failure.finally());
    }
    for field in [
        "uid",
        "name",
        "namespace",
        "generateName",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "selfLink",
    ] {
        keep(value, old, field);
    }
    Ok(())
}

fn keep(value: &mut Value, old: &Value, field: &str) {
    let before = object::at(old, &["metadata", field]).clone();
    let metadata = object::metadata_mut(value);
    if before.is_null() {
        metadata.remove(field);
    } else {
        metadata.insert(field.to_owned(), before);
    }
}

/// Counts the generation up when anything but metadata and status has changed.
fn count_generation(call: &Call<'_>, old: &Value, value: &mut Value) {
    if !call.resource.has_generation() || call.route.subresource == "status" {
        return;
    }
    let essence = |object: &Value| {
        let mut essence = object.clone();
        let members = object::members(&mut essence);
        members.remove("metadata");
        if call.resource.status || call.resource.builtin().is_some() {
            members.remove("status");
        }
        if call.resource.is("pods") {
            // Being placed on a node is no change of what is wanted.
            object::members_mut(&mut essence, "spec").remove("nodeName");
        }
        essence
    };
    if essence(old) != essence(value) {
        let before = object::at(old, &["metadata", "generation"])
            .as_i64()
            .unwrap_or(0);
        object::metadata_mut(value).insert("generation".into(), (before + 1).into());
    }
}

/// Whether two states differ in nothing but the times of ownership entries.
pub(super) fn same(old: &Value, new: &Value) -> bool {
    let timeless = |object: &Value| {
        let mut copy = object.clone();
        let metadata = object::metadata_mut(&mut copy);
        let list = metadata
            .get_mut("managedFields")
            .and_then(Value::as_array_mut);
        for entry in list.into_iter().flatten() {
            object::members(entry).remove("time");
        }
        metadata.remove("resourceVersion");
        copy
    };
    timeless(old) == timeless(new)
}

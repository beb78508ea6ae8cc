//! What webhooks are asked about each verb.

use serde_json::{Map, Value, json};

use super::call::{Call, Current};
use super::{present, scale, write};
use crate::api::admission::{Attempt, Operation};
use crate::api::body;
use crate::api::object;
use crate::api::status::Failure;

/// Group, version and kind of what a subresource takes.
type Kind = (&'static str, &'static str, &'static str);

const SCALE: Kind = ("autoscaling", "v1", "Scale");

impl Call<'_> {
    fn attempt<'b>(&'b self, operation: Operation, name: &'b str) -> Attempt<'b> {
        Attempt {
            server: self.server,
            identity: &self.identity,
            resource: &self.resource,
            subresource: &self.route.subresource,
            kind: None,
            namespace: self.namespace(),
            name,
            operation,
            options: options(self, operation),
            dry_run: self.options.dry_run,
            warnings: &self.warnings,
            deadline: self.deadline,
        }
    }
}

/// The options of a write, as the object that they are in a review.
fn options(call: &Call<'_>, operation: Operation) -> Value {
    let kind = match operation {
        Operation::Create => "CreateOptions",
        Operation::Update => "UpdateOptions",
        Operation::Delete => "DeleteOptions",
        Operation::Connect => return Value::Null,
    };
    let mut options = json!({"kind": kind, "apiVersion": "meta.k8s.io/v1"});
    if call.options.dry_run {
        options["dryRun"] = json!(["All"]);
    }
    for name in ["fieldManager", "fieldValidation"] {
        if let Some(value) = call.options.get(name).filter(|value| !value.is_empty()) {
            options[name] = value.into();
        }
    }
    options
}

/// An object as clients see it.
fn face(call: &Call<'_>, value: &Value) -> Result<Value, Failure> {
    present::value(&call.resource, value.to_string().as_bytes())
}

/// Makes of what a webhook left what it would have been, had the client sent it.
fn settled(call: &Call<'_>, patched: Value) -> Result<Value, Failure> {
    let mut value = body::right_kind(patched, &call.resource)?;
    write::renormalise(call, &mut value)?;
    Ok(value)
}

/// Lets webhooks change an object that is to be created.
pub(super) async fn new(call: &Call<'_>, value: Value) -> Result<Value, Failure> {
    let name = object::meta(&value, "name").to_owned();
    let attempt = call.attempt(Operation::Create, &name);
    if !attempt.is_watched() {
        return Ok(value);
    }
    let object = face(call, &value)?;
    let finish = |patched: Value| face(call, &settled(call, patched)?);
    let changed = attempt.mutate(Some(&object), None, finish).await?;
    let Some(changed) = changed else {
        return Ok(value);
    };
    let mut changed = settled(call, changed)?;
    let place = object::meta(&changed, "namespace");
    if call.resource.namespaced && place != call.namespace() {
        return Err(Failure::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    // What only the server sets stays its own business.
    let managed = object::at(&value, &["metadata", "managedFields"]).clone();
    super::create::wipe(call, &mut changed);
    object::metadata_mut(&mut changed).insert("managedFields".into(), managed);
    Ok(changed)
}

/// Asks whether an object may be created.
pub(super) async fn accept_new(call: &Call<'_>, value: &Value) -> Result<(), Failure> {
    let attempt = call.attempt(Operation::Create, object::meta(value, "name"));
    if !attempt.is_watched() {
        return Ok(());
    }
    attempt.validate(Some(&face(call, value)?), None).await
}

/// Lets webhooks change what an object is to become; `None` when they leave it.
pub(super) async fn change(
    call: &Call<'_>,
    current: &Current,
    value: &Value,
) -> Result<Option<Value>, Failure> {
    let mut attempt = call.attempt(Operation::Update, call.name());
    if !attempt.is_watched() {
        return Ok(None);
    }
    if let Some(paths) = scaled(call) {
        attempt.kind = Some(SCALE);
        let old = scale::scale(&current.object, paths);
        let new = scale::scale(value, paths);
        let changed = attempt.mutate(Some(&new), Some(&old), Ok).await?;
        return Ok(changed.and_then(|changed| {
            let mut value = value.clone();
            scale::set(
                &mut value,
                &paths.spec,
                changed["spec"]["replicas"].as_i64()?,
            );
            Some(value)
        }));
    }
    let (old, new) = (face(call, &current.object)?, face(call, value)?);
    let finish = |patched: Value| face(call, &settled(call, patched)?);
    let changed = attempt.mutate(Some(&new), Some(&old), finish).await?;
    changed.map(|changed| settled(call, changed)).transpose()
}

/// Asks whether an object may become this.
pub(super) async fn accept_change(
    call: &Call<'_>,
    current: &Current,
    value: &Value,
) -> Result<(), Failure> {
    let mut attempt = call.attempt(Operation::Update, call.name());
    if !attempt.is_watched() {
        return Ok(());
    }
    let (old, new) = match scaled(call) {
        Some(paths) => {
            attempt.kind = Some(SCALE);
            (
                scale::scale(&current.object, paths),
                scale::scale(value, paths),
            )
        }
        None => (face(call, &current.object)?, face(call, value)?),
    };
    attempt.validate(Some(&new), Some(&old)).await
}

fn scaled<'a>(call: &'a Call<'_>) -> Option<&'a crate::api::resource::ScalePaths> {
    let scales = call.route.subresource == "scale";
    call.resource.scale.as_ref().filter(|_| scales)
}

/// Asks whether an object may be deleted; what evicts a Pod has been asked already.
pub(super) async fn deletion(
    call: &Call<'_>,
    current: &Current,
    options: Value,
    dry_run: bool,
) -> Result<(), Failure> {
    // Of a collection nobody knows the names before.
    let mut attempt = call.attempt(Operation::Delete, call.name());
    if !call.route.subresource.is_empty() || !attempt.is_watched() {
        return Ok(());
    }
    attempt.options = options;
    attempt.dry_run = dry_run;
    let old = face(call, &current.object)?;
    attempt.mutate(None, Some(&old), Ok).await?;
    attempt.validate(None, Some(&old)).await
}

/// Lets webhooks see what is created at a subresource.
pub(super) async fn subresource(
    call: &Call<'_>,
    kind: Kind,
    value: Value,
) -> Result<Value, Failure> {
    let mut attempt = call.attempt(Operation::Create, call.name());
    if !attempt.is_watched() {
        return Ok(value);
    }
    let (group, version, name) = kind;
    attempt.kind = Some(kind);
    let mut object = value;
    let members = object::members(&mut object);
    let api_version = crate::api::resource::group_version(group, version);
    members.insert("apiVersion".into(), api_version.into());
    members.insert("kind".into(), name.into());
    let changed = attempt.mutate(Some(&object), None, Ok).await?;
    let object = changed.unwrap_or(object);
    attempt.validate(Some(&object), None).await?;
    Ok(object)
}

/// Lets webhooks see a question before it is answered.
pub(super) async fn question(call: &Call<'_>, review: Value) -> Result<Value, Failure> {
    let attempt = call.attempt(Operation::Create, "");
    if !attempt.is_watched() {
        return Ok(review);
    }
    let changed = attempt.mutate(Some(&review), None, Ok).await?;
    let review = changed.unwrap_or(review);
    attempt.validate(Some(&review), None).await?;
    Ok(review)
}

/// Asks whether somebody may reach into a Pod.
pub(super) async fn connect(call: &Call<'_>, uri: &http::Uri) -> Result<(), Failure> {
    let kind = match call.route.subresource.as_str() {
        "exec" => "PodExecOptions",
        "attach" => "PodAttachOptions",
        "portforward" => "PodPortForwardOptions",
        "proxy" => "PodProxyOptions",
        _ => return Ok(()),
    };
    let mut attempt = call.attempt(Operation::Connect, call.name());
    if !attempt.is_watched() {
        return Ok(());
    }
    attempt.kind = Some(("", "v1", kind));
    let object = connection(call, kind, uri);
    attempt.mutate(Some(&object), None, Ok).await?;
    attempt.validate(Some(&object), None).await
}

/// The parameters of a connection as the object that they are in a review.
fn connection(call: &Call<'_>, kind: &str, uri: &http::Uri) -> Value {
    let mut object = Map::new();
    object.insert("kind".into(), kind.into());
    object.insert("apiVersion".into(), "v1".into());
    if kind == "PodProxyOptions" {
        let path = format!("/{}", call.route.rest);
        let query = uri.query().map(|query| format!("?{query}"));
        let path = path + &query.unwrap_or_default();
        object.insert("path".into(), path.into());
        return Value::Object(object);
    }
    for (name, value) in &call.options.all {
        match name.as_str() {
            "stdin" | "stdout" | "stderr" | "tty" if value == "true" || value == "1" => {
                object.insert(name.clone(), true.into());
            }
            "container" => {
                object.insert(name.clone(), value.as_str().into());
            }
            "command" => {
                let list = object.entry("command").or_insert_with(|| json!([]));
                if let Some(list) = list.as_array_mut() {
                    list.push(value.as_str().into());
                }
            }
            "ports" => {
                let list = object.entry("ports").or_insert_with(|| json!([]));
                let numbers = value.split(',').filter_map(|port| port.parse::<u16>().ok());
                if let Some(list) = list.as_array_mut() {
                    list.extend(numbers.map(Value::from));
                }
            }
            _ => {}
        }
    }
    Value::Object(object)
}

//! The `scale` subresource of custom kinds.

use axum::body::Body;
use axum::response::Response;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use super::call::{Call, Current};
use super::{present, update, write};
use crate::api::resource::ScalePaths;
use crate::api::status::{Cause, Failure};
use crate::api::{body, object};

/// Answers a request to `scale`.
pub(super) async fn answer(call: &Call<'_>, request: Request<Body>) -> Result<Response, Failure> {
    let paths = call
        .resource
        .scale
        .clone()
        .ok_or_else(Failure::no_such_resource)?;
    let current = call.current()?;
    if request.method() == Method::GET {
        return Ok(respond(call, &scale(&current.object, &paths)));
    }
    let patching = match *request.method() {
        Method::PUT => false,
        Method::PATCH => true,
        _ => return Err(Failure::method_not_allowed()),
    };
    let sent = body::yaml(&body::read(request.into_body()).await?)?;
    if !patching {
        update::check_named(call, &sent)?;
    }
    let replicas = match (sent["spec"]["replicas"].as_i64(), patching) {
        (Some(replicas), _) if replicas >= 0 => replicas,
        (Some(replicas), _) => {
            let field = format!(".{}", paths.spec.join("."));
            let detail = "should be a non-negative integer";
            let cause = Cause::invalid(field, &Value::from(replicas), detail);
            return Err(Failure::invalid(&call.resource, call.name(), vec![cause]));
        }
        (None, false) => 0,
        _ => {
            return Err(Failure::bad_request("spec.replicas must be a number"));
        }
    };
    let expected = update::expected(&sent)?;
    let stored = update::change(call, expected, |current: &Current| {
        let mut value = current.object.clone();
        set(&mut value, &paths.spec, replicas);
        write::complete(call, &mut value)?;
        Ok(value)
    })
    .await?;
    let object: Value =
        serde_json::from_slice(&stored).map_err(|error| Failure::internal(error.to_string()))?;
    Ok(respond(call, &scale(&object, &paths)))
}

fn respond(call: &Call<'_>, scale: &Value) -> Response {
    present::raw(call, StatusCode::OK, scale.to_string())
}

fn find<'a>(value: &'a Value, path: &[String]) -> &'a Value {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    object::at(value, &path)
}

pub(super) fn set(value: &mut Value, path: &[String], replicas: i64) {
    let Some((last, parents)) = path.split_last() else {
        return;
    };
    let parent = parents.iter().fold(value, |at, name| {
        object::members(at)
            .entry(name.as_str())
            .or_insert(Value::Null)
    });
    object::members(parent).insert(last.clone(), replicas.into());
}

pub(super) fn scale(value: &Value, paths: &ScalePaths) -> Value {
    let mut metadata = serde_json::Map::new();
    for field in [
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "creationTimestamp",
    ] {
        if let Some(text) = value["metadata"].get(field) {
            metadata.insert(field.to_owned(), text.clone());
        }
    }
    let mut status = json!({"replicas": find(value, &paths.status).as_i64().unwrap_or(0)});
    if let Some(selector) = paths
        .selector
        .as_ref()
        .and_then(|path| find(value, path).as_str())
    {
        status["selector"] = selector.into();
    }
    let spec = match find(value, &paths.spec).as_i64() {
        Some(replicas) => json!({"replicas": replicas}),
        None => json!({}),
    };
    json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata,
        "spec": spec, "status": status})
}

//! Creating objects.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use axum::body::Body;
use axum::response::Response;
use http::{Request, StatusCode};
use serde_json::Value;

use super::call::{Call, parse};
use super::{admit, present, write};
use crate::api::body::{self, Doubles};
use crate::api::status::{Cause, Failure};
use crate::api::{crd, kinds, names, object};
use crate::store::{Key, Stored, Write};

/// Answers a POST to a collection.
pub(super) async fn create(call: &Call<'_>, request: Request<Body>) -> Result<Response, Failure> {
    let (parts, sent) = request.into_parts();
    let sent = body::read(sent).await?;
    let (value, doubles) = body::object(&parts.headers, &sent, &call.resource)?;
    let stored = from_value(call, value, &doubles).await?;
    if call.resource.is("endpoints") {
        call.warn("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice");
    }
    present::one(call, StatusCode::CREATED, &stored)
}

/// Creates an object and returns the JSON to answer.
pub(super) async fn from_value(
    call: &Call<'_>,
    mut value: Value,
    doubles: &Doubles,
) -> Result<Vec<u8>, Failure> {
    place(call, &mut value)?;
    write::normalise(call, &mut value, doubles)?;
    wipe(call, &mut value);
    write::record(call, None, &mut value);
    let value = admit::new(call, value).await?;
    insert(call, value).await
}

/// Stores a new object whose fields and owners are settled.
pub(super) async fn insert(call: &Call<'_>, mut value: Value) -> Result<Vec<u8>, Failure> {
    identify(call, &mut value)?;
    kinds::prepare_create(&call.resource, &mut value);
    object::tidy_metadata(&mut value);
    if call.resource.is("pods") {
        check_account(call, &value)?;
    }
    let stored = if call.resource.is("services") {
        insert_service(call, value).await?
    } else {
        call.check_escalation(&value, None)?;
        write::validate(call, &value, None)?;
        admit::accept_new(call, &value).await?;
        if call.options.dry_run {
            return Ok(write::pretend(&value));
        }
        store(call, value).await?
    };
    if call.resource.is(crd::KEY) {
        let name = object::meta(&parse(&stored)?.object, "name").to_owned();
        establish(call, &name).await?;
    }
    Ok(stored.json.to_vec())
}

/// The block of addresses is walked and written under one lock, so none is given out twice.
///
/// The lock is not held while webhooks look at a Service; should its address be taken meanwhile,
/// it gets another.
async fn insert_service(call: &Call<'_>, value: Value) -> Result<Stored, Failure> {
    let addresses = &call.server.inner.allocation;
    let mut offered = value.clone();
    {
        let _allocation = addresses.lock().await;
        assign_address(call, &mut offered)?;
    }
    write::validate(call, &offered, None)?;
    admit::accept_new(call, &offered).await?;
    if call.options.dry_run {
        let json = write::pretend(&offered).into();
        return Ok(Stored { revision: 0, json });
    }
    let _allocation = addresses.lock().await;
    let address = |service: &Value| object::text(service, &["spec", "clusterIP"]).to_owned();
    let ours = address(&offered);
    let services = call.store().list("services", None).items;
    let taken = !matches!(ours.as_str(), "" | "None")
        && services
            .iter()
            .filter_map(|(_, stored)| parse(stored).ok())
            .any(|other| address(&other.object) == ours);
    if taken && address(&value).is_empty() {
        offered = value;
        assign_address(call, &mut offered)?;
    }
    store(call, offered).await
}

/// Tries again with another random ending when a generated name is taken.
async fn store(call: &Call<'_>, mut value: Value) -> Result<Stored, Failure> {
    let generated = call.route.name.is_none() && !object::meta(&value, "generateName").is_empty();
    let mut tries = if generated { 8 } else { 1 };
    loop {
        let name = object::meta(&value, "name").to_owned();
        tries -= 1;
        let done = write::commit(call, Write::Create(call.key(&name), value.clone())).await;
        match done {
            Err(failure) if failure.reason == "AlreadyExists" && tries > 0 => {
                let prefix = object::meta(&value, "generateName");
                let name = format!("{prefix}{}", names::suffix());
                object::metadata_mut(&mut value).insert("name".into(), name.into());
            }
            done => return done,
        }
    }
}

/// Checks namespace and name against the URL.
pub(super) fn place(call: &Call<'_>, value: &mut Value) -> Result<(), Failure> {
    let sent = object::meta(value, "namespace").to_owned();
    if !sent.is_empty() && sent != call.namespace() {
        return Err(Failure::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    if call.resource.namespaced {
        check_namespace(call, object::meta(value, "name"))?;
        let namespace = call.namespace().to_owned();
        object::metadata_mut(value).insert("namespace".into(), namespace.into());
    }
    if !object::meta(value, "resourceVersion").is_empty() && call.verb == "create" {
        return Err(Failure::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "",
            "resourceVersion should not be set on objects to be created",
        ));
    }
    Ok(())
}

/// A Pod cannot be without the account that it runs as.
fn check_account(call: &Call<'_>, pod: &Value) -> Result<(), Failure> {
    let registry = call.server.registry();
    let accounts = registry
        .find("", "v1", "serviceaccounts")
        .ok_or_else(Failure::no_such_resource)?;
    let (namespace, name) = (
        call.namespace(),
        object::text(pod, &["spec", "serviceAccountName"]),
    );
    let account = Key::new(&accounts.key, namespace, name);
    if call.store().get(&account).is_some() {
        return Ok(());
    }
    let detail = format!(
        "error looking up service account {namespace}/{name}: serviceaccount \"{name}\" not found"
    );
    let resource = &call.resource;
    let pod = object::meta(pod, "name");
    Err(Failure::forbidden(
        &resource.plural,
        &resource.group,
        pod,
        &detail,
    ))
}

fn check_namespace(call: &Call<'_>, object: &str) -> Result<(), Failure> {
    let registry = call.server.registry();
    let namespaces = registry
        .find("", "v1", "namespaces")
        .ok_or_else(Failure::no_such_resource)?;
    let name = call.namespace();
    let found = call.store().get(&Key::new(&namespaces.key, "", name));
    let found = found.ok_or_else(|| Failure::not_found(namespaces, name))?;
    if object::is_terminating(&parse(&found)?.object) {
        let detail = format!(
            "unable to create new content in namespace {name} because it is being terminated"
        );
        let cause = Cause {
            reason: "NamespaceTerminating",
            message: format!("namespace {name} is being terminated"),
            field: "metadata.namespace".into(),
        };
        let resource = &call.resource;
        let failure = Failure::forbidden(&resource.plural, &resource.group, object, &detail);
        return Err(failure.with_causes(vec![cause]));
    }
    Ok(())
}

/// Removes what only the server sets.
pub(super) fn wipe(call: &Call<'_>, value: &mut Value) {
    let metadata = object::metadata_mut(value);
    for field in [
        "selfLink",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "managedFields",
        "generation",
        "resourceVersion",
    ] {
        metadata.remove(field);
    }
    if call.resource.status && call.resource.custom().is_some() {
        object::members(value).remove("status");
    }
}

/// Gives a new object its name, uid and creation time.
fn identify(call: &Call<'_>, value: &mut Value) -> Result<(), Failure> {
    let generate = object::meta(value, "generateName").to_owned();
    let created = call.timestamp();
    let metadata = object::metadata_mut(value);
    if metadata
        .get("name")
        .and_then(Value::as_str)
        .is_none_or(str::is_empty)
    {
        if generate.is_empty() {
            let cause = Cause::required("metadata.name", "name or generateName is required");
            return Err(Failure::invalid(&call.resource, "", vec![cause]));
        }
        metadata.insert(
            "name".into(),
            format!("{generate}{}", names::suffix()).into(),
        );
    }
    metadata.insert("uid".into(), uuid::Uuid::new_v4().to_string().into());
    metadata.insert("creationTimestamp".into(), created.into());
    if call.resource.has_generation() {
        metadata.insert("generation".into(), 1.into());
    }
    if call.resource.is("namespaces") {
        // Its label carries the name, which may have been generated just now.
        kinds::default(&call.resource, value)?;
    }
    Ok(())
}

/// Gives a Service an address of the cluster's block, and node ports where its type has them.
pub(super) fn assign_address(call: &Call<'_>, value: &mut Value) -> Result<(), Failure> {
    let (needs_address, needs_ports) = (kinds::needs_address(value), kinds::needs_ports(value));
    if !needs_address && !needs_ports {
        kinds::set_address(value, None);
        return Ok(());
    }
    let stored = call.store().list("services", None);
    let services: Vec<Value> = stored
        .items
        .iter()
        .filter_map(|(_, stored)| Some(parse(stored).ok()?.object))
        .collect();
    let full = |what: &str| Failure::internal(format!("no Service {what} is free"));
    if needs_ports {
        kinds::set_ports(value, &services).ok_or_else(|| full("node port"))?;
    }
    let mut address = None;
    if needs_address {
        let addresses = services.iter();
        let taken: BTreeSet<Ipv4Addr> = addresses
            .filter_map(|one| object::text(one, &["spec", "clusterIP"]).parse().ok())
            .collect();
        let free = call
            .server
            .inner
            .config
            .addresses
            .pick(&taken, rand::random());
        address = Some(free.ok_or_else(|| full("address"))?);
    }
    kinds::set_address(value, address);
    Ok(())
}

/// Accepts the names of a definition, so that its kind is served when the client is answered.
pub(super) async fn establish(call: &Call<'_>, name: &str) -> Result<(), Failure> {
    let key = call.key(name);
    let mut tries = 8;
    loop {
        // It may be gone, and somebody else may have written it since.
        let Some(stored) = call.store().get(&key) else {
            return Ok(());
        };
        let before = parse(&stored)?.object;
        let mut definition = before.clone();
        let time = call.timestamp();
        let registry = call.server.registry();
        crd::accept(
            &mut definition,
            registry.all().iter().map(AsRef::as_ref),
            &time,
        );
        if definition == before {
            return Ok(());
        }
        let writer = crate::api::fields::Writer {
            manager: "kube-apiserver",
            subresource: "status",
            time: &time,
            api_version: "apiextensions.k8s.io/v1",
        };
        crate::api::fields::update(&call.resource, Some(&before), &mut definition, &writer);
        let write = Write::Update(key.clone(), stored.revision, definition);
        tries -= 1;
        match write::commit(call, write).await {
            Err(failure) if failure.reason == "Conflict" && tries > 0 => {}
            done => return done.map(|_| ()),
        }
    }
}

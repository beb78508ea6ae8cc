//! What the server tells about itself: health, version, groups and kinds.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Request, StatusCode, header};
use serde_json::{Value, json};

use super::ApiServer;
use super::builtin::{Builtin, Verbs};
use super::resource::{Body as Rules, Registry, Resource, group_version};
use super::status::{Failure, json_response};

/// Pages that need no identity.
pub(super) fn open(path: &str) -> Option<Response> {
    match path.trim_end_matches('/') {
        "/healthz" | "/livez" | "/readyz" | "/healthz/ping" | "/livez/ping" | "/readyz/ping" => {
            Some((StatusCode::OK, "ok").into_response())
        }
        "/version" => Some(json_response(StatusCode::OK, &version())),
        _ => None,
    }
}

fn version() -> Value {
    json!({
        "major": "1", "minor": "36", "emulationMajor": "1", "emulationMinor": "36",
        "minCompatibilityMajor": "1", "minCompatibilityMinor": "35",
        "gitVersion": "v1.36.2", "gitCommit": concat!("howdah-", env!("CARGO_PKG_VERSION")),
        "gitTreeState": "", "buildDate": "1970-01-01T00:00:00Z", "goVersion": "go1.27.3",
        "compiler": "gc", "platform": "linux/amd64",
    })
}

/// Answers discovery paths; `None` for anything else.
pub(super) fn answer(
    server: &ApiServer,
    request: &Request<Body>,
) -> Option<Result<Response, Failure>> {
    let path = request.uri().path().trim_matches('/');
    let parts: Vec<&str> = path.split('/').collect();
    let registry = server.registry();
    let accept = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    let aggregated = accept.is_some_and(|text| {
        text.split(',').next().is_some_and(|first| {
            first.contains("as=APIGroupDiscoveryList")
                && first.contains("v=v2")
                && !first.contains("v2beta1")
        })
    });
    let body = match parts.as_slice() {
        ["api"] if aggregated => return Some(Ok(aggregate(&registry, true))),
        ["apis"] if aggregated => return Some(Ok(aggregate(&registry, false))),
        ["api"] => json!({
            "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [{
                "clientCIDR": "0.0.0.0/0", "serverAddress": server.inner.config.server_address}],
        }),
        ["apis"] => {
            let groups: Vec<Value> = groups(&registry)
                .iter()
                .map(|name| group(&registry, name))
                .collect();
            json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
        }
        ["apis", name] if knows(&registry, name) => {
            let mut group = group(&registry, name);
            group["kind"] = "APIGroup".into();
            group["apiVersion"] = "v1".into();
            group
        }
        ["api", version] => return Some(resources(&registry, "", version)),
        ["apis", group, version] if knows(&registry, group) => {
            return Some(resources(&registry, group, version));
        }
        _ => return None,
    };
    Some(Ok(json_response(StatusCode::OK, &body)))
}

/// Whether anything of the group is served; of others there is not even a refusal in the API's words.
pub(super) fn knows(registry: &Registry, group: &str) -> bool {
    registry.all().iter().any(|one| one.group == group)
}

/// Names of the groups besides the core, in order of first appearance.
fn groups(registry: &Registry) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for one in registry.all() {
        if !one.group.is_empty() && !names.contains(&one.group.as_str()) {
            names.push(&one.group);
        }
    }
    names
}

/// The versions of a group, preferred first.
fn versions<'a>(registry: &'a Registry, group: &str) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for one in registry.all().iter().filter(|one| one.group == group) {
        if !names.contains(&one.version.as_str()) {
            names.push(&one.version);
        }
    }
    names.sort_by_key(|version| std::cmp::Reverse(super::crd::priority(version)));
    names
}

fn group(registry: &Registry, name: &str) -> Value {
    let versions: Vec<Value> = versions(registry, name)
        .into_iter()
        .map(|version| json!({"groupVersion": group_version(name, version), "version": version}))
        .collect();
    let preferred = versions.first().cloned().unwrap_or_default();
    json!({"name": name, "versions": versions, "preferredVersion": preferred})
}

fn resources(registry: &Registry, group: &str, version: &str) -> Result<Response, Failure> {
    let found: Vec<&Resource> = served(registry, group, version);
    if found.is_empty() {
        return Err(Failure::no_such_resource());
    }
    let list: Vec<Value> = found.into_iter().flat_map(entries).collect();
    let mut body = json!({
        "kind": "APIResourceList", "groupVersion": group_version(group, version),
        "resources": list,
    });
    if !group.is_empty() {
        body["apiVersion"] = "v1".into();
    }
    Ok(json_response(StatusCode::OK, &body))
}

fn served<'a>(registry: &'a Registry, group: &str, version: &str) -> Vec<&'a Resource> {
    let all = registry.all().iter().map(AsRef::as_ref);
    all.filter(|one: &&Resource| one.group == group && one.version == version)
        .collect()
}

fn verbs(resource: &Resource) -> &'static [&'static str] {
    match &resource.body {
        Rules::Custom(_) => &[
            "delete",
            "deletecollection",
            "get",
            "list",
            "patch",
            "create",
            "update",
            "watch",
        ],
        Rules::Builtin(Builtin {
            verbs: Verbs::CreateOnly,
            ..
        }) => &["create"],
        Rules::Builtin(Builtin {
            verbs: Verbs::NoCollection,
            ..
        }) => &[
            "create", "delete", "get", "list", "patch", "update", "watch",
        ],
        Rules::Builtin(_) => &[
            "create",
            "delete",
            "deletecollection",
            "get",
            "list",
            "patch",
            "update",
            "watch",
        ],
    }
}

/// A subresource: name, kind, group and version of the kind when not the parent's, verbs.
type Sub<'a> = (&'a str, &'a str, Option<(&'a str, &'a str)>, &'a [&'a str]);

fn subresources(resource: &Resource) -> Vec<Sub<'_>> {
    const READ_WRITE: &[&str] = &["get", "patch", "update"];
    match &resource.body {
        Rules::Builtin(builtin) => builtin
            .subs
            .iter()
            .map(|sub| (sub.name, sub.kind, sub.of, sub.verbs))
            .collect(),
        Rules::Custom(_) => {
            let mut list = Vec::new();
            if resource.status {
                list.push(("status", resource.kind.as_str(), None, READ_WRITE));
            }
            if resource.scale.is_some() {
                list.push(("scale", "Scale", Some(("autoscaling", "v1")), READ_WRITE));
            }
            list
        }
    }
}

/// The entries of a kind in a plain resource list.
fn entries(resource: &Resource) -> Vec<Value> {
    let mut main = json!({
        "name": resource.plural, "singularName": resource.singular,
        "namespaced": resource.namespaced, "kind": resource.kind, "verbs": verbs(resource),
    });
    if !resource.short_names.is_empty() {
        main["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        main["categories"] = json!(resource.categories);
    }
    if !resource.is_virtual() {
        main["storageVersionHash"] = resource.storage_hash().into();
    }
    let mut list = vec![main];
    for (name, kind, of, verbs) in subresources(resource) {
        let mut entry = json!({
            "name": format!("{}/{name}", resource.plural), "singularName": "",
            "namespaced": resource.namespaced, "kind": kind, "verbs": verbs,
        });
        if let Some((group, version)) = of {
            entry["group"] = group.into();
            entry["version"] = version.into();
        }
        list.push(entry);
    }
    list
}

fn aggregate(registry: &Registry, core: bool) -> Response {
    let names = if core { vec![""] } else { groups(registry) };
    let items: Vec<Value> = names
        .into_iter()
        .map(|name| aggregated_group(registry, name))
        .collect();
    let body = json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {}, "items": items});
    let mut response = json_response(StatusCode::OK, &body);
    let kind = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn aggregated_group(registry: &Registry, name: &str) -> Value {
    let versions: Vec<Value> = versions(registry, name)
        .into_iter()
        .map(|version| {
            let list = served(registry, name, version);
            let resources: Vec<Value> = list.into_iter().map(aggregated_resource).collect();
            json!({"version": version, "resources": resources, "freshness": "Current"})
        })
        .collect();
    let metadata = if name.is_empty() {
        json!({})
    } else {
        json!({"name": name})
    };
    json!({"metadata": metadata, "versions": versions})
}

fn aggregated_resource(resource: &Resource) -> Value {
    // Built-in kinds leave group and version to the surrounding group.
    let own = match resource.custom() {
        Some(_) => (resource.group.as_str(), resource.version.as_str()),
        None => ("", ""),
    };
    let kind_of = |kind: &str, (group, version): (&str, &str)| json!({"group": group, "version": version, "kind": kind});
    let mut entry = json!({
        "resource": resource.plural, "responseKind": kind_of(&resource.kind, own),
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular, "verbs": verbs(resource),
    });
    if !resource.short_names.is_empty() {
        entry["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        entry["categories"] = json!(resource.categories);
    }
    let subs: Vec<Value> = subresources(resource)
        .into_iter()
        .map(|(name, kind, of, verbs)| {
            json!({"subresource": name, "responseKind": kind_of(kind, of.unwrap_or(own)),
                "verbs": verbs})
        })
        .collect();
    if !subs.is_empty() {
        entry["subresources"] = subs.into();
    }
    entry
}

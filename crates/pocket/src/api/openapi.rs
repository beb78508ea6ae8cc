//! Which kinds the OpenAPI documents describe; what they say is `crate::openapi`'s business.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, Request, StatusCode, header};
use serde_json::Value;

use super::resource::{Body as Rules, Registry, Resource};
use super::status::{Failure, json_response};
use super::{ApiServer, crd};
use crate::openapi::{self, Kind, KindSchema};

/// Answers paths below `/openapi`; `None` for anything else.
pub(super) fn answer(
    server: &ApiServer,
    request: &Request<Body>,
) -> Option<Result<Response, Failure>> {
    let path = request
        .uri()
        .path()
        .trim_end_matches('/')
        .strip_prefix("/openapi/")?;
    Some(match path {
        "v2" => Ok(swagger(server, request)),
        "v3" => Ok(json_response(StatusCode::OK, &index(server))),
        _ => {
            let path = path.strip_prefix("v3/")?;
            document(server, path).ok_or_else(Failure::no_such_resource)
        }
    })
}

/// The groups and versions that have documents.
fn versions(registry: &Registry) -> Vec<(&str, &str)> {
    let mut found: Vec<(&str, &str)> = Vec::new();
    for one in registry.all() {
        let version = (one.group.as_str(), one.version.as_str());
        if !found.contains(&version) {
            found.push(version);
        }
    }
    found
}

/// The definitions in the store; they are only parsed when somebody asks.
fn definitions(server: &ApiServer) -> Vec<Value> {
    let stored = server.store().list(crd::KEY, None);
    let parsed = stored
        .items
        .iter()
        .map(|(_, stored)| serde_json::from_slice(&stored.json));
    parsed.filter_map(Result::ok).collect()
}

fn kinds<'a>(
    registry: &'a Registry,
    definitions: &'a [Value],
    (group, version): (&str, &str),
) -> Vec<Kind<'a>> {
    let all = registry.all().iter().map(AsRef::as_ref);
    let here = all.filter(|one: &&Resource| one.group == group && one.version == version);
    here.map(|one| Kind {
        group: &one.group,
        version: &one.version,
        kind: &one.kind,
        list_kind: &one.list_kind,
        plural: &one.plural,
        namespaced: one.namespaced,
        status: one.status,
        scale: one.scale.is_some(),
        schema: match &one.body {
            Rules::Builtin(_) => KindSchema::BuiltIn,
            Rules::Custom(_) => KindSchema::Custom(schema(definitions, one)),
        },
    })
    .collect()
}

/// The schema of a custom kind, documentation included, from its definition.
fn schema<'a>(definitions: &'a [Value], resource: &Resource) -> &'a Value {
    let of = |definition: &&Value| definition["metadata"]["name"] == *resource.key;
    let versions = definitions
        .iter()
        .find(of)
        .and_then(|one| one["spec"]["versions"].as_array());
    let mut versions = versions.into_iter().flatten();
    let version = versions.find(|version| version["name"] == resource.version.as_str());
    version.map_or(
        &Value::Null,
        |version| &version["schema"]["openAPIV3Schema"],
    )
}

fn index(server: &ApiServer) -> Value {
    let (registry, definitions) = (server.registry(), definitions(server));
    let documents: Vec<(String, String)> = versions(&registry)
        .into_iter()
        .map(|(group, version)| {
            let kinds = kinds(&registry, &definitions, (group, version));
            (openapi::path_of(group, version), openapi::hash(&kinds))
        })
        .collect();
    openapi::index(
        documents
            .iter()
            .map(|(path, hash)| (path.as_str(), hash.as_str())),
    )
}

fn document(server: &ApiServer, path: &str) -> Option<Response> {
    let (registry, definitions) = (server.registry(), definitions(server));
    let all = versions(&registry);
    let wanted = all
        .into_iter()
        .find(|(group, version)| openapi::path_of(group, version) == path)?;
    let kinds = kinds(&registry, &definitions, wanted);
    let mut response = json_response(StatusCode::OK, &openapi::group_version(&kinds));
    let tag = format!("\"{}\"", openapi::hash(&kinds));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Some(response)
}

/// Version 2, in the form that was asked for.
fn swagger(server: &ApiServer, request: &Request<Body>) -> Response {
    let accept = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    if !accept.is_some_and(|accept| accept.contains("protobuf")) {
        let (registry, definitions) = (server.registry(), definitions(server));
        let all = versions(&registry).into_iter();
        let kinds: Vec<Kind<'_>> = all
            .flat_map(|version| kinds(&registry, &definitions, version))
            .collect();
        return json_response(StatusCode::OK, &openapi::swagger(&kinds));
    }
    let mut response = (StatusCode::OK, openapi::SWAGGER_PROTOBUF).into_response();
    let kind = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

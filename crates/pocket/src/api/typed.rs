//! What built-in kinds know: type errors and unknown fields, by way of their typed structs.

use k8s_openapi::api::{
    admissionregistration::v1 as admission, coordination::v1 as coordination, core::v1 as core,
    discovery::v1 as discovery, networking::v1 as networking, policy::v1 as policy,
    rbac::v1 as rbac, storage::v1 as storage,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1 as apiextensions;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::resource::Resource;
use super::status::Failure;

/// Removes what the kind does not know and returns its paths, in order.
pub(crate) fn prune(resource: &Resource, object: &mut Value) -> Result<Vec<String>, Failure> {
    quantities(object);
    let known = match resource.kind.as_str() {
        "ConfigMap" => round_trip::<core::ConfigMap>(object),
        "Endpoints" => round_trip::<core::Endpoints>(object),
        "Event" if resource.group.is_empty() => round_trip::<core::Event>(object),
        "Event" => round_trip::<k8s_openapi::api::events::v1::Event>(object),
        "Namespace" => round_trip::<core::Namespace>(object),
        "Node" => round_trip::<core::Node>(object),
        "PersistentVolumeClaim" => round_trip::<core::PersistentVolumeClaim>(object),
        "PersistentVolume" => round_trip::<core::PersistentVolume>(object),
        "Pod" => round_trip::<core::Pod>(object),
        "Secret" => round_trip::<PlainSecret>(object),
        "ServiceAccount" => round_trip::<core::ServiceAccount>(object),
        "Service" => round_trip::<core::Service>(object),
        "NetworkPolicy" => round_trip::<networking::NetworkPolicy>(object),
        "PodDisruptionBudget" => round_trip::<policy::PodDisruptionBudget>(object),
        "ClusterRoleBinding" => round_trip::<rbac::ClusterRoleBinding>(object),
        "ClusterRole" => round_trip::<rbac::ClusterRole>(object),
        "RoleBinding" => round_trip::<rbac::RoleBinding>(object),
        "Role" => round_trip::<rbac::Role>(object),
        "StorageClass" => round_trip::<storage::StorageClass>(object),
        "CustomResourceDefinition" => round_trip::<apiextensions::CustomResourceDefinition>(object),
        "MutatingWebhookConfiguration" => {
            round_trip::<admission::MutatingWebhookConfiguration>(object)
        }
        "ValidatingWebhookConfiguration" => {
            round_trip::<admission::ValidatingWebhookConfiguration>(object)
        }
        "Lease" => round_trip::<coordination::Lease>(object),
        "EndpointSlice" => round_trip::<discovery::EndpointSlice>(object),
        _ => return Ok(Vec::new()),
    };
    let known = known.map_err(|error| {
        let Resource { kind, version, .. } = resource;
        Failure::bad_request(format!(
            "{kind} in version \"{version}\" cannot be handled as a {kind}: {error}"
        ))
    })?;
    let mut unknown = Vec::new();
    walk(object, &known, &mut String::new(), &mut unknown);
    Ok(unknown)
}

/// Checks and prunes the metadata of a custom object and returns what it does not know.
pub(crate) fn prune_metadata(
    resource: &Resource,
    object: &mut Value,
) -> Result<Vec<String>, Failure> {
    let Some(metadata) = object.get_mut("metadata") else {
        return Ok(Vec::new());
    };
    let known = round_trip::<k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta>(metadata);
    let known = known.map_err(|error| {
        let Resource { kind, version, .. } = resource;
        Failure::bad_request(format!(
            "{kind} in version \"{version}\" cannot be handled as a {kind}: metadata: {error}"
        ))
    })?;
    let mut unknown = Vec::new();
    walk(metadata, &known, &mut "metadata".to_owned(), &mut unknown);
    Ok(unknown)
}

/// A Secret whose data need not be base64 yet: that is checked with a better message.
#[derive(serde::Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct PlainSecret {
    #[serde(skip_serializing_if = "Option::is_none")]
    api_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<std::collections::BTreeMap<String, Option<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    string_data: Option<std::collections::BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    immutable: Option<bool>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind_of_secret: Option<String>,
}

fn round_trip<T: DeserializeOwned + Serialize>(object: &Value) -> Result<Value, serde_json::Error> {
    let typed: T = T::deserialize(object)?;
    serde_json::to_value(typed)
}

/// Removes members that the known form lacks, unless they are empty anyway.
fn walk(value: &mut Value, known: &Value, path: &mut String, unknown: &mut Vec<String>) {
    let mark = path.len();
    match (value, known) {
        (Value::Object(members), Value::Object(known)) => members.retain(|name, member| {
            let part = known.get(name);
            if part.is_none() && member.is_null() {
                return false;
            }
            if mark > 0 {
                path.push('.');
            }
            path.push_str(name);
            match part {
                Some(part) => walk(member, part, path, unknown),
                None => unknown.push(path.clone()),
            }
            path.truncate(mark);
            part.is_some()
        }),
        (Value::Array(list), Value::Array(known)) => {
            for (at, (item, part)) in list.iter_mut().zip(known).enumerate() {
                path.push_str(&format!("[{at}]"));
                walk(item, part, path, unknown);
                path.truncate(mark);
            }
        }
        _ => {}
    }
}

/// Quantities may be written as numbers; they are kept as text.
fn quantities(value: &mut Value) {
    const HOLDERS: [&str; 5] = ["limits", "requests", "capacity", "allocatable", "hard"];
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                match member {
                    Value::Object(amounts) if HOLDERS.contains(&name.as_str()) => {
                        for amount in amounts.values_mut().filter(|amount| amount.is_number()) {
                            *amount = Value::from(amount.to_string());
                        }
                    }
                    Value::Number(_) if name == "sizeLimit" => {
                        *member = Value::from(member.to_string())
                    }
                    _ => quantities(member),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(quantities),
        _ => {}
    }
}

//! What an API server does with an object: null pruning, defaults, schema, rules.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use howdah_api::crds;
use serde_json::{Map, Value, json};

use crate::cel_rules;

/// Schema of each kind.
pub(crate) fn schemas() -> &'static BTreeMap<String, Value> {
    static SCHEMAS: LazyLock<BTreeMap<String, Value>> = LazyLock::new(generate);
    &SCHEMAS
}

fn generate() -> BTreeMap<String, Value> {
    crds()
        .into_iter()
        .map(|crd| {
            let schema = crd.spec.versions[0]
                .schema
                .clone()
                .unwrap()
                .open_api_v3_schema
                .unwrap();
            (crd.spec.names.kind, serde_json::to_value(schema).unwrap())
        })
        .collect()
}

/// Admits an object; the error holds every complaint as `path: complaint`.
pub(crate) fn admit(kind: &str, object: Value, old: Option<Value>) -> Result<Value, Vec<String>> {
    let schema = &schemas()[kind];
    let mut object = object;
    fill(schema, &mut object);
    let old = old.map(|mut old| {
        fill(schema, &mut old);
        old
    });
    let mut complaints = Vec::new();
    check(schema, &object, "", &mut complaints);
    if complaints.is_empty() {
        cel_rules::check(schema, &object, old.as_ref(), "", &mut complaints);
    }
    if complaints.is_empty() {
        Ok(object)
    } else {
        Err(complaints)
    }
}

/// An object of a kind with a name and a specification.
pub(crate) fn object(kind: &str, name: &str, spec: Value) -> Value {
    let version = if kind == "SGObjectStorage" {
        "v1beta1"
    } else {
        "v1"
    };
    json!({
        "apiVersion": format!("stackgres.io/{version}"),
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    })
}

/// `base` with the members of `patch` merged in.
pub(crate) fn merged(mut base: Value, patch: Value) -> Value {
    match (base.as_object_mut(), patch) {
        (Some(members), Value::Object(patches)) => {
            for (name, patch) in patches {
                let member = members.remove(&name).unwrap_or(Value::Null);
                members.insert(name, merged(member, patch));
            }
            base
        }
        (_, patch) => patch,
    }
}

fn fill(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            for (name, part) in properties(schema) {
                if let (Some(default), false) = (part.get("default"), members.contains_key(name)) {
                    members.insert(name.clone(), default.clone());
                }
            }
            for (name, member) in members {
                if let Some(part) = member_schema(schema, name) {
                    fill(part, member);
                }
            }
        }
        Value::Array(items) => {
            if let Some(part) = schema.get("items") {
                items.iter_mut().for_each(|item| fill(part, item));
            }
        }
        _ => {}
    }
}

/// Validates a value against the keywords that the CRDs use.
pub(crate) fn check(schema: &Value, value: &Value, path: &str, complaints: &mut Vec<String>) {
    let mut complain = |complaint: String| complaints.push(format!("{path}: {complaint}"));
    if let Some(wanted) = schema["type"].as_str()
        && !is_a(wanted, value)
    {
        return complain(format!("must be of type {wanted}"));
    }
    if schema["x-kubernetes-int-or-string"] == true && !value.is_string() && !value.is_i64() {
        return complain("must be an integer or text".to_owned());
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        complain(format!("must be one of {allowed:?}"));
    }
    match value {
        Value::String(text) => check_text(schema, text, &mut complain),
        Value::Number(number) => {
            let number = number.as_f64().unwrap();
            if schema["minimum"]
                .as_f64()
                .is_some_and(|minimum| number < minimum)
                || schema["maximum"]
                    .as_f64()
                    .is_some_and(|maximum| number > maximum)
            {
                complain("is out of range".to_owned());
            }
        }
        Value::Array(items) => {
            check_size(schema, "minItems", "maxItems", items.len(), &mut complain);
            for (index, item) in items.iter().enumerate() {
                if let Some(part) = schema.get("items") {
                    check(part, item, &format!("{path}[{index}]"), complaints);
                }
            }
        }
        Value::Object(members) => {
            check_size(
                schema,
                "minProperties",
                "maxProperties",
                members.len(),
                &mut complain,
            );
            check_members(schema, members, path, complaints);
        }
        _ => {}
    }
}

fn check_members(
    schema: &Value,
    members: &Map<String, Value>,
    path: &str,
    complaints: &mut Vec<String>,
) {
    for required in schema["required"].as_array().into_iter().flatten() {
        if !members.contains_key(required.as_str().unwrap()) {
            complaints.push(format!("{path}: {required} is required"));
        }
    }
    for (name, member) in members {
        if let Some(part) = member_schema(schema, name) {
            check(part, member, &format!("{path}.{name}"), complaints);
        }
    }
}

fn check_text(schema: &Value, text: &str, complain: &mut impl FnMut(String)) {
    check_size(
        schema,
        "minLength",
        "maxLength",
        text.chars().count(),
        complain,
    );
    if let Some(pattern) = schema["pattern"].as_str()
        && !regex::Regex::new(pattern).unwrap().is_match(text)
    {
        complain(format!("should match {pattern}"));
    }
}

fn check_size(
    schema: &Value,
    min: &str,
    max: &str,
    size: usize,
    complain: &mut impl FnMut(String),
) {
    let size = size as u64;
    if schema[min].as_u64().is_some_and(|min| size < min) {
        complain(format!("is smaller than {min}"));
    }
    if schema[max].as_u64().is_some_and(|max| size > max) {
        complain(format!("is larger than {max}"));
    }
}

fn is_a(wanted: &str, value: &Value) -> bool {
    match wanted {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        _ => false,
    }
}

/// Described members of an object.
pub(crate) fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema["properties"].as_object().into_iter().flatten()
}

/// Schema of one member of an object.
pub(crate) fn member_schema<'a>(schema: &'a Value, name: &str) -> Option<&'a Value> {
    schema["properties"]
        .get(name)
        .or_else(|| schema.get("additionalProperties"))
}

#[test]
fn an_explicit_null_is_an_absent_field() {
    let spec = json!({
        "instances": 1,
        "postgres": {"version": "18", "flavor": null, "ssl": null},
        "pods": {"persistentVolume": {"size": "1Gi"}},
        "replication": null,
    });
    let admitted = admit("SGCluster", object("SGCluster", "it", spec), None).unwrap();
    assert_eq!(
        admitted["spec"]["postgres"],
        json!({"version": "18", "ssl": {"enabled": true}})
    );
}

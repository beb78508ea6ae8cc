//! References between schemas, and schemas as clients can read them.

use serde_json::{Value, json};

/// Where schemas are in a version 3 document.
const COMPONENTS: &str = "#/components/schemas/";

/// A reference to a schema of the same document.
pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("{COMPONENTS}{name}")})
}

/// A reference with a description: a reference alone may not have one beside it.
pub(super) fn described(name: &str, description: &str) -> Value {
    json!({"allOf": [reference(name)], "description": description})
}

/// Rewrites schemas as generated into the subset that Kubernetes clients decode.
pub(super) fn normalize(schema: &mut Value) {
    let Value::Object(map) = schema else {
        // `true` stands for any value; clients know it for additional properties only.
        *schema = json!({});
        return;
    };
    if map.len() > 1
        && let Some(reference) = map.remove("$ref")
    {
        map.insert("allOf".to_owned(), json!([{"$ref": reference}]));
    }
    if let Some(Value::Object(properties)) = map.get_mut("properties") {
        properties.values_mut().for_each(normalize);
    }
    for keyword in ["items", "not"] {
        if let Some(nested) = map.get_mut(keyword) {
            normalize(nested);
        }
    }
    if let Some(values) = map
        .get_mut("additionalProperties")
        .filter(|values| values.is_object())
    {
        normalize(values);
    }
    for keyword in ["allOf", "anyOf", "oneOf"] {
        if let Some(Value::Array(schemas)) = map.get_mut(keyword) {
            schemas.iter_mut().for_each(normalize);
        }
    }
}

/// Points references to where version 2 keeps schemas.
pub(super) fn for_version_2(value: &mut Value) {
    match value {
        Value::Object(map) => map.iter_mut().for_each(|(key, value)| match value {
            Value::String(target) if key == "$ref" => {
                *target = target.replacen(COMPONENTS, "#/definitions/", 1)
            }
            other => for_version_2(other),
        }),
        Value::Array(items) => items.iter_mut().for_each(for_version_2),
        _ => {}
    }
}

/// The extension that tells which kind a schema or an operation is about.
pub(super) const KIND_EXTENSION: &str = "x-kubernetes-group-version-kind";

/// The value of [`KIND_EXTENSION`] on an operation; a schema has a list of them.
pub(super) fn kind_of(group: &str, version: &str, kind: &str) -> Value {
    json!({"group": group, "version": version, "kind": kind})
}

/// Drops what version 2 has no words for.
pub(super) fn without_version_3(schema: &mut Value) {
    let Value::Object(map) = schema else { return };
    for keyword in [
        "anyOf",
        "oneOf",
        "not",
        "nullable",
        "x-kubernetes-validations",
        "default",
    ] {
        map.remove(keyword);
    }
    if let Some(Value::Object(properties)) = map.get_mut("properties") {
        properties.values_mut().for_each(without_version_3);
    }
    for keyword in ["items", "additionalProperties"] {
        if let Some(nested) = map.get_mut(keyword) {
            without_version_3(nested);
        }
    }
    if let Some(Value::Array(schemas)) = map.get_mut("allOf") {
        schemas.iter_mut().for_each(without_version_3);
    }
}

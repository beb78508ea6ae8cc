//! Every schema is one that a real API server accepts.

use serde_json::Value;

use crate::admission::{check, properties, schemas};

const FORMATS: [&str; 6] = ["int32", "int64", "float", "double", "byte", "date-time"];
const TYPES: [&str; 6] = ["object", "array", "string", "integer", "number", "boolean"];

/// Keywords that structural schemas may use and ours do.
const KEYWORDS: [&str; 22] = [
    "additionalProperties",
    "default",
    "description",
    "enum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "pattern",
    "properties",
    "required",
    "type",
    "x-kubernetes-int-or-string",
    "x-kubernetes-map-type",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
];

#[test]
fn schemas_are_structural() {
    let mut problems = Vec::new();
    for (kind, schema) in schemas() {
        walk(schema, kind, &mut problems);
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn user_facing_fields_are_documented() {
    let mut undocumented = Vec::new();
    for (kind, schema) in schemas() {
        for section in ["spec", "status"] {
            undescribed(
                &schema["properties"][section],
                &format!("{kind}.{section}"),
                &mut undocumented,
            );
        }
    }
    assert!(undocumented.is_empty(), "{undocumented:#?}");
}

#[test]
fn statuses_keep_fields_they_do_not_know() {
    for (kind, schema) in schemas() {
        if let Some(status) = schema["properties"].get("status") {
            assert_eq!(
                status["x-kubernetes-preserve-unknown-fields"], true,
                "{kind}"
            );
        }
    }
}

#[test]
fn a_crd_fits_into_the_annotation_of_client_side_apply() {
    for crd in howdah_api::crds() {
        let size = serde_json::to_vec(&crd).unwrap().len();
        assert!(size < 200_000, "{:?} takes {size} bytes", crd.metadata.name);
    }
}

fn walk(schema: &Value, path: &str, problems: &mut Vec<String>) {
    let mut problem = |text: String| problems.push(format!("{path}: {text}"));
    for keyword in schema.as_object().unwrap().keys() {
        if !KEYWORDS.contains(&keyword.as_str()) {
            problem(format!("keyword {keyword}"));
        }
    }
    let int_or_string = schema["x-kubernetes-int-or-string"] == true;
    let open = schema["x-kubernetes-preserve-unknown-fields"] == true;
    match schema["type"].as_str() {
        Some(type_) if int_or_string => problem(format!("int-or-string has type {type_}")),
        Some(type_) if !TYPES.contains(&type_) => problem(format!("type {type_}")),
        None if !int_or_string && !open => problem("no type".to_owned()),
        _ => {}
    }
    if let Some(format) = schema["format"].as_str()
        && !FORMATS.contains(&format)
    {
        problem(format!("format {format}"));
    }
    if schema["type"] == "array" && schema.get("items").is_none() {
        problem("list without items".to_owned());
    }
    if schema.get("properties").is_some() && schema.get("additionalProperties").is_some() {
        problem("both properties and additionalProperties".to_owned());
    }
    for required in schema["required"].as_array().into_iter().flatten() {
        if schema["properties"]
            .get(required.as_str().unwrap())
            .is_none()
        {
            problem(format!("required {required} is not described"));
        }
    }
    if let Some(default) = schema.get("default") {
        check(schema, default, path, problems);
    }
    for (name, part) in properties(schema) {
        walk(part, &format!("{path}.{name}"), problems);
    }
    for name in ["items", "additionalProperties"] {
        if let Some(part) = schema.get(name) {
            walk(part, &format!("{path}.{name}"), problems);
        }
    }
}

/// Fields without a description, outside of core/v1 shapes and of the known names of free objects.
fn undescribed(schema: &Value, path: &str, found: &mut Vec<String>) {
    let free = schema["x-kubernetes-preserve-unknown-fields"] == true && !path.contains(".status");
    let described = schema["description"].as_str().unwrap_or_default();
    if free || described.contains("as core/v1") {
        return;
    }
    for (name, part) in properties(schema) {
        if part["description"].as_str().is_none_or(str::is_empty) {
            found.push(format!("{path}.{name}"));
        }
        undescribed(part, &format!("{path}.{name}"), found);
    }
    for name in ["items", "additionalProperties"] {
        if let Some(part) = schema.get(name) {
            undescribed(part, path, found);
        }
    }
}

//! Keywords that are refused wherever they stand.

use serde_json::Value;

use super::{Document, Pass, flag, present, text_of};

const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];

pub(super) fn check(pass: &mut Pass, path: &str, schema: &Document) {
    let kind = text_of(schema, "type");
    if kind == "null" {
        pass.forbidden(
            format!("{path}.type"),
            "type cannot be set to null, use nullable as an alternative",
        );
    } else if !kind.is_empty() && !TYPES.contains(&kind) {
        pass.not_supported(&format!("{path}.type"), &Value::from(kind), &TYPES);
    }
    for keyword in [
        "id",
        "additionalItems",
        "patternProperties",
        "definitions",
        "dependencies",
        "$ref",
    ] {
        let used = present(schema, keyword).is_some_and(|value| match value {
            Value::String(text) => !text.is_empty(),
            Value::Object(map) => !map.is_empty(),
            _ => true,
        });
        if used {
            pass.forbidden(
                format!("{path}.{keyword}"),
                &format!("{keyword} is not supported"),
            );
        }
    }
    if flag(schema, "uniqueItems") {
        pass.forbidden(
            format!("{path}.uniqueItems"),
            "uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
        );
    }
    if schema.get("items").is_some_and(Value::is_array) {
        pass.forbidden(
            format!("{path}.items"),
            "items must be a schema object and not an array",
        );
    }
    let has_properties = schema
        .get("properties")
        .and_then(Value::as_object)
        .is_some_and(|map| !map.is_empty());
    if has_properties
        && present(schema, "additionalProperties").is_some_and(|value| *value != Value::Bool(true))
    {
        pass.forbidden(
            format!("{path}.additionalProperties"),
            "additionalProperties and properties are mutual exclusive",
        );
    }
    let preserve = "x-kubernetes-preserve-unknown-fields";
    if schema.get(preserve) == Some(&Value::Bool(false)) {
        pass.invalid(
            format!("{path}.{preserve}"),
            &Value::Bool(false),
            "must be true or undefined",
        );
    }
    if flag(schema, "x-kubernetes-int-or-string") {
        for keyword in [preserve, "x-kubernetes-embedded-resource"] {
            if flag(schema, keyword) {
                let detail = "must be false if x-kubernetes-int-or-string is true";
                pass.invalid(format!("{path}.{keyword}"), &Value::Bool(true), detail);
            }
        }
    }
    let pattern = text_of(schema, "pattern");
    if !pattern.is_empty() {
        pass.pattern(path, pattern);
    }
}

/// Keywords that describe structure, which `allOf` and its kin must leave alone.
pub(super) fn check_nested(pass: &mut Pass, path: &str, schema: &Document) {
    const MUST_BE: [(&str, &str); 12] = [
        ("type", "must be empty to be structural"),
        ("additionalProperties", "must be undefined to be structural"),
        ("default", "must be undefined to be structural"),
        ("title", "must be empty to be structural"),
        ("description", "must be empty to be structural"),
        ("nullable", "must be false to be structural"),
        (
            "x-kubernetes-preserve-unknown-fields",
            "must be false to be structural",
        ),
        (
            "x-kubernetes-embedded-resource",
            "must be false to be structural",
        ),
        (
            "x-kubernetes-int-or-string",
            "must be false to be structural",
        ),
        (
            "x-kubernetes-list-map-keys",
            "must be empty to be structural",
        ),
        (
            "x-kubernetes-list-type",
            "must be undefined to be structural",
        ),
        (
            "x-kubernetes-map-type",
            "must be undefined to be structural",
        ),
    ];
    for (keyword, detail) in MUST_BE {
        let used = present(schema, keyword)
            .is_some_and(|value| *value != Value::Bool(false) && value.as_str() != Some(""));
        if used {
            pass.forbidden(format!("{path}.{keyword}"), detail);
        }
    }
    if !super::list_of(schema, "x-kubernetes-validations").is_empty() {
        pass.forbidden(
            format!("{path}.x-kubernetes-validations"),
            "must be empty to be structural",
        );
    }
}

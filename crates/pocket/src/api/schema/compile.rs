//! From the JSON of a schema to its compiled form.

use std::sync::OnceLock;

use serde_json::{Number, Value};

use super::{Bound, Kind, Limits, Pattern, Rule, Schema};
use crate::api::shape::ListKind;

pub(super) fn node(source: &Value) -> Schema {
    let mut schema = Schema {
        kind: source["type"].as_str().and_then(Kind::parse),
        nullable: flag(source, "nullable"),
        preserve: flag(source, "x-kubernetes-preserve-unknown-fields"),
        embedded: flag(source, "x-kubernetes-embedded-resource"),
        int_or_string: flag(source, "x-kubernetes-int-or-string"),
        default: source.get("default").map(|value| Box::new(value.clone())),
        required: strings(&source["required"]).into(),
        list: list_kind(source),
        atomic_map: source["x-kubernetes-map-type"] == "atomic",
        limits: limits(source),
        rules: rules(source),
        ..Schema::default()
    };
    for (name, property) in source["properties"].as_object().into_iter().flatten() {
        schema
            .properties
            .insert(name.as_str().into(), node(property));
    }
    schema.additional = match &source["additionalProperties"] {
        Value::Object(_) => Some(Box::new(node(&source["additionalProperties"]))),
        Value::Bool(true) => Some(Box::new(Schema {
            preserve: true,
            ..Schema::default()
        })),
        _ => None,
    };
    if source["items"].is_object() {
        schema.items = Some(Box::new(node(&source["items"])));
    }
    let below = |part: &Option<Box<Schema>>| part.as_ref().is_some_and(|part| part.rules_below);
    schema.rules_below = !schema.rules.is_empty()
        || schema.properties.values().any(|part| part.rules_below)
        || below(&schema.additional)
        || below(&schema.items);
    schema
}

fn flag(source: &Value, name: &str) -> bool {
    source[name].as_bool().unwrap_or(false)
}

fn strings(source: &Value) -> Vec<String> {
    let list = source.as_array().into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn list_kind(source: &Value) -> ListKind {
    match source["x-kubernetes-list-type"].as_str() {
        Some("set") => ListKind::Set,
        Some("map") => ListKind::Keyed(strings(&source["x-kubernetes-list-map-keys"])),
        _ => ListKind::Atomic,
    }
}

fn limits(source: &Value) -> Option<Box<Limits>> {
    const NAMES: [&str; 16] = [
        "enum",
        "pattern",
        "format",
        "minimum",
        "maximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "minProperties",
        "maxProperties",
        "allOf",
        "anyOf",
        "oneOf",
        "not",
    ];
    if NAMES.iter().all(|name| source.get(*name).is_none()) {
        return None;
    }
    let schemas = |name: &str| {
        let list = source[name].as_array().into_iter().flatten();
        list.map(node).collect()
    };
    let size = |name: &str| source[name].as_u64();
    Some(Box::new(Limits {
        allowed: source["enum"].as_array().cloned(),
        pattern: source["pattern"].as_str().map(|source| Pattern {
            source: source.to_owned(),
            regex: OnceLock::new(),
        }),
        format: source["format"].as_str().map(str::to_owned),
        minimum: bound(source, "minimum", "exclusiveMinimum"),
        maximum: bound(source, "maximum", "exclusiveMaximum"),
        multiple_of: number(&source["multipleOf"]),
        min_length: size("minLength"),
        max_length: size("maxLength"),
        min_items: size("minItems"),
        max_items: size("maxItems"),
        min_properties: size("minProperties"),
        max_properties: size("maxProperties"),
        all_of: schemas("allOf"),
        any_of: schemas("anyOf"),
        one_of: schemas("oneOf"),
        not: source.get("not").map(node),
    }))
}

fn number(source: &Value) -> Option<Number> {
    match source {
        // A bound written as 9.0 is shown as 9.
        Value::Number(number) => match number.as_f64() {
            #[expect(clippy::cast_possible_truncation, reason = "whole and small")]
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e15 => {
                Some(Number::from(float as i64))
            }
            _ => Some(number.clone()),
        },
        _ => None,
    }
}

fn bound(source: &Value, name: &str, exclusive: &str) -> Option<Bound> {
    let value = number(&source[name])?;
    Some(Bound {
        value,
        exclusive: flag(source, exclusive),
    })
}

fn rules(source: &Value) -> Box<[Rule]> {
    let list = source["x-kubernetes-validations"]
        .as_array()
        .into_iter()
        .flatten();
    list.map(|one| {
        let text = |name: &str| one[name].as_str().map(str::to_owned);
        let rule = text("rule").unwrap_or_default();
        Rule {
            transition: rule.contains("oldSelf"),
            rule,
            message: text("message").filter(|text| !text.is_empty()),
            message_expression: text("messageExpression"),
            reason: reason(one["reason"].as_str()),
            field_path: text("fieldPath"),
            optional_old_self: flag(one, "optionalOldSelf"),
            program: OnceLock::new(),
        }
    })
    .collect()
}

fn reason(name: Option<&str>) -> &'static str {
    match name {
        Some("FieldValueForbidden") => "FieldValueForbidden",
        Some("FieldValueRequired") => "FieldValueRequired",
        Some("FieldValueDuplicate") => "FieldValueDuplicate",
        _ => "FieldValueInvalid",
    }
}

//! What a schema does to objects; the wordings are those of the recorded server.

mod definitions;
mod installed;
mod libraries;
mod merging;
mod properties;
mod rules;
mod wording;

use serde_json::{Value, json};

use super::{Cause, Schema};

/// The schema of the recorded definition.
fn widget() -> Schema {
    checked(&json!({
        "type": "object", "required": ["spec"], "properties": {
            "spec": {
                "type": "object", "required": ["size"],
                "properties": {
                    "size": {"type": "integer", "minimum": 1, "maximum": 9},
                    "instances": {"type": "integer", "default": 1},
                    "mode": {"type": "string", "enum": ["a", "b"], "default": "a"},
                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                    "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5}
                },
                "x-kubernetes-validations": [
                    {"rule": "self.size >= self.instances", "message": "size must be at least instances"}
                ]
            },
            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}
        }
    }))
}

/// Compiles a schema in which nothing is wrong.
fn checked(schema: &Value) -> Schema {
    assert_eq!(lines(&Schema::check("schema", schema)), [""; 0]);
    Schema::load(schema)
}

/// A schema whose `spec` is the given one.
fn with_spec(spec: &Value) -> Schema {
    checked(&json!({"type": "object", "properties": {"spec": spec}}))
}

/// A schema whose `spec.x` is the given one.
fn with_field(field: &Value) -> Schema {
    with_spec(&json!({"type": "object", "properties": {"x": field}}))
}

fn lines(causes: &[Cause]) -> Vec<String> {
    causes.iter().map(Cause::to_string).collect()
}

/// What is wrong with `spec.x`.
fn problems(field: &Value, value: Value) -> Vec<String> {
    lines(&with_field(field).validate(&json!({"spec": {"x": value}}), None))
}

#[test]
fn prunes_defaults_and_accepts_the_recorded_object() {
    let schema = widget();
    let mut object = json!({
        "apiVersion": "golden.example.org/v1", "kind": "Widget", "metadata": {"name": "w", "unknown": 1},
        "spec": {"size": 3, "unknown": 1, "free": {"any": 1}}
    });
    assert_eq!(schema.prune(&mut object), ["spec.unknown"]);
    schema.apply_defaults(&mut object);
    assert_eq!(
        object["spec"],
        json!({"size": 3, "instances": 1, "mode": "a", "free": {"any": 1}})
    );
    assert_eq!(object["metadata"]["unknown"], 1);
    assert_eq!(lines(&schema.validate(&object, None)), Vec::<String>::new());
    assert_eq!(schema.prune(&mut object), Vec::<String>::new());
}

#[test]
fn names_pruned_fields_of_lists_maps_and_embedded_objects() {
    let schema = with_spec(&json!({
        "type": "object", "properties": {
            "list": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string"}}}},
            "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {"a": {"type": "string"}}}},
            "template": {
                "type": "object", "x-kubernetes-embedded-resource": true,
                "properties": {"spec": {"type": "object", "properties": {"a": {"type": "string"}}}}
            },
            "kept": {
                "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                "properties": {"known": {"type": "object", "properties": {"a": {"type": "string"}}}}
            }
        }
    }));
    let mut object = json!({"top": 1, "spec": {
        "list": [{"a": "1"}, {"x": 1}],
        "map": {"k": {"x": 1}},
        "template": {"kind": "K", "apiVersion": "v1", "metadata": {"any": 1}, "spec": {"x": 1}, "x": 1},
        "kept": {"any": {"x": 1}, "known": {"x": 1}}
    }});
    let dropped = schema.prune(&mut object);
    let expected = [
        "spec.kept.known.x",
        "spec.list[1].x",
        "spec.map.k.x",
        "spec.template.spec.x",
        "spec.template.x",
        "top",
    ];
    assert_eq!(dropped, expected);
    assert_eq!(
        object["spec"]["kept"],
        json!({"any": {"x": 1}, "known": {}})
    );
    assert_eq!(object["spec"]["template"]["metadata"], json!({"any": 1}));
}

#[test]
fn defaults_go_from_the_outside_in() {
    let schema = with_spec(&json!({
        "type": "object", "default": {}, "properties": {
            "inner": {"type": "object", "default": {}, "properties": {"a": {"type": "integer", "default": 7}}},
            "list": {"type": "array", "items": {
                "type": "object", "properties": {"b": {"type": "string", "default": "x"}}}},
            "map": {"type": "object", "additionalProperties": {"type": "string", "default": "v"}},
            "nullable": {"type": "string", "nullable": true, "default": "d"},
            "plain": {"type": "string"},
            "set": {"type": "string", "default": "d"}
        }
    }));
    let mut object = json!({});
    schema.apply_defaults(&mut object);
    assert_eq!(
        object,
        json!({"spec": {"inner": {"a": 7}, "nullable": "d", "set": "d"}})
    );
    let mut object = json!({"spec": {
        "inner": null, "list": [{}, {"b": null}], "map": {"k": null}, "nullable": null, "plain": null, "set": null
    }});
    schema.apply_defaults(&mut object);
    assert_eq!(
        object,
        json!({"spec": {
            "inner": {"a": 7}, "list": [{"b": "x"}, {"b": "x"}], "map": {"k": "v"}, "nullable": null, "set": "d"
        }})
    );
}

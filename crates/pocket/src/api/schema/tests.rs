//! Schemas: what is dropped, filled in and refused.

use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;

fn widget() -> Schema {
    Schema::compile(&json!({
        "type": "object", "required": ["spec"],
        "properties": {
            "spec": {
                "type": "object", "required": ["size"],
                "properties": {
                    "size": {"type": "integer", "minimum": 1, "maximum": 9},
                    "instances": {"type": "integer", "default": 1},
                    "mode": {"type": "string", "enum": ["a", "b"], "default": "a"},
                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                    "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5},
                    "ports": {"type": "array", "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["port"],
                        "items": {"type": "object", "properties": {"port": {"type": "integer"}}}},
                    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                },
                "x-kubernetes-validations": [
                    {"rule": "self.size >= self.instances", "message": "size must be at least instances"},
                    {"rule": "self.mode == oldSelf.mode", "message": "mode cannot change"},
                ],
            },
        },
    }))
}

fn complaints(object: &Value, old: Option<&Value>) -> Vec<String> {
    let causes = validate(&widget(), object, old);
    causes
        .into_iter()
        .map(|cause| format!("{}: {}", cause.field, cause.message))
        .collect()
}

#[test]
fn unknown_members_go_and_are_named_in_order() {
    let mut object = json!({
        "metadata": {"name": "w"},
        "spec": {"x": 1, "free": {"any": 1}, "labels": {"k": "v"}, "ports": [{"port": 1, "y": 2}]},
        "z": 3,
    });
    assert_eq!(
        widget().prune(&mut object),
        ["spec.ports[0].y", "spec.x", "z"]
    );
    assert_eq!(
        object,
        json!({
            "metadata": {"name": "w"},
            "spec": {"free": {"any": 1}, "labels": {"k": "v"}, "ports": [{"port": 1}]},
        })
    );
}

#[test]
fn defaults_fill_what_is_absent_or_null() {
    let mut object = json!({"spec": {"size": 2, "mode": null, "name": null}});
    widget().fill(&mut object);
    assert_eq!(
        object,
        json!({"spec": {"size": 2, "mode": "a", "instances": 1}})
    );
}

#[test]
fn errors_are_worded_as_the_original_words_them() {
    let object = json!({"spec": {"size": 99, "mode": "z", "name": "TOOLONG"}});
    let not_checked = "<nil>: Invalid value: null: some validation rules were not checked because \
        the object was invalid; correct the existing errors to complete validation";
    assert_eq!(
        complaints(&object, None),
        [
            r#"spec.mode: Unsupported value: "z": supported values: "a", "b""#,
            "spec.name: Too long: may not be more than 5 bytes",
            "spec.size: Invalid value: 99: spec.size in body should be less than or equal to 9",
            not_checked,
        ]
    );
    let wrong = r#"spec.size: Invalid value: "string": spec.size in body must be of type integer: "string""#;
    assert_eq!(
        complaints(&json!({"spec": {"size": "three"}}), None),
        [wrong, not_checked]
    );
    assert_eq!(
        complaints(&json!({}), None),
        ["spec: Required value", not_checked]
    );
}

#[test]
fn a_rule_about_a_single_value_shows_it() {
    let schema = Schema::compile(&json!({
        "type": "string",
        "x-kubernetes-validations": [{"rule": "self != 'a'", "message": "must not be a"}],
    }));
    let causes = validate(&schema, &json!("a"), None);
    let messages: Vec<_> = causes.iter().map(|cause| cause.message.as_str()).collect();
    assert_eq!(messages, [r#"Invalid value: "a": must not be a"#]);
}

#[test]
fn rules_see_the_object_and_what_it_replaces() {
    let broken = json!({"spec": {"size": 2, "instances": 5, "mode": "a"}});
    let says = "spec: Invalid value: size must be at least instances";
    assert_eq!(complaints(&broken, None), [says]);
    let before = json!({"spec": {"size": 2, "instances": 1, "mode": "a"}});
    let after = json!({"spec": {"size": 2, "instances": 1, "mode": "b"}});
    assert_eq!(
        complaints(&after, Some(&before)),
        ["spec: Invalid value: mode cannot change"]
    );
    assert_eq!(complaints(&after, None), Vec::<String>::new());
}

#[test]
fn keyed_lists_refuse_a_key_twice() {
    let object = json!({"spec": {"size": 1, "instances": 1, "mode": "a",
        "ports": [{"port": 1}, {"port": 2}, {"port": 1}]}});
    assert_eq!(
        complaints(&object, None),
        [r#"spec.ports[2]: Duplicate value: {"port":1}"#]
    );
}

/// The definitions that Howdah itself installs must work here of all places.
#[test]
fn every_rule_of_our_own_definitions_is_understood() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/crds");
    let mut rules = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let definition: Value = serde_saphyr::from_str(&text).unwrap();
        let mut pending = vec![&definition["spec"]["versions"]];
        while let Some(value) = pending.pop() {
            for entry in value["x-kubernetes-validations"]
                .as_array()
                .into_iter()
                .flatten()
            {
                let rule = entry["rule"].as_str().unwrap();
                assert_eq!(cel::problem(rule), None, "{rule}");
                rules += 1;
            }
            match value {
                Value::Object(members) => pending.extend(members.values()),
                Value::Array(list) => pending.extend(list),
                _ => {}
            }
        }
    }
    assert!(rules > 10, "{rules} rules found");
}

//! The recorded messages, and those of the server's own validator for the rest.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::super::summary;
use super::{checked, lines, problems, widget, with_field, with_spec};

const NOT_CHECKED: &str = "<nil>: Invalid value: null: some validation rules were not checked because the object was \
                           invalid; correct the existing errors to complete validation";

#[test]
fn says_what_the_recorded_server_said() {
    let cases = [
        (
            json!({"spec": {"size": 99, "mode": "z", "name": "TOOLONG"}}),
            vec![
                "spec.mode: Unsupported value: \"z\": supported values: \"a\", \"b\"",
                "spec.name: Too long: may not be more than 5 bytes",
                "spec.size: Invalid value: 99: spec.size in body should be less than or equal to 9",
                NOT_CHECKED,
            ],
        ),
        (json!({}), vec!["spec: Required value", NOT_CHECKED]),
        (
            json!({"spec": {"size": "three"}}),
            vec![
                "spec.size: Invalid value: \"string\": spec.size in body must be of type integer: \"string\"",
                NOT_CHECKED,
            ],
        ),
        (
            json!({"spec": {"size": 2, "instances": 5}}),
            vec!["spec: Invalid value: size must be at least instances"],
        ),
    ];
    for (mut object, expected) in cases {
        let schema = widget();
        schema.apply_defaults(&mut object);
        assert_eq!(lines(&schema.validate(&object, None)), expected, "{object}");
    }
}

#[test]
fn the_number_of_replicas_is_checked_where_the_definition_says_it_is() {
    let path = ["spec", "instances"].map(str::to_owned).to_vec();
    let schema = || widget().scaled_at(Some(path.clone()));
    let scale = |spec: Value| -> Vec<String> {
        let found = lines(&schema().validate(&json!({"spec": spec}), None));
        let ours = |line: &String| line.starts_with(".spec.instances");
        found.into_iter().filter(ours).collect()
    };
    let accessor = ".spec.instances: Invalid value: 0: .spec.instances accessor error:";
    for (instances, expected) in [
        (
            json!("three"),
            "three is of the type string, expected int64",
        ),
        (json!(1.5), "1.5 is of the type float64, expected int64"),
        (
            json!([1]),
            "[1] is of the type []interface {}, expected int64",
        ),
    ] {
        let found = scale(json!({"size": 9, "instances": instances}));
        assert_eq!(found, [format!("{accessor} {expected}")]);
    }
    assert_eq!(
        scale(json!({"size": 9, "instances": -1})),
        [".spec.instances: Invalid value: -1: should be a non-negative integer"]
    );
    assert_eq!(
        scale(json!({"size": 9, "instances": 3_000_000_000_i64})),
        [".spec.instances: Invalid value: 3000000000: should be less than or equal to 2147483647"]
    );
    assert_eq!(
        scale(json!("x")),
        [
            ".spec.instances: Invalid value: 0: .spec.instances accessor error: x is of the type string, \
          expected map[string]interface{}"
        ]
    );
    assert_eq!(scale(json!({"size": 9})), Vec::<String>::new());
    let whole = schema().validate(&json!({"spec": {"size": 9, "instances": "three"}}), None);
    assert_eq!(
        lines(&whole).last().map(String::as_str),
        Some(NOT_CHECKED),
        "it comes before the note"
    );
}

#[test]
fn gives_reasons_and_a_summary_as_recorded() {
    let causes = widget().validate(
        &json!({"spec": {"size": 99, "mode": "z", "name": "TOOLONG", "instances": 1}}),
        None,
    );
    let reasons: Vec<&str> = causes.iter().map(|cause| cause.reason.name()).collect();
    let expected = [
        "FieldValueNotSupported",
        "FieldValueTooLong",
        "FieldValueInvalid",
        "FieldValueInvalid",
    ];
    assert_eq!(reasons, expected);
    assert!(summary(&causes).starts_with(
        "[spec.mode: Unsupported value: \"z\": supported values: \"a\", \"b\", spec.name:"
    ));
    let one = widget().validate(
        &json!({"spec": {"size": 2, "instances": 5, "mode": "a"}}),
        None,
    );
    assert_eq!(
        summary(&one),
        "spec: Invalid value: size must be at least instances"
    );
}

/// A field's schema, a value, and what is wrong with the value.
const WRONG: &[(&str, &str, &str)] = &[
    (
        r#"{"type": "integer", "minimum": 1, "exclusiveMinimum": true}"#,
        "1",
        "spec.x: Invalid value: 1: spec.x in body should be greater than 1",
    ),
    (
        r#"{"type": "integer", "minimum": 1}"#,
        "0",
        "spec.x: Invalid value: 0: spec.x in body should be greater than or equal to 1",
    ),
    (
        r#"{"type": "number", "maximum": 1.5, "exclusiveMaximum": true}"#,
        "1.5",
        "spec.x: Invalid value: 1.5: spec.x in body should be less than 1.5",
    ),
    (
        r#"{"type": "integer", "multipleOf": 3}"#,
        "4",
        "spec.x: Invalid value: 4: spec.x in body should be a multiple of 3",
    ),
    (
        r#"{"type": "string", "minLength": 2}"#,
        r#""a""#,
        r#"spec.x: Invalid value: "a": spec.x in body should be at least 2 chars long"#,
    ),
    (
        r#"{"type": "string", "maxLength": 1}"#,
        r#""ab""#,
        "spec.x: Too long: may not be more than 1 byte",
    ),
    (
        r#"{"type": "string", "pattern": "^a$"}"#,
        r#""b""#,
        r#"spec.x: Invalid value: "b": spec.x in body should match '^a$'"#,
    ),
    (
        r#"{"type": "string", "format": "date-time"}"#,
        r#""b""#,
        r#"spec.x: Invalid value: "b": spec.x in body must be of type date-time: "b""#,
    ),
    (
        r#"{"type": "string", "format": "date-time"}"#,
        "5",
        r#"spec.x: Invalid value: "int64": spec.x in body must be of type date-time: "int64""#,
    ),
    (
        r#"{"type": "integer", "format": "int32"}"#,
        "3000000000",
        r#"<nil>: Invalid value: "": Checked value must be of type integer with format int32 in spec.x"#,
    ),
    (
        r#"{"type": "integer", "format": "int32"}"#,
        "1.5",
        r#"spec.x: Invalid value: "float64": spec.x in body must be of type int32: "float64""#,
    ),
    (
        r#"{"type": "boolean"}"#,
        r#""true""#,
        r#"spec.x: Invalid value: "string": spec.x in body must be of type boolean: "string""#,
    ),
    (
        r#"{"type": "integer"}"#,
        "1.5",
        r#"spec.x: Invalid value: "number": spec.x in body must be of type integer: "number""#,
    ),
    (
        r#"{"type": "string"}"#,
        "null",
        r#"spec.x: Invalid value: "null": spec.x in body must be of type string: "null""#,
    ),
    (
        r#"{"x-kubernetes-int-or-string": true}"#,
        "true",
        r#"spec.x: Invalid value: "boolean": spec.x in body must be of type integer,string: "boolean""#,
    ),
    (
        r#"{"type": "integer", "enum": [1, 2]}"#,
        "3",
        r#"spec.x: Unsupported value: 3: supported values: "1", "2""#,
    ),
    (
        r#"{"type": "array", "items": {"type": "string"}, "minItems": 1}"#,
        "[]",
        "spec.x: Invalid value: 0: spec.x in body should have at least 1 items",
    ),
    (
        r#"{"type": "array", "items": {"type": "string"}, "maxItems": 1}"#,
        r#"["a", "b"]"#,
        "spec.x: Too many: 2: must have at most 1 item",
    ),
    (
        r#"{"type": "array", "items": {"type": "string"}}"#,
        r#"["a", 1]"#,
        r#"spec.x[1]: Invalid value: "integer": spec.x[1] in body must be of type string: "integer""#,
    ),
    (
        r#"{"type": "object", "minProperties": 1}"#,
        "{}",
        "spec.x: Invalid value: 0: spec.x in body should have at least 1 properties",
    ),
    (
        r#"{"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 0}"#,
        r#"{"a": "b"}"#,
        "spec.x: Too many: 1: must have at most 0 items",
    ),
    (
        r#"{"type": "object", "additionalProperties": {"type": "string"}}"#,
        r#"{"a": 1}"#,
        r#"spec.x.a: Invalid value: "integer": spec.x.a in body must be of type string: "integer""#,
    ),
    (
        r#"{"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}"#,
        "{}",
        "spec.x.a: Required value",
    ),
    (
        r#"{"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"}"#,
        r#"["a", "b", "a", "a"]"#,
        r#"spec.x[2]: Duplicate value: "a""#,
    ),
    (
        r#"{"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], "items": { "type": "object", "required": ["k"], "properties": {"k": {"type": "string"}}}}"#,
        r#"[{"k": "a"}, {"k": "a"}]"#,
        r#"spec.x[1]: Duplicate value: {"k":"a"}"#,
    ),
    (
        r#"{"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true}"#,
        r#"{"kind": "K"}"#,
        "spec.x.apiVersion: Required value",
    ),
    (
        r#"{"type": "integer", "not": {"minimum": 5}}"#,
        "6",
        r#"<nil>: Invalid value: "": "spec.x" must not validate the schema (not)"#,
    ),
];

#[test]
fn says_what_is_wrong_with_a_value() {
    for (field, value, expected) in WRONG {
        let (schema, value) = (parsed(field), parsed(value));
        assert_eq!(problems(&schema, value), [*expected], "{field}");
    }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn explains_alternatives() {
    let field = json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
        "oneOf": [{"required": ["a"]}, {"required": ["b"]}]});
    assert_eq!(
        problems(&field, json!({})),
        [
            "<nil>: Invalid value: \"\": \"spec.x\" must validate one and only one schema (oneOf). Found none valid",
            "spec.x.a: Required value",
        ]
    );
    assert_eq!(
        problems(&field, json!({"a": "", "b": ""})),
        [
            "<nil>: Invalid value: \"\": \"spec.x\" must validate one and only one schema (oneOf). Found 2 valid alternatives"
        ]
    );
    assert_eq!(problems(&field, json!({"a": ""})), [""; 0]);
    let any = json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}], "pattern": "^[0-9]+$"});
    assert_eq!(problems(&any, json!(5)), [""; 0]);
    assert_eq!(
        problems(&any, json!("x")),
        ["spec.x: Invalid value: \"x\": spec.x in body should match '^[0-9]+$'"]
    );
}

#[test]
fn forgives_what_did_not_change() {
    let schema = with_spec(&json!({"type": "object", "properties": {
        "old": {"type": "string", "maxLength": 1},
        "new": {"type": "string", "maxLength": 1},
        "list": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], "items": {
            "type": "object", "required": ["k"], "properties": {"k": {"type": "string"}, "v": {"type": "integer", "maximum": 1}}}}
    }}));
    let old = json!({"spec": {"old": "long", "new": "n", "list": [{"k": "a", "v": 5}]}});
    let new = json!({"spec": {"old": "long", "new": "long", "list": [{"k": "b", "v": 7}, {"k": "a", "v": 5}]}});
    assert_eq!(
        lines(&schema.validate(&new, Some(&old))),
        [
            "spec.list[0].v: Invalid value: 7: spec.list[0].v in body should be less than or equal to 1",
            "spec.new: Too long: may not be more than 1 byte",
        ]
    );
    assert_eq!(lines(&schema.validate(&old, Some(&old))), [""; 0]);
}

#[test]
fn accepts_whole_floats_as_integers_and_null_where_allowed() {
    let schema = with_field(&json!({"type": "integer", "nullable": true}));
    for value in [json!(1.0), json!(null), json!(5)] {
        assert_eq!(
            lines(&schema.validate(&json!({"spec": {"x": value}}), None)),
            [""; 0]
        );
    }
}

#[test]
fn checks_only_the_status_of_a_status_write() {
    let schema = checked(&json!({"type": "object", "properties": {
        "spec": {"type": "object", "properties": {"x": {"type": "string"}}},
        "status": {"type": "object", "properties": {"n": {"type": "integer"}}}
    }}));
    let (old, new) = (
        json!({"spec": {"x": 1}}),
        json!({"spec": {"x": 1}, "status": {"n": "x"}}),
    );
    assert_eq!(
        lines(&schema.validate_status(&new, &old)),
        [
            "status.n: Invalid value: \"string\": status.n in body must be of type integer: \"string\""
        ]
    );
}

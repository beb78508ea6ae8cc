//! Schemas that are refused when the definition is created.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::super::Schema;
use super::lines;

const AT: &str = "spec.validation.openAPIV3Schema";

fn refused(schema: &Value) -> Vec<String> {
    let causes = Schema::check(AT, schema);
    let lines = lines(&causes);
    lines.iter().map(|line| line.replacen(AT, "", 1)).collect()
}

fn refused_field(field: &Value) -> Vec<String> {
    let schema = json!({"type": "object", "properties": {"x": field}});
    refused(&schema)
        .iter()
        .map(|line| line.replacen(".properties[x]", "", 1))
        .collect()
}

#[test]
fn refuses_a_root_that_is_no_object() {
    assert_eq!(
        refused(&json!({})),
        [".type: Required value: must not be empty at the root"]
    );
    assert_eq!(
        refused(&json!({"type": "string"})),
        [".type: Invalid value: \"string\": must be object at the root"]
    );
    assert_eq!(
        refused(&json!({"type": "object", "additionalProperties": {"type": "string"}})),
        [".additionalProperties: Forbidden: must not be used at the root"]
    );
    let metadata = json!({"type": "object", "properties": {"metadata": {"type": "object", "properties": {"labels": {"type": "object"}}}}});
    assert_eq!(
        refused(&metadata),
        [
            ".properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified"
        ]
    );
}

#[test]
fn refuses_what_is_not_structural() {
    let cases = [
        (
            json!({}),
            ".type: Required value: must not be empty for specified object fields",
        ),
        (
            json!({"type": "array", "items": {}}),
            ".items.type: Required value: must not be empty for specified array items",
        ),
        (
            json!({"type": "array"}),
            ".items: Required value: must be specified",
        ),
        (
            json!({"type": "string", "$ref": "#/x"}),
            ".$ref: Forbidden: $ref is not supported",
        ),
        (
            json!({"type": "text"}),
            ".type: Unsupported value: \"text\": supported values: \"array\", \"boolean\", \"integer\", \"number\", \"object\", \"string\"",
        ),
        (
            json!({"type": "array", "items": {"type": "string"}, "uniqueItems": true}),
            ".uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "string"}}),
            ".additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive",
        ),
        (
            json!({"type": "object", "x-kubernetes-preserve-unknown-fields": false}),
            ".x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined",
        ),
        (
            json!({"type": "string", "anyOf": [{"type": "string"}]}),
            ".anyOf[0].type: Forbidden: must be empty to be structural",
        ),
        (
            json!({"type": "object", "allOf": [{"properties": {"a": {"minLength": 1}}}]}),
            ".properties[a]: Required value: because it is defined in spec.validation.openAPIV3Schema.properties[x].allOf[0].properties[a]",
        ),
        (
            json!({"type": "string", "x-kubernetes-list-type": "set"}),
            ".type: Invalid value: \"string\": must be array if x-kubernetes-list-type is specified",
        ),
        (
            json!({"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "bag"}),
            ".x-kubernetes-list-type: Unsupported value: \"bag\": supported values: \"atomic\", \"set\", \"map\"",
        ),
        (
            json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], "items": {"type": "object", "properties": {"k": {"type": "string"}}}}),
            ".items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property",
        ),
        (
            json!({"type": "integer", "default": "a"}),
            ".default: Invalid value: \"string\": spec.validation.openAPIV3Schema.properties[x].default in body must be of type integer: \"string\"",
        ),
        (
            json!({"type": "object", "default": {"y": 1}, "properties": {"a": {"type": "string"}}}),
            ".default: Invalid value: {\"y\":1}: must not have unknown fields",
        ),
    ];
    for (field, expected) in cases {
        assert_eq!(refused_field(&field), [expected], "{field}");
    }
    assert!(
        refused_field(&json!({"type": "string", "pattern": "("}))[0].starts_with(
            ".pattern: Invalid value: \"(\": must be a valid regular expression, but isn't: "
        )
    );
}

#[test]
fn refuses_rules_that_do_not_compile() {
    let rule = |rule: &str| {
        let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}, "s": {"type": "string"},
            "l": {"type": "array", "items": {"type": "string"}}}, "x-kubernetes-validations": [{"rule": rule}]});
        let found = refused(&schema);
        let json = serde_json::to_string(rule)
            .unwrap()
            .replace('>', "\\u003e")
            .replace('<', "\\u003c");
        let prefix = format!(
            ".x-kubernetes-validations[0].rule: Invalid value: {{\"Rule\":{json},\"Message\":\"\",\"MessageExpression\":\"\",\"Reason\":null,\"FieldPath\":\"\",\"OptionalOldSelf\":null}}: "
        );
        found
            .iter()
            .map(|line| line.strip_prefix(&prefix).unwrap_or(line).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        rule("self.missing == 1"),
        [
            "compilation failed: ERROR: <input>:1:5: undefined field 'missing'\n | self.missing == 1\n | ....^"
        ]
    );
    assert_eq!(
        rule("other == 1"),
        [
            "compilation failed: ERROR: <input>:1:1: undeclared reference to 'other' (in container '')\n | other == 1\n | ^"
        ]
    );
    assert_eq!(
        rule("self.n == 'a'"),
        [
            "compilation failed: ERROR: <input>:1:8: found no matching overload for '_==_' applied to '(int, string)'\n | self.n == 'a'\n | .......^"
        ]
    );
    assert_eq!(
        rule("self.n + 1"),
        ["cel expression must evaluate to a bool"]
    );
    for bad in [
        "self.n ==",
        "unheard(self.n)",
        "self.s.unheard()",
        "self.n.startsWith('a')",
        "self.l.all(x, x > 1)",
        "has(self.missing)",
    ] {
        let found = rule(bad);
        assert!(
            found.len() == 1 && found[0].starts_with("compilation failed: ERROR: <input>:1:"),
            "{bad}: {found:?}"
        );
    }
    for good in [
        "self.n > 0",
        "has(self.s) ? self.s.size() > 0 : true",
        "self.l.all(x, x.startsWith('a'))",
        "self.metadata.name.size() < 9",
        "self.kind == 'W'",
    ] {
        assert_eq!(rule(good), [""; 0], "{good}");
    }
}

#[test]
fn refuses_rules_with_useless_parts() {
    let with = |rule: Value| {
        let mut lines = refused(
            &json!({"type": "object", "properties": {"l": {"type": "array", "items": {"type": "string"}}},
            "x-kubernetes-validations": [rule]}),
        );
        lines
            .pop()
            .map(|line| line.replacen(".x-kubernetes-validations[0]", "", 1))
            .unwrap_or_default()
    };
    assert_eq!(
        with(json!({"rule": ""})),
        ".rule: Required value: rule is not specified"
    );
    assert_eq!(
        with(json!({"rule": "true", "message": "a\nb"})),
        ".message: Invalid value: \"a\\nb\": must not contain line breaks"
    );
    assert_eq!(
        with(json!({"rule": "true\n&& true"})),
        ".message: Required value: message must be specified if rule contains line breaks"
    );
    assert_eq!(
        with(json!({"rule": "true", "reason": "Why"})),
        ".reason: Unsupported value: \"Why\": supported values: \"FieldValueDuplicate\", \"FieldValueForbidden\", \"FieldValueInvalid\", \"FieldValueRequired\""
    );
    assert_eq!(
        with(json!({"rule": "true", "fieldPath": ".none"})),
        ".fieldPath: Invalid value: \".none\": must be a valid path"
    );
    assert_eq!(
        with(json!({"rule": "true", "optionalOldSelf": true})),
        ".optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule"
    );
    assert!(
        with(json!({"rule": "true", "messageExpression": "1 + 1"}))
            .ends_with(": messageExpression must evaluate to a string")
    );
    let on_items = json!({"type": "object", "properties": {"l": {"type": "array", "items": {
        "type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf"}]}}}});
    assert_eq!(
        refused(&on_items),
        [
            ".properties[l].items.x-kubernetes-validations[0].rule: Invalid value: \"self == oldSelf\": oldSelf cannot be used on \
          the uncorrelatable portion of the schema within spec.validation.openAPIV3Schema.properties[l]"
        ]
    );
}

#[test]
fn refuses_schemas_that_nest_without_end() {
    let mut schema = json!({"type": "string"});
    for _ in 0..200 {
        schema = json!({"type": "object", "properties": {"a": schema}});
    }
    assert!(!Schema::check(AT, &schema).is_empty());
}

#[test]
fn refuses_expressions_too_long_to_parse() {
    for source in [
        format!("1{} == 2", "+1".repeat(5000)),
        format!("{}true{}", "(".repeat(2000), ")".repeat(2000)),
    ] {
        let schema = json!({"type": "object", "x-kubernetes-validations": [{"rule": source}]});
        assert!(!Schema::check(AT, &schema).is_empty());
    }
    let long_but_fine = vec!["self.kind != 'x'"; 100].join(" && ");
    assert!(
        Schema::check(
            AT,
            &json!({"type": "object", "x-kubernetes-validations": [{"rule": long_but_fine}]})
        )
        .is_empty()
    );
}

//! Whatever the document, nothing panics and pruning settles at once.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::Schema;
use super::with_spec;

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z0-9:.TZ-]{0,12}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(key(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Keys the schema knows are likelier than others.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "spec",
            "status",
            "metadata",
            "kind",
            "apiVersion",
            "n",
            "s",
            "list",
            "map",
            "items",
            "any",
            "template",
            "when",
            "port",
            "k",
            "type",
            "properties",
            "x-kubernetes-validations",
            "rule",
            "default",
            "additionalProperties",
            "enum",
            "pattern",
            "required",
        ])
        .prop_map(str::to_owned),
        "[a-z.-]{0,6}",
    ]
}

fn schema() -> Schema {
    with_spec(&json!({
        "type": "object", "default": {"n": 2}, "properties": {
            "n": {"type": "integer", "minimum": 0, "multipleOf": 2, "default": 4, "format": "int32"},
            "s": {"type": "string", "maxLength": 3, "pattern": "^[a-z]*$", "nullable": true},
            "when": {"type": "string", "format": "date-time"},
            "port": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]},
            "list": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set", "maxItems": 3},
            "items": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], "items": {
                "type": "object", "required": ["k"], "properties": {"k": {"type": "string"}, "n": {"type": "integer"}},
                "x-kubernetes-validations": [{"rule": "!has(self.n) || !has(oldSelf.n) || self.n >= oldSelf.n"}]}},
            "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {"n": {"type": "number"}}}},
            "any": {"x-kubernetes-preserve-unknown-fields": true},
            "template": {"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true}
        },
        "x-kubernetes-validations": [{
            "rule": "!has(self.list) || self.list.all(x, x.size() < 3 && x in self.list)", "messageExpression": "string(size(self.list))"
        }]
    }))
}

static SCHEMA: LazyLock<Schema> = LazyLock::new(schema);

proptest! {
    #[test]
    fn no_document_breaks_a_schema(document in any_json(), old in any_json()) {
        let schema = &*SCHEMA;
        let spec = |value: &Value| json!({"spec": value});
        for (document, old) in [(document.clone(), old.clone()), (spec(&document), spec(&old))] {
            let mut pruned = document.clone();
            schema.prune(&mut pruned);
            let mut again = pruned.clone();
            prop_assert_eq!(schema.prune(&mut again), Vec::<String>::new());
            prop_assert_eq!(&again, &pruned);
            schema.apply_defaults(&mut pruned);
            let mut defaulted = pruned.clone();
            schema.apply_defaults(&mut defaulted);
            prop_assert_eq!(&defaulted, &pruned);
            schema.validate(&document, Some(&old));
            schema.validate(&pruned, None);
            schema.validate_status(&pruned, &old);
        }
    }

    #[test]
    fn no_document_breaks_the_parser(document in any_json()) {
        Schema::check("s", &document);
        Schema::load(&document);
        Schema::check("s", &json!({"type": "object", "properties": document}));
    }

    #[test]
    fn no_expression_breaks_the_compiler(rule in "[a-z0-9 .()'\\[\\]{}:,?!=<>&|+*/%-]{0,40}") {
        Schema::check("s", &json!({"type": "object", "x-kubernetes-validations": [{"rule": rule}]}));
    }
}

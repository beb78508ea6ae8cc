//! Rows as the recorded server and `kubectl` show them.

mod kinds;
mod pods;

use jiff::Timestamp;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

/// `now` less this many seconds.
fn ago(seconds: i64) -> String {
    (now() - jiff::SignedDuration::from_secs(seconds)).to_string()
}

fn options(include: IncludeObject) -> TableOptions {
    TableOptions {
        metadata: json!({"resourceVersion": "7"}),
        include,
        with_columns: true,
        now: now(),
    }
}

/// The cells of an object that is 5 minutes and 3 seconds old.
fn cells(group: &str, kind: &str, mut object: Value) -> Value {
    object["metadata"]["name"] = json!("n");
    object["metadata"]["creationTimestamp"] = json!(ago(303));
    let printer = Printer::built_in(group, kind);
    let cells = printer.cells(&object, now());
    assert_eq!(cells.len(), printer.columns.len(), "{kind}");
    Value::from(cells)
}

#[test]
fn a_table_has_the_recorded_shape() {
    let object = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"k": "v"},
        "metadata": {"name": "a", "namespace": "golden", "creationTimestamp": ago(0)}
    });
    let table =
        Printer::built_in("", "ConfigMap").table([&object], &options(IncludeObject::Metadata));
    assert_eq!(
        table["rows"],
        json!([{"cells": ["a", 1, "0s"], "object": {
            "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]}}])
    );
    assert_eq!(table["kind"], "Table");
    assert_eq!(table["apiVersion"], "meta.k8s.io/v1");
    assert_eq!(table["metadata"], json!({"resourceVersion": "7"}));
    let columns = table["columnDefinitions"].as_array().unwrap();
    assert_eq!(columns.len(), 3);
    let keys: Vec<&String> = columns[0].as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 5);
    assert_eq!(
        (
            &columns[0]["format"],
            &columns[0]["type"],
            &columns[2]["format"]
        ),
        (&json!("name"), &json!("string"), &json!(""))
    );
    let none = Printer::built_in("", "ConfigMap").table([&object], &options(IncludeObject::None));
    assert_eq!(none["rows"][0]["object"], Value::Null);
    let whole =
        Printer::built_in("", "ConfigMap").table([&object], &options(IncludeObject::Object));
    assert_eq!(whole["rows"][0]["object"], object);
    let later = TableOptions {
        with_columns: false,
        ..options(IncludeObject::Metadata)
    };
    assert_eq!(
        Printer::built_in("", "ConfigMap").table([&object], &later)["columnDefinitions"],
        Value::Null
    );
}

#[test]
fn include_object_is_read_from_the_query() {
    assert_eq!(IncludeObject::from_query(""), Ok(IncludeObject::Metadata));
    assert_eq!(
        IncludeObject::from_query("Object"),
        Ok(IncludeObject::Object)
    );
    assert_eq!(
        IncludeObject::from_query("All"),
        Err("unrecognized includeObject value: \"All\"".to_owned())
    );
}

#[test]
fn metadata_lists_have_the_recorded_shape() {
    let object = json!({"kind": "ConfigMap", "metadata": {"name": "a"}, "data": {}});
    assert_eq!(
        partial_metadata_list([&object], &json!({"resourceVersion": "257"})),
        json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": "257"},
            "items": [{"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "a"}}]})
    );
}

#[test]
fn custom_columns_show_what_the_definition_asks_for() {
    let described = [
        json!({"name": "size", "type": "integer", "jsonPath": ".spec.size"}),
        json!({"name": "phase", "type": "string", "jsonPath": ".status.phase", "description": "the phase", "priority": 1}),
        json!({"name": "ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"}),
        json!({"name": "since", "type": "date", "jsonPath": ".status.since"}),
        json!({"name": "on", "type": "boolean", "jsonPath": ".spec.on"}),
        json!({"name": "load", "type": "number", "jsonPath": ".spec.load"}),
        json!({"name": "map", "type": "string", "jsonPath": ".spec.map"}),
    ];
    let printer = Printer::custom(&described);
    let object = json!({
        "metadata": {"name": "w"}, "spec": {"size": 4, "on": true, "load": 2, "map": {"a": 1}},
        "status": {"phase": "Ready", "conditions": [{"type": "Ready", "status": "True"}], "since": ago(3 * 3600)}
    });
    assert_eq!(
        Value::from(printer.cells(&object, now())),
        json!(["w", 4, "Ready", "True", "3h", true, 2.0, "{\"a\":1}"])
    );
    let bare = json!({"metadata": {"name": "w"}, "spec": {"size": "four"}});
    assert_eq!(
        Value::from(printer.cells(&bare, now())),
        json!(["w", null, null, null, null, null, null, null])
    );
    let table = printer.table([&object], &options(IncludeObject::None));
    assert_eq!(
        table["columnDefinitions"][1],
        json!({"name": "size", "type": "integer", "format": "", "priority": 0,
            "description": "Custom resource definition column (in JSONPath format): .spec.size"})
    );
    assert_eq!(table["columnDefinitions"][2]["description"], "the phase");
    assert_eq!(table["columnDefinitions"][2]["priority"], 1);
}

#[test]
fn custom_kinds_without_columns_show_their_age() {
    let printer = Printer::custom(&[]);
    let object = json!({"metadata": {"name": "w", "creationTimestamp": ago(2)}});
    assert_eq!(
        Value::from(printer.cells(&object, now())),
        json!(["w", "2s"])
    );
    assert_eq!(
        (
            printer.columns[1].name.as_ref(),
            printer.columns[1].kind.as_ref()
        ),
        ("Age", "date")
    );
}

#[test]
fn kinds_without_columns_show_when_they_were_created() {
    let object = json!({"metadata": {}});
    assert_eq!(
        cells("rbac.authorization.k8s.io", "Role", object.clone()),
        json!(["n", ago(303)])
    );
    assert_eq!(
        cells("apiextensions.k8s.io", "CustomResourceDefinition", object),
        json!(["n", ago(303)])
    );
}

//! Who owns which fields after each kind of write.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::api::builtin;
use crate::api::resource::Resource;

fn kind(name: &str) -> Resource {
    builtin::ALL
        .iter()
        .find(|one| one.kind == name)
        .unwrap()
        .resource()
}

fn writer(manager: &str) -> Writer<'_> {
    Writer {
        manager,
        subresource: "",
        time: "2026-01-01T00:00:00Z",
        api_version: "v1",
    }
}

fn owned(object: &Value) -> Vec<(String, Value)> {
    let list = object["metadata"]["managedFields"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let one = |entry: Value| {
        (
            entry["manager"].as_str().unwrap().to_owned(),
            entry["fieldsV1"].clone(),
        )
    };
    list.into_iter().map(one).collect()
}

#[test]
fn a_create_owns_what_it_sets_but_not_what_always_exists() {
    let mut pod = json!({
        "metadata": {"name": "p", "labels": {"app": "p"}},
        "spec": {"containers": [{"name": "c", "ports": [{"containerPort": 80, "protocol": "TCP"}],
            "resources": {}}], "securityContext": {}},
    });
    update(&kind("Pod"), None, &mut pod, &writer("m"));
    let fields = json!({
        "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
        "f:spec": {
            "f:containers": {"k:{\"name\":\"c\"}": {
                ".": {}, "f:name": {}, "f:resources": {},
                "f:ports": {".": {}, "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {
                    ".": {}, "f:containerPort": {}, "f:protocol": {}}},
            }},
            "f:securityContext": {},
        },
    });
    assert_eq!(owned(&pod), [("m".to_owned(), fields)]);
}

#[test]
fn an_update_takes_over_what_it_changes() {
    let map = kind("ConfigMap");
    let mut live = json!({"metadata": {"name": "a"}, "data": {"x": "1", "y": "1"}});
    update(&map, None, &mut live, &writer("one"));
    let mut next = live.clone();
    next["data"] = json!({"x": "2", "z": "1"});
    update(&map, Some(&live), &mut next, &writer("two"));
    assert_eq!(
        owned(&next),
        [
            ("one".to_owned(), json!({"f:data": {}})),
            ("two".to_owned(), json!({"f:data": {"f:x": {}, "f:z": {}}})),
        ]
    );
}

#[test]
fn an_apply_drops_what_it_no_longer_sends_unless_somebody_owns_it() {
    let map = kind("ConfigMap");
    let empty = json!({"metadata": {}});
    let full = json!({"metadata": {"labels": {"o": "1"}}, "data": {"x": "1", "y": "1"}});
    let live = apply(&map, &empty, &full, &writer("one"), false).unwrap();
    let two = json!({"metadata": {}, "data": {"y": "1"}});
    let live = apply(&map, &live, &two, &writer("two"), false).unwrap();
    let less = json!({"metadata": {}, "data": {"x": "1"}});
    let live = apply(&map, &live, &less, &writer("one"), false).unwrap();
    assert_eq!(live["data"], json!({"x": "1", "y": "1"}));
    assert_eq!(live["metadata"].get("labels"), None);
    let none = json!({"metadata": {}});
    let live = apply(&map, &live, &none, &writer("two"), false).unwrap();
    assert_eq!(live["data"], json!({"x": "1"}));
}

#[test]
fn an_apply_over_anothers_value_conflicts_until_forced() {
    let map = kind("ConfigMap");
    let one = json!({"metadata": {}, "data": {"x": "1"}});
    let live = apply(&map, &json!({"metadata": {}}), &one, &writer("one"), false).unwrap();
    let two = json!({"metadata": {}, "data": {"x": "2"}});
    let Conflict(causes) = apply(&map, &live, &two, &writer("two"), false).unwrap_err();
    assert_eq!(causes[0].message, "conflict with \"one\"");
    assert_eq!(causes[0].field, ".data.x");
    let live = apply(&map, &live, &two, &writer("two"), true).unwrap();
    assert_eq!(
        owned(&live),
        [("two".to_owned(), json!({"f:data": {"f:x": {}}}))]
    );
}

#[test]
fn applied_list_elements_are_merged_by_key_and_removed_whole() {
    let service = kind("Service");
    let two = json!({"metadata": {}, "spec": {"ports": [{"port": 1}, {"port": 2, "name": "b"}]}});
    let live = apply(
        &service,
        &json!({"metadata": {}}),
        &two,
        &writer("one"),
        false,
    )
    .unwrap();
    let mut live = live;
    live["spec"]["ports"][1]["targetPort"] = json!(2);
    let one = json!({"metadata": {}, "spec": {"ports": [{"port": 1}]}});
    let live = apply(&service, &live, &one, &writer("one"), false).unwrap();
    assert_eq!(live["spec"]["ports"], json!([{"port": 1}]));
}

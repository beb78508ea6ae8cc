//! The documents, as their readers look at them.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;

fn custom(schema: &Value) -> Kind<'_> {
    Kind {
        group: "golden.example.org",
        version: "v1",
        kind: "Widget",
        list_kind: "WidgetList",
        plural: "widgets",
        namespaced: true,
        status: true,
        scale: true,
        schema: KindSchema::Custom(schema),
    }
}

fn core(
    kind: &'static str,
    list_kind: &'static str,
    plural: &'static str,
    namespaced: bool,
) -> Kind<'static> {
    Kind {
        group: "",
        version: "v1",
        kind,
        list_kind,
        plural,
        namespaced,
        status: false,
        scale: false,
        schema: KindSchema::BuiltIn,
    }
}

fn schema() -> Value {
    json!({"type": "object", "description": "A widget.", "required": ["spec"], "properties": {
        "spec": {"type": "object", "description": "What is wanted.", "properties": {"size": {"type": "integer", "default": 1}}},
        "template": {"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true}
    }})
}

/// Every reference in a document.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

fn assert_closed(document: &Value) {
    let mut found = Vec::new();
    references(document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(
            document.pointer(pointer).is_some(),
            "{reference} leads nowhere"
        );
    }
}

#[test]
fn the_index_leads_to_the_documents() {
    assert_eq!(
        index([("api/v1", "AB"), ("apis/golden.example.org/v1", "CD")]),
        json!({"paths": {
            "api/v1": {"serverRelativeURL": "/openapi/v3/api/v1?hash=AB"},
            "apis/golden.example.org/v1": {"serverRelativeURL": "/openapi/v3/apis/golden.example.org/v1?hash=CD"}
        }})
    );
    assert_eq!(path_of("apps", "v1"), "apis/apps/v1");
}

#[test]
fn the_hash_changes_with_the_kinds() {
    let (one, other) = (schema(), json!({"type": "object"}));
    let hash_of = |schema| hash(&[custom(schema)]);
    assert_eq!(hash_of(&one).len(), 128);
    assert_eq!(hash_of(&one), hash_of(&one));
    assert_ne!(hash_of(&one), hash_of(&other));
    assert_ne!(
        hash(&[custom(&one)]),
        hash(&[Kind {
            namespaced: false,
            ..custom(&one)
        }])
    );
}

#[test]
fn a_custom_kind_can_be_explained() {
    let schema = schema();
    let document = group_version(&[custom(&schema)]);
    assert_closed(&document);
    let kind = json!({"group": "golden.example.org", "version": "v1", "kind": "Widget"});
    let widget = &document["components"]["schemas"]["org.example.golden.v1.Widget"];
    assert_eq!(widget["x-kubernetes-group-version-kind"], json!([kind]));
    assert_eq!(widget["description"], "A widget.");
    assert_eq!(
        widget["properties"]["spec"]["properties"]["size"]["type"],
        "integer"
    );
    assert_eq!(widget["properties"]["kind"]["type"], "string");
    assert_eq!(
        widget["properties"]["template"]["properties"]["apiVersion"]["type"],
        "string"
    );
    let paths = document["paths"].as_object().unwrap();
    let expected = [
        "/apis/golden.example.org/v1/namespaces/{namespace}/widgets",
        "/apis/golden.example.org/v1/namespaces/{namespace}/widgets/{name}",
        "/apis/golden.example.org/v1/namespaces/{namespace}/widgets/{name}/scale",
        "/apis/golden.example.org/v1/namespaces/{namespace}/widgets/{name}/status",
        "/apis/golden.example.org/v1/widgets",
    ];
    let mut actual: Vec<&String> = paths.keys().collect();
    actual.sort();
    assert_eq!(actual, expected);
    let verbs = |path: &str| {
        let mut verbs: Vec<&String> = paths[path].as_object().unwrap().keys().collect();
        verbs.sort();
        verbs.into_iter().map(String::as_str).collect::<Vec<_>>()
    };
    assert_eq!(verbs(expected[0]), ["delete", "get", "parameters", "post"]);
    assert_eq!(
        verbs(expected[1]),
        ["delete", "get", "parameters", "patch", "put"]
    );
    assert_eq!(verbs(expected[3]), ["get", "parameters", "patch", "put"]);
    assert_eq!(
        paths[expected[0]]["get"]["x-kubernetes-group-version-kind"],
        kind
    );
    assert_eq!(paths[expected[0]]["get"]["x-kubernetes-action"], "list");
    assert_eq!(
        paths[expected[1]]["put"]["operationId"],
        "replaceNamespacedWidget"
    );
    assert_eq!(
        paths[expected[3]]["patch"]["operationId"],
        "patchNamespacedWidgetStatus"
    );
}

#[test]
fn patches_tell_that_the_server_validates_fields() {
    let schema = schema();
    for document in [
        group_version(&[custom(&schema)]),
        group_version(&[core("Namespace", "NamespaceList", "namespaces", false)]),
    ] {
        let paths = document["paths"].as_object().unwrap();
        let patches: Vec<&Value> = paths
            .values()
            .filter_map(|item| item.get("patch"))
            .collect();
        assert!(!patches.is_empty());
        for patch in patches {
            let parameters = patch["parameters"].as_array().unwrap();
            for name in ["dryRun", "fieldManager", "fieldValidation", "force"] {
                assert!(
                    parameters
                        .iter()
                        .any(|one| one["name"] == name && one["in"] == "query"),
                    "{name}"
                );
            }
            let content = patch["requestBody"]["content"].as_object().unwrap();
            assert!(content.contains_key("application/merge-patch+json"));
            assert!(!content.contains_key("application/strategic-merge-patch+json"));
        }
    }
}

#[test]
fn built_in_kinds_have_the_schemas_of_their_types() {
    let document = group_version(&[
        core("Pod", "PodList", "pods", true),
        core("Secret", "SecretList", "secrets", true),
        core("Namespace", "NamespaceList", "namespaces", false),
    ]);
    assert_closed(&document);
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let pod = &schemas["io.k8s.api.core.v1.Pod"];
    assert_eq!(
        pod["x-kubernetes-group-version-kind"],
        json!([{"group": "", "version": "v1", "kind": "Pod"}])
    );
    assert_eq!(
        pod["properties"]["spec"]["allOf"],
        json!([{"$ref": "#/components/schemas/io.k8s.api.core.v1.PodSpec"}])
    );
    assert!(
        schemas["io.k8s.api.core.v1.Secret"]
            .get("required")
            .is_none()
    );
    assert!(schemas.contains_key("io.k8s.api.core.v1.PodList"));
    assert!(document["paths"].get("/api/v1/namespaces/{name}").is_some());
    assert!(document["paths"].get("/api/v1/pods").is_some());
}

#[test]
fn every_built_in_kind_has_a_document() {
    for known in built_in::KINDS {
        let kind = known.kind();
        let (group, version, kind) = kind;
        let list = format!("{kind}List");
        let document = group_version(&[Kind {
            group,
            version,
            kind,
            list_kind: &list,
            plural: "things",
            namespaced: true,
            status: true,
            scale: false,
            schema: KindSchema::BuiltIn,
        }]);
        assert_closed(&document);
    }
}

#[test]
fn version_2_refers_within_itself() {
    let schema = schema();
    let document = swagger(&[
        custom(&schema),
        core("ConfigMap", "ConfigMapList", "configmaps", true),
    ]);
    assert_eq!(document["swagger"], "2.0");
    assert_closed(&document);
    assert!(
        document["definitions"]["org.example.golden.v1.Widget"]["properties"]["spec"]["properties"]
            ["size"]
            .get("default")
            .is_none()
    );
    assert!(
        document["definitions"]
            .get("io.k8s.api.core.v1.ConfigMap")
            .is_some()
    );
    assert_eq!(SWAGGER_PROTOBUF, [10, 3, b'2', b'.', b'0']);
}

//! Definitions: what they may say, whether their names are accepted, and what their schemas do to objects.

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::{Api, Client};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::{Answer, Pocket, definition, send};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const WIDGETS: &str = "/apis/example.org/v1/namespaces/default/widgets";
const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";

async fn define(client: &Client, definition: &Value) -> Answer {
    send(client, "POST", DEFINITIONS, JSON, &definition.to_string()).await
}

/// Replaces the schema of the widgets, whatever their definition says now.
async fn redefine(client: &Client, schema: &Value) {
    let versions = definition("widgets", "Widget", schema)["spec"]["versions"].take();
    let patch = json!({"spec": {"versions": versions}}).to_string();
    let path = format!("{DEFINITIONS}/widgets.example.org");
    let answer = send(client, "PATCH", &path, MERGE, &patch).await;
    assert_eq!(answer.code, 200, "{answer:?}");
}

async fn widget(client: &Client, verb: &str, path: &str, body: &Value) -> Answer {
    let media = if verb == "PATCH" { MERGE } else { JSON };
    let path = format!("{WIDGETS}{path}");
    send(client, verb, &path, media, &body.to_string()).await
}

fn spec(fields: &Value) -> Value {
    json!({"type": "object", "properties": {"spec": {"type": "object", "properties": fields}}})
}

fn condition<'a>(definition: &'a Value, kind: &str) -> Option<&'a Value> {
    let conditions = definition["status"]["conditions"].as_array()?;
    conditions.iter().find(|one| one["type"] == kind)
}

#[tokio::test]
async fn a_definition_is_refused_for_its_schema_and_its_rules() {
    let pocket = Pocket::start().await;
    let client = pocket.running.client();
    let refused = async |schema: Value| {
        let answer = define(&client, &definition("widgets", "Widget", &schema)).await;
        assert_eq!(answer.code, 422, "{answer:?}");
        answer.message().to_owned()
    };
    let message = refused(spec(&json!({"x": {}}))).await;
    assert_eq!(
        message,
        "CustomResourceDefinition.apiextensions.k8s.io \"widgets.example.org\" is invalid: \
         spec.validation.openAPIV3Schema.properties[spec].properties[x].type: Required value: \
         must not be empty for specified object fields"
    );
    let rule = json!({"x": {"type": "integer",
        "x-kubernetes-validations": [{"rule": "self == 'a'"}]}});
    let message = refused(spec(&rule)).await;
    let problem = "found no matching overload for '_==_' applied to '(int, string)'";
    assert!(message.contains(problem), "{message}");
    let default = json!({"x": {"type": "integer", "maximum": 3, "default": 4}});
    let message = refused(spec(&default)).await;
    assert!(
        message.contains("properties[x].default: Invalid value: 4"),
        "{message}"
    );
    pocket.stop().await;
}

#[tokio::test]
async fn names_that_another_kind_has_are_not_accepted_and_the_kind_is_not_served() {
    let pocket = Pocket::start().await;
    let client = pocket.running.client();
    let schema = spec(&json!({}));
    define(&client, &definition("widgets", "Widget", &schema)).await;
    define(&client, &definition("gadgets", "Widget", &schema)).await;
    let path = format!("{DEFINITIONS}/gadgets.example.org");
    let found = send(&client, "GET", &path, JSON, "").await.body;
    let accepted = condition(&found, "NamesAccepted").unwrap();
    assert_eq!(
        (
            &accepted["status"],
            &accepted["reason"],
            &accepted["message"]
        ),
        (
            &json!("False"),
            &json!("ListKindConflict"),
            &json!("\"WidgetList\" is already in use")
        )
    );
    assert_eq!(condition(&found, "Established").unwrap()["status"], "False");
    let gadgets = "/apis/example.org/v1/namespaces/default/gadgets";
    assert_eq!(send(&client, "GET", gadgets, JSON, "").await.code, 404);
    let names =
        r#"{"spec":{"names":{"kind":"Gadget","listKind":"GadgetList","singular":"gadget"}}}"#;
    let renamed = send(&client, "PATCH", &path, MERGE, names).await;
    assert!(
        renamed.message().contains("field is immutable"),
        "{renamed:?}"
    );
    let again = json!({"spec": {"scope": "Cluster"}}).to_string();
    let path = format!("{DEFINITIONS}/widgets.example.org");
    let moved = send(&client, "PATCH", &path, MERGE, &again).await;
    assert!(
        moved
            .message()
            .ends_with("spec.scope: Invalid value: \"Cluster\": field is immutable"),
        "{moved:?}"
    );
    pocket.stop().await;
}

#[tokio::test]
async fn what_a_new_schema_forbids_is_forgiven_until_it_changes() {
    let pocket = Pocket::start().await;
    let client = pocket.running.client();
    let loose = spec(&json!({"x": {"type": "string"}, "y": {"type": "string"},
        "list": {"type": "array", "items": {"type": "string"}}}));
    define(&client, &definition("widgets", "Widget", &loose)).await;
    let made = json!({"metadata": {"name": "w"},
        "spec": {"x": "UPPER", "y": "a", "list": ["a", "a"]}});
    widget(&client, "POST", "", &made).await;
    let strict = spec(&json!({
        "x": {"type": "string", "pattern": "^[a-z]*$",
            "x-kubernetes-validations": [{"rule": "self.size() < 3", "message": "too long"}]},
        "y": {"type": "string",
            "x-kubernetes-validations": [{"rule": "self >= oldSelf", "message": "must grow"}]},
        "list": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
    }));
    redefine(&client, &strict).await;
    let patch = async |spec: Value| widget(&client, "PATCH", "/w", &json!({"spec": spec})).await;
    let kept = patch(json!({"y": "b"})).await;
    assert_eq!(kept.code, 200, "{kept:?}");
    let other = patch(json!({"x": "OTHER"})).await;
    assert_eq!(
        other.message(),
        "Widget.example.org \"w\" is invalid: [spec.x: Invalid value: \"OTHER\": spec.x in body \
         should match '^[a-z]*$', spec.x: Invalid value: \"OTHER\": too long]"
    );
    let back = patch(json!({"y": "a"})).await;
    assert!(
        back.message()
            .ends_with("spec.y: Invalid value: \"a\": must grow"),
        "{back:?}"
    );
    let fresh = json!({"metadata": {"name": "v"}, "spec": {"list": ["a", "a"]}});
    let fresh = widget(&client, "POST", "", &fresh).await;
    assert!(
        fresh
            .message()
            .ends_with("spec.list[1]: Duplicate value: \"a\""),
        "{fresh:?}"
    );
    pocket.stop().await;
}

#[tokio::test]
async fn a_status_is_checked_by_itself_and_rules_name_fields_and_reasons() {
    let pocket = Pocket::start().await;
    let client = pocket.running.client();
    let schema = json!({"type": "object", "required": ["apiVersion", "kind", "spec"],
        "properties": {
            "apiVersion": {"type": "string"}, "kind": {"type": "string"},
            "metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 3}}},
            "spec": {"type": "object", "properties": {
                "port": {"x-kubernetes-int-or-string": true},
                "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                "none": {"type": "string", "nullable": true},
                "template": {"type": "object", "x-kubernetes-embedded-resource": true,
                    "properties": {"spec": {"type": "object"}}}}},
            "status": {"type": "object", "properties": {"n": {"type": "integer"}}}},
        "x-kubernetes-validations": [
            {"rule": "self.kind == 'Widget' && self.metadata.name != 'no'",
                "messageExpression": "'not ' + self.metadata.name"},
            {"rule": "!has(self.spec.port) || self.spec.port != 0", "message": "port 0",
                "reason": "FieldValueForbidden", "fieldPath": ".spec.port"}]});
    let defined = define(&client, &definition("widgets", "Widget", &schema)).await;
    assert_eq!(defined.code, 201, "{defined:?}");
    let make = async |name: &str, spec: Value| {
        let body = json!({"metadata": {"name": name}, "spec": spec});
        widget(&client, "POST", "", &body).await
    };
    let full = json!({"port": "http", "any": {"x": [{"y": 1}]}, "none": null,
        "template": {"apiVersion": "v1", "kind": "K", "metadata": {"name": "x"}, "spec": {}}});
    let made = make("w", full.clone()).await;
    assert_eq!((made.code, &made.body["spec"]), (201, &full), "{made:?}");
    let message = async |name: &str, spec: Value| make(name, spec).await.message().to_owned();
    let invalid = "Widget.example.org \"no\" is invalid: <nil>: Invalid value: not no";
    assert_eq!(message("no", json!({})).await, invalid);
    let forbidden = "Widget.example.org \"x\" is invalid: spec.port: Forbidden: port 0";
    assert_eq!(message("x", json!({"port": 0})).await, forbidden);
    let long = message("long", json!({})).await;
    assert!(
        long.contains("metadata.name: Too long: may not be more than 3 bytes"),
        "{long}"
    );
    let bare = message("x", json!({"template": {"spec": {}}})).await;
    assert!(
        bare.contains("spec.template.apiVersion: Required value"),
        "{bare}"
    );
    let wrong = json!({"status": {"n": "x"}});
    let wrong = widget(&client, "PATCH", "/w/status", &wrong).await;
    assert!(
        wrong
            .message()
            .contains("status.n in body must be of type integer"),
        "{wrong:?}"
    );
    let fine = json!({"status": {"n": 1}});
    assert_eq!(widget(&client, "PATCH", "/w/status", &fine).await.code, 200);
    pocket.stop().await;
}

#[tokio::test]
async fn a_kind_is_served_when_its_definition_is_seen_to_be_established() {
    let pocket = Pocket::start().await;
    let client = pocket.running.client();
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let list = definitions.list(&ListParams::default()).await.unwrap();
    let from = list.metadata.resource_version.unwrap();
    let params = WatchParams::default();
    let mut changes = definitions.watch(&params, &from).await.unwrap().boxed();
    for round in 0..20 {
        let plural = format!("things{round}");
        let kind = format!("Thing{round}");
        let made = definition(&plural, &kind, &spec(&json!({})));
        let (defining, created) = (client.clone(), made.clone());
        let defined = tokio::spawn(async move { define(&defining, &created).await.code });
        loop {
            let change = changes.try_next().await.unwrap().unwrap();
            let (WatchEvent::Added(seen) | WatchEvent::Modified(seen)) = change else {
                panic!("{change:?}");
            };
            let seen = serde_json::to_value(seen).unwrap();
            if condition(&seen, "Established").is_some_and(|it| it["status"] == "True") {
                break;
            }
        }
        let path = format!("/apis/example.org/v1/namespaces/default/{plural}");
        let found = send(&client, "GET", &path, JSON, "").await;
        assert_eq!(found.code, 200, "{plural}: {found:?}");
        assert_eq!(defined.await.unwrap(), 201);
    }
    pocket.stop().await;
}

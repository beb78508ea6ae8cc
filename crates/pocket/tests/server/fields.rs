//! Fields given twice and fields unknown: refused, warned of or passed over, as the client asks.

use kube::Client;
use pretty_assertions::assert_eq;
use serde_json::json;

use super::{Answer, Pocket, definition, send};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const WIDGETS: &str = "/apis/example.org/v1/namespaces/default/widgets";
const JSON: &str = "application/json";
const YAML: &str = "application/yaml";

const TWICE: &str = r#"{"metadata":{"name":"w","x":1},"spec":{"size":1,"y":1,"size":2}}"#;
const TWICE_YAML: &str = "metadata: {name: w}\nspec:\n  size: 1\n  y: 1\n  size: 2\n";

async fn define(client: &Client) {
    let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "size": {"type": "integer"}, "list": {"type": "array", "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["port", "kind"], "items": {"type": "object",
            "required": ["port"], "properties": {"port": {"type": "integer"},
            "kind": {"type": "string", "default": "TCP"}, "v": {"type": "string"}}}}}}}});
    let widgets = definition("widgets", "Widget", &schema).to_string();
    let answer = send(client, "POST", DEFINITIONS, JSON, &widgets).await;
    assert_eq!(answer.code, 201, "{answer:?}");
}

async fn create(client: &Client, how: &str, media: &str, body: &str) -> Answer {
    let path = format!("{WIDGETS}?dryRun=All&fieldValidation={how}");
    send(client, "POST", &path, media, body).await
}

#[tokio::test]
async fn a_strict_client_is_refused_with_every_problem() {
    let pocket = Pocket::start().await;
    let client = pocket.running.client();
    define(&client).await;
    let refused = create(&client, "Strict", JSON, TWICE).await;
    assert_eq!(
        (refused.code, refused.message()),
        (
            400,
            "Widget in version \"v1\" cannot be handled as a Widget: strict decoding error: \
             duplicate field \"spec.size\", unknown field \"metadata.x\", unknown field \"spec.y\""
        )
    );
    let refused = create(&client, "Strict", YAML, TWICE_YAML).await;
    assert_eq!(
        (refused.code, refused.message()),
        (
            400,
            "Widget in version \"v1\" cannot be handled as a Widget: strict decoding error: \
             yaml: unmarshal errors:\n  line 5: key \"size\" already set in map, \
             unknown field \"spec.y\""
        )
    );
    let map = r#"{"metadata":{"name":"m"},"data":{"a":"1","a":"2"},"wrong":1}"#;
    let path = format!("{MAPS}?fieldValidation=Strict");
    let refused = send(&client, "POST", &path, JSON, map).await;
    assert_eq!(
        refused.message(),
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: \
         duplicate field \"data.a\", unknown field \"wrong\""
    );
    pocket.stop().await;
}

#[tokio::test]
async fn others_are_warned_or_left_alone() {
    let pocket = Pocket::start().await;
    let client = pocket.https().await;
    define(&client).await;
    let warned = create(&client, "Warn", JSON, TWICE).await;
    assert_eq!(
        warned.warnings,
        [
            r#"299 - "duplicate field \"spec.size\"""#,
            r#"299 - "unknown field \"metadata.x\"""#,
            r#"299 - "unknown field \"spec.y\"""#,
        ]
    );
    assert_eq!(warned.body["spec"], json!({"size": 2}));
    let warned = create(&client, "", YAML, TWICE_YAML).await;
    assert_eq!(
        warned.warnings,
        [
            r#"299 - "line 5: key \"size\" already set in map""#,
            r#"299 - "unknown field \"spec.y\"""#,
        ]
    );
    let ignored = create(&client, "Ignore", JSON, TWICE).await;
    assert_eq!((ignored.code, ignored.warnings), (201, Vec::new()));
    pocket.stop().await;
}

#[tokio::test]
async fn patches_are_held_to_the_same() {
    let pocket = Pocket::start().await;
    let client = pocket.running.client();
    define(&client).await;
    send(
        &client,
        "POST",
        WIDGETS,
        JSON,
        r#"{"metadata":{"name":"w"}}"#,
    )
    .await;
    send(&client, "POST", MAPS, JSON, r#"{"metadata":{"name":"m"}}"#).await;
    let patch = async |path: &str, kind: &str, body: &str| {
        let path = format!("{path}?fieldValidation=Strict");
        let kind = format!("application/{kind}");
        let answer = send(&client, "PATCH", &path, &kind, body).await;
        (answer.code, answer.message().to_owned())
    };
    let widget = format!("{WIDGETS}/w");
    let merge = r#"{"spec":{"y":1,"size":1,"size":2}}"#;
    let (code, message) = patch(&widget, "merge-patch+json", merge).await;
    assert_eq!(code, 422);
    assert!(
        message.starts_with(" \"\" is invalid: patch: Invalid value: \"{\\\""),
        "{message}"
    );
    let end = ": strict decoding error: duplicate field \"spec.size\", unknown field \"spec.y\"";
    assert!(message.ends_with(end), "{message}");
    let operations = r#"[{"op":"add","path":"/spec","value":{"y":1},"why":1}]"#;
    let (code, message) = patch(&widget, "json-patch+json", operations).await;
    let end =
        ": strict decoding error: json patch unknown field \"[0].why\", unknown field \"spec.y\"";
    assert!(code == 422 && message.ends_with(end), "{message}");
    let map = format!("{MAPS}/m");
    let strategic = patch(
        &map,
        "strategic-merge-patch+json",
        r#"{"wrong":1,"data":{"a":"b"}}"#,
    );
    let wrong = " \"\" is invalid: patch: Invalid value: \"map[data:map[a:b] wrong:1]\": \
                 strict decoding error: unknown field \"wrong\"";
    assert_eq!(strategic.await, (422, wrong.to_owned()));
    let apply = |body: &'static str| {
        let path = format!("{WIDGETS}/w?fieldManager=me&fieldValidation=Strict");
        let client = client.clone();
        async move {
            let body = format!("apiVersion: example.org/v1\nkind: Widget\n{body}");
            let answer = send(
                &client,
                "PATCH",
                &path,
                "application/apply-patch+yaml",
                &body,
            )
            .await;
            (answer.code, answer.message().to_owned())
        }
    };
    let undeclared = "failed to create typed patch object (default/w; example.org/v1, Kind=Widget): \
                      .spec.y: field not declared in schema";
    assert_eq!(apply("spec: {y: 1}").await, (500, undeclared.to_owned()));
    let twice = "error strict decoding YAML: error converting YAML to JSON: \
                 yaml: unmarshal errors:\n  line 5: key \"size\" already set in map";
    assert_eq!(
        apply("spec:\n  size: 1\n  size: 2").await,
        (400, twice.to_owned())
    );
    pocket.stop().await;
}

#[tokio::test]
async fn an_apply_merges_lists_by_the_keys_of_the_schema_and_their_defaults() {
    let pocket = Pocket::start().await;
    let client = pocket.running.client();
    define(&client).await;
    let apply = async |manager: &str, body: &str| {
        let path = format!("{WIDGETS}/w?fieldManager={manager}");
        let body = format!("apiVersion: example.org/v1\nkind: Widget\n{body}");
        send(
            &client,
            "PATCH",
            &path,
            "application/apply-patch+yaml",
            &body,
        )
        .await
    };
    apply(
        "one",
        "spec: {list: [{port: 1, v: a}, {port: 1, kind: UDP}]}",
    )
    .await;
    let both = apply(
        "two",
        "spec: {list: [{port: 1, kind: TCP, v: a}, {port: 2}]}",
    )
    .await;
    assert_eq!(
        both.body["spec"]["list"],
        json!([{"port": 1, "kind": "TCP", "v": "a"}, {"port": 1, "kind": "UDP"},
            {"port": 2, "kind": "TCP"}])
    );
    let conflict = apply("two", "spec: {list: [{port: 1, v: b}]}").await;
    assert_eq!(
        conflict.message(),
        "Apply failed with 1 conflict: conflict with \"one\": .spec.list[kind=\"TCP\",port=1].v"
    );
    for (list, problem) in [
        (
            "[{port: 1}, {port: 1, kind: TCP}]",
            "duplicate entries for key [kind=\"TCP\",port=1]",
        ),
        (
            "[{v: a}]",
            "element 0: associative list with keys has an element that omits key field \"port\" \
             (and doesn't have default value)",
        ),
    ] {
        let refused = apply("two", &format!("spec: {{list: {list}}}")).await;
        assert_eq!(
            refused.message(),
            format!(
                "failed to create typed patch object (default/w; example.org/v1, Kind=Widget): \
                 .spec.list: {problem}"
            )
        );
    }
    let less = apply("one", "spec: {list: [{port: 1, v: a}]}").await;
    let list = json!([{"port": 1, "kind": "TCP", "v": "a"}, {"port": 2, "kind": "TCP"}]);
    assert_eq!(less.body["spec"]["list"], list);
    pocket.stop().await;
}

//! What webhooks are told, and what becomes of their answers.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::{MAPS, create_map, register, send};
use crate::server::Pocket;
use crate::server::webhook::{Reply, Webhook, allow, patch};

#[tokio::test]
async fn reviews_say_all_about_a_request() {
    let pocket = Pocket::start().await;
    let client = pocket.https().await;
    let webhook = Webhook::start(|_, _| allow()).await;
    register(
        &client,
        "validating",
        "v",
        &[webhook.entry("v.example.org", "/see", json!({}))],
    )
    .await;
    create_map(&client, "m").await;
    let (path, mut request) = webhook.take().remove(0);
    assert_eq!(path, "/see?timeout=10s");
    let created = request["object"].take();
    assert_eq!(created["kind"], "ConfigMap");
    assert_eq!(created["apiVersion"], "v1");
    assert_eq!(created["data"], json!({"k": "v"}));
    assert!(created["metadata"]["uid"].is_string());
    let user = request["userInfo"].take();
    assert_eq!(user["username"], "admin");
    assert!(
        user["groups"]
            .as_array()
            .unwrap()
            .contains(&json!("system:masters"))
    );
    assert!(request["uid"].take().is_string());
    let kind = json!({"group": "", "version": "v1", "kind": "ConfigMap"});
    let resource = json!({"group": "", "version": "v1", "resource": "configmaps"});
    let mut expected = json!({
        "uid": null, "kind": kind, "resource": resource, "requestKind": kind,
        "requestResource": resource, "name": "m", "namespace": "default", "operation": "CREATE",
        "userInfo": null, "object": null, "oldObject": null, "dryRun": false,
        "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
    });
    assert_eq!(request, expected);

    let path = format!("{MAPS}/m?dryRun=All&fieldManager=me");
    send(&client, "PATCH", &path, &json!({"data": {"k": "w"}})).await;
    let (_, mut request) = webhook.take().remove(0);
    assert_eq!(request["object"].take()["data"], json!({"k": "w"}));
    assert_eq!(request["oldObject"].take()["data"], json!({"k": "v"}));
    request["uid"].take();
    request["userInfo"].take();
    expected["operation"] = "UPDATE".into();
    expected["dryRun"] = true.into();
    expected["options"] = json!({"kind": "UpdateOptions", "apiVersion": "meta.k8s.io/v1",
        "dryRun": ["All"], "fieldManager": "me"});
    assert_eq!(request, expected);

    let options = json!({"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0});
    send(&client, "DELETE", &format!("{MAPS}/m"), &options).await;
    let (_, mut request) = webhook.take().remove(0);
    assert_eq!(request["object"].take(), Value::Null);
    assert_eq!(request["oldObject"].take()["data"], json!({"k": "v"}));
    request["uid"].take();
    request["userInfo"].take();
    expected["operation"] = "DELETE".into();
    expected["dryRun"] = false.into();
    expected["options"] = json!({"kind": "DeleteOptions", "apiVersion": "meta.k8s.io/v1",
        "gracePeriodSeconds": 0});
    assert_eq!(request, expected);
    pocket.stop().await;
}

#[tokio::test]
async fn patches_come_before_the_look_of_validating_webhooks() {
    let pocket = Pocket::start().await;
    let client = pocket.https().await;
    let webhook = Webhook::start(|path, request| match path {
        path if path.starts_with("/mutate") => {
            let fresh = request["operation"] == "CREATE";
            assert_eq!(request["object"]["metadata"]["uid"].is_null(), fresh);
            // A new object has no uid to be changed; whatever is put there is dropped.
            let path = if fresh { "/metadata/uid" } else { "/other" };
            patch(
                &json!([{"op": "add", "path": "/data/added", "value": "yes"},
                {"op": "add", "path": "/nonsense", "value": 1},
                {"op": "add", "path": path, "value": "chosen"}]),
            )
        }
        _ => Reply::Response(
            json!({"allowed": request["object"]["data"]["added"] == "yes",
            "warnings": ["mind the \"gap\""], "auditAnnotations": {"a": "b"}}),
        ),
    })
    .await;
    register(
        &client,
        "mutating",
        "m",
        &[webhook.entry("m.example.org", "/mutate", json!({}))],
    )
    .await;
    register(
        &client,
        "validating",
        "v",
        &[webhook.entry("v.example.org", "/see", json!({}))],
    )
    .await;
    let said = create_map(&client, "m").await;
    assert_eq!(said.status, 201, "{}", said.body);
    assert_eq!(said.warnings, [r#"299 - "mind the \"gap\"""#]);
    assert_eq!(said.body["data"], json!({"k": "v", "added": "yes"}));
    assert_eq!(
        said.body.get("nonsense"),
        None,
        "what is not known is dropped"
    );
    assert_ne!(said.body["metadata"]["uid"], "chosen");
    let owned = said.body["metadata"]["managedFields"].to_string();
    assert!(
        !owned.contains("added"),
        "the sender does not own it: {owned}"
    );

    let apply = http::Request::patch(format!("{MAPS}/applied?fieldManager=me"))
        .header("content-type", "application/apply-patch+yaml");
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}});
    let applied: Value = client
        .request(apply.body(body.to_string().into_bytes()).unwrap())
        .await
        .unwrap();
    assert_eq!(applied["data"], json!({"a": "b", "added": "yes"}));

    // An update that loses the mark gets it back.
    let put = json!({"metadata": {"name": "m"}, "data": {"k": "w"}});
    let said = send(&client, "PUT", &format!("{MAPS}/m"), &put).await;
    assert_eq!(
        said.body["data"],
        json!({"k": "w", "added": "yes"}),
        "{}",
        said.body
    );

    let generated = json!({"metadata": {"generateName": "g-"}, "data": {}});
    webhook.take();
    let said = send(&client, "POST", MAPS, &generated).await;
    let names: Vec<Value> = webhook
        .take()
        .iter()
        .map(|(_, one)| one["name"].clone())
        .collect();
    assert_eq!(names, [Value::Null, said.body["metadata"]["name"].clone()]);
    pocket.stop().await;
}

#[tokio::test]
async fn refusals_reach_the_client_in_the_words_of_a_real_server() {
    let pocket = Pocket::start().await;
    let client = pocket.https().await;
    let webhook = Webhook::start(|path, _| {
        let status = match path {
            path if path.starts_with("/plain") => json!(null),
            path if path.starts_with("/reason") => json!({"reason": "Because", "code": 403}),
            _ => json!({"message": "not this one", "code": 409, "reason": "Conflict",
                "details": {"name": "x"}}),
        };
        Reply::Response(json!({"allowed": false, "status": status, "warnings": ["careful"]}))
    })
    .await;
    for (path, code, reason, message) in [
        (
            "/plain",
            400,
            Value::Null,
            "denied the request without explanation",
        ),
        (
            "/reason",
            403,
            json!("Because"),
            "denied the request: Because",
        ),
        (
            "/message",
            409,
            json!("Conflict"),
            "denied the request: not this one",
        ),
    ] {
        register(
            &client,
            "validating",
            "v",
            &[webhook.entry("v.example.org", path, json!({}))],
        )
        .await;
        let said = create_map(&client, "m").await;
        assert_eq!(said.status, code);
        assert_eq!(
            said.message(),
            format!("admission webhook \"v.example.org\" {message}")
        );
        assert_eq!(said.body["reason"], reason);
        assert_eq!(
            (&said.body["status"], &said.body["kind"]),
            (&json!("Failure"), &json!("Status"))
        );
        assert_eq!(said.warnings, ["299 - \"careful\""]);
        super::unregister(&client, "validating", "v").await;
    }
    pocket.stop().await;
}

#[tokio::test]
async fn mutating_webhooks_follow_the_order_of_names_and_are_asked_again() {
    let pocket = Pocket::start().await;
    let client = pocket.https().await;
    // Each adds its letter unless it stands there; the first two want to know of later changes.
    let webhook = Webhook::start(|path, request| {
        let letter = &path[1..2];
        if request["object"]["data"].get(letter).is_some() {
            return allow();
        }
        patch(&json!([{"op": "add", "path": format!("/data/{letter}"), "value": "x"}]))
    })
    .await;
    let again = json!({"reinvocationPolicy": "IfNeeded"});
    register(
        &client,
        "mutating",
        "z",
        &[webhook.entry("d.example.org", "/d", again.clone())],
    )
    .await;
    register(
        &client,
        "mutating",
        "a",
        &[
            webhook.entry("b.example.org", "/b", again.clone()),
            webhook.entry("c.example.org", "/c", json!({})),
        ],
    )
    .await;
    let said = create_map(&client, "m").await;
    assert_eq!(
        said.body["data"],
        json!({"k": "v", "b": "x", "c": "x", "d": "x"})
    );
    let order: Vec<String> = webhook
        .take()
        .iter()
        .map(|(path, _)| path[1..2].to_owned())
        .collect();
    assert_eq!(order, ["b", "c", "d", "b"]);
    // Nothing changes any more, so nobody is asked twice.
    send(
        &client,
        "PATCH",
        &format!("{MAPS}/m"),
        &json!({"data": {"k": "w"}}),
    )
    .await;
    let order: Vec<String> = webhook
        .take()
        .iter()
        .map(|(path, _)| path[1..2].to_owned())
        .collect();
    assert_eq!(order, ["b", "c", "d"]);
    pocket.stop().await;
}

#[tokio::test]
async fn custom_objects_are_completed_and_checked_after_a_patch() {
    let pocket = Pocket::start().await;
    let client = pocket.https().await;
    let crd = json!({"metadata": {"name": "widgets.example.org"}, "spec": {
        "group": "example.org", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"},
        "versions": [{"name": "v1", "served": true, "storage": true,
            "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.size",
                "statusReplicasPath": ".status.size"}},
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                "spec": {"type": "object", "properties": {
                    "size": {"type": "integer", "maximum": 9},
                    "inner": {"type": "object", "properties": {
                        "color": {"type": "string", "default": "red"}}}}}}}}}]}});
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    assert_eq!(send(&client, "POST", path, &crd).await.status, 201);
    let webhook = Webhook::start(|path, request| match path {
        path if path.starts_with("/mutate") => {
            if request["subResource"] == "scale" {
                assert_eq!(request["kind"]["kind"], "Scale");
                return patch(&json!([{"op": "replace", "path": "/spec/replicas", "value": 4}]));
            }
            if request["operation"] != "CREATE" {
                return allow();
            }
            let size = request["object"]["spec"]["size"].as_i64().unwrap_or(0);
            patch(
                &json!([{"op": "add", "path": "/spec/inner", "value": {"unknown": 1}},
                {"op": "add", "path": "/spec/size", "value": size + 7}]),
            )
        }
        _ => allow(),
    })
    .await;
    let rules = json!({"rules": [{"operations": ["*"], "apiGroups": ["example.org"],
        "apiVersions": ["*"], "resources": ["widgets", "widgets/*"]}]});
    register(
        &client,
        "mutating",
        "m",
        &[webhook.entry("m.example.org", "/mutate", rules.clone())],
    )
    .await;
    register(
        &client,
        "validating",
        "v",
        &[webhook.entry("v.example.org", "/see", rules)],
    )
    .await;
    let widgets = "/apis/example.org/v1/namespaces/default/widgets";
    let widget = |name: &str, size: i64| {
        json!({"apiVersion": "example.org/v1", "kind": "Widget",
        "metadata": {"name": name}, "spec": {"size": size}})
    };
    let said = send(&client, "POST", widgets, &widget("w", 1)).await;
    assert_eq!(
        said.body["spec"],
        json!({"size": 8, "inner": {"color": "red"}}),
        "{}",
        said.body
    );
    let (_, seen) = webhook.take().remove(1);
    assert_eq!(seen["object"]["spec"], said.body["spec"]);
    let said = send(&client, "POST", widgets, &widget("x", 3)).await;
    assert_eq!(said.status, 422, "{}", said.body);

    let scale = json!({"spec": {"replicas": 2}});
    let said = send(&client, "PATCH", &format!("{widgets}/w/scale"), &scale).await;
    assert_eq!(said.body["spec"], json!({"replicas": 4}), "{}", said.body);
    webhook.take();
    let status = json!({"status": {"size": 4}});
    send(&client, "PATCH", &format!("{widgets}/w/status"), &status).await;
    let (_, seen) = webhook.take().remove(0);
    assert_eq!(seen["subResource"], "status");
    assert_eq!(seen["requestSubResource"], "status");
    assert_eq!(seen["object"]["status"], json!({"size": 4}));
    pocket.stop().await;
}

#[tokio::test]
async fn deletions_and_connections_are_asked_about_too() {
    let pocket = Pocket::start().await;
    let client = pocket.https().await;
    let webhook = Webhook::start(|_, request| {
        let forbidden =
            request["operation"] == "CONNECT" || request["oldObject"]["metadata"]["name"] == "kept";
        Reply::Response(json!({"allowed": !forbidden, "status": {"message": "keep", "code": 403}}))
    })
    .await;
    for name in ["gone", "kept"] {
        create_map(&client, name).await;
    }
    let rules = json!({"rules": [{"operations": ["DELETE", "CONNECT"], "apiGroups": [""],
        "apiVersions": ["v1"], "resources": ["configmaps", "pods/exec", "pods/portforward"]}]});
    register(
        &client,
        "validating",
        "v",
        &[webhook.entry("v.example.org", "/", rules)],
    )
    .await;
    let said = send(&client, "DELETE", &format!("{MAPS}/kept"), &Value::Null).await;
    assert_eq!(
        (said.status, said.message()),
        (
            403,
            "admission webhook \"v.example.org\" denied the request: keep"
        )
    );
    assert_eq!(
        send(&client, "DELETE", &format!("{MAPS}/gone"), &Value::Null)
            .await
            .status,
        200
    );
    let said = send(
        &client,
        "DELETE",
        &format!("{MAPS}?fieldSelector=metadata.name%3Dkept"),
        &Value::Null,
    )
    .await;
    assert_eq!(said.status, 403, "{}", said.body);
    assert_eq!(
        send(&client, "GET", &format!("{MAPS}/kept"), &Value::Null)
            .await
            .status,
        200
    );

    let pod = json!({"metadata": {"name": "p"}, "spec": {"nodeName": "elsewhere",
        "containers": [{"name": "c", "image": "i"}]}});
    assert_eq!(
        send(&client, "POST", "/api/v1/namespaces/default/pods", &pod)
            .await
            .status,
        201
    );
    webhook.take();
    let path =
        "/api/v1/namespaces/default/pods/p/exec?command=ls&command=-l&container=c&stdout=true";
    let said = send(&client, "GET", path, &Value::Null).await;
    assert_eq!(said.status, 403, "{}", said.body);
    let (_, seen) = webhook.take().remove(0);
    assert_eq!(seen["kind"]["kind"], "PodExecOptions");
    assert_eq!(seen["subResource"], "exec");
    assert_eq!(
        seen["object"],
        json!({"kind": "PodExecOptions", "apiVersion": "v1",
        "command": ["ls", "-l"], "container": "c", "stdout": true})
    );
    pocket.stop().await;
}

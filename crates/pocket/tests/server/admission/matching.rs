//! Which requests a webhook sees.

use serde_json::{Value, json};

use super::{MAPS, REGISTRATION, create_map, register, send, unregister};
use crate::server::Pocket;
use crate::server::webhook::{Reply, Webhook, allow};

#[tokio::test]
async fn selectors_and_conditions_spare_a_webhook_its_call() {
    let pocket = Pocket::start().await;
    let client = pocket.https().await;
    let webhook = Webhook::start(|_, _| allow()).await;
    let labelled = json!({"metadata": {"name": "other", "labels": {"team": "a"}}});
    send(&client, "POST", "/api/v1/namespaces", &labelled).await;
    let label = |name: &str, value: &str| json!({"matchLabels": {name: value}});
    let condition = |text: &str| json!([{"name": "c", "expression": text}]);
    for (more, expected) in [
        (json!({}), true),
        (json!({"namespaceSelector": label("team", "a")}), false),
        (
            json!({"namespaceSelector": label("kubernetes.io/metadata.name", "default")}),
            true,
        ),
        (json!({"objectSelector": label("x", "y")}), true),
        (json!({"objectSelector": label("x", "z")}), false),
        (
            json!({"matchConditions": condition("object.data.k == 'v'")}),
            true,
        ),
        (
            json!({"matchConditions": condition("request.operation == 'DELETE'")}),
            false,
        ),
        (
            json!({"matchConditions": condition("object.data.no == 'v'"), "failurePolicy": "Ignore"}),
            false,
        ),
        (json!({"rules": [rule("CREATE", "", "*", "*")]}), true),
        (
            json!({"rules": [rule("UPDATE", "", "v1", "configmaps")]}),
            false,
        ),
        (json!({"rules": [rule("*", "", "v2", "configmaps")]}), false),
        (json!({"rules": [rule("*", "apps", "v1", "*")]}), false),
        (json!({"rules": [rule("*", "*", "*", "*/*")]}), true),
        (
            json!({"rules": [scoped(rule("*", "*", "*", "*"), "Cluster")]}),
            false,
        ),
        (
            json!({"rules": [scoped(rule("*", "*", "*", "*"), "Namespaced")]}),
            true,
        ),
    ] {
        register(
            &client,
            "validating",
            "v",
            &[webhook.entry("v.example.org", "/", more.clone())],
        )
        .await;
        let map = json!({"metadata": {"name": "m", "labels": {"x": "y"}}, "data": {"k": "v"}});
        let said = send(&client, "POST", MAPS, &map).await;
        assert_eq!(said.status, 201, "{more}: {}", said.body);
        let seen = webhook.take().iter().any(|(_, one)| one["name"] == "m");
        assert_eq!(seen, expected, "{more}");
        unregister(&client, "validating", "v").await;
        send(&client, "DELETE", &format!("{MAPS}/m"), &Value::Null).await;
        webhook.take();
    }
    let broken = json!({"matchConditions": condition("object.data.no == 'v'")});
    register(
        &client,
        "validating",
        "v",
        &[webhook.entry("v.example.org", "/", broken)],
    )
    .await;
    let said = create_map(&client, "m").await;
    assert_eq!(said.status, 403, "{}", said.body);
    assert!(
        said.message().contains("expression 'c' resulted in error"),
        "{}",
        said.message()
    );
    pocket.stop().await;
}

fn rule(operation: &str, group: &str, version: &str, resource: &str) -> Value {
    json!({"operations": [operation], "apiGroups": [group], "apiVersions": [version],
        "resources": [resource]})
}

fn scoped(mut rule: Value, scope: &str) -> Value {
    rule["scope"] = scope.into();
    rule
}

#[tokio::test]
async fn namespaces_are_selected_by_their_own_labels() {
    let pocket = Pocket::start().await;
    let client = pocket.https().await;
    let webhook = Webhook::start(|_, _| Reply::Response(json!({"allowed": false}))).await;
    let more = json!({"rules": [scoped(rule("CREATE", "", "v1", "namespaces"), "Cluster")],
        "namespaceSelector": {"matchExpressions": [{"key": "guarded", "operator": "Exists"}]}});
    register(
        &client,
        "validating",
        "v",
        &[webhook.entry("v.example.org", "/", more)],
    )
    .await;
    let namespace =
        |name: &str, labels: Value| json!({"metadata": {"name": name, "labels": labels}});
    let path = "/api/v1/namespaces";
    let said = send(&client, "POST", path, &namespace("free", json!({}))).await;
    assert_eq!(said.status, 201);
    let said = send(
        &client,
        "POST",
        path,
        &namespace("held", json!({"guarded": ""})),
    )
    .await;
    assert_eq!(said.status, 400);
    let (_, seen) = webhook.take().remove(0);
    assert_eq!(
        (&seen["name"], &seen["namespace"]),
        (&json!("held"), &json!("held"))
    );
    pocket.stop().await;
}

#[tokio::test]
async fn an_equivalent_version_counts_unless_only_the_exact_one_is_wanted() {
    let pocket = Pocket::start().await;
    let client = pocket.https().await;
    let webhook = Webhook::start(|_, _| allow()).await;
    let event = json!({"metadata": {"name": "e"}, "involvedObject": {"namespace": "default"},
        "reason": "r", "message": "hello", "type": "Normal"});
    for (policy, expected) in [("Exact", 0), ("Equivalent", 1)] {
        let more = json!({"rules": [rule("CREATE", "events.k8s.io", "v1", "events")],
            "matchPolicy": policy,
            "matchConditions": [{"name": "ours", "expression": "object.metadata.name == 'e'"}]});
        register(
            &client,
            "validating",
            policy.to_lowercase().as_str(),
            &[webhook.entry("v.example.org", "/", more)],
        )
        .await;
        let said = send(&client, "POST", "/api/v1/namespaces/default/events", &event).await;
        assert_eq!(said.status, 201, "{}", said.body);
        let seen = webhook.take();
        assert_eq!(seen.len(), expected, "{policy}");
        if let [(_, seen)] = seen.as_slice() {
            assert_eq!(seen["kind"]["group"], "events.k8s.io");
            assert_eq!(seen["requestKind"]["group"], "");
            assert_eq!(seen["object"]["note"], "hello");
            assert_eq!(seen["object"]["apiVersion"], "events.k8s.io/v1");
        }
        unregister(&client, "validating", policy.to_lowercase().as_str()).await;
        send(
            &client,
            "DELETE",
            "/api/v1/namespaces/default/events/e",
            &Value::Null,
        )
        .await;
    }
    pocket.stop().await;
}

#[tokio::test]
async fn no_webhook_can_keep_its_own_configuration_from_being_mended() {
    let pocket = Pocket::start().await;
    let client = pocket.https().await;
    let webhook = Webhook::start(|_, _| Reply::Response(json!({"allowed": false}))).await;
    let more = json!({"rules": [rule("*", "*", "*", "*/*")],
        "matchConditions": [{"name": "ours", "expression": "request.userInfo.username == 'admin'"}]});
    for sort in ["mutating", "validating"] {
        register(
            &client,
            sort,
            "all",
            &[webhook.entry("v.example.org", "/", more.clone())],
        )
        .await;
    }
    assert_eq!(create_map(&client, "m").await.status, 400);
    for sort in ["mutating", "validating"] {
        unregister(&client, sort, "all").await;
    }
    assert_eq!(create_map(&client, "m").await.status, 201);
    pocket.stop().await;
}

/// A mutating webhook with everything that it may leave out.
fn completed(webhook: &Value) -> Value {
    let mut expected = webhook.clone();
    for (field, value) in [
        ("failurePolicy", json!("Fail")),
        ("matchPolicy", json!("Equivalent")),
        ("namespaceSelector", json!({})),
        ("objectSelector", json!({})),
        ("timeoutSeconds", json!(10)),
        ("reinvocationPolicy", json!("Never")),
    ] {
        expected[field] = value;
    }
    expected["clientConfig"]["service"]["port"] = 443.into();
    expected["rules"][0]["scope"] = "*".into();
    expected
}

#[tokio::test]
async fn configurations_are_completed_and_checked() {
    let pocket = Pocket::start().await;
    let client = pocket.https().await;
    let path = format!("{REGISTRATION}/mutatingwebhookconfigurations");
    let service = json!({"service": {"name": "s", "namespace": "n"}});
    let good = json!({"name": "a.b.c", "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "clientConfig": service, "rules": [rule("CREATE", "", "v1", "pods")]});
    let body = |webhooks: Value| json!({"metadata": {"name": "c"}, "webhooks": webhooks});
    let said = send(&client, "POST", &path, &body(json!([good]))).await;
    assert_eq!(said.status, 201, "{}", said.body);
    assert_eq!(said.body["metadata"]["generation"], 1);
    assert_eq!(said.body["webhooks"], json!([completed(&good)]));
    send(&client, "DELETE", &format!("{path}/c"), &Value::Null).await;
    for (change, field) in [
        (json!({"name": "short"}), "webhooks[0].name"),
        (json!({"timeoutSeconds": 31}), "webhooks[0].timeoutSeconds"),
        (json!({"timeoutSeconds": 0}), "webhooks[0].timeoutSeconds"),
        (json!({"sideEffects": "Some"}), "webhooks[0].sideEffects"),
        (json!({"sideEffects": null}), "webhooks[0].sideEffects"),
        (
            json!({"failurePolicy": "Perhaps"}),
            "webhooks[0].failurePolicy",
        ),
        (
            json!({"admissionReviewVersions": ["v2"]}),
            "webhooks[0].admissionReviewVersions",
        ),
        (json!({"clientConfig": {}}), "webhooks[0].clientConfig"),
        (
            json!({"clientConfig": {"url": "http://x"}}),
            "webhooks[0].clientConfig.url",
        ),
        (
            json!({"clientConfig": {"url": "https://u@x"}}),
            "webhooks[0].clientConfig.url",
        ),
        (
            json!({"clientConfig": {"url": "https://x?y"}}),
            "webhooks[0].clientConfig.url",
        ),
        (
            json!({"rules": [rule("LOOK", "", "v1", "pods")]}),
            "webhooks[0].rules[0].operations[0]",
        ),
        (
            json!({"rules": [scoped(rule("*", "", "v1", "pods"), "Moon")]}),
            "webhooks[0].rules[0].scope",
        ),
        (
            json!({"matchConditions": [{"name": "x", "expression": "1 +"}]}),
            "webhooks[0].matchConditions[0].expression",
        ),
    ] {
        let mut webhook = good.clone();
        for (key, value) in change.as_object().unwrap() {
            webhook[key] = value.clone();
        }
        let said = send(&client, "POST", &path, &body(json!([webhook]))).await;
        // What the decoder cannot read is a bad request, what it can is invalid.
        assert!([400, 422].contains(&said.status), "{change}: {}", said.body);
        if said.status == 422 {
            let causes = said.body["details"]["causes"].as_array().unwrap();
            assert!(
                causes.iter().any(|cause| cause["field"] == field),
                "{change}: {}",
                said.body
            );
        }
    }
    pocket.stop().await;
}

//! Webhooks that do what they should not.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{create_map, register, send, unregister};
use crate::server::Pocket;
use crate::server::webhook::{Reply, Webhook, allow, patch};

/// The answers by path; each is wrong in its own way.
fn misbehave(path: &str) -> Reply {
    let response = |value: Value| Reply::Response(value);
    match path.split('?').next().unwrap() {
        "/silence" => Reply::Silence,
        "/garbage" => Reply::Raw(200, "\u{0}not json".into()),
        "/empty" => Reply::Raw(200, "".into()),
        "/deep" => Reply::Raw(200, "[".repeat(100_000).into()),
        "/huge" => Reply::Raw(200, vec![b' '; 7 << 20].into()),
        "/error" => Reply::Raw(500, "boom".into()),
        "/missing" => Reply::Raw(404, "".into()),
        "/teapot" => Reply::Raw(418, "".into()),
        "/array" => Reply::Raw(200, "[]".into()),
        "/uid" => response(json!({"uid": "other", "allowed": true})),
        "/untyped" => response(json!({"allowed": true, "patch": "W10="})),
        "/typed" => {
            let patch = STANDARD.encode("[{}]");
            response(json!({"allowed": true, "patch": patch, "patchType": "Merge"}))
        }
        _ => allow(),
    }
}

#[tokio::test]
async fn failed_calls_are_told_or_ignored_as_the_policy_says() {
    let pocket = Pocket::start().await;
    let client = pocket.https().await;
    let webhook = Webhook::start(|path, _| misbehave(path)).await;
    for (path, expected) in [
        ("/silence", "context deadline exceeded"),
        ("/garbage", "couldn't get version/kind; json parse error"),
        ("/empty", "couldn't get version/kind; json parse error"),
        ("/deep", "couldn't get version/kind; json parse error"),
        ("/huge", "the response is larger than"),
        (
            "/error",
            "an error on the server (\"boom\") has prevented the request from succeeding",
        ),
        (
            "/missing",
            "the server could not find the requested resource",
        ),
        ("/teapot", "the server responded with the status code 418"),
        (
            "/array",
            "received invalid webhook response: webhook response was absent",
        ),
        (
            "/uid",
            "received invalid webhook response: expected response.uid=",
        ),
        (
            "/untyped",
            "webhook returned response.patch but not response.patchType",
        ),
        ("/typed", "unsupported patch type \"Merge\""),
    ] {
        let more = |policy: &str| json!({"failurePolicy": policy, "timeoutSeconds": 1});
        register(
            &client,
            "mutating",
            "m",
            &[webhook.entry("m.example.org", path, more("Fail"))],
        )
        .await;
        let begun = Instant::now();
        let said = create_map(&client, "m").await;
        assert!(begun.elapsed() < Duration::from_secs(20));
        assert_eq!(
            (said.status, &said.body["reason"]),
            (500, &json!("InternalError")),
            "{path}"
        );
        let start = "Internal error occurred: failed calling webhook \"m.example.org\": ";
        assert!(
            said.message().starts_with(start),
            "{path}: {}",
            said.message()
        );
        assert!(
            said.message().contains(expected),
            "{path}: {}",
            said.message()
        );
        unregister(&client, "mutating", "m").await;
        register(
            &client,
            "mutating",
            "m",
            &[webhook.entry("m.example.org", path, more("Ignore"))],
        )
        .await;
        let said = create_map(&client, "m").await;
        assert_eq!(said.status, 201, "{path}: {}", said.body);
        unregister(&client, "mutating", "m").await;
        send(
            &client,
            "DELETE",
            &format!("{}/m", super::MAPS),
            &Value::Null,
        )
        .await;
    }
    pocket.stop().await;
}

#[tokio::test]
async fn patches_that_cannot_be_carried_out_are_errors_whatever_the_policy() {
    let pocket = Pocket::start().await;
    let client = pocket.https().await;
    let double = json!({"op": "copy", "from": "/data", "path": "/data/x"});
    let deep: Value = (0..200).fold(json!("end"), |inner, _| json!({"a": inner}));
    let patches = vec![
        json!([{"op": "remove", "path": "/nothing/there"}]),
        json!([{"op": "test", "path": "/data/k", "value": "other"}]),
        json!([{"op": "dance", "path": "/data"}]),
        json!({"not": "a list"}),
        json!([{"op": "replace", "path": "", "value": 1}]),
        json!([{"op": "replace", "path": "/kind", "value": "Secret"}]),
        json!([{"op": "add", "path": "/data/a", "value": deep}]),
        json!([{"op": "add", "path": "/metadata", "value": 3}]),
        Value::from(vec![double; 100]),
    ];
    let count = patches.len();
    let webhook = Webhook::start(move |path, _| {
        let at: usize = path[1..].split('?').next().unwrap().parse().unwrap();
        patch(&patches[at])
    })
    .await;
    for at in 0..count {
        let more = json!({"failurePolicy": "Ignore"});
        register(
            &client,
            "mutating",
            "m",
            &[webhook.entry("m.example.org", &format!("/{at}"), more)],
        )
        .await;
        let said = create_map(&client, "m").await;
        assert!(said.status >= 400, "{at}: {}", said.body);
        assert_eq!(said.body["kind"], "Status", "{at}");
        unregister(&client, "mutating", "m").await;
    }
    assert_eq!(create_map(&client, "m").await.status, 201);
    pocket.stop().await;
}

#[tokio::test]
async fn validating_webhooks_are_asked_at_the_same_time() {
    let pocket = Pocket::start().await;
    let client = pocket.https().await;
    let webhook = Webhook::start(|_, _| Reply::Silence).await;
    let entries: Vec<Value> = (0..5)
        .map(|at| {
            let more = json!({"timeoutSeconds": 2, "failurePolicy": "Ignore"});
            webhook.entry(&format!("v{at}.example.org"), "/", more)
        })
        .collect();
    register(&client, "validating", "v", &entries).await;
    let begun = Instant::now();
    assert_eq!(create_map(&client, "m").await.status, 201);
    assert_eq!(webhook.seen().len(), 5);
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
    pocket.stop().await;
}

#[tokio::test]
async fn a_webhook_that_is_not_there_is_an_error_in_time() {
    let pocket = Pocket::start().await;
    let client = pocket.https().await;
    let webhook = Webhook::start(|_, _| allow()).await;
    let port = webhook.port;
    let entry = webhook.entry("v.example.org", "/x", json!({}));
    drop(webhook);
    register(&client, "validating", "v", &[entry]).await;
    let said = create_map(&client, "m").await;
    assert_eq!(said.status, 500);
    let expected = format!("Post \"https://localhost:{port}/x?timeout=10s\": dial tcp");
    assert!(said.message().contains(&expected), "{}", said.message());
    assert_eq!(said.body["details"]["causes"].as_array().unwrap().len(), 1);
    pocket.stop().await;
}

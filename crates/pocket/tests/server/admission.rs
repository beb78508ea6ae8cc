//! Admission webhooks, against a real TLS server in the test's own process.

mod hostile;
mod matching;
mod reviews;
mod targets;

use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

const REGISTRATION: &str = "/apis/admissionregistration.k8s.io/v1";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// What the server said, with its warnings.
struct Said {
    status: u16,
    body: Value,
    warnings: Vec<String>,
}

impl Said {
    fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }
}

async fn send(client: &Client, method: &str, path: &str, body: &Value) -> Said {
    let kind = match method {
        "PATCH" => "application/merge-patch+json",
        _ => "application/json",
    };
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", kind);
    let body = match body {
        Value::Null => Vec::new(),
        body => body.to_string().into_bytes(),
    };
    let response = client
        .send(request.body(Body::from(body)).unwrap())
        .await
        .unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let warnings = parts.headers.get_all("warning").iter();
    Said {
        status: parts.status.as_u16(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
        warnings: warnings
            .map(|value| value.to_str().unwrap().to_owned())
            .collect(),
    }
}

/// Registers webhooks: `mutating` or `validating`.
async fn register(client: &Client, sort: &str, name: &str, webhooks: &[Value]) {
    let path = format!("{REGISTRATION}/{sort}webhookconfigurations");
    let body = json!({"metadata": {"name": name}, "webhooks": webhooks});
    let said = send(client, "POST", &path, &body).await;
    assert_eq!(said.status, 201, "{}", said.body);
}

async fn unregister(client: &Client, sort: &str, name: &str) {
    let path = format!("{REGISTRATION}/{sort}webhookconfigurations/{name}");
    assert_eq!(
        send(client, "DELETE", &path, &Value::Null).await.status,
        200
    );
}

async fn create_map(client: &Client, name: &str) -> Said {
    let body = json!({"metadata": {"name": name}, "data": {"k": "v"}});
    send(client, "POST", MAPS, &body).await
}

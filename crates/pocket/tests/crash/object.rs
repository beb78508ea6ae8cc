//! The objects that are written, and requests for them.

use http::Request;
use kube::Client;
use kube::core::Status;
use serde_json::{Value, json};

/// Nothing but the test writes Leases.
pub(super) const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/default/leases";

/// An object whose parts can be told from its number; some of them fill several pages.
pub(super) fn lease(name: &str, number: usize) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": name, "annotations": {"filling": filling(number)}},
        "spec": {"holderIdentity": number.to_string()},
    })
}

fn filling(number: usize) -> String {
    format!("{number};").repeat(number * 37 % 2000)
}

/// The number of an object that is whole.
pub(super) fn number(object: &Value) -> usize {
    let text = object["spec"]["holderIdentity"].as_str().unwrap();
    let number = text.parse().unwrap();
    assert_eq!(
        object["metadata"]["annotations"]["filling"],
        filling(number)
    );
    number
}

/// The name of an object.
pub(super) fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}

/// The revision of an object or list.
pub(super) fn revision(object: &Value) -> u64 {
    let text = object["metadata"]["resourceVersion"].as_str().unwrap();
    text.parse().unwrap()
}

/// Sends a request. A server that is gone is a status of code 0.
pub(super) async fn ask(
    client: &Client,
    method: &str,
    path: &str,
    body: &Value,
) -> Result<Value, Status> {
    let body = match body {
        Value::Null => Vec::new(),
        body => body.to_string().into_bytes(),
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .body(body)
        .unwrap();
    match client.request::<Value>(request).await {
        Ok(answer) => Ok(answer),
        Err(kube::Error::Api(status)) => Err(*status),
        Err(_) => Err(Status::default()),
    }
}

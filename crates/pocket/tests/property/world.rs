//! A pocket that remembers little, and requests to it.

use camino::Utf8Path;
use howdah_pocket::{Config, History, Running};
use http::Request;
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value;

/// Nothing but the test writes Leases.
pub(super) const ALL: &str = "/apis/coordination.k8s.io/v1/leases";

/// The collection of a namespace.
pub(super) fn collection(namespace: &str) -> String {
    format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases")
}

/// A running pocket that is gone with its folder.
pub(super) struct World {
    running: Running,
    _dir: tempfile::TempDir,
}

impl World {
    pub(super) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let mut config = Config::new(root.join("state"), root.join("components"));
        config.port = 0;
        config.history = History {
            events: 40,
            ..History::default()
        };
        let running = howdah_pocket::start(config).await.unwrap();
        Self { running, _dir: dir }
    }

    /// A client with connections of its own.
    pub(super) async fn client(&self) -> Client {
        let config = Kubeconfig::read_from(self.running.kubeconfig_path()).unwrap();
        let options = KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(config, &options)
            .await
            .unwrap();
        Client::try_from(config).unwrap()
    }

    /// A list of all Leases.
    pub(super) async fn list(&self, query: &str) -> Value {
        let path = format!("{ALL}?{query}");
        ask(&self.client().await, "GET", &path, &Value::Null)
            .await
            .unwrap()
    }

    pub(super) async fn stop(self) {
        self.running.shutdown().await;
    }
}

/// Sends a request; a refusal is its code.
pub(super) async fn ask(
    client: &Client,
    method: &str,
    path: &str,
    body: &Value,
) -> Result<Value, u16> {
    let content = match method {
        "PATCH" => "application/merge-patch+json",
        _ => "application/json",
    };
    let body = match body {
        Value::Null => Vec::new(),
        body => body.to_string().into_bytes(),
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", content)
        .body(body)
        .unwrap();
    match client.request::<Value>(request).await {
        Ok(answer) => Ok(answer),
        Err(kube::Error::Api(status)) => Err(status.code),
        Err(error) => panic!("{method} {path}: {error}"),
    }
}

/// The revision in the metadata of an object or list.
pub(super) fn revision(metadata: &Value) -> u64 {
    metadata["resourceVersion"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

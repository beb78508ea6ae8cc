//! A pocket in a temporary folder, and the tests that drive it.

mod access;
mod admission;
mod controllers;
mod definitions;
mod fields;
mod metrics;
mod objects;
mod reach;
mod rights;
mod webhook;

use std::time::Duration;

use camino::Utf8Path;
use howdah_pocket::{Config, Running};
use howdah_testkit::wait_until;
use http_body_util::BodyExt as _;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(20);

/// A running pocket that is gone with its folder.
pub(crate) struct Pocket {
    pub(crate) running: Running,
    pub(crate) dir: tempfile::TempDir,
}

impl Pocket {
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let mut config = Config::new(root.join("state"), root.join("components"));
        config.port = 0;
        let running = howdah_pocket::start(config).await.unwrap();
        Self { running, dir }
    }

    /// A client over HTTPS with the admin's certificate.
    pub(crate) async fn https(&self) -> Client {
        let config = Kubeconfig::read_from(self.running.kubeconfig_path()).unwrap();
        let options = KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(config, &options)
            .await
            .unwrap();
        Client::try_from(config).unwrap()
    }

    pub(crate) async fn stop(self) {
        self.running.shutdown().await;
    }
}

/// Waits until an object is there in the state that the check wants.
pub(crate) async fn becomes<K>(api: &Api<K>, name: &str, check: impl Fn(&K) -> bool) -> K
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let found = wait_until(PATIENCE, name, async || match api.get_opt(name).await {
        Ok(Some(object)) if check(&object) => Ok(object),
        Ok(found) => Err(format!("{found:?}")),
        Err(error) => Err(error.to_string()),
    });
    found.await.unwrap()
}

/// What a request was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) warnings: Vec<String>,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }
}

/// Sends a body as it is.
pub(crate) async fn send(
    client: &Client,
    verb: &str,
    path: &str,
    media: &str,
    body: &str,
) -> Answer {
    let request = http::Request::builder().method(verb).uri(path);
    let request = request.header("content-type", media);
    let request = request.body(body.as_bytes().to_vec().into()).unwrap();
    let response = client.send(request).await.unwrap();
    let headers = response.headers().get_all("warning").iter();
    let warnings = headers.map(|value| value.to_str().unwrap().to_owned());
    let (code, warnings) = (response.status().as_u16(), warnings.collect());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&body).unwrap();
    Answer {
        code,
        warnings,
        body,
    }
}

/// A definition of `plural` of kind `kind` in `example.org/v1` with this schema.
pub(crate) fn definition(plural: &str, kind: &str, schema: &Value) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.example.org")},
        "spec": {
            "group": "example.org", "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "subresources": {"status": {}}, "schema": {"openAPIV3Schema": schema}}],
        },
    })
}

/// Waits until an object is gone.
pub(crate) async fn gone<K>(api: &Api<K>, name: &str)
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let gone = wait_until(PATIENCE, name, async || match api.get_opt(name).await {
        Ok(None) => Ok(()),
        Ok(Some(_)) => Err("still there".to_owned()),
        Err(error) => Err(error.to_string()),
    });
    gone.await.unwrap();
}

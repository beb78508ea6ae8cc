//! Sending the recorded requests to a pocket.

use std::collections::BTreeMap;
use std::time::Duration;

use camino::Utf8Path;
use futures::{AsyncBufReadExt as _, StreamExt as _, TryStreamExt as _};
use http_body_util::BodyExt as _;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};

use super::compare::{Extent, FURNITURE, Names};

const RECORDING: &str = include_str!("../data/apiserver-1.36.jsonl");

/// Watches that the recording began before an earlier step.
const EARLY: [(&str, &str); 3] = [
    ("watch configmaps labelled", "configmap create"),
    ("watch sendInitialEvents", "configmap create"),
    ("watch widgets", "cr create defaults and prunes"),
];

struct Exchange {
    step: String,
    request: Value,
    response: Value,
}

fn recording() -> Vec<Exchange> {
    let lines = RECORDING
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .map(|mut line| {
            // The recorder changed its copy of this answer for the next step before writing it.
            if line["step"] == "lease create" {
                let holder = line["request"]["body"]["spec"]["holderIdentity"].clone();
                line["response"]["body"]["spec"]["holderIdentity"] = holder;
            }
            Exchange {
                step: line["step"].as_str().unwrap().to_owned(),
                request: line["request"].take(),
                response: line["response"].take(),
            }
        })
        .collect()
}

/// Kinds and groups that pocket does not have are left out of these comparisons.
fn extent(step: &str) -> Extent {
    const SERVED: [&str; 5] = [
        "discovery /apis",
        "discovery /api/v1",
        "discovery /apis/storage.k8s.io/v1",
        "aggregated discovery /apis",
        "aggregated discovery /api",
    ];
    if SERVED.contains(&step) {
        Extent::Served
    } else {
        Extent::Whole
    }
}

/// Replays everything and returns what differs, by step.
pub(crate) async fn differences() -> BTreeMap<String, String> {
    let dir = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(dir.path()).unwrap();
    let mut config = howdah_pocket::Config::new(root.join("state"), root.join("components"));
    config.port = 0;
    let running = howdah_pocket::start(config).await.unwrap();
    let config = Kubeconfig::read_from(running.kubeconfig_path()).unwrap();
    let config = kube::Config::from_custom_kubeconfig(config, &KubeConfigOptions::default())
        .await
        .unwrap();
    let client = kube::Client::try_from(config).unwrap();
    let mut replay = Replay {
        client,
        names: Names::default(),
        found: BTreeMap::new(),
    };
    replay.run().await;
    running.shutdown().await;
    replay.found
}

struct Replay {
    client: kube::Client,
    names: Names,
    found: BTreeMap<String, String>,
}

impl Replay {
    async fn run(&mut self) {
        let exchanges = recording();
        let mut watches = Vec::new();
        for exchange in &exchanges {
            for (name, _) in EARLY.iter().filter(|(_, before)| *before == exchange.step) {
                let early = exchanges.iter().find(|one| one.step == *name).unwrap();
                let mut watch = self.watch(early);
                let begun = tokio::time::timeout(Duration::from_secs(5), watch.begun.recv());
                begun.await.unwrap();
                watches.push((early, watch));
            }
            if exchange.response.get("events").is_none() {
                self.exchange(exchange).await;
            } else if let Some(at) = watches
                .iter()
                .position(|(one, _)| one.step == exchange.step)
            {
                let (_, watch) = watches.remove(at);
                self.compare_events(exchange, watch).await;
            } else {
                let watch = self.watch(exchange);
                self.compare_events(exchange, watch).await;
            }
            match exchange.step.as_str() {
                "namespace create" => self.furnish().await,
                "delete owner background" => {
                    self.settle("/api/v1/namespaces/golden/configmaps/owned", 404)
                        .await
                }
                _ => {}
            }
        }
    }

    fn request(&self, exchange: &Exchange) -> http::Request<Body> {
        let text = |field: &str| exchange.request[field].as_str().unwrap();
        let mut request = http::Request::builder()
            .method(text("method"))
            .uri(self.names.translate(text("path")));
        for (name, value) in exchange.request["headers"].as_object().unwrap() {
            request = request.header(name, value.as_str().unwrap());
        }
        let body = match &exchange.request["body"] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        request
            .body(Body::from(self.names.translate(&body).into_bytes()))
            .unwrap()
    }

    async fn exchange(&mut self, exchange: &Exchange) {
        let response = self.client.send(self.request(exchange)).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&body)
            .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&body).into_owned()));
        let mut headers = serde_json::Map::new();
        for name in ["Content-Type", "Warning"] {
            if let Some(value) = parts.headers.get(name) {
                headers.insert(name.to_owned(), value.to_str().unwrap().into());
            }
        }
        let ours = json!({"status": parts.status.as_u16(), "headers": headers, "body": body});
        let extent = extent(&exchange.step);
        let difference = self.names.difference(extent, "", &exchange.response, &ours);
        if let Some(difference) = difference {
            self.found.insert(exchange.step.clone(), difference);
        }
    }

    /// What else the recorded cluster had in its namespace, and what its controllers made.
    async fn furnish(&mut self) {
        let map = json!({"metadata": {"name": "openshift-service-ca.crt",
            "annotations": {"service.beta.openshift.io/inject-cabundle": "true"}},
            "data": {"service-ca.crt": ""}});
        let request = http::Request::post(
            "/api/v1/namespaces/golden/configmaps?fieldManager=kube-controller-manager",
        );
        let request = request
            .body(Body::from(map.to_string().into_bytes()))
            .unwrap();
        assert_eq!(self.client.send(request).await.unwrap().status(), 201);
        self.settle("/api/v1/namespaces/golden/configmaps/kube-root-ca.crt", 200)
            .await;
        self.settle("/api/v1/namespaces/golden/serviceaccounts/default", 200)
            .await;
    }

    /// Waits until controllers have done their part.
    async fn settle(&mut self, path: &str, status: u16) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        loop {
            let request = http::Request::get(path).body(Body::empty()).unwrap();
            let found = self.client.send(request).await.unwrap().status();
            if found == status {
                return;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "{path} stays {found}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Begins a watch that hands over as many events as were recorded.
    fn watch(&self, exchange: &Exchange) -> Watch {
        let count = exchange.response["events"].as_array().unwrap().len();
        let (client, request) = (self.client.clone(), self.request(exchange));
        let (begin, begun) = tokio::sync::mpsc::channel(1);
        let events = tokio::spawn(async move {
            let response = client.send(request).await.unwrap();
            // With the head of the answer the watch has its place in the history.
            begin.send(()).await.unwrap();
            let body = response
                .into_body()
                .into_data_stream()
                .map_err(std::io::Error::other);
            let lines = body.into_async_read().lines();
            let parsed = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
            parsed.take(count).collect::<Vec<Value>>().await
        });
        Watch { events, begun }
    }

    async fn compare_events(&mut self, exchange: &Exchange, watch: Watch) {
        let abort = watch.events.abort_handle();
        let ours = match tokio::time::timeout(Duration::from_secs(3), watch.events).await {
            Ok(ours) => ours.unwrap(),
            Err(_) => {
                abort.abort();
                let missing = "fewer events than recorded".to_owned();
                self.found.insert(exchange.step.clone(), missing);
                return;
            }
        };
        let recorded = in_order(exchange.response["events"].as_array().unwrap().clone());
        let difference = self
            .names
            .difference(Extent::Whole, "events", &recorded, &in_order(ours));
        if let Some(difference) = difference {
            self.found.insert(exchange.step.clone(), difference);
        }
    }
}

/// Events with the furniture of the namespace in the order of names.
fn in_order(mut events: Vec<Value>) -> Value {
    let name = |event: &Value| event["object"]["metadata"]["name"].to_string();
    let furniture = |event: &Value| {
        FURNITURE
            .iter()
            .any(|one| name(event) == format!("{one:?}"))
    };
    let count = events.iter().take_while(|event| furniture(event)).count();
    events[..count].sort_by_key(name);
    Value::from(events)
}

struct Watch {
    events: tokio::task::JoinHandle<Vec<Value>>,
    begun: tokio::sync::mpsc::Receiver<()>,
}

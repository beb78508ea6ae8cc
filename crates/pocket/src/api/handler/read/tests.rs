//! Lists and watches at revisions, over a store that forgets quickly.

use std::time::Duration;

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::api::{Addresses, ApiServer, Config, Identity};
use crate::store::{History, Key, Options, Store, Write};

struct World {
    server: ApiServer,
    store: Store,
    _folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let history = History {
            events: 10,
            ..History::default()
        };
        let options = Options {
            rest: Duration::ZERO,
            ..Options::with_history(history)
        };
        let store = Store::open(&folder.path().join("store"), &options).unwrap();
        let config = Config {
            addresses: Addresses {
                first: std::net::Ipv4Addr::new(127, 99, 0, 0),
                count: 256,
            },
            server_address: "127.0.0.1:1".into(),
            token_key: b"key".to_vec(),
        };
        let server = ApiServer::new(store.clone(), config, CancellationToken::new());
        Self {
            server,
            store,
            _folder: folder,
        }
    }

    async fn write(&self, name: &str) -> u64 {
        let key = Key::new(&"configmaps".into(), "default", name);
        let object = json!({"metadata": {"name": name, "namespace": "default"}});
        let write = match self.store.get(&key) {
            Some(stored) => Write::Update(key, stored.revision, object),
            None => Write::Create(key, object),
        };
        self.store.write(write).await.unwrap().revision
    }

    /// Asks about ConfigMaps.
    async fn ask(&self, query: &str) -> (u16, Value) {
        let uri = format!("/api/v1/namespaces/default/configmaps?{query}");
        let mut request = Request::get(uri).body(Body::empty()).unwrap();
        request.extensions_mut().insert(Identity::admin("a"));
        let response = self.server.router().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// The first events of a watch.
    async fn watch(&self, query: &str, count: usize) -> Vec<Value> {
        let uri = format!("/api/v1/namespaces/default/configmaps?watch=true&{query}");
        let mut request = Request::get(uri).body(Body::empty()).unwrap();
        request.extensions_mut().insert(Identity::admin("a"));
        let response = self.server.router().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200, "{query}");
        let mut body = response.into_body();
        let mut events = Vec::new();
        while events.len() < count {
            let Some(frame) = body.frame().await else {
                break;
            };
            // Events that are there at once come together, a line each.
            let data = frame.unwrap().into_data().unwrap();
            let lines = data.split_inclusive(|byte| *byte == b'\n');
            events.extend(lines.map(|line| serde_json::from_slice::<Value>(line).unwrap()));
        }
        events
    }

    /// Writes until this revision is forgotten.
    async fn forget(&self, revision: u64) {
        while self.store.list_at("configmaps", None, revision).is_ok() {
            self.write("noise").await;
        }
    }
}

fn names(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap().iter();
    items
        .map(|item| item["metadata"]["name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_list_can_go_on_after_its_revision_is_forgotten() {
    let world = World::new();
    let mut last = 0;
    for name in ["a", "b", "c"] {
        last = world.write(name).await;
    }
    let (_, first) = world.ask("limit=1").await;
    assert_eq!(names(&first), ["a"]);
    let token = first["metadata"]["continue"].as_str().unwrap().to_owned();
    world.write("bb").await;
    let (_, second) = world.ask(&format!("limit=5&continue={token}")).await;
    assert_eq!(names(&second), ["b", "c"], "as of the first page");
    world.forget(last).await;
    let (status, said) = world.ask(&format!("limit=5&continue={token}")).await;
    assert_eq!((status, &said["reason"]), (410, &json!("Expired")));
    let token = said["metadata"]["continue"].as_str().unwrap();
    let (status, rest) = world.ask(&format!("limit=2&continue={token}")).await;
    assert_eq!(status, 200);
    assert_eq!(names(&rest), ["b", "bb"], "as of now");
    let token = rest["metadata"]["continue"].as_str().unwrap();
    let (_, rest) = world.ask(&format!("continue={token}")).await;
    assert_eq!(names(&rest), ["c", "noise"]);
}

#[tokio::test]
async fn a_label_is_found_where_it_is_and_nowhere_else() {
    let world = World::new();
    for (name, object) in [
        (
            "with",
            json!({"metadata": {"labels": {"a": "x-1", "b": "2"}}}),
        ),
        ("longer", json!({"metadata": {"labels": {"a": "x-12"}}})),
        (
            "in-data",
            json!({"metadata": {"labels": {"a": "y"}}, "data": {"a": "x-1"}}),
        ),
    ] {
        let key = Key::new(&"configmaps".into(), "default", name);
        let mut object = object;
        object["metadata"]["name"] = name.into();
        object["metadata"]["namespace"] = "default".into();
        world.store.write(Write::Create(key, object)).await.unwrap();
    }
    for (selector, expected) in [
        ("a%3Dx-1", vec!["with"]),
        ("a%3Dx-1,b%3D2", vec!["with"]),
        ("a%3Dx-1,b%3D3", vec![]),
        ("a%20in%20(x-1,y)", vec!["in-data", "with"]),
        ("a!%3Dx-1", vec!["in-data", "longer"]),
    ] {
        let (status, list) = world.ask(&format!("labelSelector={selector}")).await;
        assert_eq!((status, names(&list)), (200, expected), "{selector}");
    }
}

#[tokio::test]
async fn revisions_of_lists_are_exact_or_not_older() {
    let world = World::new();
    let first = world.write("a").await;
    let second = world.write("b").await;
    for (query, expected) in [
        (String::new(), vec!["a", "b"]),
        ("resourceVersion=0".to_owned(), vec!["a", "b"]),
        (format!("resourceVersion={first}"), vec!["a", "b"]),
        (
            format!("resourceVersion={first}&resourceVersionMatch=NotOlderThan"),
            vec!["a", "b"],
        ),
        (
            format!("resourceVersion={first}&resourceVersionMatch=Exact"),
            vec!["a"],
        ),
        (format!("resourceVersion={first}&limit=5"), vec!["a"]),
        ("resourceVersion=0&limit=5".to_owned(), vec!["a", "b"]),
        (
            format!("resourceVersion={second}&resourceVersionMatch=Exact"),
            vec!["a", "b"],
        ),
    ] {
        let (status, list) = world.ask(&query).await;
        assert_eq!(status, 200, "{query}: {list}");
        assert_eq!(names(&list), expected, "{query}");
    }
    for (query, status) in [
        ("resourceVersionMatch=Exact", 422),
        ("resourceVersion=0&resourceVersionMatch=Exact", 422),
        ("resourceVersion=1&resourceVersionMatch=Older", 422),
        ("sendInitialEvents=true", 422),
        ("resourceVersion=999", 504),
        ("resourceVersion=999&resourceVersionMatch=Exact", 504),
        ("resourceVersion=x", 400),
        ("watch=true&sendInitialEvents=true", 422),
        (
            "watch=true&resourceVersion=1&resourceVersionMatch=NotOlderThan",
            422,
        ),
        (
            "watch=true&resourceVersion=999&sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
            504,
        ),
    ] {
        assert_eq!(world.ask(query).await.0, status, "{query}");
    }
    world.forget(second).await;
    let exact = format!("resourceVersion={second}&resourceVersionMatch=Exact");
    let (status, said) = world.ask(&exact).await;
    assert_eq!((status, &said["reason"]), (410, &json!("Expired")));
    let newer = format!("resourceVersion={second}");
    assert_eq!(world.ask(&newer).await.0, 200);
}

#[tokio::test]
async fn watches_begin_where_they_are_told_to() {
    let world = World::new();
    let first = world.write("a").await;
    world.write("b").await;
    let kinds = |events: &[Value]| -> Vec<String> {
        let one = |event: &Value| {
            let name = event["object"]["metadata"]["name"].as_str().unwrap_or("-");
            format!("{} {name}", event["type"].as_str().unwrap())
        };
        events.iter().map(one).collect()
    };
    let initial =
        "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let events = world.watch(initial, 3).await;
    assert_eq!(kinds(&events), ["ADDED a", "ADDED b", "BOOKMARK -"]);
    let end = &events[2]["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"];
    assert_eq!(end, "true");
    // A real server tells the end of whatever it sends at first to whoever takes bookmarks.
    let events = world
        .watch("allowWatchBookmarks=true&timeoutSeconds=1", 9)
        .await;
    assert_eq!(kinds(&events), ["ADDED a", "ADDED b", "BOOKMARK -"]);
    let events = world.watch("timeoutSeconds=1", 9).await;
    assert_eq!(kinds(&events), ["ADDED a", "ADDED b"]);
    let events = world
        .watch(&format!("resourceVersion={first}&timeoutSeconds=1"), 9)
        .await;
    assert_eq!(kinds(&events), ["ADDED b"]);
    world.forget(first).await;
    let events = world
        .watch(&format!("resourceVersion={first}&timeoutSeconds=1"), 9)
        .await;
    assert_eq!(kinds(&events), ["ERROR -"]);
    assert_eq!(events[0]["object"]["code"], 410);
}

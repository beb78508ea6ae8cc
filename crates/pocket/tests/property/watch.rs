//! A watcher that starts anywhere, is cut off, resumes, or has to list again.

use futures::{StreamExt as _, pin_mut};
use http::Request;
use kube::Client;
use kube::core::{DynamicObject, WatchEvent};
use proptest::prelude::*;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::client::NAMES;
use super::world::{ALL, ask, collection, revision};

/// What a watch is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum About {
    All,
    Namespace,
    /// A label selector.
    Labels(&'static str),
    /// One name.
    Name(usize),
}

/// How somebody watches.
#[derive(Clone, Debug)]
pub(super) struct How {
    pub(super) about: About,
    start: Start,
    /// The connection is cut after so many events.
    patience: usize,
}

#[derive(Clone, Debug)]
enum Start {
    At(u64),
    /// So many revisions before the newest.
    Ago(u64),
    /// With all objects first.
    Objects,
}

impl How {
    /// Sees everything.
    pub(super) fn all(start: u64) -> Self {
        Self {
            about: About::All,
            start: Start::At(start),
            patience: usize::MAX,
        }
    }

    pub(super) fn any() -> impl Strategy<Value = Self> {
        let labels =
            prop::sample::select(vec!["team=red", "team!=red", "team in (red,blue)", "!team"]);
        let about = prop_oneof![
            Just(About::All),
            Just(About::Namespace),
            labels.prop_map(About::Labels),
            (0..NAMES.len()).prop_map(About::Name),
        ];
        let start = prop_oneof![(0..60_u64).prop_map(Start::Ago), Just(Start::Objects)];
        (about, start, 1..12_usize).prop_map(|(about, start, patience)| Self {
            about,
            start,
            patience,
        })
    }
}

/// What a watcher saw.
pub(super) struct Seen {
    pub(super) about: About,
    pub(super) parts: Vec<Part>,
    /// Lists, each complete as of its revision.
    pub(super) lists: Vec<Value>,
}

/// All events after a revision and up to another.
pub(super) struct Part {
    pub(super) after: u64,
    pub(super) upto: u64,
    pub(super) events: Vec<Seeing>,
}

/// One event: its type and its object.
pub(super) type Seeing = (&'static str, Value);

/// How a connection ended.
enum End {
    Cut,
    Expired,
    /// The server had nothing more.
    Closed,
}

/// Watches until it is told to stop, and then what there still is.
pub(super) async fn follow(client: Client, how: How, stop: CancellationToken) -> Seen {
    let (path, query) = match &how.about {
        About::All => (ALL.to_owned(), String::new()),
        About::Namespace => (collection("default"), String::new()),
        About::Labels(labels) => {
            let labels = labels.replace(' ', "%20");
            (ALL.to_owned(), format!("&labelSelector={labels}"))
        }
        About::Name(at) => {
            let name = NAMES[*at];
            (
                ALL.to_owned(),
                format!("&fieldSelector=metadata.name%3D{name}"),
            )
        }
    };
    let mut seen = Seen {
        about: how.about.clone(),
        parts: Vec::new(),
        lists: Vec::new(),
    };
    let list = async || {
        let path = format!("{path}?{}", query.trim_start_matches('&'));
        ask(&client, "GET", &path, &Value::Null).await.unwrap()
    };
    let mut at = match how.start {
        Start::At(at) => at,
        Start::Ago(ago) => {
            let now = revision(&list().await["metadata"]);
            now.saturating_sub(ago).max(1)
        }
        Start::Objects => {
            let objects = initial(&client, &format!("{path}?{}", &query)).await;
            let at = revision(&objects["metadata"]);
            seen.lists.push(objects);
            at
        }
    };
    loop {
        let last = stop.is_cancelled();
        let limit = if last { 1 } else { 60 };
        let url = format!("{path}?watch=1&resourceVersion={at}&timeoutSeconds={limit}{query}");
        let patience = if last { usize::MAX } else { how.patience };
        let stopped = async {
            match last {
                true => std::future::pending().await,
                false => stop.cancelled().await,
            }
        };
        let (part, end) = watch(&client, &url, at, patience, stopped).await;
        at = part.upto;
        seen.parts.push(part);
        match end {
            End::Expired => {
                let list = list().await;
                at = revision(&list["metadata"]);
                seen.lists.push(list);
            }
            End::Closed if last => return seen,
            End::Closed | End::Cut => {}
        }
    }
}

/// One connection.
async fn watch(
    client: &Client,
    url: &str,
    after: u64,
    patience: usize,
    stopped: impl Future<Output = ()>,
) -> (Part, End) {
    let mut part = Part {
        after,
        upto: after,
        events: Vec::new(),
    };
    let request = Request::get(url).body(Vec::new()).unwrap();
    let events = client.request_events::<DynamicObject>(request).await;
    let events = events.unwrap();
    pin_mut!(events, stopped);
    while part.events.len() < patience {
        let event = tokio::select! {
            event = events.next() => event,
            () = &mut stopped => return (part, End::Cut),
        };
        let Some(event) = event else {
            return (part, End::Closed);
        };
        let (kind, object) = match event.unwrap() {
            WatchEvent::Added(object) => ("ADDED", object),
            WatchEvent::Modified(object) => ("MODIFIED", object),
            WatchEvent::Deleted(object) => ("DELETED", object),
            WatchEvent::Bookmark(_) => continue,
            WatchEvent::Error(status) => {
                assert_eq!((status.code, &*status.reason), (410, "Expired"));
                return (part, End::Expired);
            }
        };
        let object = serde_json::to_value(object).unwrap();
        part.upto = revision(&object["metadata"]);
        part.events.push((kind, object));
    }
    (part, End::Cut)
}

/// The objects that a watch sends first, as a list of the revision in the bookmark after them.
async fn initial(client: &Client, url: &str) -> Value {
    let url = format!(
        "{url}&watch=1&sendInitialEvents=true&allowWatchBookmarks=true\
         &resourceVersionMatch=NotOlderThan&resourceVersion="
    );
    let request = Request::get(&url).body(Vec::new()).unwrap();
    let events = client.request_events::<DynamicObject>(request).await;
    let events = events.unwrap();
    pin_mut!(events);
    let mut items = Vec::new();
    loop {
        match events.next().await.unwrap().unwrap() {
            WatchEvent::Added(object) => items.push(serde_json::to_value(object).unwrap()),
            WatchEvent::Bookmark(mark) => {
                assert_eq!(
                    mark.metadata.annotations["k8s.io/initial-events-end"],
                    "true"
                );
                let at = mark.metadata.resource_version;
                return serde_json::json!({"metadata": {"resourceVersion": at}, "items": items});
            }
            other => panic!("{other:?}"),
        }
    }
}

//! One watcher across all lives of the server.

use std::collections::BTreeMap;

use futures::{StreamExt as _, pin_mut};
use http::Request;
use kube::Client;
use kube::core::{DynamicObject, WatchEvent};
use pretty_assertions::assert_eq;
use serde_json::Value;

use super::load::Writer;
use super::object::{LEASES, name, number, revision};

/// Everything that was seen, from the first revision on.
#[derive(Default)]
pub(super) struct Watcher {
    events: Vec<(&'static str, Value)>,
}

impl Watcher {
    /// The newest revision seen.
    pub(super) fn newest(&self) -> u64 {
        self.events.last().map_or(1, |(_, object)| revision(object))
    }

    /// Goes on where it was, until the server is gone.
    pub(super) async fn follow(self, client: Client) -> Self {
        self.watch(client, 60).await
    }

    /// Sees what there still is.
    pub(super) async fn finish(self, client: Client) -> Self {
        self.watch(client, 1).await
    }

    async fn watch(mut self, client: Client, seconds: u32) -> Self {
        let at = self.newest();
        let url = format!("{LEASES}?watch=1&resourceVersion={at}&timeoutSeconds={seconds}");
        let request = Request::get(&url).body(Vec::new()).unwrap();
        let Ok(events) = client.request_events::<DynamicObject>(request).await else {
            return self;
        };
        pin_mut!(events);
        while let Some(Ok(event)) = events.next().await {
            let (kind, object) = match event {
                WatchEvent::Added(object) => ("ADDED", object),
                WatchEvent::Modified(object) => ("MODIFIED", object),
                WatchEvent::Deleted(object) => ("DELETED", object),
                other => panic!("{other:?}"),
            };
            let object = serde_json::to_value(object).unwrap();
            assert!(revision(&object) > self.newest());
            self.events.push((kind, object));
        }
        self
    }

    /// The events lead to what is there at the end.
    pub(super) fn check(&self, list: &Value) {
        let mut state = BTreeMap::new();
        for (kind, object) in &self.events {
            let before = match *kind {
                "DELETED" => state.remove(name(object)),
                _ => state.insert(name(object), revision(object)),
            };
            assert_eq!(before.is_none(), *kind == "ADDED", "{kind} {object}");
        }
        let items = list["items"].as_array().unwrap().iter();
        let found: BTreeMap<&str, u64> = items.map(|one| (name(one), revision(one))).collect();
        assert_eq!(found, state);
    }

    /// Every answer was also seen, at its revision and as a whole.
    pub(super) fn check_writer(&self, writer: &Writer) {
        let written = self.events.iter().filter(|(kind, _)| *kind != "DELETED");
        let written: BTreeMap<u64, &Value> = written
            .map(|(_, object)| (revision(object), object))
            .collect();
        for (at, (name_written, number_written)) in &writer.answered {
            let object = written.get(at).expect("an event for each answer");
            assert_eq!(
                (name(object), number(object)),
                (&**name_written, *number_written)
            );
        }
        for (deleted, times) in &writer.deleted {
            let seen = self.events.iter();
            let seen = seen.filter(|(kind, object)| *kind == "DELETED" && name(object) == deleted);
            assert!(seen.count() >= *times);
        }
    }
}

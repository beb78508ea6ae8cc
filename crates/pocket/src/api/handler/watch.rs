//! Watches: a stream of events, one JSON object a line.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::stream;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::call::Call;
use super::read::{self, Selection};
use super::{options, present};
use crate::api::request::Accept;
use crate::api::resource::Resource;
use crate::api::status::Failure;
use crate::api::table::{Table, partial_metadata};
use crate::api::{Time, object};
use crate::store::{self, Event, EventKind, Watcher};

/// How often an idle watch is told how far it is.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);

/// Answers a watch.
pub(super) fn watch(call: &Call<'_>) -> Result<Response, Failure> {
    options::check(call)?;
    let selection = Selection::parse(call)?;
    let asked = read::revision(&call.options.resource_version)?;
    let initial = call.options.send_initial_events.unwrap_or(asked.is_none());
    let namespace = call.route.namespace.as_deref();
    let mut form = Form {
        resource: Arc::clone(&call.resource),
        selection,
        style: match call.accept {
            Accept::Json => Style::Json,
            Accept::Metadata => Style::Metadata,
            Accept::Table => {
                let table = Table::of(&call.resource, call.options.get("includeObject"))?;
                Style::Table {
                    table,
                    columns_sent: false,
                }
            }
        },
    };
    let mut ready = VecDeque::new();
    let start = if initial {
        if let Some(asked) = asked {
            read::not_older(call, asked)?;
        }
        let snapshot = call.store().list(&call.resource.key, namespace);
        for (_, stored) in &snapshot.items {
            if form.selects(&stored.json) {
                ready.push_back(form.line("ADDED", &stored.json));
            }
        }
        if call.options.bookmarks {
            ready.push_back(form.bookmark(snapshot.revision, true));
        }
        snapshot.revision
    } else {
        asked.unwrap_or_else(|| call.store().revision())
    };
    let watcher = match call.store().watch(&call.resource.key, namespace, start) {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            ready.push_back(failed(&Failure::from_store(&error, &call.resource, "")));
            None
        }
    };
    let limit = call.options.timeout_seconds.filter(|seconds| *seconds > 0);
    let limit = limit.unwrap_or_else(|| rand::random_range(1800..3600));
    let mut ticks = tokio::time::interval_at(Instant::now() + BOOKMARK_EVERY, BOOKMARK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let running = Running {
        form,
        ready,
        watcher,
        bookmarks: call.options.bookmarks.then_some(ticks),
        deadline: Instant::now() + Duration::from_secs(limit.min(86_400)),
        shutdown: call.server.inner.shutdown.clone(),
    };
    let lines = stream::unfold(running, |mut running| async move {
        let line = running.next().await?;
        Some((Ok::<_, std::convert::Infallible>(line), running))
    });
    Ok(present::raw(call, StatusCode::OK, Body::from_stream(lines)))
}

/// How events are written for one watch.
struct Form {
    resource: Arc<Resource>,
    selection: Selection,
    style: Style,
}

/// The form of each object of a watch.
enum Style {
    Json,
    Metadata,
    /// Tables of one row; only the first describes the columns.
    Table {
        table: Table,
        columns_sent: bool,
    },
}

struct Running {
    form: Form,
    ready: VecDeque<Bytes>,
    watcher: Option<Watcher>,
    bookmarks: Option<Interval>,
    deadline: Instant,
    shutdown: tokio_util::sync::CancellationToken,
}

impl Running {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Some(line);
            }
            let watcher = self.watcher.as_mut()?;
            let ticks = self.bookmarks.as_mut();
            tokio::select! {
                () = self.shutdown.cancelled() => return None,
                () = tokio::time::sleep_until(self.deadline) => return None,
                events = watcher.next() => self.take(events),
                () = tick(ticks) => return Some(self.form.bookmark(watcher.revision(), false)),
            }
        }
    }

    fn take(&mut self, events: Result<Vec<Arc<Event>>, store::Error>) {
        match events {
            Ok(events) => {
                let lines = events.iter().filter_map(|event| self.form.event(event));
                self.ready.extend(lines);
            }
            Err(error) => {
                self.watcher = None;
                let failure = Failure::from_store(&error, &self.form.resource, "");
                self.ready.push_back(failed(&failure));
            }
        }
    }
}

async fn tick(ticks: Option<&mut Interval>) {
    match ticks {
        Some(ticks) => {
            ticks.tick().await;
        }
        None => std::future::pending().await,
    }
}

impl Form {
    fn selects(&self, stored: &[u8]) -> bool {
        self.selection.matches(&self.resource, stored)
    }

    /// The line for an event, or nothing when the selection does not see it.
    fn event(&mut self, event: &Event) -> Option<Bytes> {
        if self.selection.is_empty() {
            let kind = match event.kind {
                EventKind::Added => "ADDED",
                EventKind::Modified => "MODIFIED",
                EventKind::Deleted => "DELETED",
            };
            return Some(self.line(kind, &event.json));
        }
        let before = event
            .previous
            .as_ref()
            .is_some_and(|json| self.selects(json));
        let after = event.kind != EventKind::Deleted && self.selects(&event.json);
        match (before, after) {
            (false, false) => None,
            (false, true) => Some(self.line("ADDED", &event.json)),
            (true, true) => Some(self.line("MODIFIED", &event.json)),
            // Gone from the selection: its last selected state, with the revision of the change.
            (true, false) => {
                let mut object: Value = serde_json::from_slice(event.previous.as_deref()?).ok()?;
                let revision = event.revision.to_string();
                object::metadata_mut(&mut object).insert("resourceVersion".into(), revision.into());
                Some(self.line("DELETED", object.to_string().as_bytes()))
            }
        }
    }

    fn line(&mut self, kind: &str, stored: &[u8]) -> Bytes {
        let value = |resource: &Resource| present::value(resource, stored).unwrap_or_default();
        let object = match &mut self.style {
            Style::Json => present::text(&self.resource, stored),
            Style::Metadata => partial_metadata(&value(&self.resource))
                .to_string()
                .into_bytes(),
            Style::Table {
                table,
                columns_sent,
            } => {
                let object = value(&self.resource);
                let metadata = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
                let with_columns = !std::mem::replace(columns_sent, true);
                let table = table.render(&[object], metadata, Time::now(), with_columns);
                table.to_string().into_bytes()
            }
        };
        joined(kind, &object)
    }

    fn bookmark(&self, revision: u64, initial_done: bool) -> Bytes {
        let mut metadata = json!({"resourceVersion": revision.to_string()});
        if initial_done {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let object = match self.style {
            Style::Table { .. } => json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata, "columnDefinitions": null, "rows": []}),
            Style::Metadata => json!({"kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1", "metadata": metadata}),
            Style::Json => json!({"kind": self.resource.kind,
                "apiVersion": self.resource.api_version(), "metadata": metadata}),
        };
        joined("BOOKMARK", object.to_string().as_bytes())
    }
}

fn failed(failure: &Failure) -> Bytes {
    joined("ERROR", failure.body().to_string().as_bytes())
}

fn joined(kind: &str, object: &[u8]) -> Bytes {
    let mut line = Vec::with_capacity(object.len() + kind.len() + 24);
    line.extend_from_slice(b"{\"type\":\"");
    line.extend_from_slice(kind.as_bytes());
    line.extend_from_slice(b"\",\"object\":");
    line.extend_from_slice(object);
    line.extend_from_slice(b"}\n");
    Bytes::from(line)
}

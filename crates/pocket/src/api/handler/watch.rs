//! Watches: a stream of events, one JSON object a line.
//!
//! Nothing is made before the client's connection has room for it, and the line of an event is made once for
//! all watches of the same form.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures::stream;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::call::Call;
use super::present;
use super::read::{self, Selection};
use crate::api::request::Accept;
use crate::api::resource::Resource;
use crate::api::status::Failure;
use crate::api::table::{Table, partial_metadata};
use crate::api::{Time, object};
use crate::store::{self, Event, EventKind, Key, Stored, Watcher};

/// How often an idle watch is told how far it is.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);

/// Lines that are ready at the same time are sent together up to about this size.
const PIECE: usize = 16 << 10;

/// Answers a watch.
pub(super) fn watch(call: &Call<'_>) -> Result<Response, Failure> {
    let selection = Selection::parse(call)?;
    let asked = read::revision(&call.options.resource_version)?;
    let initial = call.options.send_initial_events.unwrap_or(asked.is_none());
    let namespace = call.route.namespace.as_deref();
    let form = Form {
        resource: Arc::clone(&call.resource),
        selection,
        name: present::head(&call.resource).into(),
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
    let mut objects = Vec::new();
    let start = if initial {
        if let Some(asked) = asked {
            read::not_older(call, asked)?;
        }
        let snapshot = call.store().list(&call.resource.key, namespace);
        objects = snapshot.items;
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
        objects: objects.into_iter(),
        ready,
        events: VecDeque::new(),
        watcher,
        bookmarks: call.options.bookmarks.then_some(ticks),
        deadline: Instant::now() + Duration::from_secs(limit.min(86_400)),
        shutdown: call.server.inner.shutdown.clone(),
    };
    let lines = stream::unfold(running, |mut running| async move {
        let piece = running.next().await?;
        Some((Ok::<_, std::convert::Infallible>(piece), running))
    });
    Ok(present::raw(call, StatusCode::OK, Body::from_stream(lines)))
}

/// How events are written for one watch.
struct Form {
    resource: Arc<Resource>,
    selection: Selection,
    /// What distinguishes the lines of this form from those of others: the start of each object.
    name: Arc<str>,
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
    /// What is sent first: the objects at the start, then what is ready, then events.
    objects: std::vec::IntoIter<(Key, Stored)>,
    ready: VecDeque<Bytes>,
    events: VecDeque<Arc<Event>>,
    watcher: Option<Watcher>,
    bookmarks: Option<Interval>,
    deadline: Instant,
    shutdown: tokio_util::sync::CancellationToken,
}

impl Running {
    /// The next lines; nothing ends the watch.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(piece) = self.piece() {
                return Some(piece);
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

    /// Lines that need no waiting, as many as are sent together.
    fn piece(&mut self) -> Option<Bytes> {
        let first = self.line()?;
        let mut piece = BytesMut::new();
        while piece.len() + first.len() < PIECE
            && let Some(line) = self.line()
        {
            if piece.is_empty() {
                piece.reserve(PIECE + line.len());
                piece.extend_from_slice(&first);
            }
            piece.extend_from_slice(&line);
        }
        Some(if piece.is_empty() {
            first
        } else {
            piece.freeze()
        })
    }

    fn line(&mut self) -> Option<Bytes> {
        let form = &mut self.form;
        for (_, stored) in self.objects.by_ref() {
            if form.selects(&stored.json) {
                return Some(form.line("ADDED", &stored.json));
            }
        }
        if let Some(line) = self.ready.pop_front() {
            return Some(line);
        }
        while let Some(event) = self.events.pop_front() {
            if let Some(line) = form.event(&event) {
                return Some(line);
            }
        }
        None
    }

    fn take(&mut self, events: Result<Vec<Arc<Event>>, store::Error>) {
        match events {
            Ok(events) => self.events.extend(events),
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
            return Some(self.shared_line(kind, event));
        }
        let before = event.previous.as_ref();
        let before = before.is_some_and(|stored| self.selects(&stored.json));
        let after = event.kind != EventKind::Deleted && self.selects(&event.json);
        match (before, after) {
            (false, false) => None,
            (false, true) if event.kind == EventKind::Added => {
                Some(self.shared_line("ADDED", event))
            }
            (false, true) => Some(self.line("ADDED", &event.json)),
            (true, true) => Some(self.shared_line("MODIFIED", event)),
            // Gone from the selection: its last selected state, with the revision of the change.
            (true, false) => {
                let before = event.previous.as_ref()?;
                let mut object: Value = serde_json::from_slice(&before.json).ok()?;
                let revision = event.revision.to_string();
                object::metadata_mut(&mut object).insert("resourceVersion".into(), revision.into());
                Some(self.line("DELETED", object.to_string().as_bytes()))
            }
        }
    }

    /// The line for an event that says of it what the store says; made once for all such watches.
    fn shared_line(&mut self, kind: &str, event: &Event) -> Bytes {
        if !matches!(self.style, Style::Json) {
            return self.line(kind, &event.json);
        }
        let name = Arc::clone(&self.name);
        event.text(&name, || self.line(kind, &event.json))
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

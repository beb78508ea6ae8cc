//! Events on objects: told once and counted, never waited for, and dropped rather than piled up.

use std::collections::HashMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use tokio::sync::mpsc;
use tracing::debug;

/// How many may wait for the API.
const QUEUE: usize = 256;
/// How many are remembered to be counted up instead of written anew.
const REMEMBERED: usize = 512;

/// Where events go.
#[derive(Clone, Debug)]
pub(crate) struct EventSink(mpsc::Sender<Note>);

/// What is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Note {
    about: About,
    is_warning: bool,
    reason: &'static str,
    message: String,
}

/// The parts of an object reference that matter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct About {
    pub(crate) kind: &'static str,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    /// The container, as `spec.containers{name}`.
    pub(crate) field: Option<String>,
}

impl EventSink {
    /// A sink that writes as `component` on `host`, in a task that ends when the last sink is dropped.
    pub(crate) fn start(client: Client, component: &'static str, host: String) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(write_all(client, component, host, receiver));
        Self(sender)
    }

    pub(crate) fn normal(&self, about: About, reason: &'static str, message: String) {
        self.send(about, false, reason, message);
    }

    pub(crate) fn warning(&self, about: About, reason: &'static str, message: String) {
        self.send(about, true, reason, message);
    }

    fn send(&self, about: About, is_warning: bool, reason: &'static str, message: String) {
        let note = Note {
            about,
            is_warning,
            reason,
            message,
        };
        if self.0.try_send(note).is_err() {
            debug!(reason, "event dropped");
        }
    }
}

async fn write_all(
    client: Client,
    component: &'static str,
    host: String,
    mut notes: mpsc::Receiver<Note>,
) {
    let mut known: HashMap<Note, (String, i32)> = HashMap::new();
    while let Some(note) = notes.recv().await {
        let api: Api<Event> = Api::namespaced(client.clone(), &note.about.namespace);
        if let Some((name, count)) = known.get_mut(&note) {
            *count += 1;
            let patch = serde_json::json!({
                "count": *count,
                "lastTimestamp": Time(Timestamp::now()),
            });
            let patched = api
                .patch(name, &PatchParams::default(), &Patch::Merge(patch))
                .await;
            if patched.is_ok() {
                continue;
            }
            // It has been cleaned up or the API is away; a new one says as much.
            known.remove(&note);
        }
        let event = event(&note, component, &host);
        let name = event.metadata.name.clone().unwrap_or_default();
        match api.create(&PostParams::default(), &event).await {
            Ok(_) => {
                if known.len() >= REMEMBERED {
                    known.clear();
                }
                known.insert(note, (name, 1));
            }
            Err(error) => debug!(reason = note.reason, %error, "event not written"),
        }
    }
}

fn event(note: &Note, component: &str, host: &str) -> Event {
    let now = Timestamp::now();
    let about = &note.about;
    let suffix = u64::try_from(now.as_nanosecond()).unwrap_or_default();
    Event {
        metadata: ObjectMeta {
            name: Some(format!("{}.{suffix:x}", about.name)),
            namespace: Some(about.namespace.clone()),
            ..ObjectMeta::default()
        },
        involved_object: ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some(about.kind.to_owned()),
            namespace: Some(about.namespace.clone()),
            name: Some(about.name.clone()),
            uid: Some(about.uid.clone()),
            field_path: about.field.clone(),
            ..ObjectReference::default()
        },
        type_: Some(if note.is_warning { "Warning" } else { "Normal" }.to_owned()),
        reason: Some(note.reason.to_owned()),
        message: Some(note.message.clone()),
        count: Some(1),
        first_timestamp: Some(Time(now)),
        last_timestamp: Some(Time(now)),
        source: Some(EventSource {
            component: Some(component.to_owned()),
            host: Some(host.to_owned()),
        }),
        reporting_component: Some(component.to_owned()),
        reporting_instance: Some(host.to_owned()),
        ..Event::default()
    }
}

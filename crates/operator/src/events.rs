//! Events about clusters, for people who run `describe`.
//!
//! An Event is published when something changed, never because a pass ran. The same Event
//! happening again raises the count of the stored one, so a flapping cluster cannot fill the
//! server.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::{Client, Error};
use serde_json::json;

/// Who reports.
const COMPONENT: &str = "howdah-operator";

/// The server refuses longer messages.
const MAX_MESSAGE: usize = 1024;

/// Whether somebody has to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    /// Nothing is wrong.
    Normal,
    /// Somebody should do something.
    Warning,
}

impl Severity {
    fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Happening {
    pub(crate) severity: Severity,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

/// Publishes Events.
#[derive(Clone)]
pub(crate) struct Recorder {
    client: Client,
}

impl Recorder {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Publishes one Event; an equal one that is still stored is counted up.
    pub(crate) async fn publish(
        &self,
        happening: &Happening,
        about: &ObjectReference,
    ) -> Result<(), Error> {
        let namespace = about.namespace.as_deref().unwrap_or("default");
        let api: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        let event = event(happening, about, Timestamp::now());
        let name = event.metadata.name.clone().unwrap_or_default();
        match api.create(&PostParams::default(), &event).await {
            Err(Error::Api(status)) if status.is_already_exists() => count_up(&api, &name).await,
            other => other.map(drop),
        }
    }
}

async fn count_up(api: &Api<Event>, name: &str) -> Result<(), Error> {
    let Some(stored) = api.get_opt(name).await? else {
        return Ok(());
    };
    let patch = json!({
        "count": stored.count.unwrap_or(1).saturating_add(1),
        "lastTimestamp": Time(Timestamp::now()),
    });
    api.patch(name, &PatchParams::default(), &Patch::Merge(patch))
        .await
        .map(drop)
}

fn event(happening: &Happening, about: &ObjectReference, now: Timestamp) -> Event {
    let mut hasher = DefaultHasher::new();
    (
        &about.uid,
        happening.severity.as_str(),
        happening.reason,
        &happening.message,
    )
        .hash(&mut hasher);
    let object = about.name.as_deref().unwrap_or_default();
    Event {
        metadata: ObjectMeta {
            name: Some(format!("{object}.{:016x}", hasher.finish())),
            namespace: about.namespace.clone(),
            ..ObjectMeta::default()
        },
        involved_object: about.clone(),
        type_: Some(happening.severity.as_str().to_owned()),
        reason: Some(happening.reason.to_owned()),
        message: Some(shorten(&happening.message)),
        count: Some(1),
        first_timestamp: Some(Time(now)),
        last_timestamp: Some(Time(now)),
        source: Some(EventSource {
            component: Some(COMPONENT.to_owned()),
            ..EventSource::default()
        }),
        reporting_component: Some(COMPONENT.to_owned()),
        reporting_instance: Some(COMPONENT.to_owned()),
        ..Event::default()
    }
}

fn shorten(message: &str) -> String {
    if message.len() <= MAX_MESSAGE {
        return message.to_owned();
    }
    let end = message.floor_char_boundary(MAX_MESSAGE - 3);
    format!("{}...", &message[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn happening(message: &str) -> Happening {
        Happening {
            severity: Severity::Warning,
            reason: "ClusterConfigFailed",
            message: message.to_owned(),
        }
    }

    #[test]
    fn equal_events_have_one_name_and_others_another() {
        let about = ObjectReference {
            name: Some("simple".to_owned()),
            uid: Some("1".to_owned()),
            ..ObjectReference::default()
        };
        let name = |message: &str, second: i64| {
            let now = Timestamp::from_second(second).unwrap();
            event(&happening(message), &about, now)
                .metadata
                .name
                .unwrap()
        };
        assert_eq!(name("a", 1), name("a", 2));
        assert_ne!(name("a", 1), name("b", 1));
        assert!(name("a", 1).starts_with("simple."));
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let message = "é".repeat(1000);
        assert!(shorten(&message).len() <= MAX_MESSAGE);
        assert!(shorten(&message).ends_with("..."));
    }
}

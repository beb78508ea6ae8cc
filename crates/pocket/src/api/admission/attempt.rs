//! A request, in the words of an admission review.

use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::webhook::{MUTATING, VALIDATING, Webhook};
use super::{chain, is_exempt};
use crate::api::ApiServer;
use crate::api::auth::Identity;
use crate::api::object;
use crate::api::resource::Resource;
use crate::api::status::Failure;

/// What a request does to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// The object is new.
    Create,
    /// The object changes.
    Update,
    /// The object goes.
    Delete,
    /// Somebody reaches into what the object stands for.
    Connect,
}

/// A request that webhooks may look at.
pub(crate) struct Attempt<'a> {
    pub(crate) server: &'a ApiServer,
    pub(crate) identity: &'a Identity,
    pub(crate) resource: &'a Arc<Resource>,
    pub(crate) subresource: &'a str,
    /// Group, version and kind of what is sent, where that is not the resource's own.
    pub(crate) kind: Option<(&'a str, &'a str, &'a str)>,
    pub(crate) namespace: &'a str,
    /// Empty while it is not known, as with `generateName`.
    pub(crate) name: &'a str,
    pub(crate) operation: Operation,
    /// The `CreateOptions`, `UpdateOptions` or `DeleteOptions`.
    pub(crate) options: Value,
    pub(crate) dry_run: bool,
    /// Texts for `Warning` headers.
    pub(crate) warnings: &'a Mutex<Vec<String>>,
    /// When the request as a whole has taken too long.
    pub(crate) deadline: Instant,
}

impl Operation {
    /// The word for it in rules and reviews.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

/// Turns an object that a webhook has changed into the form that is worked on, or refuses it.
pub(crate) trait Finish: Fn(Value) -> Result<Value, Failure> + Sync {}

impl<T: Fn(Value) -> Result<Value, Failure> + Sync> Finish for T {}

impl Attempt<'_> {
    /// Lets the mutating webhooks change the object; `None` when none did.
    ///
    /// Objects carry their `apiVersion` and `kind`. `finish` completes an object after each
    /// webhook that changed it.
    pub(crate) async fn mutate(
        &self,
        object: Option<&Value>,
        old: Option<&Value>,
        finish: impl Finish,
    ) -> Result<Option<Value>, Failure> {
        let webhooks = self.webhooks(MUTATING);
        if webhooks.is_empty() {
            return Ok(None);
        }
        chain::mutate(self, &webhooks, object, old, &finish).await
    }

    /// Asks the validating webhooks.
    pub(crate) async fn validate(
        &self,
        object: Option<&Value>,
        old: Option<&Value>,
    ) -> Result<(), Failure> {
        let webhooks = self.webhooks(VALIDATING);
        if webhooks.is_empty() {
            return Ok(());
        }
        chain::validate(self, &webhooks, object, old).await
    }

    /// Whether any webhook of either sort is configured that could be asked.
    pub(crate) fn is_watched(&self) -> bool {
        let any = |key: &str| !self.server.store().list(key, None).items.is_empty();
        !is_exempt(self.resource) && (any(MUTATING) || any(VALIDATING))
    }

    fn webhooks(&self, key: &str) -> Vec<Webhook> {
        if is_exempt(self.resource) {
            return Vec::new();
        }
        // The store keeps objects in the order of their names, which is the order of the calls.
        let stored = self.server.store().list(key, None);
        let parsed = stored.items.iter().filter_map(|(_, stored)| {
            let configuration = serde_json::from_slice::<Value>(&stored.json).ok()?;
            Some(Webhook::all(&configuration))
        });
        parsed.flatten().collect()
    }

    /// The labels that a `namespaceSelector` is about; `None` when there is no namespace.
    pub(super) fn namespace_labels(&self, object: Option<&Value>) -> Option<Value> {
        let labels = |object: &Value| object::at(object, &["metadata", "labels"]).clone();
        let is_namespace = self.resource.is("namespaces") && self.subresource.is_empty();
        if let Some(object) = object.filter(|_| is_namespace) {
            return Some(labels(object));
        }
        let name = if self.resource.is("namespaces") {
            self.name
        } else {
            self.namespace
        };
        if name.is_empty() {
            return None;
        }
        let key = crate::store::Key::new(&"namespaces".into(), "", name);
        let stored = self.server.store().get(&key);
        let namespace = stored.and_then(|stored| serde_json::from_slice(&stored.json).ok());
        Some(namespace.map_or_else(|| json!({}), |namespace| labels(&namespace)))
    }

    /// An object of the request's kind as another version of it.
    pub(super) fn convert(&self, object: &Value, to: &Resource) -> Value {
        convert(object, self.resource, to)
    }

    /// An object of another version as the request's kind.
    pub(super) fn convert_back(&self, object: &Value, from: &Resource) -> Value {
        convert(object, from, self.resource)
    }

    /// The kind of what is sent.
    pub(super) fn sent_kind(&self) -> (String, String, String) {
        match self.kind {
            Some((group, version, kind)) => (group.into(), version.into(), kind.into()),
            None => (
                self.resource.group.clone(),
                self.resource.version.clone(),
                self.resource.kind.clone(),
            ),
        }
    }

    /// The namespace as reviews name it: that of a namespace is its own.
    pub(super) fn sent_namespace(&self) -> &str {
        if self.resource.is("namespaces") {
            self.name
        } else {
            self.namespace
        }
    }
}

fn convert(object: &Value, from: &Resource, to: &Resource) -> Value {
    let mut object = object.clone();
    if let Some(from) = from.builtin() {
        from.to_stored(&mut object);
    }
    if let Some(to) = to.builtin() {
        to.show(&mut object);
    }
    let members = object::members(&mut object);
    members.insert("apiVersion".into(), to.api_version().into());
    members.insert("kind".into(), to.kind.as_str().into());
    object
}

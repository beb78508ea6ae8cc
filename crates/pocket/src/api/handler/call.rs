//! One request to a resource, understood, and what all verbs need of it.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::time::Instant;

use super::{accept, manager};
use crate::api::auth::{Asked, Identity, allowed, escalation};
use crate::api::fields::Writer;
use crate::api::options::Options;
use crate::api::request::{Accept, Route};
use crate::api::resource::Resource;
use crate::api::status::Failure;
use crate::api::{ApiServer, Time, object};
use crate::store::{Key, Store, Stored};

/// All webhooks of a request together get this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request to a resource.
pub(super) struct Call<'a> {
    pub(super) server: &'a ApiServer,
    pub(super) identity: Identity,
    pub(super) resource: Arc<Resource>,
    pub(super) route: Route,
    pub(super) options: Options,
    pub(super) verb: &'static str,
    pub(super) accept: Accept,
    pub(super) manager: String,
    pub(super) now: Time,
    /// When webhooks have had enough time.
    pub(super) deadline: Instant,
    apply: bool,
    /// Texts for `Warning` headers.
    pub(super) warnings: Mutex<Vec<String>>,
}

/// An object as it is stored, parsed.
pub(super) struct Current {
    pub(super) revision: u64,
    pub(super) object: Value,
}

impl<'a> Call<'a> {
    pub(super) fn new(
        server: &'a ApiServer,
        identity: Identity,
        resource: &Arc<Resource>,
        route: Route,
        options: Options,
        verb: &'static str,
        headers: &HeaderMap,
    ) -> Self {
        Self {
            server,
            identity,
            resource: Arc::clone(resource),
            route,
            verb,
            accept: accept(headers),
            manager: manager(&options, headers),
            now: Time::now(),
            deadline: Instant::now() + PATIENCE,
            apply: crate::api::body::media_type(headers).starts_with("application/apply-patch"),
            options,
            warnings: Mutex::default(),
        }
    }

    pub(super) fn store(&self) -> &Store {
        self.server.store()
    }

    /// The namespace of the URL, empty for cluster-scoped kinds.
    pub(super) fn namespace(&self) -> &str {
        self.route.namespace.as_deref().unwrap_or_default()
    }

    /// The name of the URL.
    pub(super) fn name(&self) -> &str {
        self.route.name.as_deref().unwrap_or_default()
    }

    pub(super) fn key(&self, name: &str) -> Key {
        Key::new(&self.resource.key, self.namespace(), name)
    }

    pub(super) fn timestamp(&self) -> String {
        object::timestamp(self.now)
    }

    /// The object that the URL names.
    pub(super) fn stored(&self) -> Result<Stored, Failure> {
        let name = self.name();
        let found = self.store().get(&self.key(name));
        found.ok_or_else(|| Failure::not_found(&self.resource, name))
    }

    /// The object that the URL names, parsed.
    pub(super) fn current(&self) -> Result<Current, Failure> {
        parse(&self.stored()?)
    }

    /// The writer of this request; the caller lends the time.
    pub(super) fn writer<'b>(&'b self, time: &'b str, api_version: &'b str) -> Writer<'b> {
        let subresource = match self.route.subresource.as_str() {
            "finalize" => "",
            other => other,
        };
        Writer {
            manager: &self.manager,
            subresource,
            time,
            api_version,
        }
    }

    pub(super) fn warn(&self, text: impl Into<String>) {
        self.warnings.lock().push(text.into());
    }

    /// A kind with the wrong scope for its URL does not exist there.
    pub(super) fn check_scope(&self) -> Result<(), Failure> {
        let inside = self.route.namespace.is_some();
        if self.resource.namespaced && !inside && self.verb == "create" {
            return Err(Failure::method_not_allowed());
        }
        let fits = match self.resource.namespaced {
            true => inside || self.route.name.is_none(),
            false => !inside,
        };
        fits.then_some(()).ok_or_else(Failure::no_such_resource)
    }

    /// Server-side apply records ownership itself.
    pub(super) fn route_is_apply(&self) -> bool {
        self.apply
    }

    /// Refuses roles and bindings that would give away more than the user has.
    pub(super) fn check_escalation(
        &self,
        value: &Value,
        old: Option<&Value>,
    ) -> Result<(), Failure> {
        let Resource { group, plural, .. } = &*self.resource;
        if group != "rbac.authorization.k8s.io" {
            return Ok(());
        }
        match escalation(self.store(), &self.identity, plural, value, old) {
            None => Ok(()),
            Some(detail) => {
                let name = object::meta(value, "name");
                Err(Failure::forbidden(plural, group, name, &detail))
            }
        }
    }

    /// Refuses what the user may not do.
    pub(super) fn authorize(&self) -> Result<(), Failure> {
        self.check_scope()?;
        self.authorize_to(self.verb)
    }

    /// Refuses what the user may not do with the object of the URL, whatever the request's own verb is.
    pub(super) fn authorize_to(&self, verb: &str) -> Result<(), Failure> {
        let Resource { group, plural, .. } = &*self.resource;
        // A name in a field selector narrows a list or watch to that object.
        let asked = Asked {
            verb,
            group,
            resource: plural,
            subresource: &self.route.subresource,
            namespace: self.namespace(),
            name: self
                .route
                .name
                .as_deref()
                .unwrap_or_else(|| self.selected_name()),
            path: "",
        };
        if allowed(self.store(), &self.identity, &asked) {
            return Ok(());
        }
        let place = match self.namespace() {
            "" => " at the cluster scope".to_owned(),
            namespace => format!(" in the namespace \"{namespace}\""),
        };
        let sub = match asked.subresource {
            "" => plural.clone(),
            sub => format!("{plural}/{sub}"),
        };
        let detail = format!(
            "User \"{}\" cannot {verb} resource \"{sub}\" in API group \"{group}\"{place}",
            self.identity.user
        );
        Err(Failure::forbidden(plural, group, self.name(), &detail))
    }

    fn selected_name(&self) -> &str {
        let single = self.options.field_selector.strip_prefix("metadata.name=");
        single
            .filter(|name| !name.contains([',', '=', '!']))
            .unwrap_or_default()
    }
}

/// Parses a stored object.
pub(super) fn parse(stored: &Stored) -> Result<Current, Failure> {
    let object = serde_json::from_slice(&stored.json)
        .map_err(|error| Failure::internal(format!("stored object: {error}")))?;
    Ok(Current {
        revision: stored.revision,
        object,
    })
}

//! Which objects a request is about.

use regex::bytes::Regex;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::handler::call::Call;
use crate::api::resource::Resource;
use crate::api::selector::{Fields, Labels};
use crate::api::status::Failure;

/// The selectors of a list, watch or deletion of a collection.
pub(in crate::api::handler) struct Selection {
    pub(in crate::api::handler) labels: Labels,
    pub(in crate::api::handler) fields: Fields,
    /// Stands in every object that is selected, so most others need not be read.
    telling: Option<Regex>,
}

impl Selection {
    pub(in crate::api::handler) fn parse(call: &Call<'_>) -> Result<Self, Failure> {
        let own = |paths: &'static [&'static str]| (!paths.is_empty()).then_some(paths);
        let selectable = match call.resource.builtin() {
            Some(builtin) => own(builtin.selectable),
            None => Some(&[][..]),
        };
        let mut fields = call.options.field_selector.clone();
        // A list or watch at the URL of one object is about that object.
        if let Some(name) = &call.route.name {
            fields = format!("metadata.name={name}");
        }
        let labels = Labels::parse(&call.options.label_selector)?;
        let telling = labels.telling();
        Ok(Self {
            // It is plain text, so this always succeeds.
            telling: telling.and_then(|text| Regex::new(&regex::escape(&text)).ok()),
            labels,
            fields: Fields::parse(&fields, selectable)?,
        })
    }

    pub(in crate::api::handler) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    pub(in crate::api::handler) fn matches(&self, resource: &Resource, stored: &[u8]) -> bool {
        if self.is_empty() {
            return true;
        }
        let told = |telling: &Regex| telling.is_match(stored);
        if !self.telling.as_ref().is_none_or(told) {
            return false;
        }
        if self.fields.only_metadata() {
            // The rest of the object is passed over, which is much cheaper than to parse it.
            let glance = serde_json::from_slice::<Glance>(stored);
            return glance.is_ok_and(|glance| {
                let object = glance.into_value();
                self.labels.matches(&object) && self.fields.matches(&object)
            });
        }
        let Ok(mut object) = serde_json::from_slice::<Value>(stored) else {
            return false;
        };
        if let Some(builtin) = resource.builtin() {
            builtin.show(&mut object);
        }
        self.labels.matches(&object) && self.fields.matches(&object)
    }
}

/// What most selectors look at.
#[derive(Deserialize)]
struct Glance {
    metadata: GlanceMetadata,
}

#[derive(Deserialize)]
struct GlanceMetadata {
    #[serde(default)]
    name: Value,
    #[serde(default)]
    namespace: Value,
    #[serde(default)]
    labels: Value,
}

impl Glance {
    fn into_value(self) -> Value {
        let GlanceMetadata {
            name,
            namespace,
            labels,
        } = self.metadata;
        json!({"metadata": {"name": name, "namespace": namespace, "labels": labels}})
    }
}

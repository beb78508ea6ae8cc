//! What the server serves: one descriptor per kind and version, built in or from a CRD.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::builtin::{self, Builtin};
use super::crd::{self, Edition};
use super::shape::Shape;
use crate::schema::Schema;
use crate::table::Printer;

/// One served kind in one version.
#[derive(Debug)]
pub(crate) struct Resource {
    /// `plural` or `plural.group`: the storage key, and the name in messages.
    pub(crate) key: Arc<str>,
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) kind: String,
    pub(crate) list_kind: String,
    pub(crate) short_names: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) namespaced: bool,
    /// Status is written through its own subresource.
    pub(crate) status: bool,
    pub(crate) scale: Option<ScalePaths>,
    pub(crate) body: Body,
}

/// Where the scale subresource finds its numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScalePaths {
    pub(crate) spec: Vec<String>,
    pub(crate) status: Vec<String>,
    pub(crate) selector: Option<Vec<String>>,
}

/// Where the rules of a kind come from.
#[derive(Debug)]
pub(crate) enum Body {
    Builtin(&'static Builtin),
    Custom(Box<Custom>),
}

/// The rules of one version of a CRD.
#[derive(Debug)]
pub(crate) struct Custom {
    pub(crate) schema: Schema,
    /// The `additionalPrinterColumns`.
    pub(crate) printer: Printer,
    pub(crate) storage_version: String,
    /// The state of the definition that this was made from.
    pub(crate) edition: Edition,
}

impl Resource {
    /// `group/version`, or the version alone in the core group.
    pub(crate) fn api_version(&self) -> String {
        group_version(&self.group, &self.version)
    }

    /// `Kind` or `Kind.group`.
    pub(crate) fn qualified_kind(&self) -> String {
        if self.group.is_empty() {
            self.kind.clone()
        } else {
            format!("{}.{}", self.kind, self.group)
        }
    }

    pub(crate) fn builtin(&self) -> Option<&'static Builtin> {
        match &self.body {
            Body::Builtin(builtin) => Some(builtin),
            Body::Custom(_) => None,
        }
    }

    pub(crate) fn custom(&self) -> Option<&Custom> {
        match &self.body {
            Body::Builtin(_) => None,
            Body::Custom(custom) => Some(custom),
        }
    }

    /// How values of this kind are merged and owned.
    pub(crate) fn shape(&self) -> Shape<'_> {
        match &self.body {
            Body::Builtin(builtin) => Shape::builtin(builtin),
            Body::Custom(custom) => Shape::schema(&custom.schema),
        }
    }

    /// Whether changes of anything but metadata and status count `metadata.generation` up.
    pub(crate) fn has_generation(&self) -> bool {
        self.builtin().is_none_or(|builtin| builtin.generation)
    }

    /// The name of the collection in a URL is unique only together with the group.
    pub(crate) fn is(&self, key: &str) -> bool {
        &*self.key == key
    }

    /// The hash by which clients tell that storage has changed.
    pub(crate) fn storage_hash(&self) -> String {
        let (group, version) = match &self.body {
            // The original still stores definitions in the form of their first version.
            Body::Builtin(_) if self.is(crd::KEY) => (&*self.group, "v1beta1"),
            Body::Builtin(builtin) => (builtin.stored_group(), builtin.version),
            Body::Custom(custom) => (&*self.group, &*custom.storage_version),
        };
        let digest = Sha256::digest(format!("{group}/{version}/{}", self.kind));
        STANDARD.encode(&digest[..8])
    }
}

/// `group/version`, or the version alone in the core group.
pub(crate) fn group_version(group: &str, version: &str) -> String {
    if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    }
}

/// Everything served at one moment; replaced when a CRD changes, but for what the CRD does not define.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    resources: Vec<Arc<Resource>>,
    by_path: BTreeMap<(String, String, String), usize>,
}

impl Registry {
    /// The built-in kinds.
    pub(crate) fn built_in() -> Self {
        let kinds = builtin::ALL.iter();
        Self::of(kinds.map(|kind| Arc::new(kind.resource())).collect())
    }

    fn of(resources: Vec<Arc<Resource>>) -> Self {
        let path = |one: &Resource| (one.group.clone(), one.version.clone(), one.plural.clone());
        let paths = resources
            .iter()
            .enumerate()
            .map(|(at, one)| (path(one), at));
        Self {
            by_path: paths.collect(),
            resources,
        }
    }

    /// The same with what this definition defines now; `None` if that is what it defined before.
    pub(crate) fn with(&self, name: &str, definition: Option<&Value>) -> Option<Self> {
        let definition = definition.filter(|one| crd::is_established(one));
        let edition = definition.map(Edition::of);
        let is_its = |one: &Arc<Resource>| one.custom().is_some() && &*one.key == name;
        let mut before = self.resources.iter().filter(|one| is_its(one));
        let known = before.next().and_then(|one| one.custom());
        if known.map(|custom| &custom.edition) == edition.as_ref() {
            return None;
        }
        let mut resources = self.resources.clone();
        resources.retain(|one| !is_its(one));
        // Built-in kinds come first, the others in the order of their definitions.
        let comes_before = |one: &Arc<Resource>| one.custom().is_none() || &*one.key < name;
        let at = resources.iter().take_while(|one| comes_before(one)).count();
        let defined = definition.map(crd::resources).unwrap_or_default();
        resources.splice(at..at, defined.into_iter().map(Arc::new));
        Some(Self::of(resources))
    }

    /// The names of the definitions that custom kinds are of.
    pub(crate) fn definitions(&self) -> BTreeSet<Arc<str>> {
        let custom = self.resources.iter().filter(|one| one.custom().is_some());
        custom.map(|one| Arc::clone(&one.key)).collect()
    }

    /// The kind at a collection path.
    pub(crate) fn find(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Resource>> {
        let path = (group.to_owned(), version.to_owned(), plural.to_owned());
        self.by_path.get(&path).map(|at| &self.resources[*at])
    }

    /// All kinds, built-in ones first.
    pub(crate) fn all(&self) -> &[Arc<Resource>] {
        &self.resources
    }
}

impl Resource {
    /// Kinds that are only asked, never stored.
    pub(crate) fn is_virtual(&self) -> bool {
        self.builtin()
            .is_some_and(|builtin| builtin.verbs == builtin::Verbs::CreateOnly)
    }
}

//! Bringing one object to its planned state, with a write only where there is a difference.

use std::collections::BTreeMap;
use std::fmt::Debug;

use howdah_api::labels::OPERATOR_MANAGER;
use k8s_openapi::NamespaceResourceScope;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Error;
use crate::context::Context;
use crate::difference::{APPLIED_HASH, covers};

/// A namespaced object of a kind that is known at compile time.
pub(super) trait Object:
    Resource<Scope = NamespaceResourceScope, DynamicType = ()>
    + Clone
    + Debug
    + Serialize
    + DeserializeOwned
{
}

impl<K> Object for K where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned
{
}

/// What was done to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing: it is as planned.
    None,
    /// It was not there.
    Created,
    /// It was different.
    Updated,
}

/// Applies an object server-side unless the stored one is as planned.
pub(super) async fn applied<K: Object>(
    context: &Context,
    namespace: &str,
    stored: &[K],
    planned: &K,
) -> Result<Change, Error> {
    let name = planned.name_any();
    let fingerprint = howdah_plan::hash(planned);
    let mut planned = planned.clone();
    planned
        .annotations_mut()
        .insert(APPLIED_HASH.to_owned(), fingerprint.clone());
    let stored = stored.iter().find(|stored| stored.name_any() == name);
    if let Some(stored) = stored
        && stored.annotations().get(APPLIED_HASH) == Some(&fingerprint)
        && covers(&json(stored), &json(&planned))
    {
        return Ok(Change::None);
    }
    let params = PatchParams::apply(OPERATOR_MANAGER).force();
    let api = context.api::<K>(namespace);
    api.patch(&name, &params, &Patch::Apply(&planned))
        .await
        .map_err(Error::write(format!("{} {name}", K::kind(&()))))?;
    Ok(if stored.is_some() {
        Change::Updated
    } else {
        Change::Created
    })
}

/// Creates an object that must not exist yet.
pub(super) async fn created<K: Object>(
    context: &Context,
    namespace: &str,
    planned: &K,
) -> Result<K, Error> {
    let params = PostParams {
        field_manager: Some(OPERATOR_MANAGER.to_owned()),
        ..PostParams::default()
    };
    let what = format!("{} {}", K::kind(&()), planned.name_any());
    let api = context.api::<K>(namespace);
    api.create(&params, planned)
        .await
        .map_err(Error::write(what))
}

/// Patches an object that is not applied as a whole.
pub(super) async fn patched<K: Object>(
    context: &Context,
    namespace: &str,
    name: &str,
    patch: Value,
) -> Result<K, Error> {
    let params = PatchParams {
        field_manager: Some(OPERATOR_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let api = context.api::<K>(namespace);
    api.patch(name, &params, &Patch::Merge(patch))
        .await
        .map_err(Error::write(format!("{} {name}", K::kind(&()))))
}

/// The entries of `planned` that `stored` does not have.
pub(super) fn missing(
    stored: &BTreeMap<String, String>,
    planned: &BTreeMap<String, String>,
) -> BTreeMap<String, Option<String>> {
    planned
        .iter()
        .filter(|(key, value)| stored.get(*key) != Some(value))
        .map(|(key, value)| (key.clone(), Some(value.clone())))
        .collect()
}

fn json(object: &impl Serialize) -> Value {
    serde_json::to_value(object).expect("objects are plain data with text keys")
}

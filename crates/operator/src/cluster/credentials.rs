//! The credentials Secret: created once, completed where keys are missing, never overwritten.
//!
//! The one step with randomness; it comes before building, which gets the values as an input.

use howdah_plan::ValidatedCluster;
use howdah_plan::build::credentials_secret;
use howdah_plan::credentials::{Credentials, complete, missing_passwords};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;

use super::Error;
use super::dereference::Found;
use crate::context::Context;
use crate::passwords;
use howdah_api::labels::OPERATOR_MANAGER;

/// The content of the Secret after this step.
pub(super) struct Ensured {
    pub(super) value: Credentials,
    /// Whether the Secret is new, and so the cluster.
    pub(super) created: bool,
}

/// Makes sure that the Secret has every key.
pub(super) async fn ensure(
    context: &Context,
    found: &Found,
    valid: &ValidatedCluster,
) -> Result<Ensured, Error> {
    let name = valid.name.to_string();
    let stored = found
        .owned
        .secrets
        .iter()
        .find(|secret| secret.name_any() == name);
    let old = stored.map(contents).unwrap_or_default();
    let provided = &valid.provided_credentials;
    let mut generated = Credentials::new();
    for key in missing_passwords(&old, provided) {
        generated.insert(
            key.to_owned(),
            passwords::generate().map_err(Error::Password)?,
        );
    }
    let value = complete(&old, provided, &generated);
    let planned = credentials_secret(valid, &value);
    match stored {
        None => create(context, &found.namespace, &planned).await?,
        Some(stored) => update(context, &found.namespace, stored, &planned).await?,
    }
    Ok(Ensured {
        value,
        created: stored.is_none(),
    })
}

/// A Secret that appeared meanwhile is a conflict, and the next pass reads it.
async fn create(context: &Context, namespace: &str, planned: &Secret) -> Result<(), Error> {
    let params = PostParams {
        field_manager: Some(OPERATOR_MANAGER.to_owned()),
        ..PostParams::default()
    };
    let what = format!("Secret {}", planned.name_any());
    let api = context.api::<Secret>(namespace);
    api.create(&params, planned)
        .await
        .map(drop)
        .map_err(Error::write(what))
}

/// Adds what is missing and what the user provides, provided that nobody wrote in between.
async fn update(
    context: &Context,
    namespace: &str,
    stored: &Secret,
    planned: &Secret,
) -> Result<(), Error> {
    let differs = |stored: &std::collections::BTreeMap<String, String>,
                   planned: &std::collections::BTreeMap<String, String>| {
        planned
            .iter()
            .any(|(key, value)| stored.get(key) != Some(value))
    };
    let same = stored.data == planned.data
        && !differs(stored.labels(), planned.labels())
        && !differs(stored.annotations(), planned.annotations());
    if same {
        return Ok(());
    }
    let patch = json!({
        "metadata": {
            "resourceVersion": stored.metadata.resource_version,
            "labels": planned.metadata.labels,
            "annotations": planned.metadata.annotations,
        },
        "data": planned.data,
    });
    let what = format!("Secret {}", planned.name_any());
    let api = context.api::<Secret>(namespace);
    let params = PatchParams {
        field_manager: Some(OPERATOR_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let name = planned.name_any();
    api.patch(&name, &params, &Patch::Merge(patch))
        .await
        .map(drop)
        .map_err(Error::write(what))
}

/// Keys and values of a Secret, as far as they are text.
pub(crate) fn contents(secret: &Secret) -> Credentials {
    let data = secret.data.iter().flatten();
    data.filter_map(|(key, value)| {
        let text = String::from_utf8(value.0.clone()).ok()?;
        Some((key.clone(), text))
    })
    .collect()
}

//! The Secret with which the instances know each other: made once, renewed before it ends.
//!
//! Like the credentials, an effect that comes before building.

use std::time::Duration;

use howdah_api::labels::OPERATOR_MANAGER;
use howdah_plan::ValidatedCluster;
use howdah_plan::build::peer_secret;
use howdah_plan::credentials::Credentials;
use howdah_plan::names::Names;
use howdah_plan::peer::host;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tracing::{info, warn};

use super::Error;
use super::credentials::contents;
use super::dereference::Found;
use super::ensure::{created, missing, patched};
use super::orphans;
use crate::certificates::now;
use crate::context::Context;
use crate::peer_tls::{Verdict, judge};

/// How often certificates are looked at when nothing else happens.
pub(super) const LOOKED_AT: Duration = Duration::from_secs(12 * 60 * 60);

/// Makes sure that the Secret is there and good for long enough; gives its content.
pub(super) async fn ensure(
    context: &Context,
    found: &Found,
    valid: &ValidatedCluster,
) -> Result<Credentials, Error> {
    let name = Names(&valid.name).peer();
    let secrets = &found.owned.secrets;
    let stored = secrets.iter().find(|secret| secret.name_any() == name);
    let content = stored.map(contents).unwrap_or_default();
    let host = host(&valid.name, &valid.namespace);
    let verdict = judge(&content, &host, now()).map_err(Error::Certificate)?;
    match (verdict, stored) {
        (Verdict::Good, Some(stored)) => {
            let planned = peer_secret(valid, &content);
            keep_metadata(context, found, stored, &planned).await?;
            Ok(content)
        }
        (Verdict::Renewed(content), Some(stored)) if stored.immutable != Some(true) => {
            info!(secret = name, "renewing the certificate of the instances");
            renew(context, found, stored, &peer_secret(valid, &content)).await?;
            Ok(content)
        }
        (Verdict::Renewed(content) | Verdict::Replaced(content), stored) => {
            replace(context, found, stored, &peer_secret(valid, &content)).await?;
            Ok(content)
        }
        // Without a Secret there is nothing that could be good.
        (Verdict::Good, None) => Ok(content),
    }
}

/// Labels, annotations and the owner follow the manifest.
pub(super) async fn keep_metadata(
    context: &Context,
    found: &Found,
    stored: &Secret,
    planned: &Secret,
) -> Result<(), Error> {
    let labels = missing(stored.labels(), planned.labels());
    let annotations = missing(stored.annotations(), planned.annotations());
    if labels.is_empty() && annotations.is_empty() {
        return Ok(());
    }
    let patch = json!({"metadata": {
        "resourceVersion": stored.metadata.resource_version,
        "labels": labels,
        "annotations": annotations,
    }});
    patched::<Secret>(context, &found.namespace, &stored.name_any(), patch)
        .await
        .map(drop)
}

/// Replaces the contents, provided that nobody wrote in between.
pub(super) async fn renew(
    context: &Context,
    found: &Found,
    stored: &Secret,
    planned: &Secret,
) -> Result<(), Error> {
    let patch = json!({
        "metadata": {"resourceVersion": stored.metadata.resource_version},
        "data": planned.data,
    });
    let params = PatchParams {
        field_manager: Some(OPERATOR_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let name = planned.name_any();
    let api = context.api::<Secret>(&found.namespace);
    api.patch(&name, &params, &Patch::Merge(patch))
        .await
        .map(drop)
        .map_err(Error::write(format!("Secret {name}")))
}

/// Makes the Secret anew. One of the same name that is not ours could be of a type, or immutable, so
/// that it cannot be brought to our shape.
pub(super) async fn replace(
    context: &Context,
    found: &Found,
    stored: Option<&Secret>,
    planned: &Secret,
) -> Result<(), Error> {
    let name = planned.name_any();
    let api = context.api::<Secret>(&found.namespace);
    let stored = match stored {
        Some(stored) => Some(stored.clone()),
        None => api
            .get_opt(&name)
            .await
            .map_err(Error::read(format!("Secret {name}")))?,
    };
    if let Some(stored) = stored {
        warn!(secret = name, "replacing a Secret that is of no use");
        orphans::delete(context, &found.namespace, &stored).await?;
    }
    created(context, &found.namespace, planned).await.map(drop)
}

//! Removing what is not planned any more.
//!
//! Volumes are never removed here: they go with the cluster, by their owner reference.

use std::slice::from_ref;

use howdah_plan::Objects;
use kube::ResourceExt as _;
use kube::api::{DeleteParams, Preconditions};
use tracing::info;

use super::Error;
use super::dereference::Found;
use super::ensure::Object;
use crate::context::Context;
use crate::difference::APPLIED_HASH;

/// Removes objects that an earlier pass applied and this one does not plan.
pub(super) async fn remove(
    context: &Context,
    found: &Found,
    objects: &Objects,
) -> Result<(), Error> {
    let owned = &found.owned;
    sweep(context, found, &owned.services, &objects.services).await?;
    sweep(context, found, &owned.config_maps, &objects.config_maps).await?;
    sweep(
        context,
        found,
        &owned.secrets,
        from_ref(&objects.binding_secret),
    )
    .await?;
    sweep(
        context,
        found,
        &owned.disruption_budgets,
        objects.disruption_budget.as_slice(),
    )
    .await?;
    sweep(
        context,
        found,
        &owned.network_policies,
        objects.network_policy.as_slice(),
    )
    .await?;
    sweep(
        context,
        found,
        &owned.role_bindings,
        from_ref(&objects.role_binding),
    )
    .await?;
    sweep(context, found, &owned.roles, from_ref(&objects.role)).await?;
    sweep(
        context,
        found,
        &owned.service_accounts,
        from_ref(&objects.service_account),
    )
    .await
}

async fn sweep<K: Object>(
    context: &Context,
    found: &Found,
    stored: &[K],
    planned: &[K],
) -> Result<(), Error> {
    let is_planned = |name: &str| planned.iter().any(|planned| planned.name_any() == name);
    for object in stored {
        let ours = object.annotations().contains_key(APPLIED_HASH);
        if ours && object.meta().deletion_timestamp.is_none() && !is_planned(&object.name_any()) {
            info!(kind = %K::kind(&()), object = object.name_any(), "deleting orphan");
            delete(context, &found.namespace, object).await?;
        }
    }
    Ok(())
}

/// Deletes exactly this object, and not a later one of the same name.
pub(super) async fn delete<K: Object>(
    context: &Context,
    namespace: &str,
    object: &K,
) -> Result<(), Error> {
    let name = object.name_any();
    let params = DeleteParams::background().preconditions(Preconditions {
        uid: object.uid(),
        resource_version: None,
    });
    match context.api::<K>(namespace).delete(&name, &params).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        other => other
            .map(drop)
            .map_err(Error::delete(format!("{} {name}", K::kind(&())))),
    }
}

//! Step 4: brings the server to the planned objects.
//!
//! Order: what Pods refer to comes before the Pods; what is not planned any more goes last.

use std::collections::BTreeMap;

use howdah_api::labels;
use howdah_plan::Objects;
use howdah_plan::instances::Selection;
use howdah_types::InstanceName;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::ResourceExt as _;
use serde_json::json;
use tracing::info;

use super::Error;
use super::dereference::{Found, claim_of, requested_size};
use super::ensure::{Change, applied, created, missing, patched};
use super::instances::has_ended;
use super::orphans;
use crate::context::Context;

/// Annotations that tell how a Pod was made, and so stay as they are while it lives.
const OF_CREATION: [&str; 3] = [
    labels::TEMPLATE_HASH,
    labels::MAY_BOOTSTRAP,
    labels::POSTGRESQL_VERSION,
];

/// Proof that the planned objects are on the server; only this can become a status.
pub(super) struct Applied {
    /// All Pods of the cluster, those being deleted too.
    pub(super) pods: Vec<Pod>,
    /// Pods as they would be created now.
    pub(super) planned: Vec<Pod>,
    /// Whether something that existed was changed, the Pods' metadata aside.
    pub(super) updated: bool,
}

/// Applies the planned objects and removes what is not planned any more.
pub(super) async fn apply(
    context: &Context,
    found: &Found,
    objects: Objects,
    selection: &Selection,
) -> Result<Applied, Error> {
    let writer = Writer { context, found };
    writer.generated(&objects).await?;
    let mut updated = writer.shared(&objects).await?;
    updated |= writer.claims(&objects.claims, selection).await?;
    let pods = writer.pods(&objects.pods, selection).await?;
    writer.delete_pods(selection).await?;
    orphans::remove(context, found, &objects).await?;
    Ok(Applied {
        pods,
        planned: objects.pods,
        updated,
    })
}

/// Writes the objects of one cluster.
struct Writer<'a> {
    context: &'a Context,
    found: &'a Found,
}

impl Writer<'_> {
    /// Configuration objects are created once and belong to the user from then on.
    async fn generated(&self, objects: &Objects) -> Result<(), Error> {
        let (context, namespace) = (self.context, &self.found.namespace);
        let generated = &objects.generated;
        if let Some(profile) = &generated.profile {
            created(context, namespace, profile).await?;
        }
        if let Some(config) = &generated.postgres_config {
            created(context, namespace, config).await?;
        }
        if let Some(config) = &generated.pooling_config {
            created(context, namespace, config).await?;
        }
        Ok(())
    }

    /// What all instances share; true if something that existed was changed.
    async fn shared(&self, objects: &Objects) -> Result<bool, Error> {
        let (context, namespace, owned) = (self.context, &self.found.namespace, &self.found.owned);
        let mut changes = vec![
            applied(
                context,
                namespace,
                &owned.service_accounts,
                &objects.service_account,
            )
            .await?,
            applied(context, namespace, &owned.roles, &objects.role).await?,
            applied(
                context,
                namespace,
                &owned.role_bindings,
                &objects.role_binding,
            )
            .await?,
            applied(context, namespace, &owned.secrets, &objects.binding_secret).await?,
        ];
        for map in &objects.config_maps {
            changes.push(applied(context, namespace, &owned.config_maps, map).await?);
        }
        if let Some(budget) = &objects.disruption_budget {
            changes.push(applied(context, namespace, &owned.disruption_budgets, budget).await?);
        }
        if let Some(policy) = &objects.network_policy {
            changes.push(applied(context, namespace, &owned.network_policies, policy).await?);
        }
        for service in &objects.services {
            changes.push(applied(context, namespace, &owned.services, service).await?);
        }
        Ok(changes.contains(&Change::Updated))
    }

    /// A claim comes with the first Pod of its instance, grows when asked to, and is never removed.
    async fn claims(
        &self,
        planned: &[PersistentVolumeClaim],
        selection: &Selection,
    ) -> Result<bool, Error> {
        let (context, namespace) = (self.context, &self.found.namespace);
        let mut updated = false;
        for (instance, planned) in selection.desired.iter().zip(planned) {
            let Some(stored) = claim_of(&self.found.owned.claims, instance) else {
                if selection.create.contains(instance) {
                    created(context, namespace, planned).await?;
                }
                continue;
            };
            let wanted = requested_size(planned);
            if requested_size(stored) < wanted {
                let size = wanted.map(|size| size.to_string());
                let patch = json!({"spec": {"resources": {"requests": {"storage": size}}}});
                let name = stored.name_any();
                patched::<PersistentVolumeClaim>(context, namespace, &name, patch).await?;
                updated = true;
            }
        }
        Ok(updated)
    }

    /// Creates the Pods whose turn it is and keeps the metadata of the others up to date.
    async fn pods(&self, planned: &[Pod], selection: &Selection) -> Result<Vec<Pod>, Error> {
        let mut pods = self.found.owned.pods.clone();
        for (instance, planned) in selection.desired.iter().zip(planned) {
            let name = instance.to_string();
            if let Some(stored) = pods.iter_mut().find(|pod| pod.name_any() == name) {
                if let Some(patch) = metadata_patch(stored, planned) {
                    *stored = patched(self.context, &self.found.namespace, &name, patch).await?;
                }
            } else if selection.create.contains(instance) && !self.claim_goes_away(instance) {
                info!(instance = %instance, "creating instance");
                pods.push(created(self.context, &self.found.namespace, planned).await?);
            }
        }
        Ok(pods)
    }

    /// A Pod on a volume that is being deleted would only lose its data.
    fn claim_goes_away(&self, instance: &InstanceName) -> bool {
        let claim = claim_of(&self.found.owned.claims, instance);
        claim.is_some_and(|claim| claim.metadata.deletion_timestamp.is_some())
    }

    async fn delete_pods(&self, selection: &Selection) -> Result<(), Error> {
        let ended = self.found.owned.pods.iter().filter(|pod| has_ended(pod));
        let surplus = self.found.owned.pods.iter().filter(|pod| {
            let name: Option<InstanceName> = pod.name_any().parse().ok();
            name.is_some_and(|name| selection.delete.contains(&name))
        });
        for pod in ended
            .chain(surplus)
            .filter(|pod| pod.metadata.deletion_timestamp.is_none())
        {
            info!(instance = pod.name_any(), "deleting instance");
            orphans::delete(self.context, &self.found.namespace, pod).await?;
        }
        Ok(())
    }
}

/// What has to change in the metadata of a living Pod.
fn metadata_patch(stored: &Pod, planned: &Pod) -> Option<serde_json::Value> {
    let wanted: BTreeMap<_, _> = planned
        .annotations()
        .iter()
        .filter(|(key, _)| !OF_CREATION.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let mut annotations = missing(stored.annotations(), &wanted);
    // Once there is a database, an instance that lost its volume must not make a new one.
    let permission = labels::MAY_BOOTSTRAP;
    if stored.annotations().contains_key(permission)
        && !planned.annotations().contains_key(permission)
    {
        annotations.insert(permission.to_owned(), None);
    }
    let labels = missing(stored.labels(), planned.labels());
    if annotations.is_empty() && labels.is_empty() {
        return None;
    }
    Some(json!({"metadata": {
        "uid": stored.metadata.uid,
        "annotations": annotations,
        "labels": labels,
    }}))
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

    use super::*;

    fn pod(annotations: Value, labels: Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "a-0", "uid": "u", "annotations": annotations, "labels": labels},
        }))
        .unwrap()
    }

    #[test]
    fn a_living_pod_gets_new_metadata_but_keeps_how_it_was_made() {
        let stored = pod(
            json!({
                "howdah.io/config-hash": "1", "howdah.io/template-hash": "1",
                "howdah.io/may-bootstrap": "true", "status": "{}",
            }),
            json!({"role": "primary", "tier": "a"}),
        );
        let planned = pod(
            json!({"howdah.io/config-hash": "2", "howdah.io/template-hash": "2"}),
            json!({"tier": "b"}),
        );
        assert_eq!(
            metadata_patch(&stored, &planned),
            Some(json!({"metadata": {
                "uid": "u",
                "annotations": {"howdah.io/config-hash": "2", "howdah.io/may-bootstrap": null},
                "labels": {"tier": "b"},
            }}))
        );
    }

    #[test]
    fn an_unchanged_pod_is_left_alone() {
        let stored = pod(
            json!({"a": "1", "status": "{}"}),
            json!({"b": "1", "role": "replica"}),
        );
        assert_eq!(
            metadata_patch(&stored, &pod(json!({"a": "1"}), json!({"b": "1"}))),
            None
        );
    }
}

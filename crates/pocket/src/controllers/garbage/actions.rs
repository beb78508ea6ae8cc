//! What the collector does to objects.

use std::sync::Arc;

use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, Preconditions};
use kube::{Api, Client, ResourceExt};
use serde_json::json;

use super::super::found;
use super::graph::{FOREGROUND, Node, ORPHAN, Owner};

/// The collector's hands.
pub(super) struct Actions {
    client: Client,
    resources: Vec<Arc<ApiResource>>,
}

impl Actions {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            resources: Vec::new(),
        }
    }

    /// Sets the kinds that the API serves.
    pub(super) fn set_resources(&mut self, resources: Vec<Arc<ApiResource>>) {
        self.resources = resources;
    }

    /// Deletes an object whose owners are gone, or whose owner waits for it. The API has the last
    /// word on whether they are.
    pub(super) async fn collect(&self, node: &Node, foreground: bool) -> kube::Result<()> {
        if !foreground {
            for owner in &node.owners {
                if self.exists(owner, node).await? {
                    return Ok(());
                }
            }
        }
        let params = DeleteParams {
            preconditions: Some(Preconditions {
                uid: Some(node.uid.to_string()),
                resource_version: None,
            }),
            ..if foreground {
                DeleteParams::foreground()
            } else {
                DeleteParams::background()
            }
        };
        found(
            self.api(&node.kind, node.namespace.as_deref())
                .delete(&node.name, &params)
                .await,
        )?;
        Ok(())
    }

    /// Moves the deletion of an owner on: frees its orphans, or lets it go once nothing blocks it.
    pub(super) async fn finish_deletion(
        &self,
        node: &Node,
        dependents: &[&Node],
    ) -> kube::Result<()> {
        if node.waits_with(ORPHAN) {
            for dependent in dependents {
                self.free(dependent, node).await?;
            }
            self.remove_finalizer(node, ORPHAN).await
        } else if node.waits_with(FOREGROUND) {
            let blocked = dependents.iter().any(|dependent| {
                dependent
                    .owners
                    .iter()
                    .any(|owner| owner.uid == node.uid && owner.blocks_deletion)
            });
            for dependent in dependents.iter().filter(|dependent| !dependent.deleting) {
                self.collect(dependent, true).await?;
            }
            if blocked {
                Ok(())
            } else {
                self.remove_finalizer(node, FOREGROUND).await
            }
        } else {
            Ok(())
        }
    }

    /// True unless the API says that there is no such owner: an unknown kind may come back.
    async fn exists(&self, owner: &Owner, dependent: &Node) -> kube::Result<bool> {
        let known = self
            .resources
            .iter()
            .find(|kind| kind.kind == owner.kind && kind.api_version == owner.api_version);
        let Some(kind) = known else { return Ok(true) };
        for namespace in [dependent.namespace.as_deref(), None] {
            if let Some(live) = found(self.api(kind, namespace).get_metadata(&owner.name).await)? {
                return Ok(live.uid().as_deref() == Some(&*owner.uid));
            }
        }
        Ok(false)
    }

    async fn free(&self, dependent: &Node, owner: &Node) -> kube::Result<()> {
        let api = self.api(&dependent.kind, dependent.namespace.as_deref());
        let Some(live) = found(api.get_metadata(&dependent.name).await)? else {
            return Ok(());
        };
        let kept: Vec<_> = live
            .owner_references()
            .iter()
            .filter(|other| other.uid != *owner.uid)
            .collect();
        let patch = json!({"metadata": {"ownerReferences": kept, "resourceVersion": live.resource_version()}});
        found(
            api.patch(
                &dependent.name,
                &PatchParams::default(),
                &Patch::Merge(patch),
            )
            .await,
        )?;
        Ok(())
    }

    async fn remove_finalizer(&self, node: &Node, finalizer: &str) -> kube::Result<()> {
        let api = self.api(&node.kind, node.namespace.as_deref());
        let Some(live) = found(api.get_metadata(&node.name).await)? else {
            return Ok(());
        };
        let kept: Vec<_> = live
            .finalizers()
            .iter()
            .filter(|name| *name != finalizer)
            .collect();
        let patch =
            json!({"metadata": {"finalizers": kept, "resourceVersion": live.resource_version()}});
        found(
            api.patch(&node.name, &PatchParams::default(), &Patch::Merge(patch))
                .await,
        )?;
        Ok(())
    }

    fn api(&self, kind: &ApiResource, namespace: Option<&str>) -> Api<DynamicObject> {
        match namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, kind),
            None => Api::all_with(self.client.clone(), kind),
        }
    }
}

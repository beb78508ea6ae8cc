//! PersistentVolumeClaims and their volumes: one directory for each, bound at once.
//!
//! Deleting data is the one thing that cannot be undone, so the order is fixed: a claim in use by a
//! Pod stays (`kubernetes.io/pvc-protection`); when the claim is gone its directory is first moved
//! aside under a name that no volume uses, and only then removed.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use futures::StreamExt;
use k8s_openapi::api::core::v1::{
    HostPathVolumeSource, ObjectReference, PersistentVolume, PersistentVolumeClaim,
    PersistentVolumeClaimStatus, PersistentVolumeSpec, Pod,
};
use kube::api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::{Controller, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Error, again, found};

const CLASS: &str = "howdah-local";
const PROTECTION: &str = "kubernetes.io/pvc-protection";
const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
const PROVISIONER: &str = "howdah.io/local";

struct Context {
    client: Client,
    volumes_dir: Utf8PathBuf,
}

pub(super) async fn run(client: Client, volumes_dir: Utf8PathBuf, shutdown: CancellationToken) {
    let everything = watcher::Config::default;
    let context = Arc::new(Context {
        client: client.clone(),
        volumes_dir,
    });
    let claims = Controller::new(
        Api::<PersistentVolumeClaim>::all(client.clone()),
        everything(),
    )
    .watches(Api::<Pod>::all(client.clone()), everything(), |pod| {
        claims_of(&pod)
    })
    .graceful_shutdown_on(shutdown.clone().cancelled_owned())
    .run(
        reconcile_claim,
        |_, error, _| again("volume-claims", error),
        context.clone(),
    )
    .for_each(|_| std::future::ready(()));
    let volumes = Controller::new(
        Api::<PersistentVolume>::all(client.clone()),
        watcher::Config::default(),
    )
    .watches(
        Api::<PersistentVolumeClaim>::all(client),
        watcher::Config::default(),
        |claim| {
            claim
                .spec
                .and_then(|spec| spec.volume_name)
                .map(|name| ObjectRef::new(&name))
        },
    )
    .graceful_shutdown_on(shutdown.cancelled_owned())
    .run(
        reconcile_volume,
        |_, error, _| again("volumes", error),
        context,
    )
    .for_each(|_| std::future::ready(()));
    futures::future::join(claims, volumes).await;
}

fn claims_of(pod: &Pod) -> impl Iterator<Item = ObjectRef<PersistentVolumeClaim>> + use<> {
    let namespace = pod.namespace().unwrap_or_default();
    claim_names(pod)
        .map(|name| ObjectRef::new(&name).within(&namespace))
        .collect::<Vec<_>>()
        .into_iter()
}

fn claim_names(pod: &Pod) -> impl Iterator<Item = String> + '_ {
    let volumes = pod
        .spec
        .iter()
        .flat_map(|spec| spec.volumes.iter().flatten());
    volumes.filter_map(|volume| Some(volume.persistent_volume_claim.as_ref()?.claim_name.clone()))
}

async fn reconcile_claim(
    claim: Arc<PersistentVolumeClaim>,
    context: Arc<Context>,
) -> Result<Action, Error> {
    if claim.metadata.deletion_timestamp.is_some() {
        release_claim(&claim, &context).await?;
        return Ok(Action::await_change());
    }
    let spec = claim.spec.clone().unwrap_or_default();
    let class = spec.storage_class_name.as_deref().unwrap_or(CLASS);
    let bound = claim
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref())
        == Some("Bound");
    if bound || class != CLASS {
        return Ok(Action::await_change());
    }
    let volume = provision(&claim, &context).await?;
    let claims = claims(&context.client, &claim);
    if spec.volume_name.is_none() || spec.storage_class_name.is_none() {
        let patch = json!({"spec": {"volumeName": volume, "storageClassName": CLASS}});
        claims
            .patch(
                &claim.name_any(),
                &PatchParams::default(),
                &Patch::Merge(patch),
            )
            .await?;
    }
    let status = PersistentVolumeClaimStatus {
        phase: Some("Bound".to_owned()),
        access_modes: spec.access_modes,
        capacity: spec.resources.and_then(|resources| resources.requests),
        ..Default::default()
    };
    let patch = json!({"status": status});
    claims
        .patch_status(
            &claim.name_any(),
            &PatchParams::default(),
            &Patch::Merge(patch),
        )
        .await?;
    Ok(Action::await_change())
}

fn claims(client: &Client, claim: &PersistentVolumeClaim) -> Api<PersistentVolumeClaim> {
    Api::namespaced(client.clone(), &claim.namespace().unwrap_or_default())
}

/// Lets a claim go that no Pod uses any longer.
async fn release_claim(claim: &PersistentVolumeClaim, context: &Context) -> Result<(), Error> {
    if !claim.finalizers().iter().any(|name| name == PROTECTION) {
        return Ok(());
    }
    let name = claim.name_any();
    let namespace = claim.namespace().unwrap_or_default();
    let pods = Api::<Pod>::namespaced(context.client.clone(), &namespace);
    let in_use = pods.list(&ListParams::default()).await?.iter().any(|pod| {
        let phase = pod
            .status
            .as_ref()
            .and_then(|status| status.phase.as_deref());
        !matches!(phase, Some("Succeeded" | "Failed")) && claim_names(pod).any(|used| used == name)
    });
    if in_use {
        return Ok(());
    }
    let kept: Vec<_> = claim
        .finalizers()
        .iter()
        .filter(|name| *name != PROTECTION)
        .collect();
    let patch =
        json!({"metadata": {"finalizers": kept, "resourceVersion": claim.resource_version()}});
    found(
        claims(&context.client, claim)
            .patch(&name, &PatchParams::default(), &Patch::Merge(patch))
            .await,
    )?;
    Ok(())
}

/// Makes the directory and the PersistentVolume of a claim; gives the volume's name.
async fn provision(claim: &PersistentVolumeClaim, context: &Context) -> Result<String, Error> {
    let name = format!("pvc-{}", claim.uid().unwrap_or_default());
    let path = context.volumes_dir.join(&name);
    tokio::fs::create_dir_all(&path)
        .await
        .map_err(|source| Error::Directory {
            path: path.clone(),
            source,
        })?;
    let volumes = Api::<PersistentVolume>::all(context.client.clone());
    if found(volumes.get_metadata(&name).await)?.is_none() {
        volumes
            .create(&PostParams::default(), &volume(&name, &path, claim))
            .await?;
    }
    volumes
        .patch_status(
            &name,
            &PatchParams::default(),
            &Patch::Merge(json!({"status": {"phase": "Bound"}})),
        )
        .await?;
    Ok(name)
}

fn volume(name: &str, path: &Utf8Path, claim: &PersistentVolumeClaim) -> PersistentVolume {
    let spec = claim.spec.clone().unwrap_or_default();
    PersistentVolume {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            annotations: Some([(PROVISIONED_BY.to_owned(), PROVISIONER.to_owned())].into()),
            ..Default::default()
        },
        spec: Some(PersistentVolumeSpec {
            access_modes: spec.access_modes,
            capacity: spec.resources.and_then(|resources| resources.requests),
            claim_ref: Some(ObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("PersistentVolumeClaim".to_owned()),
                uid: claim.uid(),
                ..claim.object_ref(&())
            }),
            host_path: Some(HostPathVolumeSource {
                path: path.to_string(),
                type_: None,
            }),
            persistent_volume_reclaim_policy: Some("Delete".to_owned()),
            storage_class_name: Some(CLASS.to_owned()),
            volume_mode: spec.volume_mode,
            ..Default::default()
        }),
        status: None,
    }
}

/// Removes a volume of ours whose claim is gone.
async fn reconcile_volume(
    volume: Arc<PersistentVolume>,
    context: Arc<Context>,
) -> Result<Action, Error> {
    let name = volume.name_any();
    let ours = volume
        .annotations()
        .get(PROVISIONED_BY)
        .is_some_and(|by| by == PROVISIONER);
    let spec = volume.spec.clone().unwrap_or_default();
    let deletes = spec.persistent_volume_reclaim_policy.as_deref() == Some("Delete");
    let Some(claim) = spec.claim_ref.filter(|_| ours && deletes) else {
        return Ok(Action::await_change());
    };
    let claims = Api::<PersistentVolumeClaim>::namespaced(
        context.client.clone(),
        claim.namespace.as_deref().unwrap_or_default(),
    );
    let existing = found(
        claims
            .get_metadata(claim.name.as_deref().unwrap_or_default())
            .await,
    )?;
    if existing.is_some_and(|existing| existing.metadata.uid == claim.uid) {
        return Ok(Action::await_change());
    }
    remove_directory(&context.volumes_dir, &name).await?;
    found(
        Api::<PersistentVolume>::all(context.client.clone())
            .delete(&name, &DeleteParams::default())
            .await,
    )?;
    Ok(Action::await_change())
}

/// Moves the directory of a volume aside, then removes it. Safe to repeat after a crash.
async fn remove_directory(volumes_dir: &Utf8Path, name: &str) -> Result<(), Error> {
    let aside = volumes_dir.join(format!(".released-{name}"));
    let path = volumes_dir.join(name);
    ignore_missing(tokio::fs::rename(&path, &aside).await)
        .map_err(|source| Error::Directory { path, source })?;
    ignore_missing(tokio::fs::remove_dir_all(&aside).await).map_err(|source| Error::Directory {
        path: aside,
        source,
    })
}

fn ignore_missing(result: std::io::Result<()>) -> std::io::Result<()> {
    result.or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_directory_is_removed_however_often_it_is_asked() {
        let folder = tempfile::tempdir().unwrap();
        let volumes = Utf8Path::from_path(folder.path()).unwrap();
        std::fs::create_dir_all(volumes.join("pvc-1/data")).unwrap();
        std::fs::create_dir_all(volumes.join("pvc-2")).unwrap();
        for _ in 0..2 {
            remove_directory(volumes, "pvc-1").await.unwrap();
        }
        let left: Vec<_> = volumes
            .read_dir_utf8()
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_owned())
            .collect();
        assert_eq!(left, ["pvc-2"]);
    }
}

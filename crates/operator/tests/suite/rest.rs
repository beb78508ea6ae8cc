//! A cluster at rest is left alone, and what others change is put right.

use std::collections::BTreeMap;

use anyhow::Result;
use howdah_api::{SGCluster, SGInstanceProfile};
use k8s_openapi::api::core::v1::{
    ConfigMap, PersistentVolumeClaim, Pod, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::DeleteParams;
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::suite::world::World;

async fn everything(world: &World) -> Result<BTreeMap<String, String>> {
    let mut versions = BTreeMap::new();
    let mut add = |kind: &str, found: BTreeMap<String, String>| {
        versions.extend(
            found
                .into_iter()
                .map(|(name, at)| (format!("{kind}/{name}"), at)),
        );
    };
    add("cluster", world.versions::<SGCluster>().await?);
    add("profile", world.versions::<SGInstanceProfile>().await?);
    add("pod", world.versions::<Pod>().await?);
    add("claim", world.versions::<PersistentVolumeClaim>().await?);
    add("service", world.versions::<Service>().await?);
    add("config map", world.versions::<ConfigMap>().await?);
    add("secret", world.versions::<Secret>().await?);
    add("account", world.versions::<ServiceAccount>().await?);
    add("role", world.versions::<Role>().await?);
    add("role binding", world.versions::<RoleBinding>().await?);
    Ok(versions)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_writes_only_what_differs() -> Result<()> {
    let world = World::start().await?;
    world.create_cluster(json!({"instances": 2})).await?;
    world.await_pods(&["a-0", "a-1"]).await?;
    world.await_condition("Bootstrapped", "True").await?;
    let settled = |cluster: &SGCluster| {
        let status = cluster.status.as_ref()?;
        (status.pod_statuses.len() == 2).then_some(())
    };
    world.await_object("a", "a settled status", settled).await?;
    let without_permission = |pod: &Pod| {
        let annotations = pod.metadata.annotations.as_ref()?;
        (!annotations.contains_key("howdah.io/may-bootstrap")).then_some(())
    };
    world
        .await_object("a-0", "no permission", without_permission)
        .await?;
    world
        .await_object("a-1", "no permission", without_permission)
        .await?;
    let bound = |claim: &PersistentVolumeClaim| {
        let phase = claim.status.as_ref()?.phase.as_deref()?;
        (phase == "Bound").then_some(())
    };
    for claim in ["a-data-a-0", "a-data-a-1"] {
        world.await_object(claim, "a volume", bound).await?;
    }
    let before = everything(&world).await?;
    // What brings the Service back is a whole pass, which looks at everything else as well.
    world
        .api::<Service>()
        .delete("a-rest", &DeleteParams::default())
        .await?;
    world
        .await_object("a-rest", "the Service", |_: &Service| Some(()))
        .await?;
    let mut after = everything(&world).await?;
    let service = "service/a-rest".to_owned();
    after.insert(service.clone(), before[&service].clone());
    assert_eq!(after, before);
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_change_is_put_right() -> Result<()> {
    let world = World::start().await?;
    world.create_cluster(json!({"instances": 1})).await?;
    world.await_pods(&["a-0"]).await?;
    let wrong = json!({"data": {"pg_hba.conf": "host all all all trust\n"}});
    world.patch::<ConfigMap>("a-postgresql-conf", wrong).await?;
    let right = |map: &ConfigMap| {
        let rules = map.data.as_ref()?.get("pg_hba.conf")?;
        (!rules.contains("trust")).then_some(())
    };
    world
        .await_object("a-postgresql-conf", "our rules", right)
        .await?;
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_switched_off_is_removed() -> Result<()> {
    let world = World::start().await?;
    world.create_cluster(json!({"instances": 1})).await?;
    world
        .await_object("a-replicas", "the Service", |_: &Service| Some(()))
        .await?;
    let off = json!({"spec": {"postgresServices": {"replicas": {"enabled": false}}}});
    world.patch::<SGCluster>("a", off).await?;
    howdah_testkit::wait_until(
        std::time::Duration::from_secs(30),
        "its end",
        async || match world.names::<Service>().await {
            Ok(names) if !names.contains(&"a-replicas".to_owned()) => Ok(names),
            other => Err(format!("{other:?}")),
        },
    )
    .await?;
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_cluster_is_not_touched() -> Result<()> {
    let world = World::start().await?;
    world.create_cluster(json!({"instances": 1})).await?;
    world.await_pods(&["a-0"]).await?;
    let pause = json!({
        "metadata": {"annotations": {"stackgres.io/reconciliation-pause": "true"}},
        "spec": {"instances": 2},
    });
    world.patch::<SGCluster>("a", pause).await?;
    world
        .api::<Service>()
        .delete("a-rest", &DeleteParams::default())
        .await?;
    let resume = json!({"metadata": {"annotations": {"stackgres.io/reconciliation-pause": null}}});
    assert_eq!(world.names::<Pod>().await?, ["a-0"]);
    world.patch::<SGCluster>("a", resume).await?;
    world.await_pods(&["a-0", "a-1"]).await?;
    world
        .await_object("a-rest", "the Service", |_: &Service| Some(()))
        .await?;
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn status_keys_of_others_stay() -> Result<()> {
    let world = World::start().await?;
    world.create_cluster(json!({"instances": 1})).await?;
    world.await_pods(&["a-0"]).await?;
    let noted = json!({"status": {"backupPaths": ["somewhere"]}});
    world.patch::<SGCluster>("a", noted).await?;
    world
        .patch::<SGCluster>("a", json!({"spec": {"instances": 2}}))
        .await?;
    let both = |cluster: &SGCluster| {
        let status = cluster.status.as_ref()?;
        (status.instances == Some(2)).then(|| status.backup_paths.clone())
    };
    let paths = world.await_object("a", "two instances", both).await?;
    assert_eq!(paths, ["somewhere"]);
    world.end().await
}

//! From creation over scaling to deletion.

use anyhow::Result;
use howdah_api::{SGCluster, SGInstanceProfile, SGPoolingConfig, SGPostgresConfig};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{
    ConfigMap, PersistentVolumeClaim, Pod, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::ResourceExt as _;
use kube::api::DeleteParams;
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::suite::actor::record;
use crate::suite::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn nine_lines_become_a_cluster() -> Result<()> {
    let world = World::start().await?;
    world.create_cluster(json!({})).await?;
    world.await_pods(&["a-0", "a-1", "a-2"]).await?;
    world.await_condition("Bootstrapped", "True").await?;
    assert_eq!(
        world.names::<Secret>().await?,
        ["a", "a-binding", "a-peer", "a-ssl"]
    );
    assert_eq!(
        world.names::<Service>().await?[..4],
        ["a", "a-primary", "a-replicas", "a-rest"]
    );
    assert!(
        world
            .names::<ConfigMap>()
            .await?
            .contains(&"a-postgresql-conf".to_owned())
    );
    assert_eq!(
        world.names::<PersistentVolumeClaim>().await?,
        ["a-data-a-0", "a-data-a-1", "a-data-a-2"]
    );
    assert!(
        world
            .names::<ServiceAccount>()
            .await?
            .contains(&"a-patroni".to_owned())
    );
    assert_eq!(world.names::<Role>().await?, ["a-patroni"]);
    assert_eq!(world.names::<RoleBinding>().await?, ["a-patroni"]);
    assert_eq!(world.names::<SGInstanceProfile>().await?, ["a-default"]);
    assert_eq!(world.names::<SGPostgresConfig>().await?, ["a-18-default"]);
    assert_eq!(world.names::<SGPoolingConfig>().await?, ["a-default"]);
    assert_eq!(
        world.await_event("ClusterCreated").await?,
        "the cluster's objects were created"
    );
    let status = world
        .await_object("a", "status of three instances", |cluster: &SGCluster| {
            cluster
                .status
                .clone()
                .filter(|status| status.pod_statuses.len() == 3)
        })
        .await?;
    assert_eq!(status.postgres_version.as_deref(), Some("18.6"));
    assert_eq!(status.sg_postgres_config.as_deref(), Some("a-18-default"));
    assert_eq!(status.pod_statuses[0].primary, Some(true));
    assert_eq!(status.pod_statuses[1].primary, Some(false));
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_first_instances_may_bootstrap() -> Result<()> {
    let world = World::start().await?;
    world.create_cluster(json!({"instances": 2})).await?;
    world.await_pods(&["a-0", "a-1"]).await?;
    world.await_condition("Bootstrapped", "True").await?;
    let permission = |pod: &Pod| pod.annotations().contains_key("howdah.io/may-bootstrap");
    // The permission is taken back as soon as there is a database.
    world
        .await_object("a-0", "no permission", |pod: &Pod| {
            (!permission(pod)).then_some(())
        })
        .await?;
    world
        .patch::<SGCluster>("a", json!({"spec": {"instances": 3}}))
        .await?;
    world.await_pods(&["a-0", "a-1", "a-2"]).await?;
    assert!(!permission(&world.api::<Pod>().get("a-2").await?));
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_come_and_go_and_their_volumes_stay() -> Result<()> {
    let world = World::start().await?;
    world.create_cluster(json!({})).await?;
    world.await_pods(&["a-0", "a-1", "a-2"]).await?;
    world
        .patch::<SGCluster>("a", json!({"spec": {"instances": 1}}))
        .await?;
    world.await_pods(&["a-0"]).await?;
    world
        .patch::<SGCluster>("a", json!({"spec": {"instances": 0}}))
        .await?;
    world.await_pods(&[]).await?;
    world
        .await_object("a", "no instance in the status", |cluster: &SGCluster| {
            let status = cluster.status.as_ref()?;
            (status.instances == Some(0) && status.pod_statuses.is_empty()).then_some(())
        })
        .await?;
    let claims = ["a-data-a-0", "a-data-a-1", "a-data-a-2"];
    assert_eq!(world.names::<PersistentVolumeClaim>().await?, claims);
    world
        .patch::<SGCluster>("a", json!({"spec": {"instances": 3}}))
        .await?;
    world.await_pods(&["a-0", "a-1", "a-2"]).await?;
    assert_eq!(world.names::<PersistentVolumeClaim>().await?, claims);
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_beyond_the_last_index_survives_scaling_down() -> Result<()> {
    let world = World::start().await?;
    world.create_cluster(json!({})).await?;
    world.await_pods(&["a-0", "a-1", "a-2"]).await?;
    let moved = json!({"metadata": {"annotations": {"howdah.io/record": record(2, Some(2), 0)}}});
    world.patch::<Lease>("a", moved).await?;
    world
        .patch::<SGCluster>("a", json!({"spec": {"instances": 1}}))
        .await?;
    world.await_pods(&["a-2"]).await?;
    world
        .await_object("a-2", "the mark", |pod: &Pod| {
            let mark = pod.labels().get("stackgres.io/disruptible")?;
            (mark == "false").then_some(())
        })
        .await?;
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_pod_is_made_again() -> Result<()> {
    let world = World::start().await?;
    world.create_cluster(json!({"instances": 2})).await?;
    world.await_pods(&["a-0", "a-1"]).await?;
    let before = world.api::<Pod>().get("a-1").await?.uid();
    world
        .api::<Pod>()
        .delete("a-1", &DeleteParams::default())
        .await?;
    world
        .await_object("a-1", "another Pod", |pod: &Pod| {
            (pod.uid() != before).then_some(())
        })
        .await?;
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_failed_for_good_is_replaced() -> Result<()> {
    let world = World::start().await?;
    world.create_cluster(json!({"instances": 1})).await?;
    world.await_pods(&["a-0"]).await?;
    let before = world.api::<Pod>().get("a-0").await?.uid();
    let evicted = json!({"status": {"phase": "Failed", "reason": "Evicted"}});
    let patch = kube::api::Patch::Merge(evicted);
    world
        .api::<Pod>()
        .patch_status("a-0", &kube::api::PatchParams::default(), &patch)
        .await?;
    world
        .await_object("a-0", "another Pod", |pod: &Pod| {
            (pod.uid() != before).then_some(())
        })
        .await?;
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_needs_new_pods_waits_for_a_restart() -> Result<()> {
    let world = World::start().await?;
    world.create_cluster(json!({"instances": 1})).await?;
    world.await_pods(&["a-0"]).await?;
    world.await_condition("PendingRestart", "False").await?;
    let before = world.api::<Pod>().get("a-0").await?.uid();
    let longer = json!({"spec": {"pods": {"terminationGracePeriodSeconds": 90}}});
    world.patch::<SGCluster>("a", longer).await?;
    world.await_condition("PendingRestart", "True").await?;
    assert_eq!(world.api::<Pod>().get("a-0").await?.uid(), before);
    world
        .api::<Pod>()
        .delete("a-0", &DeleteParams::default())
        .await?;
    world.await_condition("PendingRestart", "False").await?;
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_belongs_to_the_cluster_and_goes_with_it() -> Result<()> {
    let world = World::start().await?;
    world.create_cluster(json!({"instances": 1})).await?;
    world.await_pods(&["a-0"]).await?;
    let uid = world.cluster().await?.uid().unwrap_or_default();
    assert_eq!(world.strangers::<Pod>(&uid).await?, NOBODY);
    assert_eq!(
        world.strangers::<PersistentVolumeClaim>(&uid).await?,
        NOBODY
    );
    assert_eq!(world.strangers::<Secret>(&uid).await?, NOBODY);
    assert_eq!(world.strangers::<Role>(&uid).await?, NOBODY);
    assert_eq!(world.strangers::<RoleBinding>(&uid).await?, NOBODY);
    assert_eq!(world.strangers::<SGInstanceProfile>(&uid).await?, NOBODY);
    assert_eq!(world.strangers::<SGPostgresConfig>(&uid).await?, NOBODY);
    assert_eq!(world.strangers::<SGPoolingConfig>(&uid).await?, NOBODY);
    // The server has a Service, a ConfigMap and a ServiceAccount of its own in every namespace.
    for stranger in [
        world.strangers::<Service>(&uid).await?,
        world.strangers::<ConfigMap>(&uid).await?,
        world.strangers::<ServiceAccount>(&uid).await?,
    ] {
        assert!(
            stranger
                .iter()
                .all(|name| !name.starts_with("a-") && name != "a")
        );
    }
    world
        .api::<SGCluster>()
        .delete("a", &DeleteParams::default())
        .await?;
    world.await_pods(&[]).await?;
    howdah_testkit::wait_until(
        std::time::Duration::from_secs(30),
        "no volume",
        async || match world.names::<PersistentVolumeClaim>().await {
            Ok(names) if names.is_empty() => Ok(()),
            other => Err(format!("{other:?}")),
        },
    )
    .await?;
    world.end().await
}

const NOBODY: [&str; 0] = [];

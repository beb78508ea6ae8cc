//! What a cluster refers to may come late, be wrong, or change.

use anyhow::Result;
use howdah_api::{SGCluster, SGInstanceProfile, SGPostgresConfig};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::api::PostParams;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::suite::world::World;

fn profile(name: &str, memory: &str) -> SGInstanceProfile {
    let spec = serde_json::from_value(json!({"cpu": "2", "memory": memory}));
    SGInstanceProfile::new(name, spec.expect("the profile is written here"))
}

fn setting(name: &'static str, value: &'static str) -> impl Fn(&ConfigMap) -> Option<()> {
    let line = format!("{name} = '{value}'\n");
    move |map| {
        map.data
            .as_ref()?
            .get("postgresql.conf")?
            .contains(&line)
            .then_some(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_reference_heals() -> Result<()> {
    let world = World::start().await?;
    world
        .create_cluster(json!({"sgInstanceProfile": "big", "instances": 1}))
        .await?;
    let failed = world.await_condition("Failed", "True").await?;
    let message = "SGInstanceProfile \"big\" named in spec.sgInstanceProfile does not exist in \
                   namespace \"default\"; create it or remove the reference";
    assert_eq!(failed.message.as_deref(), Some(message));
    assert_eq!(failed.reason.as_deref(), Some("ClusterConfigFailed"));
    assert_eq!(world.await_event("ClusterConfigFailed").await?, message);
    assert_eq!(world.names::<Pod>().await?, Vec::<String>::new());
    world
        .api()
        .create(&PostParams::default(), &profile("big", "4Gi"))
        .await?;
    world.await_pods(&["a-0"]).await?;
    world.await_condition("Failed", "False").await?;
    world
        .await_object(
            "a-postgresql-conf",
            "memory",
            setting("shared_buffers", "1024MB"),
        )
        .await?;
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_secret_heals() -> Result<()> {
    let world = World::start().await?;
    let credentials = json!({"users": {"superuser": {"password": {"name": "mine", "key": "pw"}}}});
    let more = json!({"instances": 1, "configurations": {"credentials": credentials}});
    world.create_cluster(more).await?;
    world.await_condition("Failed", "True").await?;
    let secret: Secret = serde_json::from_value(json!({
        "metadata": {"name": "mine"},
        "data": {"pw": "aHVzaA=="},
    }))?;
    world.api().create(&PostParams::default(), &secret).await?;
    world.await_pods(&["a-0"]).await?;
    let stored = world
        .api::<Secret>()
        .get("a")
        .await?
        .data
        .unwrap_or_default();
    assert_eq!(stored["superuser-password"].0, b"hush");
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_configuration_reaches_the_files() -> Result<()> {
    let world = World::start().await?;
    let config: SGPostgresConfig = serde_json::from_value(json!({
        "metadata": {"name": "mine"},
        "spec": {"postgresVersion": "18", "postgresql.conf": {"work_mem": "9MB"}},
    }))?;
    world.api().create(&PostParams::default(), &config).await?;
    let more = json!({"instances": 1, "configurations": {"sgPostgresConfig": "mine"}});
    world.create_cluster(more).await?;
    world
        .await_object("a-postgresql-conf", "work_mem", setting("work_mem", "9MB"))
        .await?;
    world.await_pods(&["a-0"]).await?;
    let hash_of = |pod: &Pod| {
        pod.metadata
            .annotations
            .clone()?
            .remove("howdah.io/config-hash")
    };
    let before = world.await_object("a-0", "a hash", hash_of).await?;
    let changed = json!({"spec": {"postgresql.conf": {"work_mem": "11MB"}}});
    world.patch::<SGPostgresConfig>("mine", changed).await?;
    world
        .await_object("a-postgresql-conf", "work_mem", setting("work_mem", "11MB"))
        .await?;
    let other = |pod: &Pod| hash_of(pod).filter(|hash| *hash != before);
    world.await_object("a-0", "another hash", other).await?;
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_not_offered_waits_for_the_catalogue() -> Result<()> {
    let world = World::start().await?;
    world
        .create_cluster(json!({"instances": 1, "postgres": {"version": "16"}}))
        .await?;
    let failed = world.await_condition("Failed", "True").await?;
    assert_eq!(
        failed.message.as_deref(),
        Some("spec.postgres.version: Postgres 16 is not available here; available: 18.6, 17.9")
    );
    let more = "components: [{component: postgres, version: '16.10', image: test/postgres-16}, \
                {component: pgbouncer, version: '1.26.1', image: test/pgbouncer}, \
                {component: envoy, version: '1.40.0', image: test/envoy}]";
    world.set_catalogue(more).await?;
    world.await_pods(&["a-0"]).await?;
    let cluster = world.cluster().await?;
    let version = cluster.status.and_then(|status| status.postgres_version);
    assert_eq!(version.as_deref(), Some("16.10"));
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_major_version_of_data_is_not_changed() -> Result<()> {
    let world = World::start().await?;
    world
        .create_cluster(json!({"instances": 1, "postgres": {"version": "17"}}))
        .await?;
    world.await_pods(&["a-0"]).await?;
    // A manifest that is replaced without a status must not make the version forgotten.
    world
        .patch::<SGCluster>("a", json!({"status": null}))
        .await?;
    let latest = json!({"spec": {"postgres": {"version": "latest"}}});
    world.patch::<SGCluster>("a", latest).await?;
    let recorded = |cluster: &SGCluster| cluster.status.clone()?.postgres_version;
    assert_eq!(
        world.await_object("a", "a version", recorded).await?,
        "17.9"
    );
    world
        .patch::<SGCluster>("a", json!({"spec": {"postgres": {"version": "18"}}}))
        .await?;
    world.await_event("ClusterMajorUpgrade").await?;
    world.await_condition("Failed", "True").await?;
    world
        .patch::<SGCluster>("a", json!({"spec": {"postgres": {"version": "17.9"}}}))
        .await?;
    world.await_condition("Failed", "False").await?;
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_without_effect_are_reported() -> Result<()> {
    let world = World::start().await?;
    let more = json!({"instances": 1, "distributedLogs": {"sgDistributedLogs": "logs"}});
    world.create_cluster(more).await?;
    let condition = world.await_condition("FieldsNotActedOn", "True").await?;
    let message = "set without effect: spec.distributedLogs";
    assert_eq!(condition.message.as_deref(), Some(message));
    assert_eq!(world.await_event("FieldNotActedOn").await?, message);
    world
        .patch::<SGCluster>("a", json!({"spec": {"distributedLogs": Value::Null}}))
        .await?;
    world.await_condition("FieldsNotActedOn", "False").await?;
    world.end().await
}

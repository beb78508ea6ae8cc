//! Modes and roles of a running cluster, and what its instances decide.

use std::collections::BTreeMap;

use anyhow::Result;
use howdah_api::SGCluster;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::ResourceExt as _;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::suite::actor::record;
use crate::suite::world::World;

async fn uids(world: &World) -> Result<BTreeMap<String, Option<String>>> {
    let pods = world.api::<Pod>().list(&Default::default()).await?;
    let uids = pods.items.iter().map(|pod| (pod.name_any(), pod.uid()));
    Ok(uids.collect())
}

async fn set_record(world: &World, text: String) -> Result<()> {
    let patch = json!({"metadata": {"annotations": {"howdah.io/record": text}}});
    world.patch::<Lease>("a", patch).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn modes_and_groups_change_without_new_pods() -> Result<()> {
    let world = World::start().await?;
    world.create_cluster(json!({})).await?;
    world.await_pods(&["a-0", "a-1", "a-2"]).await?;
    world.await_condition("Bootstrapped", "True").await?;
    let before = uids(&world).await?;
    let replication =
        json!({"mode": "strict-sync", "groups": [{"role": "readonly", "instances": 1}]});
    let patch = json!({"spec": {"replication": replication}});
    world.patch::<SGCluster>("a", patch).await?;
    let expected = json!({"mode": "strict-sync", "syncInstances": 1, "profile": "default"});
    let tagged = |pod: &Pod| {
        let ha: Value = serde_json::from_str(pod.annotations().get("howdah.io/ha")?).ok()?;
        let label = |key: &str| pod.labels().get(key).map(String::as_str);
        let no_failover = label("stackgres.io/nofailover")?.to_owned();
        (ha == expected).then_some(no_failover)
    };
    assert_eq!(world.await_object("a-0", "tags", tagged).await?, "false");
    assert_eq!(world.await_object("a-1", "tags", tagged).await?, "false");
    let last = |pod: &Pod| tagged(pod).filter(|tag| tag == "true");
    world.await_object("a-2", "the tag", last).await?;
    let group = |cluster: &SGCluster| {
        let statuses = &cluster.status.as_ref()?.pod_statuses;
        let groups: Vec<_> = statuses.iter().map(|s| s.replication_group).collect();
        (groups == [Some(0), Some(0), Some(1)]).then_some(())
    };
    world.await_object("a", "groups", group).await?;
    world.await_condition("PendingRestart", "False").await?;
    world.await_condition("FieldsNotActedOn", "False").await?;
    let files = world.api::<ConfigMap>().get("a-postgresql-conf").await?;
    let file = files.data.unwrap_or_default().remove("ha.json");
    let file: Value = serde_json::from_str(&file.unwrap_or_default())?;
    assert_eq!(file, expected);
    assert_eq!(uids(&world).await?, before);
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_instances_decide_is_told() -> Result<()> {
    let world = World::start().await?;
    let replication = json!({"mode": "sync"});
    world
        .create_cluster(json!({"instances": 2, "replication": replication}))
        .await?;
    world.await_pods(&["a-0", "a-1"]).await?;
    world.await_condition("Bootstrapped", "True").await?;
    set_record(&world, record(1, Some(0), 1)).await?;
    set_record(&world, record(1, Some(0), 0)).await?;
    let degraded = world.await_event("ReplicationDegraded").await?;
    assert!(degraded.starts_with("writes are confirmed by 0 of 1"));
    set_record(&world, record(2, Some(1), 1)).await?;
    assert_eq!(
        world.await_event("Failover").await?,
        "a-1 is primary in place of a-0 (term 2), which was lost"
    );
    world.await_event("ReplicationRestored").await?;
    let moved = |cluster: &SGCluster| {
        let statuses = &cluster.status.as_ref()?.pod_statuses;
        let primary: Vec<_> = statuses.iter().map(|status| status.primary).collect();
        (primary == [Some(false), Some(true)]).then_some(())
    };
    world.await_object("a", "the new primary", moved).await?;
    world.end().await
}

//! A cluster from the nine lines to its deletion: complete, tuned, scaled, gone. Once with each tool.

use std::fs;

use anyhow::{Context, Result, ensure};
use howdah_e2e::{
    Cluster, Kind, Manifest, NINE_LINES, Tool, World, contains, eventually, on_any_cluster, text,
};
use serde_json::{Value, json};

use crate::{objects, verbs};

#[tokio::test]
async fn a_cluster_lives_from_nine_lines_to_its_deletion_with_howdah() -> Result<()> {
    on_any_cluster(async |world| {
        let cluster = life(world, Tool::Howdah).await?;
        delete(world, &cluster, Tool::Howdah)
            .await
            .context("deletion")
    })
    .await
}

#[tokio::test]
async fn a_cluster_lives_from_nine_lines_to_its_deletion_with_kubectl() -> Result<()> {
    on_any_cluster(async |world| {
        let cluster = life(world, Tool::Kubectl).await?;
        scale_with_kubectl(world, &cluster).await.context("scale")?;
        delete(world, &cluster, Tool::Kubectl)
            .await
            .context("deletion")
    })
    .await
}

async fn life(world: &World, tool: Tool) -> Result<Cluster<'_>> {
    let cluster = nine_lines(world, tool).await.context("nine lines")?;
    verbs::check(world, &cluster).await.context("verbs")?;
    parameters(world, &cluster, tool)
        .await
        .context("parameters")?;
    scale(world, &cluster, tool).await.context("scale")?;
    Ok(cluster)
}

async fn nine_lines(world: &World, tool: Tool) -> Result<Cluster<'_>> {
    let created = world.apply(tool, NINE_LINES).await?;
    ensure!(
        created == "sgcluster.stackgres.io/simple created\n",
        "{created}"
    );
    let cluster = world.cluster("simple");
    cluster.wait_until_streaming(3).await?;
    written_once_read_everywhere(&cluster).await?;
    objects::check(world, &cluster, "18").await?;
    let again = world.apply(tool, NINE_LINES).await?;
    ensure!(
        again == "sgcluster.stackgres.io/simple unchanged\n",
        "{again}"
    );
    Ok(cluster)
}

/// A row written through the Service of the primary is read through that of the replicas, and on each instance.
pub(crate) async fn written_once_read_everywhere(cluster: &Cluster<'_>) -> Result<()> {
    cluster.write("written once").await?;
    cluster.wait_for_rows_everywhere(&["written once"]).await?;
    let in_recovery = "SELECT pg_is_in_recovery()";
    let primary = cluster.service("").await?;
    ensure!(
        primary.value(in_recovery).await? == "f",
        "the Service leads to the primary"
    );
    eventually("the row through the Service of the replicas", async || {
        let replica = cluster.service("-replicas").await?;
        ensure!(
            replica.value(in_recovery).await? == "t",
            "it leads to the primary"
        );
        let rows = replica.value("SELECT count(*) FROM notes").await?;
        ensure!(rows == "1", "{rows} rows");
        Ok(())
    })
    .await
}

fn tuned(values: &Value) -> String {
    json!({
        "apiVersion": "stackgres.io/v1",
        "kind": "SGPostgresConfig",
        "metadata": {"name": "tuned"},
        "spec": {"postgresVersion": "18", "postgresql.conf": values},
    })
    .to_string()
}

fn manifest(instances: u32) -> Manifest {
    Manifest::new("simple", "latest", instances)
        .set("/spec/pods/persistentVolume/size", "5Gi")
        .set("/spec/configurations/sgPostgresConfig", "tuned")
}

async fn parameters(world: &World, cluster: &Cluster<'_>, tool: Tool) -> Result<()> {
    let servers = |world: &World| world.processes().map(|found| found.postmasters());
    let before = servers(world)?;
    world
        .apply(tool, &tuned(&json!({"work_mem": "8MB"})))
        .await?;
    cluster.apply(tool, &manifest(3)).await?;
    cluster.wait_for_parameter("work_mem", "8MB").await?;
    world
        .apply(tool, &tuned(&json!({"work_mem": "12MB"})))
        .await?;
    cluster.wait_for_parameter("work_mem", "12MB").await?;

    let connections = cluster
        .service("")
        .await?
        .value("SHOW max_connections")
        .await?;
    let more = (connections.parse::<u32>()? + 20).to_string();
    let values = json!({"work_mem": "12MB", "max_connections": more});
    world.apply(tool, &tuned(&values)).await?;
    let pending = cluster.wait_for_condition("PendingRestart", "True").await?;
    ensure!(pending["reason"] == "PodRequiresRestart", "{pending}");
    wait_for_pending(cluster, true).await?;
    cluster
        .wait_for_parameter("max_connections", &connections)
        .await?;

    world
        .apply(tool, &tuned(&json!({"work_mem": "12MB"})))
        .await?;
    cluster
        .wait_for_condition("PendingRestart", "False")
        .await?;
    wait_for_pending(cluster, false).await?;
    let after = servers(world)?;
    ensure!(
        before == after,
        "servers were restarted: {before:?} became {after:?}"
    );
    Ok(())
}

/// Every instance says for itself whether it waits for a restart and for which parameter, and the status repeats it.
async fn wait_for_pending(cluster: &Cluster<'_>, pending: bool) -> Result<()> {
    eventually("what waits for a restart", async || {
        let object = cluster.object().await?;
        let statuses = object["status"]["podStatuses"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        for status in &statuses {
            ensure!(status["pendingRestart"] == pending, "{status}");
        }
        for pod in cluster.pods().await? {
            let report: Value = serde_json::from_str(text(&pod, "/metadata/annotations/status"))?;
            let reasons = report["pending_restart_reason"].as_object();
            let names: Vec<_> = reasons.into_iter().flat_map(|it| it.keys()).collect();
            let expected: &[&str] = if pending { &["max_connections"] } else { &[] };
            ensure!(names == expected, "{report}");
        }
        Ok(())
    })
    .await
}

async fn scale(world: &World, cluster: &Cluster<'_>, tool: Tool) -> Result<()> {
    cluster.apply(tool, &manifest(1)).await?;
    cluster.wait_until_streaming(1).await?;
    ensure!(
        cluster.instances().await? == ["simple-0"],
        "the primary is the one that stays"
    );
    no_slot_is_left(cluster).await?;
    cluster.write("written to one").await?;

    cluster.apply(tool, &manifest(0)).await?;
    cluster.wait_until_empty().await?;
    if world.is_pocket() {
        let servers = world.processes()?.postmasters();
        ensure!(servers.is_empty(), "servers are left: {servers:?}");
    }
    let claims = world
        .api()
        .await?
        .names(Kind::CLAIMS, &cluster.labels())
        .await?;
    let expected = [
        "simple-data-simple-0",
        "simple-data-simple-1",
        "simple-data-simple-2",
    ];
    ensure!(claims == expected, "volumes stay: {claims:?}");

    cluster.apply(tool, &manifest(3)).await?;
    cluster.wait_until_streaming(3).await?;
    cluster
        .wait_for_rows_everywhere(&["written once", "written to one"])
        .await
}

/// A slot of a member that is gone would keep WAL for ever.
async fn no_slot_is_left(cluster: &Cluster<'_>) -> Result<()> {
    eventually("the slots of removed instances to go", async || {
        let sql = cluster.service("").await?;
        let slots = sql
            .values("SELECT slot_name FROM pg_replication_slots")
            .await?;
        ensure!(slots.is_empty(), "{slots:?} are there");
        Ok(())
    })
    .await
}

/// The scale subresource, and what autoscalers use.
async fn scale_with_kubectl(world: &World, cluster: &Cluster<'_>) -> Result<()> {
    let arguments = ["scale", "sgcluster/simple", "--replicas=2"];
    let scaled = world.kubectl(&arguments).await?.ok()?;
    contains(&scaled, "sgcluster.stackgres.io/simple scaled")?;
    cluster.wait_until_streaming(2).await
}

async fn delete(world: &World, cluster: &Cluster<'_>, tool: Tool) -> Result<()> {
    let deleted = world
        .with(tool, &["delete", "sgcluster", "simple"])
        .await?
        .ok()?;
    contains(&deleted, "sgcluster.stackgres.io \"simple\" deleted")?;
    eventually("the cluster and all its parts to go", async || {
        world.check_that_cluster_is_gone(cluster.name()).await
    })
    .await?;
    if world.is_pocket() {
        let servers = world.processes()?.postmasters();
        ensure!(servers.is_empty(), "servers are left: {servers:?}");
        eventually("the folders of the volumes to go", async || {
            let volumes = fs::read_dir(world.state().join("volumes"))?.count();
            ensure!(volumes == 0, "{volumes} are left");
            Ok(())
        })
        .await?;
    }
    Ok(())
}

//! A cluster that is a standby of another one: it streams, is promoted, and becomes a standby again.

use anyhow::{Context, Result, bail, ensure};
use howdah_e2e::{Cluster, Manifest, Tool, World, contains, eventually, on_pocket};

fn standby_of_a() -> Manifest {
    Manifest::new("b", "18", 2).set("/spec/replicateFrom/instance/sgCluster", "a")
}

fn ordinary() -> Manifest {
    Manifest::new("b", "18", 2)
}

async fn rows(cluster: &Cluster<'_>) -> Result<Vec<String>> {
    let sql = cluster.service("").await?;
    sql.values("SELECT value FROM notes ORDER BY value").await
}

#[tokio::test]
async fn a_standby_cluster_streams_is_promoted_and_becomes_a_standby_again() -> Result<()> {
    on_pocket(async |world| {
        let (a, b) = (world.cluster("a"), world.cluster("b"));
        a.apply(Tool::Howdah, &Manifest::new("a", "18", 1)).await?;
        a.wait_until_streaming(1).await?;
        a.write("one").await?;
        streams(world, &a, &b).await.context("a standby cluster")?;
        is_promoted(&a, &b).await.context("promoted")?;
        becomes_a_standby_again(&a, &b).await.context("demoted")
    })
    .await
}

async fn streams(world: &World, a: &Cluster<'_>, b: &Cluster<'_>) -> Result<()> {
    b.apply(Tool::Howdah, &standby_of_a()).await?;
    b.wait_until_streaming(2).await?;
    a.write("two").await?;
    b.wait_for_rows_everywhere(&["one", "two"]).await?;
    let Err(refused) = b.write("none").await else {
        bail!("a standby cluster took a write");
    };
    contains(&format!("{refused:#}"), "read-only")?;
    let said = world.howdah(&["status", "b"]).await?.ok()?;
    contains(&said, "a standby cluster only reads")?;
    // Another instance leads; what a writes goes on to arrive.
    let before = b.instances().await?;
    let leader = before.first().context("a leader")?;
    world
        .howdah(&["switchover", "b", "--force"])
        .await?
        .ok()
        .context("switchover")?;
    eventually("another leader", async || {
        let now = b.instances().await?;
        ensure!(now.first() != Some(leader), "still {leader}");
        b.check_streaming(2).await
    })
    .await?;
    a.write("three").await?;
    b.wait_for_rows_everywhere(&["one", "two", "three"]).await
}

async fn is_promoted(a: &Cluster<'_>, b: &Cluster<'_>) -> Result<()> {
    b.apply(Tool::Howdah, &ordinary()).await?;
    eventually("a write on the promoted cluster", async || {
        b.write("of b").await
    })
    .await?;
    b.wait_until_streaming(2).await?;
    b.wait_for_rows_everywhere(&["one", "two", "three", "of b"])
        .await?;
    a.write("of a").await?;
    ensure!(rows(a).await? == ["of a", "one", "three", "two"]);
    ensure!(rows(b).await? == ["of b", "one", "three", "two"]);
    Ok(())
}

/// What it wrote by itself is given up.
async fn becomes_a_standby_again(a: &Cluster<'_>, b: &Cluster<'_>) -> Result<()> {
    b.apply(Tool::Howdah, &standby_of_a()).await?;
    b.wait_for_rows_everywhere(&["of a"]).await?;
    b.wait_until_streaming(2).await?;
    a.write("four").await?;
    b.wait_for_rows_everywhere(&["one", "two", "three", "of a", "four"])
        .await?;
    ensure!(rows(b).await? == ["four", "of a", "one", "three", "two"]);
    Ok(())
}

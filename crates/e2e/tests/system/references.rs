//! A cluster may name objects that are created after it.

use anyhow::{Context, Result, ensure};
use howdah_e2e::{Kind, Manifest, Tool, World, contains, eventually, on_any_cluster, text};
use serde_json::json;

#[tokio::test]
async fn references_may_appear_after_the_cluster() -> Result<()> {
    on_any_cluster(async |world| {
        for (tool, name) in [(Tool::Howdah, "first"), (Tool::Kubectl, "second")] {
            late(world, tool, name)
                .await
                .with_context(|| format!("with {tool:?}"))?;
        }
        Ok(())
    })
    .await
}

async fn late(world: &World, tool: Tool, name: &str) -> Result<()> {
    let (profile, config) = (format!("{name}-profile"), format!("{name}-config"));
    let manifest = Manifest::new(name, "18", 1)
        .set("/spec/sgInstanceProfile", profile.as_str())
        .set("/spec/configurations/sgPostgresConfig", config.as_str());
    let cluster = world.cluster(name);
    cluster.apply(tool, &manifest).await?;
    let failed = cluster.wait_for_condition("Failed", "True").await?;
    ensure!(failed["reason"] == "ClusterConfigFailed", "{failed}");
    contains(text(&failed, "/message"), &profile)?;
    contains(text(&failed, "/message"), &config)?;
    has_warning(world, name, &profile).await?;
    let pods = cluster.instances().await?;
    ensure!(pods.is_empty(), "nothing is started on a guess: {pods:?}");
    let arguments = ["status", name, "--wait", "--timeout", "1s"];
    let waiting = world.howdah(&arguments).await?.refused(3)?;
    contains(&waiting, &profile)?;

    let config = json!({
        "apiVersion": "stackgres.io/v1",
        "kind": "SGPostgresConfig",
        "metadata": {"name": config},
        "spec": {"postgresVersion": "18", "postgresql.conf": {"work_mem": "9MB"}},
    });
    world.apply(tool, &config.to_string()).await?;
    let profile = json!({
        "apiVersion": "stackgres.io/v1",
        "kind": "SGInstanceProfile",
        "metadata": {"name": profile},
        "spec": {"cpu": "1", "memory": "1Gi"},
    });
    world.apply(tool, &profile.to_string()).await?;
    cluster.wait_until_streaming(1).await?;
    cluster.wait_for_condition("Failed", "False").await?;
    cluster.wait_for_parameter("work_mem", "9MB").await
}

async fn has_warning(world: &World, name: &str, part: &str) -> Result<()> {
    eventually("an Event about the missing object", async || {
        let events = world.api().await?.list(Kind::EVENTS, "").await?;
        let fits = events.iter().any(|event| {
            text(event, "/involvedObject/name") == name
                && event["type"] == "Warning"
                && event["reason"] == "ClusterConfigFailed"
                && text(event, "/message").contains(part)
        });
        ensure!(fits, "there is none among {} Events", events.len());
        Ok(())
    })
    .await
}

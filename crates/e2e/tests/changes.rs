//! What a user changes in a running cluster: its size, its parameters, what it refers to.

use anyhow::{Context, Result, ensure};
use howdah_e2e::{Manifest, World, contains, eventually, run};
use serde_json::json;

fn cluster(instances: u32) -> Manifest {
    Manifest::new("simple", "18", instances)
}

async fn scale(world: &World, instances: u32) -> Result<()> {
    world.apply(&cluster(instances).text())?;
    let seen = world.cluster("simple");
    let wanted = usize::try_from(instances)?;
    let status = seen
        .wait_for(&format!("{instances} instances"), |status| {
            let members = status["members"].as_array().map_or(0, Vec::len);
            let streams = |member: &serde_json::Value| {
                member["ready"] == true
                    && (member["state"] == "streaming" || member["role"] == "primary")
            };
            let idle = status["members"]
                .as_array()
                .is_some_and(|members| !members.iter().all(streams));
            members == wanted && !idle
        })
        .await?;
    if instances > 0 {
        seen.check(&status, wanted)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_cluster_goes_to_one_to_none_and_back_to_three_with_its_rows() -> Result<()> {
    run(async |world| {
        world.up()?;
        scale(world, 3).await?;
        let cluster = world.cluster("simple");
        cluster.write("of three").await?;
        scale(world, 1).await?;
        cluster.write("of one").await?;
        scale(world, 0).await?;
        eventually("all servers to stop", async || {
            let left = world.processes()?.postmasters();
            ensure!(left.is_empty(), "{left:?}");
            Ok(())
        })
        .await?;
        let volumes = world.howdah(&["get", "pvc", "-o", "name"])?.ok()?;
        ensure!(volumes.lines().count() == 3, "volumes stay: {volumes}");
        scale(world, 3).await?;
        for instance in ["simple-0", "simple-1", "simple-2"] {
            for row in ["of three", "of one"] {
                cluster.wait_for_row(instance, row).await?;
            }
        }
        Ok(())
    })
    .await
}

fn parameters(name: &str, values: &serde_json::Value) -> String {
    json!({
        "apiVersion": "stackgres.io/v1",
        "kind": "SGPostgresConfig",
        "metadata": {"name": name},
        "spec": {"postgresVersion": "18", "postgresql.conf": values},
    })
    .to_string()
}

async fn shows(world: &World, parameter: &str, value: &str) -> Result<()> {
    let cluster = world.cluster("simple");
    eventually(&format!("{parameter} = {value}"), async || {
        for instance in cluster.instances()? {
            let sql = cluster.instance(&instance).await?;
            let seen = sql.value(&format!("SHOW {parameter}")).await?;
            ensure!(seen == value, "{instance} has {seen}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_parameter_is_reloaded_and_one_that_needs_a_restart_is_reported() -> Result<()> {
    run(async |world| {
        world.up()?;
        world.apply(&parameters("tuned", &json!({"work_mem": "8MB"})))?;
        let manifest = cluster(2).set("/spec/configurations/sgPostgresConfig", "tuned");
        world.apply(&manifest.text())?;
        let cluster = world.cluster("simple");
        cluster.wait_until_complete()?;
        shows(world, "work_mem", "8MB").await?;
        let servers = world.processes()?.postmasters();

        world.apply(&parameters("tuned", &json!({"work_mem": "12MB"})))?;
        shows(world, "work_mem", "12MB").await?;
        for server in &servers {
            ensure!(
                server.is_alive(),
                "a reload restarts nothing: {}",
                server.line
            );
        }

        let before = cluster.instance("simple-0").await?;
        let connections = before.value("SHOW max_connections").await?;
        let more = (connections.parse::<u32>()? + 20).to_string();
        let values = json!({"work_mem": "12MB", "max_connections": more});
        world.apply(&parameters("tuned", &values))?;
        cluster.wait_for_condition("PendingRestart", "True").await?;
        cluster
            .wait_for("the parameter that waits", |status| {
                let waits = |member: &serde_json::Value| {
                    member["pendingRestart"] == true
                        && member["pendingParameters"] == json!(["max_connections"])
                };
                status["members"]
                    .as_array()
                    .is_some_and(|members| members.iter().all(waits))
            })
            .await?;
        shows(world, "max_connections", &connections).await?;

        // Replicas first: a replica must not have fewer connections than its primary.
        let mut instances = cluster.instances()?;
        instances.reverse();
        for instance in &instances {
            world.howdah(&["delete", "pod", instance])?.ok()?;
            cluster.wait_until_complete()?;
        }
        cluster
            .wait_for_condition("PendingRestart", "False")
            .await?;
        shows(world, "max_connections", &more).await
    })
    .await
}

#[tokio::test]
async fn references_may_appear_after_the_cluster() -> Result<()> {
    run(async |world| {
        world.up()?;
        let manifest = cluster(1)
            .set("/spec/sgInstanceProfile", "late-profile")
            .set("/spec/configurations/sgPostgresConfig", "late-config");
        world.apply(&manifest.text())?;
        let cluster = world.cluster("simple");
        let message = cluster.wait_for_condition("Failed", "True").await?;
        contains(&message, "late-profile")?;
        contains(&message, "late-config")?;
        let pods = world.howdah(&["get", "pods", "-o", "name"])?.ok()?;
        ensure!(pods.is_empty(), "nothing is started on a guess: {pods}");
        let waiting = world.howdah(&["status", "simple", "--wait", "--timeout", "1s"])?;
        contains(&waiting.refused(3)?, "late-profile")?;
        let events = world
            .howdah(&["events", "sgcluster/simple", "--warnings"])?
            .ok()?;
        contains(&events, "late-profile")?;

        world.apply(&parameters("late-config", &json!({"work_mem": "8MB"})))?;
        let profile = json!({
            "apiVersion": "stackgres.io/v1",
            "kind": "SGInstanceProfile",
            "metadata": {"name": "late-profile"},
            "spec": {"cpu": "1", "memory": "1Gi"},
        });
        world.apply(&profile.to_string())?;
        let status = cluster.wait_until_complete()?;
        cluster.check(&status, 1)?;
        cluster.wait_for_condition("Failed", "False").await?;
        shows(world, "work_mem", "8MB")
            .await
            .context("the late configuration counts")
    })
    .await
}

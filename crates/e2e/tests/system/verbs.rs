//! What people type, against a running cluster.

use anyhow::{Context, Result, ensure};
use howdah_e2e::{Cluster, World, contains, eventually, lines};
use serde_json::{Value, json};

/// Runs every verb that only looks, on a complete cluster of three with one row in `notes`.
pub(crate) async fn check(world: &World, cluster: &Cluster<'_>) -> Result<()> {
    status(world, cluster).await.context("status")?;
    get(world).await.context("get")?;
    describe(world).await.context("describe")?;
    logs(world).await.context("logs")?;
    events(world).await.context("events")?;
    psql(world).await.context("psql")?;
    version(world).await.context("version")
}

async fn status(world: &World, cluster: &Cluster<'_>) -> Result<()> {
    let arguments = ["status", "simple", "--wait", "--timeout", "60s"];
    let table = world.howdah(&arguments).await?.ok()?;
    contains(&table, "Instances   3 of 3 streaming")?;
    contains(&table, "Primary     simple-0")?;
    let header = table.lines().find(|line| line.starts_with("INSTANCE"));
    let words: Vec<_> = header.unwrap_or_default().split_whitespace().collect();
    ensure!(
        words[..6] == ["INSTANCE", "ROLE", "STATE", "TIMELINE", "LAG", "ADDRESS"],
        "{table}"
    );
    for (pod, role, state) in [
        ("simple-0", "primary", "running"),
        ("simple-1", "replica", "streaming"),
        ("simple-2", "replica", "streaming"),
    ] {
        let address = cluster.instance_target(pod).await?.address;
        let row = table
            .lines()
            .find(|line| line.starts_with(pod))
            .unwrap_or_default();
        let row: Vec<_> = row.split_whitespace().collect();
        ensure!(row.get(1..4) == Some(&[role, state, "2"]), "{table}");
        ensure!(
            row.contains(&address.as_str()),
            "{address} is not in {table}"
        );
    }
    eventually("replicas without lag", async || {
        let status = world
            .howdah(&["status", "simple", "-o", "json"])
            .await?
            .json()?;
        let members = status["members"].as_array().cloned().unwrap_or_default();
        let seen: Vec<_> = members
            .iter()
            .map(|it| {
                json!([
                    it["name"],
                    it["role"],
                    it["timeline"],
                    it["lagBytes"],
                    it["ready"]
                ])
            })
            .collect();
        let expected = [
            json!(["simple-0", "primary", 2, Value::Null, true]),
            json!(["simple-1", "replica", 2, 0, true]),
            json!(["simple-2", "replica", 2, 0, true]),
        ];
        ensure!(seen == expected, "{seen:?}");
        Ok(())
    })
    .await?;
    let absent = world.howdah(&["status", "absent"]).await?.refused(1)?;
    contains(
        &absent,
        "error: there is no cluster called absent in namespace",
    )?;
    lines(&absent, 1)
}

async fn get(world: &World) -> Result<()> {
    let table = world.howdah(&["get", "sgclu"]).await?.ok()?;
    let header = table.lines().next().unwrap_or_default();
    contains(header, "NAME")?;
    contains(header, "VERSION")?;
    contains(&table, "simple")?;
    let one = world
        .howdah(&["get", "sgcluster", "simple", "-o", "json"])
        .await?
        .json()?;
    ensure!(
        one["kind"] == "SGCluster" && one["spec"]["instances"] == 3,
        "{one}"
    );
    let yaml = world
        .howdah(&["get", "pod/simple-0", "-o", "yaml"])
        .await?
        .ok()?;
    contains(&yaml, "\nkind: Pod\n")?;
    let absent = world
        .howdah(&["get", "sgcluster", "absent"])
        .await?
        .refused(1)?;
    let expected = "Error from server (NotFound): sgclusters.stackgres.io \"absent\" not found\n";
    ensure!(absent == expected, "{absent}");
    let unknown = world.howdah(&["get", "sgfoo"]).await?.refused(1)?;
    let expected = "error: the server doesn't have a resource type \"sgfoo\"\n";
    ensure!(unknown == expected, "{unknown}");
    world.howdah(&["get"]).await?.refused(2).map(drop)
}

async fn describe(world: &World) -> Result<()> {
    let text = world
        .howdah(&["describe", "sgcluster", "simple"])
        .await?
        .ok()?;
    for part in ["simple", "Conditions:", "Bootstrapped", "Events:"] {
        contains(&text, part)?;
    }
    let text = world.howdah(&["describe", "pod/simple-0"]).await?.ok()?;
    contains(&text, "patroni")
}

async fn logs(world: &World) -> Result<()> {
    let arguments = ["logs", "simple", "--all", "--tail", "5"];
    let all = world.howdah(&arguments).await?.ok()?;
    for instance in ["[simple-0] ", "[simple-1] ", "[simple-2] "] {
        contains(&all, instance)?;
    }
    let one = world
        .howdah(&["logs", "simple-1", "--tail", "1"])
        .await?
        .ok()?;
    lines(&one, 1)
}

async fn events(world: &World) -> Result<()> {
    let events = world
        .howdah(&["events", "sgcluster/simple", "-o", "json"])
        .await?
        .json()?;
    let found = events.as_array().context("a list")?;
    let created = found
        .iter()
        .any(|event| event["reason"] == "ClusterCreated");
    ensure!(created, "{events}");
    let table = world.howdah(&["events"]).await?.ok()?;
    contains(&table, "ClusterCreated")
}

async fn psql(world: &World) -> Result<()> {
    let ask = async |arguments: &[&str]| {
        let words = ["psql", "simple", "--", "-X", "-At"];
        world.howdah(&[&words[..], arguments].concat()).await
    };
    let rows = ask(&["-c", "SELECT count(*) FROM notes"]).await?.ok()?;
    ensure!(rows == "1\n", "{rows}");
    let encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let mode = ["-c", "\\getenv mode PGSSLMODE", "-c", "\\echo :mode"];
    let words = [&["-c", encrypted], &mode[..]].concat();
    let answer = ask(&words).await?.ok()?;
    ensure!(answer == "t\nverify-full\n", "{answer}");
    let failed = ask(&["-c", "SELECT 1/0"]).await?.refused(1)?;
    contains(&failed, "division by zero")?;
    let script = world.file("SELECT 1/0;\nSELECT 1;\n")?;
    ask(&["-v", "ON_ERROR_STOP=1", "-f", &script])
        .await?
        .refused(3)?;
    let question = ["--", "-XAtc", "SELECT pg_is_in_recovery()"];
    let replica = [&["psql", "simple", "--replica"], &question[..]].concat();
    let answer = world.howdah(&replica).await?.ok()?;
    ensure!(answer == "t\n", "{answer}");
    let absent = world.howdah(&["psql", "absent"]).await?.refused(1)?;
    contains(
        &absent,
        "error: there is no cluster called absent in namespace",
    )?;
    lines(&absent, 1)
}

async fn version(world: &World) -> Result<()> {
    let version = world.howdah(&["version"]).await?.ok()?;
    contains(&version, "Client Version: v")?;
    contains(&version, "Server Version: v1.")
}

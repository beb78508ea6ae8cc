//! From a manifest to a cluster that takes rows, for each Postgres version, with our own verbs and with kubectl.

use anyhow::{Context, Result, ensure};
use howdah_e2e::{Manifest, NINE_LINES, World, contains, eventually, run};

/// What has to be true of every complete cluster of three: a row written through the read-write Service is
/// read on each replica and through the read-only Service.
async fn takes_rows(world: &World, name: &str, version: &str) -> Result<()> {
    let cluster = world.cluster(name);
    let status = cluster.wait_until_complete()?;
    cluster.check(&status, 3)?;
    let running = status["postgresVersion"].as_str().unwrap_or_default();
    ensure!(running.starts_with(version), "{version} in {status}");

    cluster.write("written once").await?;
    let instances = cluster.instances()?;
    for instance in &instances {
        cluster.wait_for_row(instance, "written once").await?;
    }
    let primary = cluster.service("read-write").await?;
    let in_recovery = "SELECT pg_is_in_recovery()";
    ensure!(
        primary.value(in_recovery).await? == "f",
        "the read-write Service leads to the primary"
    );
    let replica = cluster.service("read-only").await?;
    ensure!(
        replica.value(in_recovery).await? == "t",
        "the read-only Service leads to a replica"
    );
    let server = primary.value("SHOW server_version").await?;
    ensure!(
        server.starts_with(running),
        "{running} is what runs, not {server}"
    );
    Ok(())
}

/// Nothing of a deleted cluster stays.
async fn is_gone(world: &World, name: &str) -> Result<()> {
    let selector = format!("stackgres.io/cluster-name={name}");
    let kinds = "pods,services,persistentvolumeclaims,secrets,configmaps,endpointslices,leases";
    eventually("the parts of the cluster to go", async || {
        let left = world.howdah(&["get", kinds, "-l", &selector, "-o", "name"])?;
        ensure!(left.stdout.is_empty(), "{}", left.stdout);
        let processes = world.processes()?.postmasters();
        ensure!(processes.is_empty(), "{processes:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_nine_lines_become_three_streaming_instances() -> Result<()> {
    run(async |world| {
        world.up()?;
        let created = world.apply(NINE_LINES)?;
        ensure!(
            created == "sgcluster.stackgres.io/simple created\n",
            "{created}"
        );
        takes_rows(world, "simple", "18.").await?;
        let again = world.apply(NINE_LINES)?;
        ensure!(
            again == "sgcluster.stackgres.io/simple unchanged\n",
            "{again}"
        );
        the_verbs_show_it(world).await?;
        psql_is_passed_through(world)?;

        let deleted = world.howdah(&["delete", "sgcluster", "simple"])?.ok()?;
        ensure!(
            deleted == "sgcluster.stackgres.io \"simple\" deleted from default namespace\n",
            "{deleted}"
        );
        is_gone(world, "simple").await?;
        world.down()?;
        world.check_that_nothing_is_left()
    })
    .await
}

async fn the_verbs_show_it(world: &World) -> Result<()> {
    let table = world.howdah(&["get", "sgclu"])?.ok()?;
    contains(&table, "NAME")?;
    contains(&table, "simple")?;
    contains(&table, "18.")?;
    let text = world.howdah(&["status", "simple"])?.ok()?;
    contains(&text, "Instances   3 of 3 streaming")?;
    contains(&text, "simple-0   primary   running")?;
    let text = world.howdah(&["describe", "sgcluster", "simple"])?.ok()?;
    for part in [
        "Wanted:",
        "Running:",
        "Conditions:",
        "Bootstrapped",
        "Events:",
    ] {
        contains(&text, part)?;
    }
    let text = world.howdah(&["describe", "pod/simple-0"])?.ok()?;
    contains(&text, "patroni")?;
    let all = world
        .howdah(&["logs", "simple", "--all", "--tail", "5"])?
        .ok()?;
    for instance in ["[simple-0] ", "[simple-1] ", "[simple-2] "] {
        contains(&all, instance)?;
    }
    let one = world.howdah(&["logs", "simple", "--tail", "1"])?.ok()?;
    ensure!(one.lines().count() == 1, "{one}");
    let events = world
        .howdah(&["events", "sgcluster/simple", "-o", "json"])?
        .json()?;
    ensure!(
        events.as_array().is_some_and(|events| !events.is_empty()),
        "{events}"
    );
    let version = world.howdah(&["version"])?.ok()?;
    contains(&version, "Server Version: v1.")
}

fn psql_is_passed_through(world: &World) -> Result<()> {
    let psql = |arguments: &[&str]| {
        let words = ["psql", "simple", "--", "-X", "-At"];
        world.howdah(&[&words[..], arguments].concat())
    };
    let answer = psql(&["-c", "SELECT count(*) FROM notes"])?.ok()?;
    ensure!(answer == "1\n", "{answer}");
    ensure!(
        psql(&["-c", "SELECT 1/0"])?.code == 1,
        "psql's exit code is passed on"
    );
    let script = world.file("script.sql", "SELECT 1/0;\nSELECT 1;\n")?;
    ensure!(
        psql(&["-v", "ON_ERROR_STOP=1", "-f", &script])?.code == 3,
        "also 3"
    );
    let replica = world.howdah(&[
        "psql",
        "simple",
        "--replica",
        "--",
        "-XAtc",
        "SELECT pg_is_in_recovery()",
    ])?;
    let answer = replica.ok()?;
    ensure!(answer == "t\n", "{answer}");
    let nobody = world.howdah(&["psql", "absent"])?.refused(1)?;
    contains(
        &nobody,
        "error: there is no cluster called absent in namespace default",
    )
}

async fn version_becomes_three_streaming_instances(version: &str) -> Result<()> {
    run(async |world| {
        world.up()?;
        let manifest = Manifest::new("old", version, 3);
        world.apply(&manifest.text())?;
        takes_rows(world, "old", &format!("{version}.")).await
    })
    .await
}

#[tokio::test]
async fn postgres_17_becomes_three_streaming_instances() -> Result<()> {
    version_becomes_three_streaming_instances("17").await
}

#[tokio::test]
async fn postgres_15_becomes_three_streaming_instances() -> Result<()> {
    version_becomes_three_streaming_instances("15").await
}

#[tokio::test]
async fn kubectl_applies_scales_and_deletes() -> Result<()> {
    run(async |world| {
        world.up()?;
        let file = world.file("simple.yaml", NINE_LINES)?;
        let created = world.kubectl(&["apply", "-f", &file])?.ok()?;
        ensure!(
            created == "sgcluster.stackgres.io/simple created\n",
            "{created}"
        );
        takes_rows(world, "simple", "18.").await?;
        let again = world.kubectl(&["apply", "-f", &file])?.ok()?;
        ensure!(
            again == "sgcluster.stackgres.io/simple unchanged\n",
            "{again}"
        );
        let table = world.kubectl(&["get", "sgclu"])?.ok()?;
        contains(&table, "simple")?;

        world
            .kubectl(&["scale", "sgcluster/simple", "--replicas=1"])?
            .ok()?;
        let cluster = world.cluster("simple");
        let status = cluster
            .wait_for("one instance", |status| {
                status["members"]
                    .as_array()
                    .is_some_and(|members| members.len() == 1)
            })
            .await?;
        cluster.check(&status, 1)?;
        cluster
            .wait_for_row("simple-0", "written once")
            .await
            .context("the primary is the one that stays")?;
        world.kubectl(&["delete", "-f", &file])?.ok()?;
        is_gone(world, "simple").await
    })
    .await
}

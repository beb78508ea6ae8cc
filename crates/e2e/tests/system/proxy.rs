//! Envoy, through which clients come in: what it shows, what it refuses, its end, its certificate, and doing without.
//!
//! That every mode of TLS works through both of its ports, and that no client notices a switchover, is in `pooler`.

mod hostile;
mod page;
mod without;

use anyhow::{Context, Result, ensure};
use howdah_e2e::{
    Cluster, Manifest, Outcome, Process, Sql, World, contains, eventually, on_pocket,
};
use nix::sys::signal::Signal;
use serde_json::Value;

use self::page::Metrics;
use crate::pooler::{direct, program, secret, start};

#[tokio::test]
async fn clients_come_in_through_envoy() -> Result<()> {
    on_pocket(async |world| {
        let cluster = start(world, Manifest::new("simple", "18", 1), 1).await?;
        let metrics = Metrics::of(&cluster, "simple-0").await?;
        sessions_are_counted_and_told(world, &cluster, &metrics)
            .await
            .context("metrics")?;
        metrics
            .are_all_that_is_shown()
            .await
            .context("the admin interface")?;
        let targets = [cluster.service_target("").await?, direct(&cluster).await?];
        hostile::bytes_harm_nobody(&targets)
            .await
            .context("hostile bytes")?;
        a_certificate_is_replaced_under_load(world, &cluster, &metrics)
            .await
            .context("another certificate")?;
        a_killed_envoy_comes_back(world, &cluster)
            .await
            .context("a killed Envoy")
    })
    .await
}

async fn sessions_are_counted_and_told(
    world: &World,
    cluster: &Cluster<'_>,
    metrics: &Metrics,
) -> Result<()> {
    let select = "pg_statements{kind=\"select\"}";
    let before = metrics.value(select).await?;
    for target in [cluster.service_target("").await?, direct(cluster).await?] {
        let mut psql = program(world, "psql", &target)?;
        psql.args(["-XAtc", "SELECT 1"])
            .env("PGSSLMODE", "require")
            .env("PGAPPNAME", "teller");
        Outcome::of(psql).await?.ok()?;
    }
    let counted = metrics.value(select).await? - before;
    // Whoever else looks at the cluster may have added to it.
    ensure!(counted >= 2.0, "{counted} statements were counted");
    eventually("a line for each session", async || {
        let words = ["logs", "simple-0", "-c", "envoy"];
        let log = world.howdah(&words).await?.ok()?;
        let told: Vec<Value> = log
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(|line: &Value| line["application"] == "teller")
            .collect();
        ensure!(told.len() == 2, "{log}");
        let well = |line: &Value| {
            line["tls"] == "TLSv1.3" && line["user"] == "postgres" && line["statements"] == 1
        };
        ensure!(told.iter().all(well), "{told:?}");
        Ok(())
    })
    .await
}

/// The operator makes another certificate when its Secret is gone.
async fn a_certificate_is_replaced_under_load(
    world: &World,
    cluster: &Cluster<'_>,
    metrics: &Metrics,
) -> Result<()> {
    let taken = "ssl_context_update_by_sds{envoy_listener_address=\"pooled\"}";
    let before = metrics.value(taken).await?;
    let former = secret(world, "simple-ssl", "tls.crt").await?;
    let target = cluster.service_target("").await?;
    let mut bench = program(world, "pgbench", &target)?;
    let script = world.file("SELECT 1;\n")?;
    bench
        .args(["-n", "-c", "4", "-R", "200", "-T", "10", "-f", &script])
        .env("PGSSLMODE", "require");
    let bench = tokio::spawn(Outcome::of(bench));
    let words = ["delete", "secret", "simple-ssl"];
    world.howdah(&words).await?.ok()?;
    eventually("another certificate", async || {
        let now = secret(world, "simple-ssl", "tls.crt").await?;
        ensure!(now != former, "it is the former one");
        let updates = metrics.value(taken).await? - before;
        ensure!(updates > 0.0, "Envoy has the former one");
        Ok(())
    })
    .await?;
    ensure!(!bench.is_finished(), "there was no load any more");
    let said = bench.await??.ok().context("no session is ended")?;
    contains(&said, "number of failed transactions: 0 ")?;
    let authority = world.path().join("ca.crt");
    std::fs::write(&authority, secret(world, "simple-ssl", "ca.crt").await?)?;
    eventually("the new certificate is good", async || {
        let mut psql = program(world, "psql", &target)?;
        psql.args(["-XAtc", "SELECT 1"])
            .env("PGSSLMODE", "verify-full")
            .env("PGSSLROOTCERT", &authority);
        Outcome::of(psql).await?.ok().map(drop)
    })
    .await
}

async fn a_killed_envoy_comes_back(world: &World, cluster: &Cluster<'_>) -> Result<()> {
    let session = cluster.service("").await?;
    let processes = world.processes()?;
    let envoys: Vec<&Process> = processes
        .all()
        .iter()
        .filter(|process| process.line.starts_with("envoy "))
        .collect();
    ensure!(envoys.len() == 1, "{envoys:?}");
    for envoy in &envoys {
        envoy.signal(Signal::SIGKILL)?;
    }
    eventually("both ways after the end of Envoy", async || {
        cluster.service("").await?.execute("SELECT 1").await?;
        let direct = Sql::connect(&direct(cluster).await?).await?;
        direct.execute("SELECT 1").await
    })
    .await?;
    let ended = session.execute("SELECT 1").await;
    ensure!(ended.is_err(), "a session outlived its Envoy");
    Ok(())
}

//! What stands between clients and Postgres: the pooler, encryption, and a primary that moves behind them.

mod crowd;
mod features;
mod limits;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use howdah_e2e::{
    Cluster, Kind, Manifest, Outcome, Process, Sql, Target, Tool, World, contains, eventually,
    on_pocket, text,
};
use howdah_types::catalogue::ComponentName;
use nix::sys::signal::Signal;
use tokio::process::Command;
use tokio::task::JoinHandle;

pub(crate) async fn start(
    world: &World,
    manifest: Manifest,
    instances: usize,
) -> Result<Cluster<'_>> {
    let cluster = world.cluster("simple");
    cluster.apply(Tool::Howdah, &manifest).await?;
    cluster.wait_until_streaming(instances).await?;
    Ok(cluster)
}

/// The way to Postgres without the pooler, where it is Postgres that counts sessions.
pub(crate) async fn direct(cluster: &Cluster<'_>) -> Result<Target> {
    let pooled = cluster.service_target("").await?;
    let host = pooled.address.split(':').next().unwrap_or_default();
    Ok(Target {
        address: format!("{host}:5433"),
        password: pooled.password.clone(),
    })
}

/// A program of Postgres' own, as the superuser at this address.
pub(crate) fn program(world: &World, name: &str, target: &Target) -> Result<Command> {
    let programs = world.components().newest(ComponentName::PostgresUtil)?;
    let (host, port) = target.address.split_once(':').context("an address")?;
    let mut command = Command::new(programs.bin.join(name));
    command
        .envs(programs.env)
        .env("PGHOST", host)
        .env("PGPORT", port)
        .env("PGUSER", "postgres")
        .env("PGDATABASE", "postgres")
        .env("PGPASSWORD", &target.password)
        .env("PGCONNECT_TIMEOUT", "10")
        .env("HOME", world.path());
    Ok(command)
}

pub(crate) async fn secret(world: &World, name: &str, key: &str) -> Result<String> {
    let secret = world.api().await?.get(Kind::SECRETS, name).await?;
    let decoded = BASE64_STANDARD.decode(text(&secret, &format!("/data/{key}")))?;
    Ok(String::from_utf8(decoded)?)
}

#[tokio::test]
async fn clients_of_a_service_are_pooled_and_encrypted() -> Result<()> {
    on_pocket(async |world| {
        let manifest = Manifest::new("simple", "18", 1);
        let cluster = start(world, manifest.clone(), 1).await?;
        every_tls_mode(world, &cluster).await.context("tls")?;
        settings_are_reloaded(world, &cluster, &manifest)
            .await
            .context("settings")?;
        a_killed_pooler_comes_back(world, &cluster)
            .await
            .context("a killed pooler")?;
        limits::of_the_pooler(world, &cluster, &manifest)
            .await
            .context("limits of the pooler")?;
        limits::of_postgres(world, &cluster, manifest)
            .await
            .context("the limit of Postgres")
    })
    .await
}

async fn every_tls_mode(world: &World, cluster: &Cluster<'_>) -> Result<()> {
    let authority = world.path().join("ca.crt");
    std::fs::write(&authority, secret(world, "simple-ssl", "ca.crt").await?)?;
    let pooled = cluster.service_target("").await?;
    let host = pooled.address.split(':').next().unwrap_or_default();
    let direct = direct(cluster).await?;
    for target in [&pooled, &direct] {
        for (mode, encrypted) in [
            ("disable", "false"),
            ("require", "true"),
            ("verify-full", "true"),
        ] {
            // The certificate follows the addresses of new Services in a moment.
            eventually(
                &format!("sslmode {mode} at {}", target.address),
                async || {
                    let mut psql = program(world, "psql", target)?;
                    psql.args(["-X", "-c", "\\conninfo"])
                        .env("PGSSLMODE", mode)
                        .env("PGSSLROOTCERT", &authority);
                    let said = Outcome::of(psql).await?.ok()?;
                    let line = said.lines().find(|line| line.contains("SSL Connection"));
                    contains(line.unwrap_or_default(), encrypted)
                },
            )
            .await?;
        }
    }
    // By the name that clients of the same namespace use.
    let mut psql = program(world, "psql", &pooled)?;
    psql.args(["-XAtc", "SELECT 1"])
        .env("PGHOST", "simple")
        .env("PGHOSTADDR", host)
        .env("PGSSLMODE", "verify-full")
        .env("PGSSLROOTCERT", &authority);
    contains(&Outcome::of(psql).await?.ok()?, "1")
}

/// One line of the pooler's own settings.
async fn setting(world: &World, target: &Target, name: &str) -> Result<String> {
    let password = secret(world, "simple", "pgbouncer-stats-password").await?;
    let mut psql = program(world, "psql", target)?;
    psql.args(["-XAtc", "SHOW CONFIG"])
        .env("PGUSER", "pgbouncer_stats")
        .env("PGDATABASE", "pgbouncer")
        .env("PGPASSWORD", password);
    let said = Outcome::of(psql).await?.ok()?;
    let line = said
        .lines()
        .find(|line| line.starts_with(&format!("{name}|")));
    let value = line.and_then(|line| line.split('|').nth(1));
    Ok(value.unwrap_or_default().to_owned())
}

async fn settings_are_reloaded(
    world: &World,
    cluster: &Cluster<'_>,
    manifest: &Manifest,
) -> Result<()> {
    let target = cluster.service_target("").await?;
    let session = Sql::connect(&target).await?;
    let changed = manifest.clone().set(
        "/spec/configurations/pooling/pgBouncer/pgbouncer.ini/pgbouncer",
        serde_json::json!({"default_pool_size": 17, "listen_addr": "nowhere"}),
    );
    cluster.apply(Tool::Howdah, &changed).await?;
    eventually("the new size of pools", async || {
        let size = setting(world, &target, "default_pool_size").await?;
        ensure!(size == "17", "{size}");
        Ok(())
    })
    .await?;
    session
        .execute("SELECT 1")
        .await
        .context("a session goes on")
}

async fn a_killed_pooler_comes_back(world: &World, cluster: &Cluster<'_>) -> Result<()> {
    let processes = world.processes()?;
    let poolers = processes.all().iter();
    let poolers: Vec<&Process> = poolers
        .filter(|process| process.line.starts_with("pgbouncer "))
        .collect();
    ensure!(poolers.len() == 1, "{poolers:?}");
    for pooler in &poolers {
        pooler.signal(Signal::SIGKILL)?;
    }
    eventually("the pooler after its end", async || {
        cluster.service("").await?.execute("SELECT 1").await
    })
    .await
}

/// Waits until the clients have written more.
async fn goes_on(cluster: &Cluster<'_>) -> Result<()> {
    let sql = cluster.service("").await?;
    let written = async || -> Result<u64> {
        let count = sql.value("SELECT count(*) FROM pgbench_history").await?;
        Ok(count.parse()?)
    };
    let before = written().await?;
    eventually("more transactions", async || {
        let count = written().await?;
        ensure!(count > before + 50, "{count} after {before}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn no_client_of_transaction_pooling_notices_switchovers_or_a_rolling_restart() -> Result<()> {
    on_pocket(async |world| {
        let manifest = Manifest::new("simple", "18", 2).set(
            "/spec/configurations/pooling/pgBouncer/pgbouncer.ini/pgbouncer/pool_mode",
            "transaction",
        );
        let cluster = start(world, manifest, 2).await?;
        let target = cluster.service_target("").await?;
        let mut fill = program(world, "pgbench", &target)?;
        fill.args(["-i", "-q", "-s", "1"]);
        Outcome::of(fill).await?.ok()?;
        let bench = begin_transactions(world, &target, "30")?;
        // The second one finds clients that were sent on from the first primary.
        for primary in ["simple-1", "simple-0", "simple-1"] {
            goes_on(&cluster).await?;
            let words = ["switchover", "simple", "--yes", "--candidate", primary];
            world.howdah(&words).await?.ok()?;
            cluster.wait_until_streaming(2).await?;
        }
        none_failed(bench).await.context("switchovers")?;
        let bench = begin_transactions(world, &target, "45")?;
        goes_on(&cluster).await?;
        let words = ["restart", "simple", "--yes"];
        world.howdah(&words).await?.ok()?;
        goes_on(&cluster).await?;
        none_failed(bench).await.context("a rolling restart")
    })
    .await
}

/// Clients that begin one transaction after the other, for so many seconds.
fn begin_transactions(
    world: &World,
    target: &Target,
    seconds: &str,
) -> Result<JoinHandle<Result<Outcome>>> {
    let mut bench = program(world, "pgbench", target)?;
    bench.args(["-n", "-c", "8", "-T", seconds]);
    Ok(tokio::spawn(Outcome::of(bench)))
}

async fn none_failed(bench: JoinHandle<Result<Outcome>>) -> Result<()> {
    let said = bench.await??.ok().context("no client is cut off")?;
    contains(&said, "number of failed transactions: 0 ")
}

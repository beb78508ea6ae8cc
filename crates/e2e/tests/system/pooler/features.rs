//! What a user expects of both ports while the pooler takes its servers back after each transaction.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use howdah_e2e::{Cluster, Manifest, Outcome, Sql, Target, World, contains, eventually, on_pocket};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};

use super::{direct, program, secret, start};

/// What psql is given, and what it prints.
const SCRIPTS: [(&str, &str, &str); 4] = [
    (
        "COPY",
        "CREATE TEMP TABLE t (n int, v text) ON COMMIT DROP \\; COPY t FROM STDIN \\; COPY t TO STDOUT;\n\
         1\tone\n2\t\\N\n\\.\n",
        "1\tone\n2\t\\N\n",
    ),
    (
        "a cursor",
        "BEGIN;\nDECLARE c SCROLL CURSOR FOR SELECT generate_series(1, 5);\nFETCH 2 FROM c;\nMOVE 1 FROM c;\n\
         FETCH ALL FROM c;\nFETCH ABSOLUTE 3 FROM c;\nCLOSE c;\nCOMMIT;\n",
        "1\n2\n4\n5\n3\n",
    ),
    (
        "a large object",
        "\\lo_import :file\nSELECT length(lo_get(:LASTOID));\n\\lo_export :LASTOID /dev/null\n\
         \\lo_unlink :LASTOID\nSELECT count(*) FROM pg_largeobject_metadata;\n",
        "4\n0\n",
    ),
    (
        "a prepared statement",
        "SELECT $1::int + 1 \\parse s\n\\bind_named s 1 \\g\nBEGIN;\nCOMMIT;\n\\bind_named s 2 \\g\n\\close_prepared s\n",
        "2\n3\n",
    ),
];

#[tokio::test]
async fn both_ports_take_what_users_expect_of_them() -> Result<()> {
    on_pocket(async |world| {
        let manifest = Manifest::new("simple", "18", 1).set(
            "/spec/configurations/pooling/pgBouncer/pgbouncer.ini",
            json!({
                "pgbouncer": {"pool_mode": "transaction"},
                "databases": {"calm": {"dbname": "postgres", "pool_mode": "session"}},
                "users": {"postgres": {"max_user_client_connections": 50}},
            }),
        );
        let cluster = start(world, manifest, 1).await?;
        let targets = [cluster.service_target("").await?, direct(&cluster).await?];
        for target in &targets {
            let port = &target.address;
            scripts(world, target).await?;
            cancel(world, target)
                .await
                .with_context(|| format!("cancel at {port}"))?;
            backup(world, target)
                .await
                .with_context(|| format!("backup at {port}"))?;
            decode(world, target)
                .await
                .with_context(|| format!("decoding at {port}"))?;
        }
        let [pooled, direct] = &targets;
        listen(world, &cluster, direct, "postgres")
            .await
            .context("LISTEN past the pooler")?;
        listen(world, &cluster, pooled, "calm")
            .await
            .context("LISTEN in session mode")
    })
    .await
}

async fn scripts(world: &World, target: &Target) -> Result<()> {
    let file = world.file("four")?;
    for (what, script, expected) in SCRIPTS {
        let script = world.file(script)?;
        let mut psql = program(world, "psql", target)?;
        psql.args([
            "-XAtqv",
            "ON_ERROR_STOP=1",
            "-v",
            &format!("file={file}"),
            "-f",
            &script,
        ]);
        let said = Outcome::of(psql).await?.ok().context(what)?;
        ensure!(said == expected, "{what} at {}: {said:?}", target.address);
    }
    Ok(())
}

async fn cancel(world: &World, target: &Target) -> Result<()> {
    let others = Sql::connect(target).await?;
    let mut psql = program(world, "psql", target)?;
    psql.args(["-XAtqc", "SELECT pg_sleep(600)"])
        .env("PGSSLMODE", "require");
    let psql = psql.stderr(Stdio::piped()).kill_on_drop(true).spawn()?;
    let id = Pid::from_raw(i32::try_from(psql.id().context("it runs")?)?);
    eventually("it sleeps", async || {
        let count = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        let count = others.value(count).await?;
        ensure!(count == "1", "{count} do");
        Ok(())
    })
    .await?;
    kill(id, Signal::SIGINT)?;
    let output = psql.wait_with_output().await?;
    contains(
        &String::from_utf8_lossy(&output.stderr),
        "canceling statement due to user request",
    )
}

/// As the role that may.
async fn replicator(world: &World, name: &str, target: &Target) -> Result<Command> {
    let mut command = program(world, name, target)?;
    command
        .env(
            "PGUSER",
            secret(world, "simple", "replication-username").await?,
        )
        .env(
            "PGPASSWORD",
            secret(world, "simple", "replication-password").await?,
        )
        .env("PGSSLMODE", "require");
    Ok(command)
}

async fn backup(world: &World, target: &Target) -> Result<()> {
    let port = target.address.rsplit(':').next().unwrap_or_default();
    let folder = world.path().join(format!("backup-{port}"));
    let mut command = replicator(world, "pg_basebackup", target).await?;
    command.args(["-X", "stream", "-c", "fast", "-N", "-D", folder.as_str()]);
    Outcome::of(command).await?.ok()?;
    ensure!(
        folder.join("backup_manifest").is_file(),
        "it is not complete"
    );
    Ok(())
}

async fn decode(world: &World, target: &Target) -> Result<()> {
    let sql = Sql::connect(target).await?;
    let recv = |words: &[&str]| {
        let mut command = program(world, "pg_recvlogical", target)?;
        command
            .args(["-d", "postgres", "--slot", "changes"])
            .args(words);
        anyhow::Ok(command)
    };
    let made = recv(&["--create-slot", "-P", "test_decoding"])?;
    Outcome::of(made).await?.ok()?;
    sql.execute("CREATE TABLE decoded (n int)").await?;
    sql.execute("INSERT INTO decoded VALUES (42)").await?;
    let end = sql.value("SELECT pg_current_wal_lsn()").await?;
    let read = recv(&["--start", "--no-loop", "--endpos", &end, "-f", "-"])?;
    let said = Outcome::of(read).await?.ok()?;
    contains(&said, "table public.decoded: INSERT: n[integer]:42")?;
    Outcome::of(recv(&["--drop-slot"])?).await?.ok()?;
    sql.execute("DROP TABLE decoded").await
}

/// A notification of another session arrives.
async fn listen(
    world: &World,
    cluster: &Cluster<'_>,
    target: &Target,
    database: &str,
) -> Result<()> {
    let mut psql = program(world, "psql", target)?;
    psql.args(["-XAtq"]).env("PGDATABASE", database);
    psql.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut psql = psql.kill_on_drop(true).spawn()?;
    ask(&mut psql, "LISTEN news; SELECT 'listening';\n").await?;
    let mut lines = BufReader::new(psql.stdout.take().context("its output")?).lines();
    let first = lines.next_line().await?;
    ensure!(first.as_deref() == Some("listening"), "{first:?}");
    let sender = Sql::connect(&direct(cluster).await?).await?;
    sender
        .execute("NOTIFY news, 'the elephant has landed'")
        .await?;
    // psql looks for notifications when a statement is done.
    eventually("the notification", async || {
        ask(&mut psql, "SELECT 'asked';\n").await?;
        let line = lines.next_line().await?.context("psql has ended")?;
        contains(&line, "\"news\" with payload \"the elephant has landed\"")
    })
    .await
}

async fn ask(psql: &mut Child, text: &str) -> Result<()> {
    let input = psql.stdin.as_mut().context("its input")?;
    Ok(input.write_all(text.as_bytes()).await?)
}

//! COPY in both directions, and replication.

use anyhow::{Result, bail, ensure};
use howdah_testkit::wait_until;
use pretty_assertions::assert_eq;
use tokio::io::AsyncWriteExt as _;

use crate::config::Way;
use crate::programs::{self, PATIENCE};
use crate::wire::{Raw, message, query};
use crate::world::World;

const ROWS: usize = 50_000;

#[tokio::test]
async fn copy_passes_in_both_directions() -> Result<()> {
    let world = World::new().await?;
    let admin = world.direct().await?;
    admin
        .batch_execute("CREATE TABLE t (n int, v text)")
        .await?;
    for mode in ["disable", "require"] {
        let more = format!("sslmode={mode}");
        let input = world.folder().join("rows");
        let rows: String = (0..ROWS).map(|n| format!("{n}\tvalue {n}\n")).collect();
        std::fs::write(&input, &rows)?;
        let mut command = world.psql_command(Way::Offer, &more, &["-c", "COPY t FROM STDIN"])?;
        command.stdin(std::fs::File::open(&input)?);
        assert_eq!(programs::run(command).await?, Ok(String::new()));
        let sql = "COPY (SELECT * FROM t ORDER BY n) TO STDOUT";
        let output = world.psql(Way::Offer, &more, sql).await?;
        ensure!(output.as_deref() == Ok(rows.trim()), "COPY gave other rows");
        admin.batch_execute("TRUNCATE t").await?;
    }
    world
        .until_metric("envoy_howdah_pg_statements{kind=\"copy\"}", 4.0)
        .await?;
    assert_eq!(world.metric("envoy_howdah_pg_opaque{}").await?, 0.0);
    Ok(())
}

#[tokio::test]
async fn a_copy_that_is_torn_off_ends_at_the_server() -> Result<()> {
    let world = World::new().await?;
    let admin = world.direct().await?;
    admin.batch_execute("CREATE TABLE t (n int)").await?;
    for abrupt in [true, false] {
        let mut raw = Raw::session(world.way(Way::Refuse)).await?;
        raw.send(&query("COPY t FROM STDIN")).await?;
        raw.until(b'G').await?;
        // The last message is not all there.
        raw.send(&message(b'd', b"1\n")).await?;
        raw.send(&message(b'd', b"2\n")[..6]).await?;
        wait_until(PATIENCE, "COPY to run", async || copies(&admin, 1).await).await?;
        if abrupt {
            raw.0.set_zero_linger()?;
        } else {
            raw.0.shutdown().await?;
        }
        drop(raw);
        wait_until(PATIENCE, "COPY to end", async || copies(&admin, 0).await).await?;
    }
    let rows: i64 = admin.query_one("SELECT count(*) FROM t", &[]).await?.get(0);
    assert_eq!(rows, 0);
    world
        .until("no session", |status| status.sessions == 0)
        .await?;
    Ok(())
}

async fn copies(admin: &tokio_postgres::Client, wanted: i64) -> Result<()> {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'COPY%'";
    let count: i64 = admin.query_one(sql, &[]).await?.get(0);
    ensure!(count == wanted, "{count} COPYs");
    Ok(())
}

#[tokio::test]
async fn a_base_backup_streams_through_it() -> Result<()> {
    let world = World::new().await?;
    for mode in ["disable", "require"] {
        let folder = world.folder().join(format!("backup-{mode}"));
        let conninfo = world.conninfo(Way::Offer, &format!("sslmode={mode}"));
        let mut command = programs::command(&programs::postgres()?, "pg_basebackup")?;
        command.args([
            "-X",
            "stream",
            "-c",
            "fast",
            "-N",
            "-D",
            folder.as_str(),
            "-d",
            &conninfo,
        ]);
        if let Err(complaint) = programs::run(command).await? {
            bail!("{mode}: {complaint}");
        }
        ensure!(folder.join("backup_manifest").is_file());
    }
    assert_eq!(world.metric("envoy_howdah_pg_opaque{}").await?, 0.0);
    Ok(())
}

#[tokio::test]
async fn replication_goes_on_while_clients_are_held() -> Result<()> {
    let world = World::new().await?;
    let (folder, admin) = (world.folder().join("wal"), world.direct().await?);
    let mut mkdir = std::process::Command::new("mkdir");
    if let Some(user) = howdah_testkit::unprivileged_user()? {
        user.apply(&mut mkdir);
    }
    ensure!(mkdir.arg(&folder).status()?.success());
    let conninfo = world.conninfo(Way::Offer, "sslmode=require");
    let mut command = programs::command(&programs::postgres()?, "pg_receivewal")?;
    command.args(["--synchronous", "-D", folder.as_str(), "-d", &conninfo]);
    command.stderr(std::fs::File::create(
        world.folder().join("receivewal.log"),
    )?);
    let mut receiver = tokio::process::Command::from(command)
        .kill_on_drop(true)
        .spawn()?;
    received(&admin).await?;
    let status = world.control("POST", "/howdah/hold?seconds=600").await?;
    assert_eq!((status.sessions, status.busy), (1, 0));
    admin
        .batch_execute("CREATE TABLE t (n int); SELECT pg_switch_wal()")
        .await?;
    received(&admin).await?;
    assert_eq!(world.control("POST", "/howdah/resume").await?.held, 0);
    receiver.kill().await?;
    Ok(())
}

/// Waits until all WAL of now has arrived at the receiver.
async fn received(admin: &tokio_postgres::Client) -> Result<()> {
    wait_until(PATIENCE, "the WAL to arrive", async || {
        let sql = "SELECT count(*) FROM pg_stat_replication WHERE flush_lsn >= pg_current_wal_flush_lsn()";
        let count: i64 = admin.query_one(sql, &[]).await?.get(0);
        ensure!(count == 1, "{count} receivers have it");
        anyhow::Ok(())
    })
    .await
}

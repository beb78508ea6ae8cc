//! Queries of every kind, and what is counted of them.

use anyhow::{Context, Result, ensure};
use howdah_testkit::wait_until;
use pretty_assertions::assert_eq;
use tokio::time::timeout;
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use crate::config::Way;
use crate::programs::PATIENCE;
use crate::wire::{Raw, message};
use crate::world::World;

#[tokio::test]
async fn queries_of_both_protocols_pass_and_are_counted() -> Result<()> {
    let world = World::new().await?;
    let mut client = world.session(Way::Offer).await?;
    client
        .batch_execute("CREATE TABLE t (n int); INSERT INTO t SELECT generate_series(1, 10)")
        .await?;
    let statement = client.prepare("SELECT n FROM t WHERE n <= $1").await?;
    for count in 1..=5_i32 {
        let rows = client.query(&statement, &[&count]).await?;
        assert_eq!(rows.len(), usize::try_from(count)?);
    }
    // Without waiting for each other, as drivers pipeline.
    let (few, more): (&[&(dyn ToSql + Sync)], &[&(dyn ToSql + Sync)]) = (&[&1_i32], &[&3_i32]);
    let (one, three) = tokio::try_join!(
        client.query(&statement, few),
        client.query(&statement, more)
    )?;
    assert_eq!((one.len(), three.len()), (1, 3));
    let error = client.query("SELECT 1 / 0", &[]).await.err();
    let error = error.context("an error arrives")?;
    assert_eq!(error.code(), Some(&SqlState::DIVISION_BY_ZERO));
    let transaction = client.transaction().await?;
    transaction.execute("DELETE FROM t", &[]).await?;
    transaction.rollback().await?;
    let megabytes = client.query_one("SELECT repeat('x', 3000000)", &[]).await?;
    assert_eq!(megabytes.get::<_, String>(0).len(), 3_000_000);
    let long = "y".repeat(2_000_000);
    let length = client
        .query_one("SELECT length($1::text)", &[&long])
        .await?;
    assert_eq!(length.get::<_, i32>(0), 2_000_000);
    drop(client);
    for (kind, count) in [
        ("select", 9.0),
        ("ddl", 1.0),
        ("insert", 1.0),
        ("delete", 1.0),
    ] {
        let name = format!("envoy_howdah_pg_statements{{kind=\"{kind}\"}}");
        world.until_metric(&name, count).await?;
    }
    world
        .until_metric("envoy_howdah_pg_sessions{}", 1.0)
        .await?;
    assert_eq!(world.metric("envoy_howdah_pg_opaque{}").await?, 0.0);
    let times = "envoy_howdah_pg_query_time_us_count{}";
    world.until_metric(times, 11.0).await?;
    let line = world.until_logged(&["\"22012\""]).await?;
    assert_eq!(line["errors"], 1.0, "{line}");
    ensure!(line["rows"].as_f64() > Some(30.0), "{line}");
    assert_eq!(line["tls"], serde_json::Value::Null, "{line}");
    until_gone(&world).await
}

/// Waits until no session is counted.
async fn until_gone(world: &World) -> Result<()> {
    wait_until(PATIENCE, "the sessions to end", async || {
        let active = world.metric("envoy_howdah_pg_sessions_active{}").await?;
        ensure!(active == 0.0, "{active} are left");
        anyhow::Ok(())
    })
    .await
}

#[tokio::test]
async fn passwords_pass_in_plain_text_and_through_tls() -> Result<()> {
    let world = World::new().await?;
    let admin = world.direct().await?;
    admin
        .batch_execute("CREATE ROLE app LOGIN PASSWORD 'elephant'")
        .await?;
    for mode in ["disable", "require", "verify-full"] {
        let more = format!("sslmode={mode} user=app password=");
        let answer = world
            .psql(
                Way::Offer,
                &(more.clone() + "elephant"),
                "SELECT current_user",
            )
            .await?;
        assert_eq!(answer, Ok("app".to_owned()), "{mode}");
        let answer = world
            .psql(Way::Offer, &(more + "wrong"), "SELECT 1")
            .await?;
        let error = answer.err().context("a wrong password was taken")?;
        ensure!(error.contains("password authentication failed"), "{error}");
    }
    let logs = world.log()? + &std::fs::read_to_string(world.folder().join("access.log"))?;
    ensure!(!logs.contains("elephant"), "a password is in a log");
    world.until_logged(&["\"28P01\"", "\"app\""]).await?;
    Ok(())
}

#[tokio::test]
async fn a_query_is_cancelled_through_it() -> Result<()> {
    let world = World::new().await?;
    // This client closes the connection as soon as it has asked.
    for way in [Way::Bare, Way::Immediate] {
        let client = world.session(way).await?;
        let token = client.cancel_token();
        let (asked, slept) = tokio::join!(
            cancel_when_active(&world, || token.cancel_query(NoTls)),
            timeout(PATIENCE, client.batch_execute("SELECT pg_sleep(600)"))
        );
        asked?;
        let slept = slept.with_context(|| format!("{way:?}: it sleeps on"))?;
        let error = slept.err().context("it was not cancelled")?;
        assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED));
    }
    // This one waits until the server has closed it.
    for (way, mode) in [(Way::Offer, "disable"), (Way::Require, "require")] {
        let more = format!("sslmode={mode}");
        let command = world.psql_command(way, &more, &["-c", "SELECT pg_sleep(600)"])?;
        let mut command = tokio::process::Command::from(command);
        command.stderr(std::process::Stdio::piped());
        let child = command.kill_on_drop(true).spawn()?;
        let id = child.id().context("psql runs")?.to_string();
        cancel_when_active(&world, || async {
            let mut kill = tokio::process::Command::new("kill");
            kill.args(["-INT", &id]).status().await
        })
        .await?;
        let output = timeout(PATIENCE, child.wait_with_output()).await??;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(error.contains("canceling statement"), "{error}");
    }
    // It comes in plain text, also where sessions have to use TLS.
    let mut raw = Raw::connect(world.way(Way::Require)).await?;
    let request = [[0, 0, 0, 16], [4, 210, 22, 46], [0, 0, 0, 1], [0, 0, 0, 1]];
    raw.send(request.as_flattened()).await?;
    assert_eq!(raw.rest().await?, b"");
    world.until_metric("envoy_howdah_pg_cancels{}", 5.0).await
}

/// Cancels once the query runs.
async fn cancel_when_active<T, E>(
    world: &World,
    cancel: impl AsyncFnOnce() -> Result<T, E>,
) -> Result<()>
where
    anyhow::Error: From<E>,
{
    let admin = world.direct().await?;
    wait_until(PATIENCE, "the query to run", async || {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        let count: i64 = admin.query_one(sql, &[]).await?.get(0);
        ensure!(count == 1, "{count} run");
        anyhow::Ok(())
    })
    .await?;
    cancel().await?;
    Ok(())
}

#[tokio::test]
async fn a_pipeline_without_sync_is_answered_when_it_is_flushed() -> Result<()> {
    let world = World::new().await?;
    let mut raw = Raw::session(world.way(Way::Refuse)).await?;
    let parse = message(b'P', b"s\0SELECT 42\0\0\0");
    let bind = message(b'B', b"\0s\0\0\0\0\0\0\0");
    let (execute, flush) = (message(b'E', b"\0\0\0\0\0"), message(b'H', b""));
    raw.send(&[parse, bind.clone(), execute.clone(), flush.clone()].concat())
        .await?;
    raw.until(b'C').await?;
    raw.send(&[bind, execute, flush].concat()).await?;
    raw.until(b'C').await?;
    assert_eq!(
        world
            .until("a busy session", |status| status.busy == 1)
            .await?
            .held,
        0
    );
    raw.send(&message(b'S', b"")).await?;
    assert_eq!(raw.until(b'Z').await?, b"I");
    world
        .until("a session at rest", |status| status.busy == 0)
        .await?;
    Ok(())
}

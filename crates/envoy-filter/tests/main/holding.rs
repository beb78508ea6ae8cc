//! Clients that are held, let go, and let go by themselves.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use pretty_assertions::assert_eq;
use tokio::io::AsyncWriteExt as _;

use crate::config::Way;
use crate::wire::{Raw, message, query, startup};
use crate::world::World;

#[tokio::test]
async fn clients_wait_at_the_end_of_their_transaction() -> Result<()> {
    let world = World::new().await?;
    let mut open = Raw::session(world.way(Way::Refuse)).await?;
    open.send(&query("BEGIN")).await?;
    assert_eq!(open.until(b'Z').await?, b"T");
    let mut pipeline = Raw::session(world.way(Way::Offer)).await?;
    let parse = message(b'P', b"\0SELECT 7\0\0\0");
    let bind = message(b'B', b"\0\0\0\0\0\0\0\0");
    let (execute, flush) = (message(b'E', b"\0\0\0\0\0"), message(b'H', b""));
    let all = [parse, bind, execute, flush].concat();
    pipeline.send(&all).await?;
    pipeline.until(b'C').await?;
    let idle = world.session(Way::Offer).await?;
    let prepared = idle.prepare("SELECT 5").await?;

    let status = world.control("POST", "/howdah/hold?seconds=600").await?;
    assert_eq!((status.sessions, status.busy, status.held), (3, 2, 0));
    // What is under way comes to its end, in either protocol.
    open.send(&query("SELECT 1")).await?;
    assert_eq!(open.until(b'Z').await?, b"T");
    open.send(&query("COMMIT")).await?;
    assert_eq!(open.until(b'Z').await?, b"I");
    pipeline.send(&message(b'S', b"")).await?;
    assert_eq!(pipeline.until(b'Z').await?, b"I");
    world
        .until("no open transaction", |status| status.busy == 0)
        .await?;

    // What comes now waits: a query, a pipeline in pieces, a statement that is known, and whoever is new.
    open.send(&query("SELECT 2")).await?;
    let (first, second) = all.split_at(9);
    pipeline.send(first).await?;
    let known = tokio::spawn(async move {
        let row = idle.query_one(&prepared, &[]).await?;
        anyhow::Ok((row.get::<_, i32>(0), idle))
    });
    let mut new = Raw::connect(world.way(Way::Bare)).await?;
    new.send(&startup("postgres")).await?;
    let status = world
        .until("four that wait", |status| status.held == 4)
        .await?;
    assert_eq!((status.sessions, status.busy), (4, 0));
    pipeline.send(second).await?;
    pipeline.send(&message(b'S', b"")).await?;
    let server = world.direct().await?;
    let sql =
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()";
    let active: i64 = server.query_one(sql, &[]).await?.get(0);
    assert_eq!(active, 0);

    assert_eq!(world.control("POST", "/howdah/resume").await?.left, None);
    assert_eq!(open.until(b'D').await?, b"\0\x01\0\0\0\x012");
    assert_eq!(pipeline.until(b'Z').await?, b"I");
    let (five, _idle) = known.await??;
    assert_eq!(five, 5);
    new.until(b'Z').await?;
    let status = world
        .until("nobody that waits", |status| status.held == 0)
        .await?;
    assert_eq!(status.sessions, 4);
    world
        .until_metric("envoy_howdah_pg_sessions_active{}", 4.0)
        .await?;
    assert_eq!(world.metric("envoy_howdah_pg_sessions_held{}").await?, 0.0);
    Ok(())
}

#[tokio::test]
async fn a_hold_ends_by_itself() -> Result<()> {
    let world = World::new().await?;
    let client = world.session(Way::Offer).await?;
    let begin = Instant::now();
    world.control("POST", "/howdah/hold?seconds=1").await?;
    client.batch_execute("SELECT 1").await?;
    let waited = begin.elapsed();
    ensure!(waited >= Duration::from_secs(1), "it waited for {waited:?}");
    assert_eq!(world.control("GET", "/howdah/status").await?.left, None);
    // Also for those in a pipeline through TLS, and again.
    world.control("POST", "/howdah/hold?seconds=1").await?;
    let answer = world
        .psql(Way::Require, "sslmode=require", "SELECT 3")
        .await?;
    assert_eq!(answer, Ok("3".to_owned()));
    Ok(())
}

#[tokio::test]
async fn held_clients_may_leave() -> Result<()> {
    let world = World::new().await?;
    let mut polite = Raw::session(world.way(Way::Refuse)).await?;
    let mut half = Raw::session(world.way(Way::Refuse)).await?;
    let mut rude = Raw::session(world.way(Way::Refuse)).await?;
    world.control("POST", "/howdah/hold?seconds=600").await?;
    for raw in [&mut half, &mut rude] {
        raw.send(&query("SELECT 1")).await?;
    }
    world
        .until("two that wait", |status| status.held == 2)
        .await?;
    polite.send(&message(b'X', b"")).await?;
    ensure!(polite.rest().await?.is_empty(), "good-bye was answered");
    drop(polite);
    half.0.shutdown().await?;
    ensure!(half.rest().await?.is_empty(), "it was answered");
    rude.0.set_zero_linger()?;
    drop(rude);
    let status = world
        .until("all to be gone", |status| status.sessions == 0)
        .await?;
    assert_eq!(status.held, 0);
    assert_eq!(world.metric("envoy_howdah_pg_sessions_held{}").await?, 0.0);
    assert_eq!(
        world.metric("envoy_howdah_pg_sessions_active{}").await?,
        0.0
    );
    // Nothing of theirs is left to be called.
    world.control("POST", "/howdah/resume").await?;
    world
        .session(Way::Refuse)
        .await?
        .batch_execute("SELECT 1")
        .await?;
    Ok(())
}

#[tokio::test]
async fn orders_that_are_not_understood_change_nothing() -> Result<()> {
    let world = World::without_postgres().await?;
    for path in [
        "/howdah/hold",
        "/howdah/hold?seconds=0",
        "/howdah/hold?seconds=601",
        "/howdah/hold?seconds=-1",
    ] {
        let (status, body) = world.admin("POST", path).await?;
        assert_eq!(status, 400, "{path}: {body}");
    }
    // A link that somebody follows must not do it.
    let (status, _) = world.admin("GET", "/howdah/hold?seconds=5").await?;
    assert_eq!(status, 405);
    assert_eq!(world.control("GET", "/howdah/status").await?.left, None);
    Ok(())
}

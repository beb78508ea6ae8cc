//! Another member takes over, and the old primary comes back as its standby. No acknowledged row is lost.

use anyhow::{Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::instance::Instance;
use crate::world::{World, eventually, expect};

/// Three members that stream, with a table.
pub(crate) async fn three(world: &World, replication: &str) -> Result<[Instance; 3]> {
    let mut members = [
        Instance::new(world, 0)?,
        Instance::new(world, 1)?,
        Instance::new(world, 2)?,
    ];
    for (index, member) in members.iter_mut().enumerate() {
        member.mount("postgres/ha.json", replication)?;
        member.start(world, index == 0).await?;
    }
    for member in &members {
        member.wait_ok("/readiness").await?;
    }
    members[0].value("CREATE TABLE t (n int)").await?;
    for member in &members[1..] {
        member.wait_value("SELECT count(*) FROM t", "0").await?;
    }
    Ok(members)
}

/// The member that clients are sent to.
async fn primary(world: &World, members: &[Instance]) -> Result<usize> {
    let (address, _) = world.route().await?;
    let found = members
        .iter()
        .position(|member| member.ip().to_string() == address);
    found.ok_or_else(|| anyhow::anyhow!("clients are sent to {address}"))
}

/// Waits until another member than `old` serves; gives which.
pub(crate) async fn successor(world: &World, members: &[Instance], old: usize) -> Result<usize> {
    eventually("another primary", async || {
        let now = primary(world, members).await?;
        ensure!(now != old, "still {now}");
        expect(members[now].code("/primary").await?, 200)?;
        Ok(now)
    })
    .await
}

/// Writes where clients are sent to until a write succeeds.
pub(crate) async fn write(world: &World, members: &[Instance], value: u32) -> Result<()> {
    eventually("a write", async || {
        let now = primary(world, members).await?;
        members[now]
            .value(&format!("INSERT INTO t VALUES ({value})"))
            .await
            .map(drop)
    })
    .await
}

/// Every member has exactly those rows.
pub(crate) async fn check_rows(members: &[Instance], rows: &str) -> Result<()> {
    for member in members {
        let sql = "SELECT string_agg(n::text, ' ' ORDER BY n) FROM t";
        member.wait_value(sql, rows).await?;
    }
    Ok(())
}

pub(crate) async fn end(world: World, mut members: [Instance; 3]) -> Result<()> {
    for member in &mut members {
        member.stop().await?;
    }
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_primary_is_replaced_and_comes_back_as_a_standby() -> Result<()> {
    let world = World::new().await?;
    let mut members = three(&world, r#"{"mode":"strict-sync"}"#).await?;
    write(&world, &members, 1).await?;
    members[0].kill_agent().await?;
    let now = successor(&world, &members, 0).await?;
    write(&world, &members, 2).await?;
    let uid = members[0].uid(&world).await?;
    members[0].start_agent(&world, uid, false).await?;
    check_rows(&members, "1 2").await?;
    ensure!(members[now].code("/primary").await? == 200, "it stays");
    end(world, members).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ordered_stop_hands_over_without_waiting() -> Result<()> {
    let world = World::new().await?;
    let mut members = three(&world, r#"{"mode":"async"}"#).await?;
    write(&world, &members, 1).await?;
    members[0].stop().await?;
    successor(&world, &members, 0).await?;
    write(&world, &members, 2).await?;
    let uid = members[0].uid(&world).await?;
    members[0].start_agent(&world, uid, false).await?;
    check_rows(&members, "1 2").await?;
    end(world, members).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switchover_that_people_ask_for_goes_to_whom_they_name() -> Result<()> {
    let world = World::new().await?;
    let members = three(&world, r#"{"mode":"sync"}"#).await?;
    write(&world, &members, 1).await?;
    world
        .edit_record(|record| record["intent"] = json!({"Switchover": {"to": 2}}))
        .await?;
    assert_eq!(successor(&world, &members, 0).await?, 2);
    write(&world, &members, 2).await?;
    check_rows(&members, "1 2").await?;
    let history = world.recorded("howdah.io/history").await?;
    ensure!(history.contains("asked for"), "{history}");
    end(world, members).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_is_replaced() -> Result<()> {
    let world = World::new().await?;
    let members = three(&world, r#"{"mode":"strict-sync"}"#).await?;
    write(&world, &members, 1).await?;
    let postmaster = members[0].postmaster()?;
    for pid in children(postmaster)?.into_iter().chain([postmaster]) {
        // One that ended meanwhile needs no stop.
        let _ = kill(Pid::from_raw(pid), Signal::SIGSTOP);
    }
    // The frozen one may itself be next, once it was killed and is a standby again.
    eventually("a new epoch", async || {
        let epoch = world.recorded("howdah.io/epoch").await?;
        ensure!(epoch != "1", "still the first");
        Ok(())
    })
    .await?;
    write(&world, &members, 2).await?;
    check_rows(&members, "1 2").await?;
    end(world, members).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_whose_commits_hang_is_replaced() -> Result<()> {
    let world = World::new().await?;
    let members = three(&world, r#"{"mode":"strict-sync"}"#).await?;
    write(&world, &members, 1).await?;
    let busy = async {
        // Nothing is tried as long as nobody waits. It ends with its server.
        let _ = members[0].value("SELECT pg_sleep(600)").await;
        std::future::pending::<()>().await
    };
    let replaced = async {
        let probing = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT %logical_emit%' \
             AND application_name = 'howdah'";
        let pid = eventually("a test write", async || {
            Ok(members[0].value(probing).await?.parse::<i32>()?)
        });
        // As if it waited for the disk.
        kill(Pid::from_raw(pid.await?), Signal::SIGSTOP)?;
        successor(&world, &members, 0).await
    };
    tokio::select! {
        () = busy => {}
        replaced = replaced => { replaced?; }
    }
    write(&world, &members, 2).await?;
    check_rows(&members, "1 2").await?;
    end(world, members).await
}

fn children(parent: i32) -> Result<Vec<i32>> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let text = std::fs::read_to_string(path)?;
    Ok(text
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_go_on_while_the_api_is_away() -> Result<()> {
    let world = World::new().await?;
    let members = three(&world, r#"{"mode":"strict-sync"}"#).await?;
    write(&world, &members, 1).await?;
    let postmaster = members[0].postmaster()?;
    world.cut.store(true, std::sync::atomic::Ordering::SeqCst);
    let start = tokio::time::Instant::now();
    // Longer than a renewal holds: only the consent of the peers keeps it going.
    while start.elapsed() < std::time::Duration::from_secs(8) {
        members[0].value("INSERT INTO t VALUES (1)").await?;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    world.cut.store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(members[0].postmaster()?, postmaster, "it never stopped");
    assert_eq!(primary(&world, &members).await?, 0);
    end(world, members).await
}

//! Whether a primary still works: its disk, its files, its slots.

use std::time::Duration;

use anyhow::{Result, ensure};
use howdah_postgres::{DiskError, Fault, WriteError};
use howdah_testkit::wait_until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pretty_assertions::assert_eq;

use crate::member::{Member, PATIENCE, timed};

const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_test_write_that_hangs_holds_up_nothing_and_is_the_only_one() -> Result<()> {
    let (primary, _postmaster) = Member::primary(18).await?;
    let session = primary.instance.connect().await?;
    session.probe_write(PATIENCE).await?;
    let sessions = "backend_type = 'client backend' AND application_name = 'howdah'";
    let probing = format!(
        "SELECT pid FROM pg_stat_activity WHERE {sessions} AND query LIKE '%logical_emit%'"
    );
    let pid = Pid::from_raw(primary.value(&probing).await?.parse()?);
    // Like a server process that waits for its disk.
    kill(pid, Signal::SIGSTOP)?;
    for _ in 0..3 {
        let late = session.probe_write(SHORT).await;
        ensure!(matches!(late, Err(WriteError::Late(_))), "{late:?}");
    }
    session.status().await?;
    let count = format!("SELECT count(*) FROM pg_stat_activity WHERE {sessions}");
    assert_eq!(primary.value(&count).await?, "2");
    kill(pid, Signal::SIGCONT)?;
    session.probe_write(PATIENCE).await?;
    assert_eq!(primary.value(&count).await?, "2");
    Ok(())
}

#[tokio::test]
async fn a_session_that_cannot_be_made_says_nothing_about_the_disk() -> Result<()> {
    let (primary, postmaster) = Member::primary(18).await?;
    let session = primary.instance.connect().await?;
    kill(Pid::from_raw(postmaster.pid()), Signal::SIGSTOP)?;
    let untried = session.probe_write(SHORT).await;
    kill(Pid::from_raw(postmaster.pid()), Signal::SIGCONT)?;
    ensure!(
        matches!(untried, Err(WriteError::Untried(_))),
        "{untried:?}"
    );
    session.probe_write(PATIENCE).await?;
    Ok(())
}

#[tokio::test]
async fn clients_are_busy_while_a_statement_of_theirs_runs() -> Result<()> {
    let (primary, _postmaster) = Member::primary(18).await?;
    let session = primary.instance.connect().await?;
    ensure!(!session.has_busy_clients().await?, "nobody but the agent");
    let (busy, sleeping) = tokio::join!(
        wait_until(PATIENCE, "a busy client", async || {
            match session.has_busy_clients().await {
                Ok(true) => Ok(()),
                Ok(false) => Err("none is".to_owned()),
                Err(error) => Err(error.to_string()),
            }
        }),
        primary.value("SELECT pg_sleep(2)"),
    );
    busy?;
    sleeping?;
    ensure!(!session.has_busy_clients().await?, "its statement ended");
    Ok(())
}

#[tokio::test]
async fn damage_below_a_running_primary_is_found() -> Result<()> {
    let (primary, postmaster) = Member::primary(18).await?;
    let instance = &primary.instance;
    timed("check_data", instance.check_data(&postmaster, PATIENCE)).await?;
    let damaged = async |what: &str| match instance.check_data(&postmaster, PATIENCE).await {
        Err(Fault::Damaged(why)) => {
            ensure!(why.contains(what), "{why}");
            Ok(())
        }
        other => anyhow::bail!("{other:?}"),
    };
    let data = instance.layout().data();
    for (name, bytes, what) in [
        ("PG_VERSION", None, "PG_VERSION is gone"),
        ("PG_VERSION", Some("17\n"), "another version"),
        ("postmaster.pid", Some("1\n"), "another process"),
        ("global/pg_control", Some("x"), "pg_controldata"),
    ] {
        let path = data.join(name);
        let kept = std::fs::read(&path)?;
        match bytes {
            Some(bytes) => std::fs::write(&path, bytes)?,
            None => std::fs::remove_file(&path)?,
        }
        damaged(what).await?;
        std::fs::write(&path, kept)?;
    }
    instance.check_data(&postmaster, PATIENCE).await?;
    timed("probe_disk", instance.probe_disk(PATIENCE)).await?;
    std::fs::rename(instance.layout().own(), data.join("elsewhere"))?;
    let refused = instance.probe_disk(PATIENCE).await;
    ensure!(matches!(refused, Err(DiskError::Write(_))), "{refused:?}");
    std::fs::rename(data.join("elsewhere"), instance.layout().own())?;
    Ok(())
}

#[tokio::test]
async fn a_standby_keeps_wal_for_others_and_only_as_long_as_told() -> Result<()> {
    let (primary, _postmaster) = Member::primary(18).await?;
    let (standby, _standby_postmaster) = Member::standby_of(&primary, 18).await?;
    let session = standby.wait_streaming().await?;
    session.ensure_slot("simple_2").await?;
    session.ensure_slot("simple_2").await?;
    primary.value("CREATE TABLE t AS SELECT 1 AS n").await?;
    standby.wait_for("SELECT n FROM t", "1").await?;
    let end = standby
        .value("SELECT pg_last_wal_replay_lsn()")
        .await?
        .parse()?;
    assert!(session.advance_slot("simple_2", end).await?);
    let kept = "SELECT restart_lsn FROM pg_replication_slots WHERE slot_name = 'simple_2'";
    let at: howdah_types::Lsn = standby.value(kept).await?.parse()?;
    ensure!(at >= end, "{at} is before {end}");
    assert!(
        !session
            .advance_slot("simple_2", howdah_types::Lsn::new(1))
            .await?
    );
    assert!(!session.advance_slot("nobody", end).await?);
    Ok(())
}

//! Standbys: clones that stream, restart, and fall behind.

use anyhow::{Result, ensure};
use howdah_postgres::{Continuity, DataDirectory, PostmasterError, Reload, Standing};
use pretty_assertions::assert_eq;

use crate::member::{Member, PATIENCE, stop};

pub(crate) async fn a_clone_streams(major: u32) -> Result<()> {
    let (primary, _postmaster) = Member::primary(major).await?;
    primary.value("CREATE TABLE t AS SELECT 1 AS n").await?;
    let (standby, postmaster) = Member::standby_of(&primary, major).await?;
    let session = standby.wait_streaming().await?;
    primary.value("INSERT INTO t VALUES (2)").await?;
    standby.wait_for("SELECT sum(n) FROM t", "3").await?;

    let status = primary.instance.connect().await?.status().await?;
    let Standing::Primary { replicas, .. } = status.standing else {
        anyhow::bail!("the primary is {status:?}");
    };
    let seen: Vec<_> = replicas
        .iter()
        .map(|replica| (replica.application.as_str(), replica.state.as_str()))
        .collect();
    assert_eq!(seen, [("simple-1", "streaming")]);
    assert_eq!(session.status().await?.timeline, status.timeline);
    let slots = "SELECT string_agg(slot_name || ' ' || active, ',') FROM pg_replication_slots";
    assert_eq!(primary.value(slots).await?, "simple_1 true");

    let primary_session = primary.instance.connect().await?;
    assert!(
        !primary_session.drop_idle_slot("simple_1").await?,
        "a slot in use was dropped"
    );
    stop(&postmaster).await?;
    let refused = standby.instance.start_primary().await;
    ensure!(
        matches!(refused, Err(PostmasterError::IsStandby)),
        "a standby was started writable"
    );
    let again = standby.instance.start_standby().await?;
    again.wait_ready(PATIENCE).await?;
    standby.wait_streaming().await?;
    Ok(())
}

pub(crate) async fn a_standby_starts_although_values_were_lowered(major: u32) -> Result<()> {
    let (mut primary, postmaster) = Member::primary(major).await?;
    let (mut standby, standby_postmaster) = Member::standby_of(&primary, major).await?;
    standby.wait_streaming().await?;
    stop(&standby_postmaster).await?;

    for member in [&mut primary, &mut standby] {
        member
            .parameters
            .push_str("max_connections = '40'\nmax_locks_per_transaction = '32'\n");
    }
    let configuration = standby.configuration(Some(primary.as_upstream()));
    standby.instance.configure(&configuration).await?;
    let started = standby.instance.start_standby().await?;
    started.wait_ready(PATIENCE).await?;
    assert_eq!(standby.value("SHOW max_connections").await?, "100");

    stop(&postmaster).await?;
    primary.start_primary().await?;
    standby.wait_streaming().await?;
    primary.value("CHECKPOINT").await?;
    // Once it has replayed the primary's new value, the standby may have it too.
    howdah_testkit::wait_until(PATIENCE, "a lower required value", async || {
        let DataDirectory::Initialised(found) = standby
            .instance
            .inspect()
            .await
            .map_err(|error| error.to_string())?
        else {
            return Err("not initialised".to_owned());
        };
        match found.control.required["max_connections"] {
            40 => Ok(()),
            other => Err(other.to_string()),
        }
    })
    .await?;
    assert!(standby.instance.configure(&configuration).await?);
    let session = standby.instance.connect().await?;
    assert_eq!(session.reload().await?, Reload::Applied);
    let names: Vec<_> = session
        .pending_restart()
        .await?
        .into_iter()
        .map(|p| p.name)
        .collect();
    assert_eq!(names, ["max_connections", "max_locks_per_transaction"]);
    Ok(())
}

pub(crate) async fn a_standby_that_fell_behind_is_recognised_and_replaced(
    major: u32,
) -> Result<()> {
    let (mut primary, postmaster) = Member::primary(major).await?;
    let (standby, standby_postmaster) = Member::standby_of(&primary, major).await?;
    let session = standby.wait_streaming().await?;
    let position = session.status().await?.newest().unwrap_or_default();
    drop(session);
    stop(&standby_postmaster).await?;
    let remote = primary.as_upstream().connect().await?;
    assert_eq!(remote.continuity(position).await?, Continuity::Kept);
    drop(remote);

    stop(&postmaster).await?;
    primary
        .parameters
        .push_str("wal_keep_size = '0'\nmax_wal_size = '32MB'\nmin_wal_size = '32MB'\n");
    primary.start_primary().await?;
    assert!(
        primary
            .instance
            .connect()
            .await?
            .drop_idle_slot("simple_1")
            .await?
    );
    let remote = primary.as_upstream().connect().await?;
    for _ in 0..4 {
        primary
            .value("SELECT pg_switch_wal() FROM txid_current(); CHECKPOINT")
            .await?;
    }
    primary
        .wait_for(
            "SELECT count(*) FROM pg_ls_waldir() WHERE name LIKE '%0000000000000001'",
            "0",
        )
        .await?;
    assert_eq!(remote.continuity(position).await?, Continuity::Gone);

    let configuration = standby.configuration(Some(primary.as_upstream()));
    standby.instance.clone_from_upstream(&configuration).await?;
    let names = || -> Result<Vec<String>> {
        let mut names = std::fs::read_dir(standby.instance.layout().volume())?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    };
    ensure!(
        names()?.iter().any(|name| name.starts_with("data.old-")),
        "{:?}",
        names()?
    );
    let started = standby.instance.start_standby().await?;
    started.wait_ready(PATIENCE).await?;
    standby.wait_streaming().await?;
    assert!(standby.instance.discard_replaced().await?);
    assert_eq!(names()?, ["data", "howdah"]);
    Ok(())
}

#[tokio::test]
async fn a_clone_that_cannot_be_made_leaves_the_volume_as_it_was() -> Result<()> {
    let (primary, _postmaster) = Member::primary(18).await?;
    let standby = Member::new(18, "simple-1").await?;
    let configuration = standby.configuration(Some(primary.upstream_with("wrong")));
    assert!(
        standby
            .instance
            .clone_from_upstream(&configuration)
            .await
            .is_err()
    );
    assert_eq!(standby.instance.inspect().await?, DataDirectory::Empty);
    let left = std::fs::read_dir(standby.instance.layout().volume())?.count();
    assert_eq!(left, 1, "only the agent's own folder");
    Ok(())
}

//! Standbys that are cut off, say where they are, and are promoted.

use anyhow::{Result, ensure};
use howdah_postgres::{Place, PromoteError};
use howdah_types::Timeline;
use pretty_assertions::assert_eq;

use crate::member::{Member, PATIENCE, stop, timed, timeline};

const NUMBERS: &str = "SELECT string_agg(n::text, ',' ORDER BY n) FROM t";

fn histories(member: &Member) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(member.wal(""))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".history").map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

pub(crate) async fn a_promotion_takes_the_wanted_timeline(major: u32) -> Result<()> {
    let (primary, postmaster) = Member::primary(major).await?;
    primary.value("CREATE TABLE t AS SELECT 1 AS n").await?;
    let (first, first_postmaster) = Member::standby_named(&primary, major, "simple-1").await?;
    let (second, second_postmaster) = Member::standby_named(&primary, major, "simple-2").await?;
    for standby in [&first, &second] {
        standby.wait_streaming().await?;
        standby.wait_for(NUMBERS, "1").await?;
    }
    postmaster.kill_tree().await?;
    first.seal().await?;
    second.seal().await?;
    let before = first.place().await?;
    assert_eq!((before.timeline, &before.history), (timeline(1), &vec![]));

    let known = first.promote(timeline(1)).await;
    ensure!(
        matches!(known, Err(PromoteError::NotAbove { .. })),
        "{known:?}"
    );
    let far = first.promote(timeline(5000)).await;
    ensure!(matches!(far, Err(PromoteError::TooFar { .. })), "{far:?}");
    let looks = tokio::time::timeout(PATIENCE, looks_until_promoted(&first, timeline(5)));
    let promoted = timed("promote with a gap", first.promote(timeline(5)));
    let (promoted, looks) = tokio::join!(promoted, looks);
    promoted?;
    looks??;
    first.value("INSERT INTO t VALUES (2)").await?;
    let after = first.place().await?;
    assert_eq!(after.timeline, timeline(5));
    assert_eq!(after.history, [(timeline(1), before.lsn)]);
    let session = first.instance.connect().await?;
    session.ensure_slot("simple_2").await?;

    // From an older timeline, through the numbers that were left out.
    second.follow(Some(first.as_upstream())).await?;
    second.wait_for(NUMBERS, "1,2").await?;
    let numbers: Vec<String> = (2..=5).map(|number| format!("{number:08X}")).collect();
    assert_eq!(histories(&second)?, numbers);
    stop(&second_postmaster).await?;
    let second_postmaster = second.instance.start_standby().await?;
    second_postmaster.wait_ready(PATIENCE).await?;
    second.wait_streaming().await?;
    assert_eq!(histories(&second)?, numbers);

    first_postmaster.kill_tree().await?;
    second.seal().await?;
    assert_eq!(second.place().await?.timeline, timeline(5));
    timed("promote without a gap", second.promote(timeline(6))).await?;
    let history = second.place().await?.history;
    let timelines: Vec<_> = history.iter().map(|(timeline, _)| *timeline).collect();
    assert_eq!(timelines, [timeline(1), timeline(5)]);
    let again = second.promote(timeline(7)).await;
    ensure!(matches!(again, Err(PromoteError::NotStandby)), "{again:?}");
    Ok(())
}

/// Looks again and again until the server is on that timeline: it is a primary then, and none before.
async fn looks_until_promoted(member: &Member, to: Timeline) -> Result<()> {
    let session = member.instance.connect().await?;
    loop {
        // The files of a new timeline are not made all at once.
        let Ok((duty, Some(place))) = member.instance.look(&session).await else {
            continue;
        };
        ensure!(
            duty.in_recovery == (place.timeline != to),
            "{duty:?} at {place:?}"
        );
        if !duty.in_recovery {
            return Ok(());
        }
    }
}

#[tokio::test]
async fn a_standby_that_knows_only_numbers_left_out_goes_on() -> Result<()> {
    let (primary, postmaster) = Member::primary(18).await?;
    primary.value("CREATE TABLE t AS SELECT 1 AS n").await?;
    let (first, _first_postmaster) = Member::standby_named(&primary, 18, "simple-1").await?;
    let (running, _running_postmaster) = Member::standby_named(&primary, 18, "simple-2").await?;
    let (stopped, stopped_postmaster) = Member::standby_named(&primary, 18, "simple-3").await?;
    for standby in [&first, &running, &stopped] {
        standby.wait_streaming().await?;
        standby.wait_for(NUMBERS, "1").await?;
    }
    stop(&stopped_postmaster).await?;
    postmaster.kill_tree().await?;
    first.seal().await?;
    running.seal().await?;
    first.promote(timeline(4)).await?;
    first.value("INSERT INTO t VALUES (2)").await?;
    let session = first.instance.connect().await?;
    for slot in ["simple_2", "simple_3"] {
        session.ensure_slot(slot).await?;
    }
    // As if each had lost its upstream before it got the real history.
    for standby in [&running, &stopped] {
        for name in ["00000002.history", "00000003.history"] {
            std::fs::copy(first.wal(name), standby.wal(name))?;
        }
    }
    // The running one looks for newer timelines several times before it is given an upstream.
    let seen =
        "SELECT pg_last_wal_replay_lsn() IS NOT NULL AND (SELECT wait_event FROM pg_stat_activity
        WHERE backend_type = 'startup') = 'RecoveryRetrieveRetryInterval'";
    running.wait_for(seen, "t").await?;
    assert_eq!(running.place().await?.timeline, timeline(1));
    running.follow(Some(first.as_upstream())).await?;
    running.wait_for(NUMBERS, "1,2").await?;

    let configuration = stopped.configuration(None);
    stopped.instance.configure(&configuration).await?;
    let restarted = stopped.instance.start_standby().await?;
    restarted.wait_ready(PATIENCE).await?;
    assert_eq!(histories(&stopped)?, Vec::<String>::new());
    stopped.follow(Some(first.as_upstream())).await?;
    stopped.wait_for(NUMBERS, "1,2").await?;
    assert_eq!(stopped.place().await?.timeline, timeline(4));
    Ok(())
}

#[tokio::test]
async fn an_attempt_that_came_to_nothing_does_not_change_the_next_number() -> Result<()> {
    let (primary, postmaster) = Member::primary(18).await?;
    let (standby, _standby_postmaster) = Member::standby_of(&primary, 18).await?;
    standby.wait_streaming().await?;
    postmaster.kill_tree().await?;
    standby.seal().await?;
    for number in 2..9 {
        let text = format!("# howdah: no timeline has this number {number}\n");
        std::fs::write(standby.wal(&format!("{number:08X}.history")), text)?;
    }
    standby.promote(timeline(4)).await?;
    assert_eq!(standby.place().await?.timeline, timeline(4));
    assert_eq!(histories(&standby)?, ["00000002", "00000003", "00000004"]);
    Ok(())
}

pub(crate) async fn a_standby_that_was_cut_off_says_where_it_is(major: u32) -> Result<()> {
    let (primary, postmaster) = Member::primary(major).await?;
    primary.value("CREATE TABLE t (n int, text text)").await?;
    let (standby, standby_postmaster) = Member::standby_of(&primary, major).await?;
    standby.wait_streaming().await?;
    // Killed in the middle of writing, so that the standby ends up with a part of a record.
    let writing = primary.value(
        "INSERT INTO t SELECT n, repeat(md5(n::text), 100) FROM generate_series(1, 10000000) AS n",
    );
    let (written, killed) = tokio::join!(writing, async {
        let far = "SELECT pg_last_wal_receive_lsn() > '0/6000000'";
        standby.wait_for(far, "t").await?;
        Ok::<_, anyhow::Error>(postmaster.kill_tree().await?)
    });
    killed?;
    ensure!(written.is_err(), "the primary was not killed in time");
    standby.seal().await?;
    let place = standby.place().await?;
    let ends = "SELECT pg_last_wal_replay_lsn()";
    assert_eq!(place.lsn.to_string(), standby.value(ends).await?);

    // The same after a restart, when nothing was received since the start.
    stop(&standby_postmaster).await?;
    let restarted = standby.instance.start_standby().await?;
    restarted.wait_ready(PATIENCE).await?;
    assert_eq!(standby.place().await?, place);
    standby.promote(timeline(2)).await?;
    let Place {
        timeline: now,
        history,
        ..
    } = standby.place().await?;
    assert_eq!(
        (now, history),
        (timeline(2), vec![(timeline(1), place.lsn)])
    );
    Ok(())
}

#[tokio::test]
async fn a_standby_whose_replay_is_held_up_is_cut_off_at_once_but_has_no_place_yet() -> Result<()> {
    let (primary, _postmaster) = Member::primary(18).await?;
    primary.value("CREATE TABLE t AS SELECT 1 AS n").await?;
    let mut standby = Member::new(18, "simple-1").await?;
    standby
        .parameters
        .push_str("max_standby_streaming_delay = '-1'\n");
    let configuration = standby.configuration(Some(primary.as_upstream()));
    standby.instance.clone_from_upstream(&configuration).await?;
    let postmaster = standby.instance.start_standby().await?;
    postmaster.wait_ready(PATIENCE).await?;
    standby.wait_streaming().await?;
    let reader = standby.value("BEGIN; SELECT n FROM t; SELECT pg_sleep(600)");
    let test = async {
        standby
            .wait_for(
                "SELECT count(*) FROM pg_locks WHERE relation = 't'::regclass",
                "1",
            )
            .await?;
        primary
            .value("DROP TABLE t; CREATE TABLE u AS SELECT 2 AS n")
            .await?;
        standby
            .wait_for(
                "SELECT count(*) FROM pg_locks WHERE relation = 't'::regclass AND NOT granted",
                "1",
            )
            .await?;
        standby.seal().await?;
        assert_eq!(standby.place_now().await?, None);
        assert_eq!(standby.instance.connect().await?.end_clients().await?, 1);
        standby.place().await?;
        standby.wait_for("SELECT n FROM u", "2").await
    };
    let (read, tested) = tokio::join!(reader, test);
    ensure!(read.is_err(), "the reader was not ended");
    tested
}

#[tokio::test]
async fn a_standby_that_has_not_reached_its_timeline_is_promoted_once_it_forgot_it() -> Result<()> {
    let (primary, _postmaster) = Member::primary(18).await?;
    let (standby, postmaster) = Member::standby_of(&primary, 18).await?;
    standby.wait_streaming().await?;
    standby.seal().await?;
    // Of a primary that was promoted further on, and of which nothing else came here.
    let history = "1\t0/9000000\tno recovery target specified\n";
    std::fs::write(standby.wal("00000002.history"), history)?;
    let ahead = standby.promote(timeline(3)).await;
    ensure!(
        matches!(ahead, Err(PromoteError::Ahead { .. })),
        "{ahead:?}"
    );
    let before = standby.place().await?;
    assert_eq!(before.timeline, timeline(1));
    stop(&postmaster).await?;
    assert!(standby.instance.forget_timelines(before.timeline).await?);
    let restarted = standby.instance.start_standby().await?;
    restarted.wait_ready(PATIENCE).await?;
    standby.promote(timeline(3)).await?;
    let after = standby.place().await?;
    assert_eq!(after.timeline, timeline(3));
    assert_eq!(after.history, [(timeline(1), before.lsn)]);
    Ok(())
}

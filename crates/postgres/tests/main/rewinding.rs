//! Copies that have diverged.

use anyhow::{Result, ensure};
use howdah_postgres::{DataDirectory, PostmasterError, RewindError, Upstream};
use pretty_assertions::assert_eq;

use crate::member::{Member, PATIENCE, timed, timeline};

const NUMBERS: &str = "SELECT string_agg(n::text, ',' ORDER BY n) FROM t";

/// A former primary that was killed after it had written more than its standby, which is primary now.
async fn diverged(major: u32) -> Result<(Member, Member, howdah_postgres::Postmaster)> {
    let (former, postmaster) = Member::primary(major).await?;
    former.value("CREATE TABLE t AS SELECT 1 AS n").await?;
    let (now, now_postmaster) = Member::standby_of(&former, major).await?;
    now.wait_streaming().await?;
    now.wait_for(NUMBERS, "1").await?;
    now.seal().await?;
    now.place().await?;
    now.promote(timeline(3)).await?;
    now.value("INSERT INTO t VALUES (2)").await?;
    now.instance
        .connect()
        .await?
        .ensure_slot("simple_0")
        .await?;
    former.value("INSERT INTO t VALUES (100)").await?;
    // Its recovery from the crash ends with a checkpoint, after which Postgres would drop the segment
    // with the last common one.
    for _ in 0..4 {
        former
            .value("SELECT pg_switch_wal() FROM txid_current()")
            .await?;
    }
    former.value("INSERT INTO t VALUES (101)").await?;
    postmaster.kill_tree().await?;
    Ok((former, now, now_postmaster))
}

async fn rewind(member: &Member, source: &Upstream) -> Result<()> {
    howdah_testkit::wait_until(PATIENCE, "a rewind", async || {
        match timed("rewind", member.instance.rewind(source, None)).await {
            Err(RewindError::NotCheckpointed(timeline)) => Err(timeline),
            other => Ok(other),
        }
    })
    .await??;
    Ok(())
}

async fn becomes_a_standby(member: &Member, source: &Member) -> Result<()> {
    let refused = member.instance.start_primary().await;
    ensure!(
        matches!(refused, Err(PostmasterError::IsStandby)),
        "started writable"
    );
    let configuration = member.configuration(Some(source.as_upstream()));
    member.instance.configure(&configuration).await?;
    let started = member.instance.start_standby().await?;
    started.wait_ready(PATIENCE).await?;
    member.wait_streaming().await?;
    member.wait_for(NUMBERS, "1,2").await?;
    assert_eq!(member.place().await?.timeline, timeline(3));
    Ok(())
}

pub(crate) async fn a_diverged_primary_becomes_a_standby(major: u32) -> Result<()> {
    let (former, now, _now_postmaster) = diverged(major).await?;
    let layout = former.instance.layout();
    let fork = now.place().await?.history[0].1;
    let last = format!(
        "{:024X}",
        (1_u128 << 64) + u128::from((fork.bytes() >> 24) + 1)
    );
    let written = std::fs::read(former.wal(&last))?;
    rewind(&former, &now.as_upstream()).await?;
    let kept = layout.diverged().join("00000001-timeline-1");
    ensure!(
        std::fs::read(kept.join(&last))? == written,
        "what was kept has changed"
    );
    let first = format!("{:024X}", (1_u128 << 64) + u128::from(fork.bytes() >> 24));
    ensure!(
        kept.join(first).exists(),
        "the segment with the fork was not kept"
    );
    becomes_a_standby(&former, &now).await
}

#[tokio::test]
async fn a_rewind_that_was_cut_short_is_known_and_done_again() -> Result<()> {
    let (former, now, _now_postmaster) = diverged(18).await?;
    now.instance.checkpoint(PATIENCE).await?;
    let marker = former.instance.layout().own().join("rewinding");
    let source = now.as_upstream();
    // Dropped as soon as it has begun.
    let begun = howdah_testkit::wait_until(PATIENCE, "a marker", async || {
        marker.exists().then_some(()).ok_or("none")
    });
    tokio::select! {
        done = former.instance.rewind(&source, None) => anyhow::bail!("done too soon: {done:?}"),
        begun = begun => begun?,
    }
    let DataDirectory::Unfinished(system) = former.instance.inspect().await? else {
        anyhow::bail!("not known to be unfinished");
    };
    assert_eq!(
        Some(system),
        now.instance.connect().await?.status().await?.system
    );
    for started in [
        former.instance.start_primary().await,
        former.instance.start_standby().await,
    ] {
        ensure!(
            matches!(started, Err(PostmasterError::Unfinished)),
            "started"
        );
    }
    // The server that it ran may have been killed before it had written its number.
    std::fs::write(former.instance.layout().data().join("postmaster.pid"), "")?;
    rewind(&former, &source).await?;
    ensure!(!marker.exists(), "the marker is still there");
    becomes_a_standby(&former, &now).await
}

#[tokio::test]
async fn an_unfinished_copy_can_be_replaced() -> Result<()> {
    let (former, now, _now_postmaster) = diverged(18).await?;
    let marker = former.instance.layout().own().join("rewinding");
    std::fs::write(&marker, "4711\n")?;
    let found = former.instance.inspect().await?;
    assert_eq!(found, DataDirectory::Unfinished("4711".parse()?));
    let configuration = former.configuration(Some(now.as_upstream()));
    former.instance.clone_from_upstream(&configuration).await?;
    becomes_a_standby(&former, &now).await?;
    std::fs::write(&marker, "what?\n")?;
    let found = former.instance.inspect().await?;
    ensure!(matches!(found, DataDirectory::Damaged { .. }), "{found:?}");
    Ok(())
}

#[tokio::test]
async fn a_source_that_does_not_suit_leaves_the_copy_as_it_is() -> Result<()> {
    let (former, now, now_postmaster) = diverged(18).await?;
    let wrong = former
        .instance
        .rewind(&now.upstream_with("wrong"), None)
        .await;
    ensure!(matches!(wrong, Err(RewindError::Source(_))), "{wrong:?}");
    let (other, _other_postmaster) = Member::primary(18).await?;
    let other = former.instance.rewind(&other.as_upstream(), None).await;
    ensure!(matches!(other, Err(RewindError::OtherSystem)), "{other:?}");
    let (standby, _standby_postmaster) = Member::standby_named(&now, 18, "simple-2").await?;
    let standby = former.instance.rewind(&standby.as_upstream(), None).await;
    ensure!(
        matches!(standby, Err(RewindError::NotWritable)),
        "{standby:?}"
    );
    now_postmaster.kill_tree().await?;
    let gone = former.instance.rewind(&now.as_upstream(), None).await;
    ensure!(matches!(gone, Err(RewindError::Source(_))), "{gone:?}");
    ensure!(
        matches!(
            former.instance.inspect().await?,
            DataDirectory::Initialised(_)
        ),
        "the copy was changed"
    );
    let back = former.start_primary().await?;
    assert_eq!(former.value(NUMBERS).await?, "1,100,101");
    back.kill_tree().await?;
    Ok(())
}

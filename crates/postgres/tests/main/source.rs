//! A source outside of the cluster: copied, followed, left by a promotion, and followed again.

use anyhow::Result;
use howdah_postgres::{DataDirectory, RewindError, Upstream};
use howdah_types::Timeline;
use pretty_assertions::assert_eq;

use crate::member::{Member, PATIENCE, credentials, stop, timed, timeline};

const SLOTS: &str = "SELECT count(*) FROM pg_replication_slots";

pub(crate) async fn a_copy_of_a_source_goes_its_own_way_and_comes_back(major: u32) -> Result<()> {
    let (source, _postmaster) = Member::primary(major).await?;
    source.value("CREATE TABLE t AS SELECT 1 AS n").await?;
    let upstream = Upstream {
        outside: Some(credentials("first").superuser),
        ..source.as_upstream()
    };
    let mut copy = Member::new(major, "other-0").await?;
    // The rewind goes back to the last common checkpoint.
    copy.parameters.push_str("wal_keep_size = '512MB'\n");
    let configuration = copy.configuration(Some(upstream.clone()));
    copy.instance.clone_from_upstream(&configuration).await?;
    let postmaster = copy.instance.start_standby().await?;
    postmaster.wait_ready(PATIENCE).await?;
    copy.wait_streaming().await?;
    assert_eq!(source.value(SLOTS).await?, "0");

    let (system, place) = upstream.connect().await?.source().await?;
    let DataDirectory::Initialised(found) = copy.instance.inspect().await? else {
        anyhow::bail!("no copy");
    };
    assert_eq!(found.control.system, system);
    assert_eq!(
        (place.timeline, place.history),
        (Timeline::FIRST, Vec::new())
    );

    copy.seal().await?;
    let left = copy.place().await?;
    copy.promote(timeline(17)).await?;
    copy.value("INSERT INTO t VALUES (2)").await?;
    let own = copy.place().await?;
    assert_eq!(
        (own.timeline, own.history),
        (timeline(17), vec![(Timeline::FIRST, left.lsn)])
    );
    stop(&postmaster).await?;
    source.value("INSERT INTO t VALUES (4)").await?;

    howdah_testkit::wait_until(PATIENCE, "a rewind", async || {
        match timed("rewind", copy.instance.rewind(&upstream, None)).await {
            Err(RewindError::NotCheckpointed(timeline)) => Err(timeline),
            other => Ok(other),
        }
    })
    .await??;
    copy.instance.configure(&configuration).await?;
    let postmaster = copy.instance.start_standby().await?;
    postmaster.wait_ready(PATIENCE).await?;
    copy.wait_streaming().await?;
    copy.wait_for("SELECT sum(n) FROM t", "5").await?;
    assert_eq!(copy.place().await?.timeline, Timeline::FIRST);
    assert_eq!(source.value(SLOTS).await?, "0");
    Ok(())
}

//! What breaks heals without help.

use std::sync::atomic::Ordering;

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pretty_assertions::assert_eq;

use crate::failover::{end, three};
use crate::instance::Instance;
use crate::world::{World, eventually, expect};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_postmaster_is_started_again_even_without_the_api() -> Result<()> {
    let world = World::new().await?;
    let mut first = Instance::new(&world, 0)?;
    first.start(&world, true).await?;
    first.wait_ok("/readiness").await?;
    first.value("CREATE TABLE t AS SELECT 1 AS n").await?;

    let before = first.postmaster()?;
    kill(Pid::from_raw(before), Signal::SIGKILL)?;
    eventually("another postmaster", async || {
        ensure!(first.postmaster()? != before, "the killed one");
        expect(first.value("SELECT n FROM t").await?, "1".to_owned())
    })
    .await?;
    first.wait_ok("/primary").await?;
    assert_eq!(
        world.recorded("howdah.io/epoch").await?,
        "1",
        "the holder is the same"
    );

    world.cut.store(true, Ordering::SeqCst);
    let before = first.postmaster()?;
    kill(Pid::from_raw(before), Signal::SIGKILL)?;
    eventually("another postmaster without the API", async || {
        ensure!(first.postmaster()? != before, "the killed one");
        expect(first.value("SELECT n FROM t").await?, "1".to_owned())
    })
    .await?;
    world.cut.store(false, Ordering::SeqCst);
    first.wait_ok("/primary").await?;
    first.stop().await?;
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_was_killed_takes_over_from_itself() -> Result<()> {
    let world = World::new().await?;
    let mut first = Instance::new(&world, 0)?;
    first.start(&world, true).await?;
    first.wait_ok("/readiness").await?;
    first.value("CREATE TABLE t AS SELECT 1 AS n").await?;
    let before = first.postmaster()?;
    first.crash(&world).await?;
    first.wait_ok("/readiness").await?;
    ensure!(
        first.postmaster()? != before,
        "the left-over postmaster was kept"
    );
    assert_eq!(first.value("SELECT n FROM t").await?, "1");
    assert_eq!(
        world.recorded("howdah.io/epoch").await?,
        "2",
        "another boot is another holder"
    );
    first.stop().await?;
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_starts_while_the_api_is_away_follows_the_primary() -> Result<()> {
    let world = World::new().await?;
    let mut members = three(&world, r#"{"mode":"strict-sync"}"#).await?;
    let uid = members[1].uid(&world).await?;
    world.cut.store(true, Ordering::SeqCst);
    members[1].kill_agent().await?;
    members[1].start_agent(&world, uid, false).await?;
    members[0].value("INSERT INTO t VALUES (1)").await?;
    members[1].wait_value("SELECT n FROM t", "1").await?;
    members[1].wait_ok("/replica").await?;
    world.cut.store(false, Ordering::SeqCst);
    eventually("the control record with all members", async || {
        let record = world.recorded("howdah.io/record").await?;
        ensure!(record.contains(r#""standbys":[1,2]"#), "{record}");
        Ok(())
    })
    .await?;
    end(world, members).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_fell_behind_is_cloned_anew() -> Result<()> {
    let world = World::new().await?;
    let mut first = Instance::new(&world, 0)?;
    first.set_parameters("wal_keep_size = '0'\nmax_wal_size = '32MB'\nmin_wal_size = '32MB'\n")?;
    first.start(&world, true).await?;
    first.wait_ok("/readiness").await?;
    first.value("CREATE TABLE t AS SELECT 1 AS n").await?;
    let mut second = Instance::new(&world, 1)?;
    second.start(&world, false).await?;
    second.wait_ok("/readiness").await?;

    second.stop().await?;
    // As long as there is a Pod, its slot is kept.
    world.delete_pod("simple-1").await?;
    eventually("the slot gone", async || {
        first
            .value("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
            .await?;
        for _ in 0..3 {
            first
                .value("INSERT INTO t SELECT 1; SELECT pg_switch_wal()")
                .await?;
            first.value("CHECKPOINT").await?;
        }
        let needed = "SELECT count(*) FROM pg_ls_waldir() \
             WHERE name ~ '^.{24}$' AND name <= '000000010000000000000004'";
        expect(first.value(needed).await?, "0".to_owned())
    })
    .await?;
    let rows = first.value("SELECT count(*) FROM t").await?;
    second.start(&world, false).await?;
    second.wait_value("SELECT count(*) FROM t", &rows).await?;
    second.wait_ok("/readiness").await?;
    eventually("a tidy volume", async || {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(second.volume())? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        expect(names, vec!["data".to_owned(), "howdah".to_owned()])
    })
    .await?;
    for instance in [&mut first, &mut second] {
        instance.stop().await?;
    }
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_was_taken_out_of_its_lease_is_put_back() -> Result<()> {
    use kube::api::{Api, Patch, PatchParams};
    let world = World::new().await?;
    let mut first = Instance::new(&world, 0)?;
    first.start(&world, true).await?;
    first.wait_ok("/readiness").await?;
    let leases: Api<k8s_openapi::api::coordination::v1::Lease> =
        Api::namespaced(world.client(), "default");
    let before = world.record().await?.context("a record")?;
    for (taken, epoch) in [("howdah.io/record", "2"), ("howdah.io/record-version", "3")] {
        let none = serde_json::json!({"metadata": {"annotations": {taken: null}}});
        leases
            .patch("simple", &PatchParams::default(), &Patch::Merge(none))
            .await?;
        eventually("the record of the next epoch", async || {
            expect(world.recorded("howdah.io/epoch").await?, epoch.to_owned())?;
            world.recorded(taken).await.map(drop)
        })
        .await?;
    }
    let after = world.record().await?.context("a record")?;
    assert_eq!(after.metadata.uid, before.metadata.uid, "the Lease stays");
    first.wait_ok("/primary").await?;
    first.stop().await?;
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_route_and_the_label_are_put_back() -> Result<()> {
    use kube::api::{Api, Patch, PatchParams};
    let world = World::new().await?;
    let mut first = Instance::new(&world, 0)?;
    first.start(&world, true).await?;
    first.wait_ok("/readiness").await?;
    let role = serde_json::json!({"metadata": {"labels": {"role": "replica"}}});
    world
        .pods()
        .patch("simple-0", &PatchParams::default(), &Patch::Merge(role))
        .await?;
    let slices: Api<k8s_openapi::api::discovery::v1::EndpointSlice> =
        Api::namespaced(world.client(), "default");
    slices
        .delete("simple", &kube::api::DeleteParams::default())
        .await?;
    eventually("label and route", async || {
        expect(world.published("simple-0").await?.0, "primary".to_owned())?;
        expect(world.route().await?.0, first.ip().to_string())
    })
    .await?;
    first.stop().await?;
    world.end().await;
    Ok(())
}

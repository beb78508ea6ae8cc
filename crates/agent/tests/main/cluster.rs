//! From nothing to a primary with a standby, and through their restarts.

use anyhow::{Result, ensure};
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::instance::Instance;
use crate::world::{World, eventually, expect};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_bootstrap_stream_and_find_each_other_again() -> Result<()> {
    let world = World::new().await?;
    let mut first = Instance::new(&world, 0)?;
    first.start(&world, true).await?;
    first.wait_ok("/readiness").await?;
    assert_eq!(world.recorded("howdah.io/epoch").await?, "1");
    assert_eq!(world.recorded("howdah.io/primary").await?, "simple-0");
    world.recorded("howdah.io/system-identifier").await?;
    assert_eq!(
        world.route().await?,
        (first.ip().to_string(), "1".to_owned())
    );
    eventually("the first Pod's entry", async || {
        let (role, status) = world.published("simple-0").await?;
        expect(
            (role.as_str(), &status["state"]),
            ("primary", &json!("running")),
        )
    })
    .await?;

    let mut second = Instance::new(&world, 1)?;
    second.start(&world, true).await?;
    second.wait_ok("/readiness").await?;
    first.value("CREATE TABLE t AS SELECT 1 AS n").await?;
    second.wait_value("SELECT n FROM t", "1").await?;
    check_rest(&first, &second).await?;
    eventually("the second Pod's entry", async || {
        let (role, status) = world.published("simple-1").await?;
        expect(
            (role.as_str(), &status["state"], &status["timeline"]),
            ("replica", &json!("running"), &json!(2)),
        )
    })
    .await?;

    // A Pod that is replaced comes back with another address: the primary in a new epoch, and the
    // standby finds it there.
    first.stop().await?;
    second.wait_ok("/liveness").await?;
    first.start(&world, false).await?;
    first.wait_ok("/primary").await?;
    assert_eq!(world.recorded("howdah.io/epoch").await?, "2");
    assert_eq!(
        world.route().await?,
        (first.ip().to_string(), "2".to_owned())
    );
    first.value("INSERT INTO t VALUES (2)").await?;
    second.wait_value("SELECT sum(n) FROM t", "3").await?;

    second.stop().await?;
    second.start(&world, false).await?;
    second.wait_ok("/replica").await?;
    second.wait_value("SELECT sum(n) FROM t", "3").await?;
    for instance in [&mut first, &mut second] {
        instance.stop().await?;
    }
    world.end().await;
    Ok(())
}

async fn check_rest(first: &Instance, second: &Instance) -> Result<()> {
    eventually("both members in /cluster", async || {
        let cluster = second.json("/cluster").await?;
        let seen: Vec<_> = cluster["members"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|member| {
                (
                    member["name"].clone(),
                    member["role"].clone(),
                    member["state"].clone(),
                )
            })
            .collect();
        let member = |name, role, state| (json!(name), json!(role), json!(state));
        expect(
            seen,
            vec![
                member("simple-0", "leader", "running"),
                member("simple-1", "replica", "streaming"),
            ],
        )?;
        expect(cluster["members"][1]["lag"].clone(), json!(0))
    })
    .await?;
    eventually("the standby in the primary's /patroni", async || {
        let status = first.json("/patroni").await?;
        let replica = &status["replication"][0];
        expect(
            (
                &replica["application_name"],
                &replica["state"],
                &replica["sync_state"],
            ),
            (&json!("simple-1"), &json!("streaming"), &json!("async")),
        )
    })
    .await?;
    for (path, on_first, on_second) in [
        ("/", 200, 503),
        ("/primary", 200, 503),
        ("/leader", 200, 503),
        ("/replica", 503, 200),
        ("/read-only", 200, 200),
        ("/health", 200, 200),
        ("/liveness", 200, 200),
        ("/readiness", 200, 200),
        ("/patroni", 200, 200),
    ] {
        let codes = (first.code(path).await?, second.code(path).await?);
        assert_eq!((path, codes), (path, (on_first, on_second)));
    }
    let (code, body) = second.rest("HEAD", "/replica").await?;
    assert_eq!((code, body.as_str()), (200, ""));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_permission_a_missing_record_is_not_created() -> Result<()> {
    let world = World::new().await?;
    let mut first = Instance::new(&world, 0)?;
    first.start(&world, false).await?;
    first.wait_ok("/liveness").await?;
    eventually("an entry of a stopped instance", async || {
        let pod = world.pods().get("simple-0").await?;
        let status = pod
            .metadata
            .annotations
            .unwrap_or_default()
            .remove("status");
        ensure!(
            status.is_some_and(|status| status.contains("stopped")),
            "no entry"
        );
        Ok(())
    })
    .await?;
    assert_eq!(first.code("/readiness").await?, 503);
    first.stop().await?;
    assert_eq!(world.record().await?, None);
    ensure!(!first.volume().join("data").exists(), "a database was made");
    world.end().await;
    Ok(())
}

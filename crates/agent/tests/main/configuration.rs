//! Changes of the mounted files.

use anyhow::{Result, ensure};
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::instance::Instance;
use crate::world::{World, eventually, expect};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parameters_are_reloaded_or_reported_as_pending() -> Result<()> {
    let world = World::new().await?;
    let mut first = Instance::new(&world, 0)?;
    first.start(&world, true).await?;
    first.wait_ok("/readiness").await?;
    let before = first.postmaster()?;

    first.set_parameters("work_mem = '7MB'\nmax_connections = '60'\n")?;
    first.wait_value("SHOW work_mem", "7MB").await?;
    let pending = json!({"max_connections": {"old_value": "50", "new_value": "60"}});
    eventually("a pending restart on the Pod", async || {
        let (_, status) = world.published("simple-0").await?;
        expect(
            (
                &status["pending_restart"],
                &status["pending_restart_reason"],
            ),
            (&json!(true), &pending),
        )
    })
    .await?;
    assert_eq!(
        first.json("/patroni").await?["pending_restart_reason"],
        pending
    );
    assert_eq!(first.postmaster()?, before, "nothing may restart by itself");

    first.set_parameters("work_mem = '7MB'\n")?;
    eventually("nothing pending", async || {
        let (_, status) = world.published("simple-0").await?;
        expect(status.get("pending_restart"), None)
    })
    .await?;

    first.set_parameters("max_connections = '60'\n")?;
    first.wait_value("SHOW work_mem", "4MB").await?;
    first.stop().await?;
    first.start(&world, false).await?;
    first.wait_ok("/readiness").await?;
    assert_eq!(first.value("SHOW max_connections").await?, "60");
    first.stop().await?;
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_keeps_up_with_a_primary_that_was_restarted_with_larger_values() -> Result<()> {
    let world = World::new().await?;
    let mut first = Instance::new(&world, 0)?;
    first.start(&world, true).await?;
    first.wait_ok("/readiness").await?;
    let mut second = Instance::new(&world, 1)?;
    second.start(&world, false).await?;
    second.wait_ok("/readiness").await?;
    for instance in [&first, &second] {
        instance.set_parameters("max_connections = '60'\n")?;
    }
    world
        .ask_for_restart("simple-0", "2026-11-23T00:00:00Z")
        .await?;
    first.wait_value("SHOW max_connections", "60").await?;
    first.value("CREATE TABLE t AS SELECT 1 AS n").await?;
    second.wait_value("SELECT n FROM t", "1").await?;
    assert_eq!(second.value("SHOW max_connections").await?, "60");
    for instance in [&mut first, &mut second] {
        instance.stop().await?;
    }
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_passwords_take_the_place_of_old_ones() -> Result<()> {
    let world = World::new().await?;
    let mut first = Instance::new(&world, 0)?;
    first.start(&world, true).await?;
    first.wait_ok("/readiness").await?;
    first
        .value_as("authenticator", "authenticator-1", "SELECT 1")
        .await?;
    first.mount("credentials/authenticator-password", "it's \"new\"\\")?;
    eventually("the new password", async || {
        first
            .value_as("authenticator", "it's \"new\"\\", "SELECT 1")
            .await
    })
    .await?;
    let old = first
        .value_as("authenticator", "authenticator-1", "SELECT 1")
        .await;
    ensure!(old.is_err(), "the old password still works");
    let rights = "SELECT rolsuper FROM pg_roles WHERE rolname = 'authenticator'";
    assert_eq!(first.value(rights).await?, "f");
    first.stop().await?;
    world.end().await;
    Ok(())
}

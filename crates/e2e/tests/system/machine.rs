//! `howdah up` on machines as they are: ordinary users, several pockets, and things that are missing or in the way.

use std::fs;
use std::net::TcpListener;

use anyhow::{Context, Result, bail, ensure};
use howdah_e2e::{Manifest, Tool, World, contains, lines, on_pocket};

#[tokio::test]
async fn two_pockets_run_side_by_side() -> Result<()> {
    on_pocket(async |one| {
        on_pocket(async |other| {
            ensure!(
                one.network()? != other.network()?,
                "each has its own addresses"
            );
            for (world, row) in [(one, "one"), (other, "other")] {
                let cluster = world.cluster("same");
                cluster
                    .apply(Tool::Howdah, &Manifest::new("same", "18", 1))
                    .await?;
                cluster.wait_until_streaming(1).await?;
                cluster.write(row).await?;
            }
            for (world, row) in [(one, "one"), (other, "other")] {
                let rows = world.cluster("same").service("").await?;
                let rows = rows.values("SELECT value FROM notes").await?;
                ensure!(rows == [row], "{rows:?}");
            }
            one.finish().await.context("one ends")?;
            other
                .cluster("same")
                .wait_until_streaming(1)
                .await
                .context("the other goes on")
        })
        .await
    })
    .await
}

#[tokio::test]
async fn an_ordinary_user_needs_no_privileges() -> Result<()> {
    World::of_ordinary_user()?
        .run(async |world| {
            let cluster = world.cluster("mine");
            cluster
                .apply(Tool::Howdah, &Manifest::new("mine", "18", 2))
                .await?;
            cluster.wait_until_streaming(2).await?;
            cluster.write("mine").await?;
            cluster.wait_for_rows_everywhere(&["mine"]).await?;
            let words = ["psql", "mine", "--", "-XAtc", "SELECT count(*) FROM notes"];
            let rows = world.howdah(&words).await?.ok()?;
            ensure!(rows == "1\n", "{rows}");
            world.down().await?;
            world.up().await?;
            cluster.wait_until_streaming(2).await?;
            cluster.wait_for_rows_everywhere(&["mine"]).await?;
            world
                .howdah(&["delete", "sgcluster", "mine"])
                .await?
                .ok()
                .map(drop)
        })
        .await
}

#[tokio::test]
async fn what_is_missing_or_in_the_way_is_one_sentence() -> Result<()> {
    let world = World::pocket()?;
    world
        .explained(async |world| {
            missing_components(world).await.context("no components")?;
            nobody_there(world)
                .await
                .context("before the first start")?;
            starts(world).await?;
            nobody_there(world).await.context("after the end")?;
            a_missing_bundle(world)
                .await
                .context("a component that is gone")?;
            an_occupied_port(world).await.context("an occupied port")?;
            a_newer_state_folder(world)
                .await
                .context("a newer state folder")?;
            world.howdah(&["up", "-n", "x"]).await?.refused(2).map(drop)
        })
        .await
}

async fn starts(world: &World) -> Result<()> {
    world.up().await?;
    world.finish().await
}

/// Runs `howdah up`, which must say in one line with these parts why it gives up; what it did before may be told, too.
async fn refused(world: &World, arguments: &[&str], parts: &[&str]) -> Result<()> {
    let said = world
        .howdah(&[&["up"], arguments].concat())
        .await?
        .refused(1)?;
    let is_progress = |line: &&str| line.starts_with("starting ");
    let said: Vec<_> = said.lines().skip_while(is_progress).collect();
    let [reason] = said[..] else {
        bail!("one line is expected: {said:?}");
    };
    for part in [&["error: "], parts].concat() {
        contains(reason, part)?;
    }
    ensure!(world.processes()?.all().is_empty(), "nothing was started");
    Ok(())
}

async fn missing_components(world: &World) -> Result<()> {
    let nowhere = world.path().join("nowhere").into_string();
    let parts = [
        "no components in ",
        &nowhere,
        "make components",
        "--components",
    ];
    refused(world, &["--components", &nowhere], &parts).await
}

/// The catalogue promises a component whose folder was removed.
async fn a_missing_bundle(world: &World) -> Result<()> {
    let catalogue = world.components().folder().join("catalogue.yaml");
    let catalogue = fs::read_to_string(&catalogue).with_context(|| format!("read {catalogue}"))?;
    let folder = world.path().join("components");
    fs::create_dir(&folder)?;
    fs::write(folder.join("catalogue.yaml"), catalogue)?;
    let parts = ["component postgres 18.", folder.as_str(), "make components"];
    refused(world, &["--components", folder.as_str()], &parts).await
}

async fn nobody_there(world: &World) -> Result<()> {
    let said = world.howdah(&["get", "pods"]).await?.refused(1)?;
    lines(&said, 1)?;
    contains(&said, "`howdah up`")
}

async fn an_occupied_port(world: &World) -> Result<()> {
    let address = world.address()?;
    let held = TcpListener::bind(address).with_context(|| format!("listen on {address}"))?;
    let (ip, port) = (address.ip().to_string(), address.port().to_string());
    let holder = format!("process {}", std::process::id());
    refused(world, &[], &["in use", &ip, &port, &holder]).await?;
    drop(held);
    starts(world).await.context("a free port is used again")
}

async fn a_newer_state_folder(world: &World) -> Result<()> {
    let version = world.state().join("version");
    let current = fs::read_to_string(&version)?;
    fs::write(&version, "999\n")?;
    refused(world, &[], &[world.state().as_str(), "999", "newer"]).await?;
    fs::write(&version, current)?;
    starts(world).await.context("nothing was changed in it")
}

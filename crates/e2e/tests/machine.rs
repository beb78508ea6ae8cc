//! `howdah up` on machines as they are: ordinary users, several pockets, and things that are missing or in the way.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};

use anyhow::{Context, Result, ensure};
use howdah_e2e::{Manifest, World, contains, run};

fn first_start(world: &World) -> Result<()> {
    world.up()?;
    world.down()
}

#[tokio::test]
async fn two_pockets_run_side_by_side() -> Result<()> {
    run(async |one| {
        run(async |other| {
            one.up()?;
            other.up()?;
            ensure!(
                one.network()? != other.network()?,
                "each has its own addresses"
            );
            for (world, row) in [(one, "one"), (other, "other")] {
                world.apply(&Manifest::new("same", "18", 1).text())?;
                world.cluster("same").wait_until_complete()?;
                world.cluster("same").write(row).await?;
            }
            one.down()?;
            one.check_that_nothing_is_left()?;
            other
                .cluster("same")
                .wait_for_row("same-0", "other")
                .await?;
            other.down()?;
            other.check_that_nothing_is_left()
        })
        .await
    })
    .await
}

#[tokio::test]
async fn an_ordinary_user_needs_no_privileges() -> Result<()> {
    let world = World::of_ordinary_user()?;
    world.up()?;
    world.apply(&Manifest::new("mine", "18", 2).text())?;
    let cluster = world.cluster("mine");
    let status = cluster.wait_until_complete()?;
    cluster.check(&status, 2)?;
    cluster.write("mine").await?;
    cluster.wait_for_row("mine-1", "mine").await?;
    let psql = world.howdah(&["psql", "mine", "--", "-XAtc", "SELECT count(*) FROM notes"])?;
    ensure!(psql.ok()? == "1\n", "psql works");
    world.down()?;
    world.check_that_nothing_is_left()
}

#[tokio::test]
async fn what_is_missing_or_in_the_way_is_one_sentence() -> Result<()> {
    run(async |world| {
        let nowhere = world.path().join("nowhere").into_string();
        let missing = world.howdah(&["up", "--components", &nowhere])?.refused(1)?;
        ensure!(
            missing
                == format!(
                    "error: there are no components in {nowhere}: run `make components`, or name their folder with --components\n"
                ),
            "{missing}"
        );
        let silent = world.howdah(&["get", "pods"])?.refused(1)?;
        contains(&silent, "start one here with `howdah up`")?;

        first_start(world)?;
        let silent = world.howdah(&["get", "pods"])?.refused(1)?;
        contains(&silent, "cannot be reached")?;
        contains(&silent, "start it with `howdah up`")?;
        an_occupied_port(world)?;
        a_newer_state_folder(world)
    })
    .await
}

fn an_occupied_port(world: &World) -> Result<()> {
    let address = SocketAddrV4::new(Ipv4Addr::new(127, world.network()?, 0, 1), 6443);
    let held = world.occupy(address)?;
    let taken = world.howdah(&["up"])?.refused(1)?;
    ensure!(taken.lines().count() == 1, "{taken}");
    contains(&taken, &address.to_string())?;
    drop(held);
    world.check_that_nothing_is_left()?;
    first_start(world).context("a free port is used again")
}

fn a_newer_state_folder(world: &World) -> Result<()> {
    let version = world.state().join("version");
    let current = fs::read_to_string(&version)?;
    fs::write(&version, "999\n")?;
    let newer = world.howdah(&["up"])?.refused(1)?;
    ensure!(newer.lines().count() == 1, "{newer}");
    contains(&newer, "newer")?;
    fs::write(&version, current)?;
    first_start(world).context("nothing was changed in it")
}

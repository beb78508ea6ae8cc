//! What ends without being asked to, or on purpose: databases come back with their rows, and nothing stays behind.

use anyhow::{Context, Result, ensure};
use howdah_e2e::{Manifest, Process, World, eventually, run};
use nix::sys::signal::Signal;

async fn start(world: &World, instances: u32) -> Result<()> {
    world.up()?;
    world.apply(&Manifest::new("simple", "18", instances).text())?;
    world.cluster("simple").wait_until_complete().map(drop)
}

/// At most one server works on a data directory.
fn one_server_per_directory(world: &World) -> Result<()> {
    let mut directories: Vec<String> = Vec::new();
    for server in world.processes()?.postmasters() {
        let directory = server
            .line
            .split_whitespace()
            .skip_while(|word| *word != "-D")
            .nth(1)
            .with_context(|| format!("{} names its directory", server.line))?;
        ensure!(
            !directories.iter().any(|other| other == directory),
            "two servers on {directory}"
        );
        directories.push(directory.to_owned());
    }
    Ok(())
}

async fn has_rows(world: &World, rows: &[&str]) -> Result<()> {
    let cluster = world.cluster("simple");
    let instances = cluster.instances()?;
    for instance in &instances {
        for row in rows {
            cluster.wait_for_row(instance, row).await?;
        }
    }
    one_server_per_directory(world)
}

fn one(found: Vec<Process>, what: &str) -> Result<Process> {
    ensure!(found.len() == 1, "one {what} in {found:?}");
    found.into_iter().next().context("one was just counted")
}

fn daemon(world: &World) -> Result<Process> {
    one(
        world.processes()?.with(&["howdah up --background-child"]),
        "howdah up",
    )
}

#[tokio::test]
async fn down_stops_everything_and_up_brings_it_back() -> Result<()> {
    run(async |world| {
        start(world, 3).await?;
        world.cluster("simple").write("before down").await?;
        world.up().context("a second `up` is harmless")?;
        world.down()?;
        world.check_that_nothing_is_left()?;
        world.down().context("a second `down` is harmless")?;

        world.up()?;
        let cluster = world.cluster("simple");
        let status = cluster.wait_until_complete()?;
        cluster.check(&status, 3)?;
        cluster.write("after up").await?;
        has_rows(world, &["before down", "after up"]).await?;
        world.down()?;
        world.check_that_nothing_is_left()
    })
    .await
}

#[tokio::test]
async fn databases_outlive_a_killed_howdah_and_are_taken_over() -> Result<()> {
    run(async |world| {
        start(world, 3).await?;
        let cluster = world.cluster("simple");
        cluster.write("before the kill").await?;
        let primary = cluster.instance("simple-0").await?;
        let servers = world.processes()?.postmasters();

        daemon(world)?.signal(Signal::SIGKILL)?;
        for number in 0..20 {
            primary
                .execute(&format!(
                    "INSERT INTO notes VALUES ('without howdah {number}')"
                ))
                .await
                .context("the database serves on without howdah")?;
        }
        world.up()?;
        cluster.wait_until_complete()?;
        for server in &servers {
            ensure!(
                server.is_alive(),
                "{} was restarted for nothing",
                server.line
            );
        }
        cluster.write("after the kill").await?;
        has_rows(
            world,
            &["before the kill", "without howdah 19", "after the kill"],
        )
        .await?;

        daemon(world)?.signal(Signal::SIGKILL)?;
        world
            .down()
            .context("what a killed howdah left is stopped, too")?;
        world.check_that_nothing_is_left()
    })
    .await
}

#[tokio::test]
async fn killed_servers_and_agents_heal_without_help() -> Result<()> {
    run(async |world| {
        start(world, 2).await?;
        let cluster = world.cluster("simple");
        cluster.write("first").await?;
        for instance in ["simple-1", "simple-0"] {
            let pod = world
                .howdah(&["get", "pod", instance, "-o", "json"])?
                .json()?;
            let address = pod["status"]["podIP"].as_str().context("an address")?;
            let sql = cluster.instance(instance).await?;
            let directory = sql.value("SHOW data_directory").await?;
            let servers = world.processes()?.with(&["/bin/postgres ", &directory]);
            let server = one(servers, "server")?;
            server.signal(Signal::SIGKILL)?;
            heals(world, instance, &server).await?;

            let agents = world.processes()?.all().to_vec();
            let server = one(
                world.processes()?.with(&["/bin/postgres ", &directory]),
                "server",
            )?;
            let agent = agents
                .into_iter()
                .find(|process| process.pid == server.parent)
                .with_context(|| format!("the server at {address} has a parent"))?;
            ensure!(agent.line.contains("howdah instance"), "{agent:?}");
            agent.signal(Signal::SIGKILL)?;
            heals(world, instance, &server).await?;
            cluster.write(&format!("after {instance}")).await?;
        }
        has_rows(world, &["first", "after simple-1", "after simple-0"]).await
    })
    .await
}

/// The old server is gone, and the cluster is complete again with a new one.
async fn heals(world: &World, instance: &str, old: &Process) -> Result<()> {
    eventually("the old server to go", async || {
        ensure!(!old.is_alive(), "{} still runs", old.line);
        Ok(())
    })
    .await?;
    let cluster = world.cluster("simple");
    let status = cluster.wait_until_complete()?;
    cluster.check(&status, 2)?;
    cluster
        .wait_for_row(instance, "first")
        .await
        .with_context(|| format!("{instance} is back"))?;
    one_server_per_directory(world)
}

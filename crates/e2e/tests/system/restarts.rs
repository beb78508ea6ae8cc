//! Howdah itself goes and comes back: asked to, or killed while clients write.

use anyhow::{Context, Result, ensure};
use howdah_e2e::{
    Acknowledged, Cluster, Manifest, Process, Tool, Vigil, World, Writer, contains, eventually,
    on_pocket,
};
use nix::sys::signal::Signal;

async fn start(world: &World) -> Result<Cluster<'_>> {
    let cluster = world.cluster("simple");
    cluster
        .apply(Tool::Howdah, &Manifest::new("simple", "18", 3))
        .await?;
    cluster.wait_until_streaming(3).await?;
    Ok(cluster)
}

/// The process that `howdah up` left in the background.
fn daemon(world: &World) -> Result<Process> {
    let path = world.state().join("howdah.pid");
    let number = std::fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    Process::of(number.trim().parse()?).context("howdah runs")
}

async fn kept(cluster: &Cluster<'_>, rows: &Acknowledged) -> Result<()> {
    for pod in cluster.instances().await? {
        eventually(&format!("all acknowledged rows on {pod}"), async || {
            rows.all_in(&cluster.instance(&pod).await?).await
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn down_stops_everything_and_up_brings_it_back() -> Result<()> {
    on_pocket(async |world| {
        let cluster = start(world).await?;
        cluster.write("before down").await?;
        let first = daemon(world)?;
        world.up().await.context("a second `up` is harmless")?;
        ensure!(daemon(world)? == first, "the first `up` goes on");

        world.finish().await?;
        let again = world.howdah(&["down"]).await?;
        contains(&again.stderr, "howdah does not run")?;
        again.ok().context("a second `down` is harmless")?;

        world.up().await?;
        cluster.wait_until_streaming(3).await?;
        cluster.write("after up").await?;
        cluster
            .wait_for_rows_everywhere(&["before down", "after up"])
            .await
    })
    .await
}

#[tokio::test]
async fn databases_outlive_a_killed_howdah_and_are_taken_over() -> Result<()> {
    on_pocket(async |world| {
        let cluster = start(world).await?;
        let vigil = Vigil::start(world.path());
        let service = Writer::start(cluster.service_target("").await?, "through_service").await?;
        let direct = Writer::start(cluster.instance_target("simple-0").await?, "direct").await?;
        let servers = world.processes()?.postmasters();
        ensure!(servers.len() == 3, "{servers:?}");

        for _ in 0..2 {
            service.goes_on().await?;
            daemon(world)?.signal(Signal::SIGKILL)?;
            direct
                .goes_on()
                .await
                .context("databases serve on without howdah")?;
            world.up().await?;
            service
                .goes_on()
                .await
                .context("the Service leads to the primary again")?;
            cluster.wait_until_streaming(3).await?;
        }
        for server in &servers {
            ensure!(
                server.is_alive(),
                "{} was restarted for nothing",
                server.line
            );
        }
        kept(&cluster, &service.stop()).await?;
        kept(&cluster, &direct.stop()).await?;
        vigil.end().await?;

        daemon(world)?.signal(Signal::SIGKILL)?;
        world
            .down()
            .await
            .context("what a killed howdah left is stopped, too")?;
        world.check_that_nothing_is_left().await
    })
    .await
}

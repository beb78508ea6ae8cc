//! Processes of a cluster are killed while clients write: it heals without help, and no acknowledged row is lost.

use anyhow::{Context, Result, ensure};
use howdah_e2e::{
    Cluster, Manifest, Process, Processes, Tool, Vigil, World, Writer, eventually, on_pocket,
};
use nix::sys::signal::Signal;

/// What is killed, and how it is found for an instance.
type Victim = (&'static str, fn(&Processes, &str) -> Result<Process>);

const VICTIMS: [Victim; 3] = [
    ("postmaster", Processes::postmaster),
    ("agent", Processes::agent),
    ("shim", Processes::shim),
];

#[tokio::test]
async fn killed_processes_of_a_cluster_heal_without_help() -> Result<()> {
    on_pocket(async |world| {
        let cluster = world.cluster("simple");
        cluster
            .apply(Tool::Howdah, &Manifest::new("simple", "18", 3))
            .await?;
        cluster.wait_until_streaming(3).await?;
        let vigil = Vigil::start(world.path());
        let writer = Writer::start(cluster.service_target("").await?, "ledger").await?;
        for (what, find) in VICTIMS {
            for pod in ["simple-1", "simple-0"] {
                kill(world, &cluster, pod, find)
                    .await
                    .with_context(|| format!("after the {what} of {pod} was killed"))?;
                writer.goes_on().await?;
            }
        }
        for pod in ["simple-1", "simple-0"] {
            delete_pod(world, &cluster, pod)
                .await
                .with_context(|| format!("after Pod {pod} was deleted"))?;
            writer.goes_on().await?;
        }
        let rows = writer.stop();
        for pod in cluster.instances().await? {
            eventually(&format!("all acknowledged rows on {pod}"), async || {
                rows.all_in(&cluster.instance(&pod).await?).await
            })
            .await?;
        }
        vigil.end().await
    })
    .await
}

async fn kill(
    world: &World,
    cluster: &Cluster<'_>,
    pod: &str,
    find: fn(&Processes, &str) -> Result<Process>,
) -> Result<()> {
    let before = world.processes()?.postmaster(pod)?;
    find(&world.processes()?, pod)?.signal(Signal::SIGKILL)?;
    heals(world, cluster, pod, &before).await
}

async fn delete_pod(world: &World, cluster: &Cluster<'_>, pod: &str) -> Result<()> {
    let before = world.processes()?.postmaster(pod)?;
    world.kubectl(&["delete", "pod", pod]).await?.ok()?;
    heals(world, cluster, pod, &before).await
}

/// The old server is gone, a new one has taken its place, and the cluster is complete.
async fn heals(world: &World, cluster: &Cluster<'_>, pod: &str, old: &Process) -> Result<()> {
    eventually("a new server in place of the old one", async || {
        ensure!(!old.is_alive(), "{} still runs", old.line);
        world.processes()?.postmaster(pod)
    })
    .await?;
    cluster.wait_until_streaming(3).await
}

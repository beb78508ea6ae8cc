//! Measures the platform on this machine: how long a cluster takes to appear, and what it costs when nothing happens.
//!
//! `make bench` runs it; `docs/performance.md` has the goals and the numbers of one run. Nothing is asserted here.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use howdah_e2e::{Cluster, NINE_LINES, Process, Tool, World, eventually};
use howdah_testkit::bench::{block_on, say};

const STARTS: usize = 5;
const IDLE: Duration = Duration::from_secs(60);
/// The databases rest after the last probes and checkpoints of their start.
const SETTLE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(50);
const LIMIT: Duration = Duration::from_secs(300);

fn main() -> Result<()> {
    block_on(
        1,
        World::pocket()?.explained(async |world| {
            let begin = Instant::now();
            world.up().await?;
            say(&format!(
                "`howdah up`, first start: {}",
                seconds(begin.elapsed())
            ));
            starts(world).await?;
            idle(world).await?;
            let begin = Instant::now();
            world.down().await?;
            say(&format!(
                "`howdah down` with one cluster: {}",
                seconds(begin.elapsed())
            ));
            let begin = Instant::now();
            world.up().await?;
            streaming(&world.cluster("simple")).await?;
            let back = seconds(begin.elapsed());
            say(&format!(
                "`howdah up` to three streaming instances again: {back}"
            ));
            world.finish().await
        }),
    )
}

/// The last of the clusters stays.
async fn starts(world: &World) -> Result<()> {
    let cluster = world.cluster("simple");
    let mut times = Vec::new();
    for round in 1..=STARTS {
        let begin = Instant::now();
        world.apply(Tool::Howdah, NINE_LINES).await?;
        streaming(&cluster).await?;
        times.push(begin.elapsed());
        if round < STARTS {
            world
                .howdah(&["delete", "sgcluster", "simple"])
                .await?
                .ok()?;
            eventually("the cluster to go", async || {
                world.check_that_cluster_is_gone("simple").await
            })
            .await?;
        }
    }
    let list: Vec<_> = times.iter().map(|time| seconds(*time)).collect();
    times.sort();
    say(&format!(
        "apply to three streaming instances: median {} of {}",
        seconds(times[STARTS / 2]),
        list.join(", ")
    ));
    Ok(())
}

async fn streaming(cluster: &Cluster<'_>) -> Result<()> {
    let begin = Instant::now();
    while let Err(missing) = cluster.check_streaming(3).await {
        ensure!(
            begin.elapsed() < LIMIT,
            "the cluster is not complete: {missing:#}"
        );
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// One part of the platform at rest.
struct Part {
    name: &'static str,
    count: usize,
    /// Percent of one core, all processes of this kind together.
    share: f64,
    /// KiB of the largest of them, all of it and its share of what it has in common with others.
    resident: u64,
    proportional: u64,
}

async fn idle(world: &World) -> Result<()> {
    tokio::time::sleep(SETTLE).await;
    let processes = world.processes()?;
    let kinds = [
        ("howdah up", vec![processes.pocket()?]),
        ("howdah instance (agent)", processes.agents()),
        ("howdah pocket-shim", processes.shims()),
        ("postgres (for comparison)", processes.servers()),
    ];
    let before: Vec<Vec<Duration>> = kinds.iter().map(|(_, all)| times(all)).collect();
    let begin = Instant::now();
    tokio::time::sleep(IDLE).await;
    let elapsed = begin.elapsed().as_secs_f64();
    let mut parts = Vec::new();
    for ((name, all), before) in kinds.iter().zip(before) {
        let used: Duration = times(all)
            .into_iter()
            .zip(before)
            .map(|(after, before)| after.saturating_sub(before))
            .sum();
        let memory = all.iter().filter_map(Process::memory);
        let largest = memory.max_by_key(|memory| memory.proportional);
        let largest = largest.with_context(|| format!("{name} runs"))?;
        parts.push(Part {
            name,
            count: all.len(),
            share: used.as_secs_f64() / elapsed * 100.0,
            resident: largest.resident,
            proportional: largest.proportional,
        });
    }
    report(&parts);
    Ok(())
}

fn times(processes: &[Process]) -> Vec<Duration> {
    let time = |process: &Process| process.cpu_time().unwrap_or_default();
    processes.iter().map(time).collect()
}

fn report(parts: &[Part]) {
    say(&format!(
        "one idle cluster of three, over {} s:",
        IDLE.as_secs()
    ));
    say("  part                       count   % of a core   largest RSS   largest PSS");
    for part in parts {
        say(&format!(
            "  {:<25}{:>7}{:>14.2}{:>10.1} MiB{:>10.1} MiB",
            part.name,
            part.count,
            part.share,
            mebibytes(part.resident),
            mebibytes(part.proportional)
        ));
    }
    let platform = parts
        .iter()
        .filter(|part| !part.name.starts_with("postgres"));
    let share: f64 = platform.map(|part| part.share).sum();
    say(&format!(
        "  platform without Postgres: {share:.2} % of a core"
    ));
}

fn mebibytes(kibibytes: u64) -> f64 {
    kibibytes as f64 / 1024.0
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

//! Measures the platform: how long a cluster takes to appear, and what it costs when nothing happens.
//!
//! `make bench` runs it; the numbers that count are in `docs/performance.md`. Nothing is asserted here.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use howdah_e2e::{NINE_LINES, Process, World};

const STARTS: usize = 3;
const IDLE: Duration = Duration::from_secs(60);
/// The database rests after its first checkpoint and the last probes of the start.
const SETTLE: Duration = Duration::from_secs(20);

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    runtime.block_on(measure())
}

async fn measure() -> Result<()> {
    let mut starts = Vec::new();
    for round in 1..=STARTS {
        let world = World::for_measuring()?;
        let begin = Instant::now();
        world.up()?;
        let up = begin.elapsed();
        let begin = Instant::now();
        world.apply(NINE_LINES)?;
        world.cluster("simple").wait_until_complete()?;
        let complete = begin.elapsed();
        say(&format!(
            "start {round}: `howdah up` {}, from apply to three streaming instances {}",
            seconds(up),
            seconds(complete)
        ));
        starts.push(complete);
        if round == STARTS {
            idle(&world).await?;
        }
        let begin = Instant::now();
        world.down()?;
        say(&format!(
            "`howdah down` with a running cluster: {}",
            seconds(begin.elapsed())
        ));
    }
    starts.sort();
    say(&format!(
        "median from apply to three streaming instances: {}",
        seconds(starts[STARTS / 2])
    ));
    Ok(())
}

async fn idle(world: &World) -> Result<()> {
    tokio::time::sleep(SETTLE).await;
    let processes = platform(world)?;
    let before: Vec<Duration> = processes.iter().map(cpu).collect();
    let begin = Instant::now();
    tokio::time::sleep(IDLE).await;
    let elapsed = begin.elapsed().as_secs_f64();
    let mut total = 0.0;
    for (process, before) in processes.iter().zip(before) {
        let used = cpu(process).saturating_sub(before).as_secs_f64();
        let share = used / elapsed * 100.0;
        total += share;
        let mebibytes = process.resident().unwrap_or_default() / 1024;
        say(&format!(
            "idle: {share:5.2} % of a core, {mebibytes:4} MiB resident: {}",
            name(process)
        ));
    }
    say(&format!(
        "idle: {total:.2} % of a core for the whole platform, Postgres aside"
    ));
    Ok(())
}

/// Everything that is ours: no server, no shell of a container.
fn platform(world: &World) -> Result<Vec<Process>> {
    let processes = world.processes()?;
    let ours = ["howdah up", "howdah instance", "howdah pocket-shim"];
    Ok(ours
        .iter()
        .flat_map(|text| processes.with(&[text]))
        .collect())
}

fn cpu(process: &Process) -> Duration {
    process.cpu_time().unwrap_or_default()
}

fn name(process: &Process) -> &str {
    let line = process.line.as_str();
    let start = line.find("howdah ").unwrap_or_default();
    let words = line[start..].split(" --").next().unwrap_or(line);
    words.split(" /").next().unwrap_or(words)
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn say(line: &str) {
    // Whoever closed the pipe has seen enough.
    let _ = writeln!(std::io::stdout(), "{line}");
}

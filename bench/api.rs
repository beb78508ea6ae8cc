//! Measures pocket's API server as clients meet it: `howdah up`, HTTPS on loopback, connections that are kept.
//!
//! It fills the server with objects for memory and lists, then writes under watchers for throughput, then writes slowly
//! for the latency of watches. `make bench` runs it; `docs/performance.md` has the goals and the numbers of
//! one run. The load shares the machine with the server, so the server's own processor time is printed beside
//! each number. Nothing is asserted here.

#[path = "api/client.rs"]
mod client;
#[path = "api/numbers.rs"]
mod numbers;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use howdah_e2e::{Process, World};
use howdah_testkit::bench::{block_on, say};
use tokio::task::JoinSet;

use self::client::{Connection, Watch, Watched};
use self::numbers::Times;

const OBJECTS: usize = 10_000;
const NAMESPACES: usize = 100;
const WATCHERS: usize = 100;
/// Concurrent writers, each with a connection and an object of its own.
const WRITERS: usize = 64;
const LISTS: u32 = 11;
const LOAD: Duration = Duration::from_secs(10);
/// The pace at which latency is measured: 100 writes a second.
const PACE: Duration = Duration::from_millis(10);
const WRITES: usize = 1_000;
const SETTLE: Duration = Duration::from_secs(3);

fn main() -> Result<()> {
    block_on(
        2,
        World::pocket()?.explained(async |world| {
            world.up().await?;
            let bench = Bench::new(world).await?;
            bench.namespaces().await?;
            bench.objects().await?;
            for count in [1, 4, 16, WRITERS] {
                bench.load(count, Watched::Nothing).await?;
            }
            bench.load(WRITERS, Watched::Namespace).await?;
            bench.load(WRITERS, Watched::Everything).await?;
            bench.latency().await?;
            world.finish().await
        }),
    )
}

/// What all measurements need.
struct Bench {
    server: Process,
    kubeconfig: String,
    connection: Connection,
}

/// Processor time and memory of the server at one moment.
struct Reading {
    at: Instant,
    processor: Duration,
    /// KiB.
    resident: u64,
}

impl Bench {
    async fn new(world: &World) -> Result<Self> {
        let server = world.processes()?.pocket()?;
        let kubeconfig = world.state().join("kubeconfig").into_string();
        let connection = Connection::open(&kubeconfig).await?;
        Ok(Self {
            server,
            kubeconfig,
            connection,
        })
    }

    fn read(&self) -> Result<Reading> {
        let memory = self.server.memory().context("`howdah up` still runs")?;
        Ok(Reading {
            at: Instant::now(),
            processor: self.server.cpu_time().unwrap_or_default(),
            resident: memory.resident,
        })
    }

    /// The parts of a second that the server had the processor, per second since then.
    fn share(&self, since: &Reading) -> Result<f64> {
        let used = self.read()?.processor.saturating_sub(since.processor);
        Ok(used.as_secs_f64() / since.at.elapsed().as_secs_f64())
    }

    async fn namespaces(&self) -> Result<()> {
        for at in 0..NAMESPACES {
            self.connection.create_namespace(at).await?;
        }
        tokio::time::sleep(SETTLE).await;
        Ok(())
    }

    /// Creates many objects, and lists them.
    async fn objects(&self) -> Result<()> {
        let before = self.read()?;
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let connection = Connection::open(&self.kubeconfig).await?;
            writers.spawn(async move {
                for at in (writer..OBJECTS).step_by(WRITERS) {
                    connection.create(at, at % NAMESPACES).await?;
                }
                anyhow::Ok(())
            });
        }
        all(writers).await?;
        let elapsed = before.at.elapsed();
        say(&format!(
            "create {OBJECTS} objects with {WRITERS} writers: {:.0} a second, server {:.2} cores",
            per_second(OBJECTS, elapsed),
            self.share(&before)?
        ));
        tokio::time::sleep(SETTLE).await;
        let filled = self.read()?;
        let times = Times::default();
        let mut bytes = 0;
        for _ in 0..LISTS {
            let begin = Instant::now();
            bytes = self.connection.list().await?;
            times.add(begin.elapsed());
        }
        let processor = self.read()?.processor.saturating_sub(filled.processor) / LISTS;
        say(&format!(
            "memory of the server: {:.1} MiB before, {:.1} MiB more with the objects, {:.1} MiB more after lists; \
             they are {:.1} MiB of JSON",
            mebibytes(before.resident),
            mebibytes(filled.resident.saturating_sub(before.resident)),
            mebibytes(self.read()?.resident.saturating_sub(before.resident)),
            bytes as f64 / f64::from(1 << 20)
        ));
        say(&format!(
            "list {OBJECTS} objects: {}, server {} ms of processor time",
            times.show(),
            processor.as_millis()
        ));
        Ok(())
    }

    async fn watch(&self, watched: Watched, begin: Instant) -> Result<(Arc<Times>, JoinSet<()>)> {
        let times = Arc::new(Times::default());
        let mut watches = JoinSet::new();
        if watched != Watched::Nothing {
            for at in 0..WATCHERS {
                let connection = Connection::open(&self.kubeconfig).await?;
                let watch = Watch::open(&connection, watched, at % NAMESPACES).await?;
                watches.spawn(watch.read(begin, Arc::clone(&times)));
            }
        }
        Ok((times, watches))
    }

    /// Writes as fast as it goes.
    async fn load(&self, count: usize, watched: Watched) -> Result<()> {
        let origin = Instant::now();
        let (seen, mut watches) = self.watch(watched, origin).await?;
        let mut writers = JoinSet::new();
        let answers = Arc::new(Times::default());
        let mut connections = Vec::new();
        for _ in 0..count {
            connections.push(Connection::open(&self.kubeconfig).await?);
        }
        let before = self.read()?;
        for (at, connection) in connections.into_iter().enumerate() {
            let (answers, begin) = (Arc::clone(&answers), before.at);
            writers.spawn(async move {
                while begin.elapsed() < LOAD {
                    let start = Instant::now();
                    connection.replace(at, at % NAMESPACES, origin).await?;
                    answers.add(start.elapsed());
                }
                anyhow::Ok(())
            });
        }
        all(writers).await?;
        let elapsed = before.at.elapsed();
        let share = self.share(&before)?;
        watches.shutdown().await;
        say(&format!(
            "{count} writers, {}: {:.0} writes a second, answered in {}, server {share:.2} cores, {:.0} µs of \
             processor time a write",
            watched.name(),
            per_second(answers.count(), elapsed),
            answers.show(),
            share * elapsed.as_secs_f64() * 1e6 / answers.count() as f64
        ));
        if watched != Watched::Nothing {
            say(&format!(
                "  {:.0} events a second seen by watchers, from the request that wrote: {}",
                per_second(seen.count(), elapsed),
                seen.show()
            ));
        }
        Ok(())
    }

    /// Writes at a pace that loads nobody.
    async fn latency(&self) -> Result<()> {
        for watched in [Watched::Namespace, Watched::Everything] {
            let origin = Instant::now();
            let (seen, mut watches) = self.watch(watched, origin).await?;
            let answers = Times::default();
            let mut pace = tokio::time::interval(PACE);
            let before = self.read()?;
            for at in 0..WRITES {
                pace.tick().await;
                let start = Instant::now();
                let object = at % WRITERS;
                self.connection
                    .replace(object, object % NAMESPACES, origin)
                    .await?;
                answers.add(start.elapsed());
            }
            let share = self.share(&before)?;
            tokio::time::sleep(PACE * 10).await;
            watches.shutdown().await;
            say(&format!(
                "one write each {} ms, {}: answered in {}, server {share:.2} cores",
                PACE.as_millis(),
                watched.name(),
                answers.show()
            ));
            say(&format!(
                "  at the watcher, from the request that wrote, with its sync to disk: {} ({} events)",
                seen.show(),
                seen.count()
            ));
        }
        Ok(())
    }
}

async fn all(mut tasks: JoinSet<Result<()>>) -> Result<()> {
    while let Some(done) = tasks.join_next().await {
        done.context("a task of the load")??;
    }
    Ok(())
}

fn per_second(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

fn mebibytes(kibibytes: u64) -> f64 {
    kibibytes as f64 / 1024.0
}

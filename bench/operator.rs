//! Measures the operator with many clusters: how soon it acts on a change, what it asks of the API server when nothing
//! happens, and what it takes of the machine.
//!
//! It starts a pocket of its own, creates clusters without instances, then some with one instance and with three, and
//! looks at each group at rest and under changes. `make bench-operator` runs it; `docs/performance.md` has the numbers
//! of one run. The operator is a process of its own here, as on Kubernetes; the API server and its node are another.
//! Nothing is asserted.

#[path = "operator/apart.rs"]
mod apart;
#[path = "operator/arguments.rs"]
mod arguments;
#[path = "operator/changes.rs"]
mod changes;
#[path = "operator/group.rs"]
mod group;
#[path = "operator/requests.rs"]
mod requests;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use howdah_e2e::{Process, Rest, World};
use howdah_testkit::bench::{block_on, say};

use self::apart::Apart;
use self::arguments::Arguments;
use self::group::Group;
use self::requests::{Rates, Requests};

/// What people set in `dynamicConfig` to write half as often.
const FLEET_TTL: u32 = 30;

fn main() -> Result<()> {
    let Some(arguments) = Arguments::read(std::env::args().skip(1))? else {
        say(arguments::HELP);
        return Ok(());
    };
    block_on(
        2,
        World::pocket()?.explained(async |world| {
            world.up().await?;
            let rest = world.rest().await?;
            let operator = Apart::start(world, &rest).await?;
            let bench = Bench {
                arguments: &arguments,
                server: world.processes()?.pocket()?,
                operator: operator.process.clone(),
                rest,
            };
            say("no clusters:");
            let mut base = bench.at_rest(None, 0.0, "at rest").await?;
            for (name, instances, count) in arguments.groups() {
                if count > 0 {
                    let group = Group::new(&bench.rest, name, instances, count);
                    base = bench.group(&group, base).await?;
                }
            }
            operator.stop().await?;
            world.finish().await
        }),
    )
}

/// What all measurements need.
struct Bench<'a> {
    arguments: &'a Arguments,
    /// The API server and the node.
    server: Process,
    operator: Process,
    rest: Rest,
}

impl Bench<'_> {
    /// Returns the writes a second of all that is there then.
    async fn group(&self, group: &Group<'_>, base: f64) -> Result<f64> {
        say(&format!("{}:", group.title()));
        let begin = Instant::now();
        group.create().await?;
        let created = begin.elapsed();
        group.wait().await?;
        say(&format!(
            "  created in {}, complete after {}",
            seconds(created),
            seconds(begin.elapsed())
        ));
        let writes = self.at_rest(Some(group), base, "at rest").await?;
        self.changes(group).await?;
        if group.instances == 0 {
            return Ok(writes);
        }
        group.set_ttl(FLEET_TTL).await?;
        let what = "at rest, fleet profile";
        self.at_rest(Some(group), base, what).await
    }

    /// Looks at the API server, whose clients wrote so often a second before the group was there; returns how often
    /// they do now.
    async fn at_rest(&self, group: Option<&Group<'_>>, base: f64, what: &str) -> Result<f64> {
        tokio::time::sleep(self.arguments.settle).await;
        let (requests, used) = (Requests::read(&self.rest).await?, self.processors());
        let begin = Instant::now();
        tokio::time::sleep(self.arguments.rest).await;
        let elapsed = begin.elapsed().as_secs_f64();
        let requests = Requests::read(&self.rest).await?.since(&requests);
        let now = self.processors();
        say(&format!("  {what}, over {elapsed:.0} s:"));
        let rates = Rates { requests, elapsed };
        for line in rates.show(group, base) {
            say(&format!("    {line}"));
        }
        let share = |part: usize| now[part].saturating_sub(used[part]).as_secs_f64() / elapsed;
        for (part, (name, process)) in self.parts().into_iter().enumerate() {
            say(&format!(
                "    {name}: {:.1} % of a core, {}",
                share(part) * 100.0,
                memory(process)?
            ));
        }
        Ok(rates.writes())
    }

    async fn changes(&self, group: &Group<'_>) -> Result<()> {
        let Arguments { changes, pace, .. } = self.arguments;
        if *changes == 0 {
            return Ok(());
        }
        let used = self.processors();
        let begin = Instant::now();
        let times = changes::make(&self.rest, group, *changes, *pace).await?;
        let elapsed = begin.elapsed().as_secs_f64();
        let share = self.processors()[0].saturating_sub(used[0]).as_secs_f64() / elapsed;
        say(&format!(
            "  {changes} changes, one each {} ms: {} until the last Service has it (goal: p99 below 1 s), the operator \
             took {:.1} % of a core",
            pace.as_millis(),
            changes::show(times),
            share * 100.0
        ));
        Ok(())
    }

    const fn parts(&self) -> [(&'static str, &Process); 2] {
        [
            ("operator (goal: 100 MB at 1,000 clusters)", &self.operator),
            ("API server and node", &self.server),
        ]
    }

    fn processors(&self) -> [Duration; 2] {
        let used = |(_, process): (_, &Process)| process.cpu_time().unwrap_or_default();
        self.parts().map(used)
    }
}

fn memory(process: &Process) -> Result<String> {
    let memory = process.memory().context("it still runs")?;
    let mebibytes = |kibibytes: u64| kibibytes as f64 / 1024.0;
    Ok(format!(
        "{:.1} MiB resident, {:.1} MiB of that its own share",
        mebibytes(memory.resident),
        mebibytes(memory.proportional)
    ))
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

//! Injects faults into clusters under load, and prints how long writes were away and what was lost.
//!
//! The same writers, faults and comparison run against a cluster of ours on pocket and against Patroni with etcd, in
//! turns, so that both meet the same machine. `make bench-faults` runs it as `docs/performance.md` describes; faults
//! of the network and of disks need root. `--help` lists the rows. Nothing is asserted here: a trial that does not
//! come to its end is counted and told, and the next one gets new clusters.

#[path = "faults/arguments.rs"]
mod arguments;
#[path = "faults/patroni.rs"]
mod patroni;
#[path = "faults/system.rs"]
mod system;
#[path = "faults/table.rs"]
mod table;

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::Result;
use howdah_e2e::World;
use howdah_e2e::faults::{Fault, Mode, Needs, Plan, Report, trial};
use howdah_testkit::bench::{block_on, say, until_told_to_end};

use self::arguments::{Arguments, Contender};
use self::system::Systems;
use self::table::Table;

/// The spread of the moment of a fault over the periods of the systems.
const SPREAD: u64 = 1000;

/// One trial that has to be done.
#[derive(Debug, Clone, Copy)]
struct Item {
    run: u32,
    fault: Fault,
    mode: Mode,
    contender: Contender,
}

fn main() -> Result<()> {
    let Some(arguments) = Arguments::read(std::env::args().skip(1))? else {
        say(&arguments::help());
        return Ok(());
    };
    // Dropping it takes back the fault of the moment, too.
    block_on(2, until_told_to_end(all(&arguments)))
}

async fn all(arguments: &Arguments) -> Result<()> {
    let mut table = Table::default();
    for mode in &arguments.modes {
        for needs in [Needs::Nothing, Needs::Disks, Needs::Clocks] {
            let mut left = items(arguments, *mode, needs);
            while let Some(first) = left.front().copied() {
                let before = left.len();
                if let Err(error) = with_systems(arguments, &mut left, &mut table, needs).await {
                    say(&format!("the systems were given up: {error:#}"));
                }
                if left.len() == before {
                    // Not even the start: one item less, or this would never end.
                    left.pop_front();
                    table.broken(&first);
                }
            }
        }
    }
    say(&table.show());
    Ok(())
}

/// In turns: each run does every fault on every side.
fn items(arguments: &Arguments, mode: Mode, needs: Needs) -> VecDeque<Item> {
    let mut items = VecDeque::new();
    for run in 0..arguments.runs {
        for fault in &arguments.faults {
            for contender in &arguments.sides {
                let can = *contender == Contender::Ours || system::patroni_can(*fault);
                if can && fault.needs() == needs {
                    items.push_back(Item {
                        run,
                        fault: *fault,
                        mode,
                        contender: *contender,
                    });
                }
            }
        }
    }
    items
}

/// Starts what the items need, and does items until all are done or one breaks its system.
async fn with_systems(
    arguments: &Arguments,
    left: &mut VecDeque<Item>,
    table: &mut Table,
    needs: Needs,
) -> Result<()> {
    let world = World::pocket()?;
    let Some(first) = left.front().copied() else {
        return Ok(());
    };
    let mut wanted: Vec<_> = left.iter().map(|item| item.contender).collect();
    wanted.sort();
    wanted.dedup();
    let started = Systems::start(&world, &wanted, first.mode, needs).await;
    if started.is_err() && arguments.explain {
        world.explain().await;
    }
    let systems = started?;
    while let Some(item) = left.pop_front() {
        let plan = plan(arguments, &item);
        match one(&systems, &item, &plan).await {
            Ok(report) => {
                say(&table.add(&item, &report, arguments));
            }
            Err(error) => {
                table.broken(&item);
                say(&format!(
                    "{} on {} in {}, run {}: {error:#}",
                    item.fault.title(),
                    item.contender.name(),
                    item.mode.name(),
                    item.run
                ));
                if arguments.explain {
                    world.explain().await;
                }
                break;
            }
        }
    }
    systems.end().await;
    Ok(())
}

async fn one(systems: &Systems<'_>, item: &Item, plan: &Plan) -> Result<Report> {
    match item.contender {
        Contender::Ours => {
            let ours = systems.ours()?;
            ours.replace_worn().await?;
            trial(ours, item.fault, plan).await
        }
        Contender::Patroni => trial(systems.patroni(false)?, item.fault, plan).await,
        Contender::PatroniFast => trial(systems.patroni(true)?, item.fault, plan).await,
    }
}

fn plan(arguments: &Arguments, item: &Item) -> Plan {
    let spread = mixed(arguments.seed ^ u64::from(item.run)) % SPREAD;
    Plan {
        writers: arguments.writers,
        table: format!("trial_{}", item.run % 2),
        route: arguments.route,
        offset: Duration::from_millis(spread),
        hold: arguments.hold,
    }
}

/// The finaliser of SplitMix64: neighbours get numbers that have nothing in common.
const fn mixed(seed: u64) -> u64 {
    let seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let seed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let seed = (seed ^ (seed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    seed ^ (seed >> 31)
}

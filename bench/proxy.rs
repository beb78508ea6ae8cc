//! What the way to Postgres costs: pgbench directly, through PgBouncer, through Envoy, and through all of it.
//!
//! Every way is measured in turns within one run, so that all meet the same machine, and the table shows medians of
//! the rounds. CPU is what the proxies' own threads used (`/proc/PID/task/*/schedstat`), divided by transactions: on a
//! machine that does other things, too, it is steadier than transactions per second. `cargo bench -p howdah-envoy-filter
//! --bench proxy -- --help` says what can be chosen.

#[path = "proxy/arguments.rs"]
mod arguments;
#[path = "proxy/envoy.rs"]
mod envoy;
#[path = "proxy/idle.rs"]
mod idle;
#[path = "proxy/load.rs"]
mod load;
#[path = "proxy/stack.rs"]
mod stack;
#[path = "proxy/table.rs"]
mod table;
#[path = "proxy/usage.rs"]
mod usage;

use std::io::Write as _;

use anyhow::{Context, Result};
use howdah_testkit::bench::until_told_to_end;

use self::arguments::Arguments;
use self::load::Load;
use self::stack::Stack;
use self::table::Table;

fn main() -> Result<()> {
    let Some(arguments) = Arguments::read(std::env::args().skip(1))? else {
        say(&arguments::help());
        return Ok(());
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    runtime.block_on(until_told_to_end(all(&arguments)))
}

async fn all(arguments: &Arguments) -> Result<()> {
    let mut stack = Stack::start(arguments).await?;
    for load in Load::all(arguments) {
        let mut table = Table::default();
        for round in 0..arguments.rounds {
            let mut ways = arguments.ways.clone();
            // Nobody always runs behind the same neighbour.
            ways.rotate_left(round % arguments.ways.len());
            if round % 2 == 1 {
                ways.reverse();
            }
            for way in ways {
                match load.run(&stack, way, arguments.seconds).await {
                    Ok(result) => table.add(way, round, result),
                    Err(error) => say(&format!(
                        "{} through {}: {error:#}\n",
                        load.title(),
                        way.name()
                    )),
                }
            }
        }
        say(&table.show(&load.title()));
    }
    if arguments.idle > 0 {
        say(&idle::measure(&mut stack, arguments).await?);
    }
    Ok(())
}

fn say(text: &str) {
    // Nobody may be reading any more.
    let _ = write!(std::io::stdout(), "{text}");
}

//! Plays seeds of the simulation: one with its trace, or many on all cores.

use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::Parser;
use howdah_ha::machine::Rule;
use howdah_ha_sim::{Outcome, Setup, mutation, run_with, shrink};

/// Simulate the high-availability machine with faults.
#[derive(Debug, Parser)]
struct Args {
    /// Play this seed alone
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Tell everything that happens in it
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Play so many seeds
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// Begin with this one
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Play so many at once
    #[arg(long, default_value_t = 2)]
    jobs: u64,
    /// Tell how far it is after each so many
    #[arg(long, value_name = "SEEDS")]
    progress: Option<u64>,
    /// End after so many failures
    #[arg(long, default_value_t = 10)]
    failures: u64,
    /// Play those alone that have a source which the cluster is, or becomes, a standby of
    #[arg(long, conflicts_with_all = ["seed", "mutations"])]
    replicating: bool,
    /// Look for a seed that notices the loss of each rule, among so many
    #[arg(long, conflicts_with = "seed")]
    mutations: Option<u64>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let passed = match args.seed {
        Some(seed) => one(seed, args.trace),
        None => match args.mutations {
            Some(seeds) => mutate(args.from, seeds),
            None => many(&args),
        },
    };
    if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// For the speed that is told at the end; no run depends on it.
#[expect(
    clippy::disallowed_methods,
    reason = "the simulation has no clock, its program has"
)]
fn clock() -> Instant {
    Instant::now()
}

fn say(line: &str) {
    // A closed pipe is the reader's wish.
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn one(seed: u64, trace: bool) -> bool {
    let outcome = run_with(&Setup {
        seed,
        trace,
        ..Setup::default()
    });
    for line in &outcome.trace {
        say(line);
    }
    say(&format!(
        "seed {seed}: {} faults, {} writes acknowledged, {} epochs, {} events",
        outcome.faults.len(),
        outcome.acknowledged,
        outcome.epochs,
        outcome.events
    ));
    tell(seed, &outcome);
    outcome.violations.is_empty()
}

fn mutate(from: u64, seeds: u64) -> bool {
    let mut all = true;
    for rule in Rule::ALL {
        let start = clock();
        match mutation::hunt(rule, from..from + seeds) {
            Some((seed, violation)) => say(&format!(
                "without {rule:?}: seed {seed} breaks {:?} after {:.1} s: {}",
                violation.oracle,
                start.elapsed().as_secs_f64(),
                violation.what
            )),
            None => {
                all = false;
                say(&format!("without {rule:?}: NOT NOTICED in {seeds} seeds"));
            }
        }
    }
    all
}

fn tell(seed: u64, outcome: &Outcome) {
    for violation in outcome.violations.iter().take(3) {
        say(&format!(
            "seed {seed}: {:?} is broken at {} us: {}",
            violation.oracle, violation.at, violation.what
        ));
    }
    if !outcome.violations.is_empty() {
        say(&format!(
            "seed {seed}: it needs these faults: {:?}",
            shrink(seed)
        ));
        say(&format!(
            "replay it with: cargo xtask sim --seed {seed} --trace"
        ));
    }
}

fn many(args: &Args) -> bool {
    let next = AtomicU64::new(args.from);
    let failed = AtomicU64::new(0);
    let writes = AtomicU64::new(0);
    let epochs = AtomicU64::new(0);
    let end = args.from + args.seeds;
    let start = clock();
    std::thread::scope(|scope| {
        for _ in 0..args.jobs.max(1) {
            scope.spawn(|| {
                while failed.load(Ordering::Relaxed) < args.failures {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        break;
                    }
                    if args.replicating && !howdah_ha_sim::has_source(seed) {
                        continue;
                    }
                    let told = args.progress.filter(|step| *step > 0);
                    if told.is_some_and(|step| seed > args.from && seed.is_multiple_of(step)) {
                        say(&format!(
                            "seed {seed} after {:.0} s, {} failed",
                            start.elapsed().as_secs_f64(),
                            failed.load(Ordering::Relaxed)
                        ));
                    }
                    let outcome = howdah_ha_sim::run(seed);
                    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
                    writes.fetch_add(count(outcome.acknowledged), Ordering::Relaxed);
                    epochs.fetch_add(count(outcome.epochs), Ordering::Relaxed);
                    if !outcome.violations.is_empty() {
                        failed.fetch_add(1, Ordering::Relaxed);
                        tell(seed, &outcome);
                    }
                }
            });
        }
    });
    let played = next.load(Ordering::Relaxed).min(end) - args.from;
    let failed = failed.load(Ordering::Relaxed);
    let seconds = start.elapsed().as_secs_f64();
    say(&format!(
        "{played} seeds from {} in {seconds:.1} s, {} writes acknowledged, {} epochs served, {failed} failed",
        args.from,
        writes.load(Ordering::Relaxed),
        epochs.load(Ordering::Relaxed)
    ));
    failed == 0
}

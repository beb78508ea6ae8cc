//! `cargo xtask test` and `e2e`: what a change must pass, the cheap stages first.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use camino::Utf8PathBuf;

use crate::components;
use crate::workspace::Workspace;
use crate::{chart, crds, tidy};

/// The flags of the task.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folder of the components [default: the one that `cargo xtask components` fills]
    #[arg(long, env = "HOWDAH_COMPONENTS", value_name = "DIR")]
    components: Option<Utf8PathBuf>,
}

/// What the stages need to know.
struct Gate {
    workspace: Workspace,
    components: Utf8PathBuf,
}

type Stage = (&'static str, fn(&Gate) -> Result<()>);

const RELEASE: Stage = ("release", |gate| {
    gate.cargo(&[
        "build",
        "--release",
        "--package",
        "howdah",
        "--package",
        "howdah-envoy-filter",
    ])
});

const CHART: Stage = ("chart", |gate| {
    chart::check(&gate.workspace, &gate.components)
});

const ALL: [Stage; 9] = [
    ("fmt", |gate| gate.cargo(&["fmt", "--all", "--check"])),
    ("tidy", |gate| tidy::run(&gate.workspace)),
    ("crds", |gate| crds::check(&gate.workspace)),
    CHART,
    ("clippy", Gate::clippy),
    ("docs", Gate::docs),
    RELEASE,
    ("tests", |gate| gate.nextest(&["--workspace"])),
    ("doctests", |gate| {
        gate.cargo(&["test", "--workspace", "--doc", "--quiet"])
    }),
];

const SYSTEM: [Stage; 2] = [
    RELEASE,
    ("e2e", |gate| gate.nextest(&["--package", "howdah-e2e"])),
];

/// Runs everything.
pub(crate) fn run_all(args: Args) -> Result<()> {
    run(args, &ALL)
}

/// Renders the chart alone.
pub(crate) fn run_chart(args: Args) -> Result<()> {
    run(args, &[CHART])
}

/// Runs the system tests alone.
pub(crate) fn run_system(args: Args) -> Result<()> {
    run(args, &SYSTEM)
}

/// Runs the stages until one fails, then prints how long each took.
fn run(args: Args, stages: &[Stage]) -> Result<()> {
    let Args { components } = args;
    let gate = Gate {
        workspace: Workspace::load()?,
        components: components::folder_for(components)?,
    };
    require_nextest()?;
    let mut times = Vec::new();
    let mut outcome = Ok(());
    for (name, stage) in stages.iter().copied() {
        eprintln!("== {name}");
        let start = Instant::now();
        let result = stage(&gate);
        times.push((name, start.elapsed(), result.is_ok()));
        let word = if result.is_ok() { "passed" } else { "failed" };
        eprintln!("== {name} {word} after {}", seconds(start.elapsed()));
        if let Err(error) = result {
            outcome = Err(error.context(format!("stage {name}")));
            break;
        }
    }
    eprint!("{}", table(&times));
    outcome
}

impl Gate {
    fn cargo(&self, arguments: &[&str]) -> Result<()> {
        self.run(Command::new("cargo").args(arguments))
    }

    /// With the features of xtask, or the generator of the CRDs would not be looked at.
    fn clippy(&self) -> Result<()> {
        self.cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--features",
            "xtask/crds",
            "--",
            "--deny=warnings",
        ])
    }

    fn docs(&self) -> Result<()> {
        let mut command = Command::new("cargo");
        command
            .args(["doc", "--workspace", "--no-deps"])
            .env("RUSTDOCFLAGS", "--deny=warnings");
        self.run(&mut command)
    }

    /// The system tests run the release binary with the components.
    fn nextest(&self, which: &[&str]) -> Result<()> {
        let mut command = Command::new("cargo");
        command.args(["nextest", "run"]).args(which);
        if std::env::var_os("CI").is_some() {
            command.args(["--profile", "ci"]);
        }
        command.env("HOWDAH_BIN", self.workspace.target.join("release/howdah"));
        self.run(command.env("HOWDAH_COMPONENTS", &self.components))
    }

    fn run(&self, command: &mut Command) -> Result<()> {
        let status = command
            .current_dir(&self.workspace.root)
            .status()
            .context("run cargo")?;
        ensure!(
            status.success(),
            "{} ended with {status}",
            crate::command::describe(command)
        );
        Ok(())
    }
}

fn require_nextest() -> Result<()> {
    let output = crate::command::capture(Command::new("cargo").args(["nextest", "--version"]))?;
    if !output.status.success() {
        bail!("cargo-nextest is missing: run `cargo install cargo-nextest --locked`");
    }
    Ok(())
}

/// One line per stage that ran.
fn table(times: &[(&str, Duration, bool)]) -> String {
    let lines = times.iter().map(|(name, time, passed)| {
        let word = if *passed { "" } else { "  failed" };
        format!("{name:<10}{:>9}{word}\n", seconds(*time))
    });
    let total: Duration = times.iter().map(|(_, time, _)| *time).sum();
    lines
        .chain([format!("{:<10}{:>9}\n", "all", seconds(total))])
        .collect()
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn the_table_has_a_line_per_stage_and_their_sum() {
        let times = [
            ("fmt", Duration::from_millis(740), true),
            ("clippy", Duration::from_secs(101), false),
        ];
        assert_eq!(
            table(&times),
            "fmt           0.7 s\nclippy      101.0 s  failed\nall         101.7 s\n"
        );
    }
}

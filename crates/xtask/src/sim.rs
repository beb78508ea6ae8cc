//! `cargo xtask sim`: plays seeds of the high-availability simulation.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::workspace::Workspace;

/// The flags of the task.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What the simulation is told: `--seed N [--trace]`, or `--seeds N [--from N] [--jobs N]`
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "FLAGS"
    )]
    flags: Vec<String>,
}

/// Builds the simulation, and plays.
pub(crate) fn run(workspace: &Workspace, args: Args) -> Result<()> {
    let Args { flags } = args;
    let status = Command::new("cargo")
        .args(["run", "--quiet", "--package", "howdah-ha-sim", "--"])
        .args(flags)
        .current_dir(&workspace.root)
        .status()
        .context("run cargo")?;
    ensure!(status.success(), "the simulation ended with {status}");
    Ok(())
}

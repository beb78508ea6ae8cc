//! The project's own tasks. Everything that `make` does beyond calling cargo is here, in Rust.

mod chart;
mod command;
mod components;
mod crds;
mod gate;
mod images;
mod sim;
mod tidy;
mod tree;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::workspace::Workspace;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own tasks")]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the bundles of third-party programs that are missing, and write their catalogue
    Components(components::Args),
    /// Build the container images as archives, and the catalogue that names them
    Images(Box<images::Args>),
    /// Check the rules of the workspace that the compiler does not know
    Tidy,
    /// Write the files that are generated from Rust types
    Gen,
    /// Check that the generated files are up to date
    Check,
    /// Render the Helm chart with Helm's own engine and check what comes of it
    Chart(gate::Args),
    /// Run everything that a change must pass
    Test(gate::Args),
    /// Run the system tests alone
    E2e(gate::Args),
    /// Play seeds of the high-availability simulation: one with `--seed N --trace`, or `--seeds N`
    Sim(sim::Args),
}

fn main() -> ExitCode {
    let Args { task } = Args::parse();
    let result = match task {
        Task::Components(args) => components::run(args),
        Task::Images(args) => images::run(&args),
        Task::Tidy => Workspace::load().and_then(|workspace| tidy::run(&workspace)),
        Task::Gen => Workspace::load().and_then(|workspace| crds::generate(&workspace)),
        Task::Check => Workspace::load().and_then(|workspace| crds::check(&workspace)),
        Task::Chart(args) => gate::run_chart(args),
        Task::Test(args) => gate::run_all(args),
        Task::E2e(args) => gate::run_system(args),
        Task::Sim(args) => Workspace::load().and_then(|workspace| sim::run(&workspace, args)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

//! The project's own tasks. Everything that `make` does beyond calling cargo is here, in Rust.

mod command;
mod components;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
}

fn main() -> ExitCode {
    let Args { task } = Args::parse();
    let result = match task {
        Task::Components(args) => components::run(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

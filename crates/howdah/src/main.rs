//! The `howdah` program: reads the command line, starts a runtime of the right size, and hands over.
//!
//! Every part of Howdah is in this one file: the verbs, the operator, the instance agent and pocket.

mod args;
mod daemon;
mod down;
mod health;
mod left_over;
mod logging;
mod operator;
mod settings;
mod signals;
mod up;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};
use howdah_cli::{ConnectArgs, Exit, Terminal, Verb};
use tokio::runtime::{Builder, Runtime};

use crate::args::{Cli, Command, LogFormat};

fn main() -> ExitCode {
    let Cli {
        connection,
        command,
    } = Cli::read();
    // Before anything else is set up: there is one of these per container, so it has to stay small.
    if let Command::PocketShim { spec } = &command {
        return howdah_pocket::node::shim::main(spec);
    }
    // One for each instance, and it has to work when nothing else does.
    if let Command::Guard { folder } = &command {
        return howdah_agent::guard::main(folder);
    }
    // Fails only when a provider is installed already, and nothing has run before this line.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match run(command, &connection) {
        Ok(exit) => exit.into(),
        Err(error) => {
            complain(&howdah_cli::chain(error.as_ref()));
            Exit::Failure.into()
        }
    }
}

fn complain(text: &str) {
    // Nothing sensible is left to do when standard error is gone.
    let _ = writeln!(std::io::stderr(), "error: {text}");
}

fn run(command: Command, connection: &ConnectArgs) -> Result<Exit> {
    match command {
        Command::Verb(verb) => {
            logging::start("off", LogFormat::Text);
            Ok(small_runtime()?.block_on(verb_with_report(verb, connection)))
        }
        Command::Patronictl { words } => {
            logging::start("off", LogFormat::Text);
            Ok(small_runtime()?.block_on(patronictl(words, connection)))
        }
        Command::Up(_) | Command::Down(_) if connection.is_given() => {
            complain(
                "up and down are about this machine, so they take no --kubeconfig, --context or --namespace",
            );
            Ok(Exit::Usage)
        }
        Command::Up(args) => up::run(&args),
        Command::Down(args) => {
            logging::start("off", LogFormat::Text);
            small_runtime()?.block_on(down::run(&args))
        }
        Command::Operator(args) => {
            logging::start("info", args.log.log_format);
            let working = operator::run(&args, connection);
            large_runtime()?.block_on(working)
        }
        Command::Instance(args) => {
            logging::start("info", args.log.log_format);
            let working = howdah_agent::run(args.agent);
            large_runtime()?
                .block_on(working)
                .context("run the instance")?;
            Ok(Exit::Success)
        }
        Command::PocketShim { .. } | Command::Guard { .. } => {
            unreachable!("handled before a runtime is needed")
        }
    }
}

async fn verb_with_report(verb: Verb, connection: &ConnectArgs) -> Exit {
    let mut terminal = Terminal::standard();
    let environment = settings::environment();
    let ended = howdah_cli::run(verb, connection, &environment, &mut terminal).await;
    report(ended, &mut terminal)
}

async fn patronictl(words: Vec<OsString>, connection: &ConnectArgs) -> Exit {
    let mut terminal = Terminal::standard();
    let environment = settings::environment();
    let words = [OsString::from("patronictl")].into_iter().chain(words);
    let ended =
        howdah_cli::patronictl(words.collect(), connection, &environment, &mut terminal).await;
    report(ended, &mut terminal)
}

fn report(ended: Result<Exit, howdah_cli::Error>, terminal: &mut Terminal) -> Exit {
    match ended {
        Ok(exit) => exit,
        // The reader has seen enough, as with `howdah get pods | head -1`.
        Err(error) if error.is_closed_pipe() => Exit::Success,
        Err(error) => {
            terminal.note(&error.report());
            error.exit()
        }
    }
}

/// A runtime on this thread alone, for work that mostly waits.
fn small_runtime() -> Result<Runtime> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.context("start the runtime")
}

/// A runtime for servers. Two threads are enough for what one machine runs, and cost little memory.
fn large_runtime() -> Result<Runtime> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.context("start the runtime")
}

//! The guard as a program of its own, for tests that run agents without the howdah program.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("guard"), Some(folder)) => howdah_agent::guard::main(folder.as_ref()),
        _ => ExitCode::FAILURE,
    }
}

//! The shim alone, so that the tests of this crate need no `howdah` program: `pocket_shim pocket-shim <file>`.

use std::process::ExitCode;

use camino::Utf8Path;

fn main() -> ExitCode {
    match std::env::args().nth(2) {
        Some(spec) => howdah_pocket::node::shim::main(Utf8Path::new(&spec)),
        None => ExitCode::from(2),
    }
}

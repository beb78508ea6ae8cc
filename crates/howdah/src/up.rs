//! `howdah up`: pocket and the operator in one process, in the background unless told otherwise.

mod background;
mod foreground;
mod report;

use anyhow::Result;
use howdah_cli::Exit;

use crate::args::UpArgs;
use crate::logging;

/// Decides between the process that people start, and the one that stays.
pub(crate) fn run(args: &UpArgs) -> Result<Exit> {
    if args.background_child {
        // Being no child of the terminal any more, it survives when that is closed. This cannot fail for
        // a process that has just been started by another.
        let _ = nix::unistd::setsid();
    }
    if args.background_child || args.foreground {
        logging::start("info", args.log.log_format);
        return foreground::run(args);
    }
    logging::start("off", args.log.log_format);
    crate::small_runtime()?.block_on(background::run(args))
}

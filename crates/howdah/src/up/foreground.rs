//! temporary
use super::report::{Report, Reporter};
use crate::args::UpArgs;
use anyhow::{Result, bail};
use howdah_cli::Exit;
pub(super) fn run(args: &UpArgs) -> Result<Exit> {
    let r = Reporter::new(args.background_child);
    r.doing("x");
    r.send(&Report::Ready);
    r.send(&Report::Failed("x".into()));
    bail!("not yet {}", crate::daemon::PID)
}

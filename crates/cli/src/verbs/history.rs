//! `howdah history`: who was the primary, and since when.

use clap::Args;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::exit::Exit;
use crate::ha::Control;
use crate::output::{self, DataOutput};
use crate::server::Server;
use crate::table::Table;
use crate::terminal::Terminal;
use crate::text::since;

const EXAMPLES: &str = "\
Examples:
  howdah history simple
  howdah history simple -o json

The fifty newest changes are kept.

Exit codes: 0 shown (also when there were no changes), 1 there is no such cluster, 2 wrong usage.";

/// Arguments of `howdah history`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct HistoryArgs {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    name: String,
    #[command(flatten)]
    output: DataOutput,
}

/// A change of the primary, as the instances wrote it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Turn {
    pub(super) epoch: u64,
    pub(super) timeline: u32,
    pub(super) lsn: String,
    pub(super) reason: String,
    pub(super) at: String,
    pub(super) holder: String,
}

/// Reads the changes; what cannot be understood is left out.
pub(super) fn turns(text: &str) -> Vec<Turn> {
    let all: Vec<serde_json::Value> = serde_json::from_str(text).unwrap_or_default();
    let turns = all.into_iter();
    turns
        .filter_map(|turn| serde_json::from_value(turn).ok())
        .collect()
}

pub(super) async fn run(
    args: HistoryArgs,
    server: &Server,
    terminal: &mut Terminal,
) -> Result<Exit, Error> {
    let seen = Control::new(server, &args.name).read().await?;
    let turns = turns(seen.history());
    if turns.is_empty() {
        terminal.note("no changes of the primary are remembered");
    }
    let now = Timestamp::now();
    output::data(terminal, args.output.output, &turns, |turns| {
        if turns.is_empty() {
            return Vec::new();
        }
        table(turns, now).lines()
    })?;
    Ok(Exit::Success)
}

fn table(turns: &[Turn], now: Timestamp) -> Table {
    let mut table = Table::new(["EPOCH", "PRIMARY", "TIMELINE", "FROM", "AGE", "REASON"]);
    for turn in turns {
        let age = turn.at.parse().map(|at| since(at, now));
        table.row([
            turn.epoch.to_string(),
            turn.holder.clone(),
            turn.timeline.to_string(),
            turn.lsn.clone(),
            age.unwrap_or_else(|_| turn.at.clone()),
            turn.reason.clone(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn what_cannot_be_understood_is_left_out() {
        let text = r#"[{"epoch":1,"timeline":1,"lsn":"","reason":"created","at":"2026-01-01T00:00:00Z","holder":"a-0","x":1},
            7, {"epoch":2,"timeline":2,"lsn":"0/5000","reason":"asked for","at":"2026-01-01T01:00:00Z","holder":"a-1"}]"#;
        let turns = turns(text);
        let now = "2026-01-01T01:01:00Z".parse().unwrap();
        assert_eq!(
            table(&turns, now).lines(),
            [
                "EPOCH   PRIMARY   TIMELINE   FROM     AGE   REASON",
                "1       a-0       1                   61m   created",
                "2       a-1       2          0/5000   60s   asked for",
            ]
        );
        assert!(super::turns("nonsense").is_empty());
    }
}

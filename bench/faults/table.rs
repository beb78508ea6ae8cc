//! The numbers: a line of JSON for each trial, and a table at the end.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::time::Duration;

use howdah_e2e::faults::Report;
use howdah_testkit::bench;

use super::Item;
use super::arguments::Arguments;

/// Row, side and mode.
type Key = (usize, &'static str, &'static str, &'static str);

#[derive(Debug, Default)]
pub(crate) struct Table(BTreeMap<Key, Cell>);

#[derive(Debug, Default)]
struct Cell {
    title: &'static str,
    gaps: Vec<Duration>,
    healings: Vec<Duration>,
    lost: usize,
    missing: usize,
    unknown: usize,
    failed: usize,
    wrong: usize,
    doubles: u32,
    broken: u32,
}

impl Table {
    /// Adds a trial, and gives its line of JSON.
    pub(crate) fn add(&mut self, item: &Item, report: &Report, arguments: &Arguments) -> String {
        let verdict = &report.verdict;
        let unknown = verdict.unknown_present + verdict.unknown_absent;
        let cell = self.cell(item);
        cell.gaps.push(report.gap);
        cell.healings.push(report.healing);
        cell.lost += verdict.lost;
        cell.missing += verdict.missing_on_standbys;
        cell.unknown += unknown;
        cell.failed += verdict.failed;
        cell.wrong += verdict.duplicated + verdict.failed_but_present;
        cell.doubles += report.doubles;
        let line = serde_json::json!({
            "row": item.fault.row(),
            "fault": item.fault.title(),
            "side": item.contender.name(),
            "mode": item.mode.name(),
            "run": item.run,
            "seed": arguments.seed,
            "route": format!("{:?}", arguments.route).to_lowercase(),
            "gap": report.gap.as_secs_f64(),
            "healing": report.healing.as_secs_f64(),
            "complete": report.complete.as_secs_f64(),
            "acknowledged": verdict.acknowledged,
            "lost": verdict.lost,
            "missingOnStandbys": verdict.missing_on_standbys,
            "duplicated": verdict.duplicated,
            "failed": verdict.failed,
            "failedButPresent": verdict.failed_but_present,
            "unknownPresent": verdict.unknown_present,
            "unknownAbsent": verdict.unknown_absent,
            "doubles": report.doubles,
            "before": report.primaries.0,
            "after": report.primaries.1,
        })
        .to_string();
        if let Some(path) = &arguments.json
            && let Ok(mut file) = OpenOptions::new().create(true).append(true).open(path)
        {
            // The line is printed, too.
            let _ = writeln!(file, "{line}");
        }
        line
    }

    /// A trial that did not come to its end.
    pub(crate) fn broken(&mut self, item: &Item) {
        self.cell(item).broken += 1;
    }

    fn cell(&mut self, item: &Item) -> &mut Cell {
        let order = item.fault as usize;
        let key = (
            order,
            item.fault.row(),
            item.mode.name(),
            item.contender.name(),
        );
        let cell = self.0.entry(key).or_default();
        cell.title = item.fault.title();
        cell
    }

    /// The table.
    pub(crate) fn show(&self) -> String {
        let mut text = format!(
            "{:<4} {:<26} {:<12} {:<13} {:>4} {:>8} {:>8} {:>8} {:>8} {:>5} {:>8} {:>7} {:>7} {:>6} {:>4} {:>7}\n",
            "row",
            "fault",
            "mode",
            "side",
            "runs",
            "gap p50",
            "p99",
            "max",
            "healing",
            "lost",
            "missing",
            "unknown",
            "failed",
            "wrong",
            "two",
            "broken"
        );
        for ((_, row, mode, side), cell) in &self.0 {
            let mut gaps = cell.gaps.clone();
            gaps.sort();
            let healing = cell.healings.iter().max().copied().unwrap_or_default();
            text.push_str(&format!(
                "{row:<4} {:<26} {mode:<12} {side:<13} {:>4} {:>8} {:>8} {:>8} {:>8} {:>5} {:>8} {:>7} {:>7} {:>6} \
                 {:>4} {:>7}\n",
                cell.title,
                gaps.len(),
                seconds(rank(&gaps, 50)),
                seconds(rank(&gaps, 99)),
                seconds(rank(&gaps, 100)),
                seconds(healing),
                cell.lost,
                cell.missing,
                cell.unknown,
                cell.failed,
                cell.wrong,
                cell.doubles,
                cell.broken,
            ));
        }
        text
    }
}

fn rank(sorted: &[Duration], percent: usize) -> Duration {
    bench::rank(sorted, percent).unwrap_or_default()
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

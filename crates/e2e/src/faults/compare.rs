//! The rows of every member beside what the writers were told.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use super::ledger::{Answered, Ledger};
use super::side::Host;
use crate::sql::Sql;
use crate::wait::eventually;

/// Rows of one server, with how often each is there.
type Rows = BTreeMap<(u32, u64), usize>;

/// What became of the rows of one trial.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Rows that were acknowledged.
    pub acknowledged: usize,
    /// Acknowledged rows that the primary does not have.
    pub lost: usize,
    /// Acknowledged rows that some standby does not have, though it has replayed everything.
    pub missing_on_standbys: usize,
    /// Rows that are there more than once.
    pub duplicated: usize,
    /// Rows that the server refused.
    pub failed: usize,
    /// Of those, rows that are there all the same.
    pub failed_but_present: usize,
    /// Rows whose fate the writer was not told, and that are there.
    pub unknown_present: usize,
    /// The same, and they are not.
    pub unknown_absent: usize,
}

impl Verdict {
    /// Checks that no rule was broken; acknowledged rows may be lost where the mode allows it.
    ///
    /// # Errors
    /// With what was.
    pub fn check(&self, may_lose: bool) -> Result<()> {
        let broken = self.duplicated + self.failed_but_present;
        let lost = if may_lose { 0 } else { self.lost };
        ensure!(
            // What the primary lost the standbys do not have either.
            broken + lost == 0 && self.missing_on_standbys <= 3 * self.lost,
            "{self:?}"
        );
        ensure!(self.acknowledged > 0, "nothing was acknowledged");
        Ok(())
    }
}

/// Compares, when all standbys have replayed everything.
pub(super) async fn compare(
    primary: &Host,
    standbys: &[Host],
    table: &str,
    ledger: &Ledger,
) -> Result<Verdict> {
    let sql = Sql::connect(&primary.target).await?;
    let wanted = sql.value("SELECT pg_current_wal_insert_lsn()").await?;
    let here = rows(&sql, table).await?;
    let acknowledged = ledger.rows(|it| matches!(it, Answered::Acknowledged(_)));
    let failed = ledger.rows(|it| it == Answered::Failed);
    let unknown = ledger.rows(|it| it == Answered::Unknown);
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|row| !here.contains_key(row))
        .collect();
    let mut missing_on_standbys = 0;
    for standby in standbys {
        let there = replayed(standby, &wanted, table).await?;
        let missing = acknowledged.iter().filter(|row| !there.contains_key(row));
        missing_on_standbys += missing.count();
    }
    let present = |row: &&(u32, u64)| here.contains_key(row);
    let unknown_present = unknown.iter().filter(present).count();
    Ok(Verdict {
        acknowledged: acknowledged.len(),
        lost: lost.len(),
        missing_on_standbys,
        duplicated: here.values().filter(|count| **count > 1).count(),
        failed: failed.len(),
        failed_but_present: failed.iter().filter(present).count(),
        unknown_present,
        unknown_absent: unknown.len() - unknown_present,
    })
}

async fn replayed(standby: &Host, wanted: &str, table: &str) -> Result<Rows> {
    eventually(
        &format!("{} to replay {wanted}", standby.name),
        async || {
            let sql = Sql::connect(&standby.target).await?;
            let question = format!("SELECT pg_last_wal_replay_lsn() >= '{wanted}'");
            let done = sql.value(&question).await?;
            ensure!(done == "t", "it has not");
            rows(&sql, table).await
        },
    )
    .await
}

async fn rows(sql: &Sql, table: &str) -> Result<Rows> {
    let question = format!("SELECT writer || ' ' || n FROM {table}");
    let mut rows = Rows::new();
    for text in sql.values(&question).await? {
        let (writer, number) = text.split_once(' ').context("two numbers")?;
        *rows.entry((writer.parse()?, number.parse()?)).or_default() += 1;
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_forgives_only_what_the_mode_allows() {
        let good = Verdict {
            acknowledged: 10,
            ..Verdict::default()
        };
        good.check(false).unwrap();
        let lost = Verdict {
            lost: 1,
            missing_on_standbys: 2,
            ..good
        };
        assert!(lost.check(false).is_err());
        lost.check(true).unwrap();
        let doubled = Verdict {
            duplicated: 1,
            ..good
        };
        assert!(doubled.check(true).is_err());
    }
}

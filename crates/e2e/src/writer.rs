//! A client that writes rows all the time, whatever happens, and remembers which the server acknowledged.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::sql::{Sql, Target};
use crate::wait::eventually;

/// The pace: fast enough to be busy at any moment, slow enough to leave the machine to the databases.
const PERIOD: Duration = Duration::from_millis(5);

/// A running writer. Dropping it stops it.
#[derive(Debug)]
pub struct Writer {
    table: String,
    acknowledged: Arc<Mutex<BTreeSet<u64>>>,
    writing: JoinHandle<()>,
}

/// What a writer got acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    table: String,
    rows: BTreeSet<u64>,
}

impl Writer {
    /// Creates the table and starts to write to it.
    ///
    /// # Errors
    /// When the table cannot be made.
    pub async fn start(target: Target, table: &str) -> Result<Self> {
        let sql = Sql::connect(&target).await?;
        sql.execute(&format!("CREATE TABLE {table} (n bigint PRIMARY KEY)"))
            .await?;
        let acknowledged = Arc::default();
        let writing = tokio::spawn(write(target, table.to_owned(), Arc::clone(&acknowledged)));
        Ok(Self {
            table: table.to_owned(),
            acknowledged,
            writing,
        })
    }

    /// Waits until rows are acknowledged that were sent after this call.
    ///
    /// # Errors
    /// When none is in time.
    pub async fn goes_on(&self) -> Result<()> {
        // The one that is on its way now may be an old one.
        let wanted = self.count() + 2;
        eventually(&format!("writes to {}", self.table), async || {
            let count = self.count();
            ensure!(
                count >= wanted,
                "{count} rows are acknowledged, not {wanted}"
            );
            Ok(())
        })
        .await
    }

    /// Stops it.
    #[must_use]
    pub fn stop(self) -> Acknowledged {
        self.writing.abort();
        Acknowledged {
            table: self.table.clone(),
            rows: self.acknowledged.lock().clone(),
        }
    }

    fn count(&self) -> usize {
        self.acknowledged.lock().len()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.writing.abort();
    }
}

impl Acknowledged {
    /// Checks that a server has every row.
    ///
    /// # Errors
    /// With the rows that are lost.
    pub async fn all_in(&self, sql: &Sql) -> Result<()> {
        ensure!(!self.rows.is_empty(), "nothing was written");
        let question = format!("SELECT n FROM {}", self.table);
        let found = sql.values(&question).await?;
        let found = found
            .iter()
            .map(|n| n.parse::<u64>())
            .collect::<Result<BTreeSet<_>, _>>()
            .context("rows are numbers")?;
        let lost: Vec<_> = self.rows.difference(&found).collect();
        ensure!(
            lost.is_empty(),
            "{} of {} acknowledged rows are lost: {lost:?}",
            lost.len(),
            self.rows.len()
        );
        Ok(())
    }
}

/// Each number is tried once: what happened to one whose answer did not come is not known.
async fn write(target: Target, table: String, acknowledged: Arc<Mutex<BTreeSet<u64>>>) {
    let mut pace = interval(PERIOD);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut connection: Option<Sql> = None;
    for number in 0.. {
        pace.tick().await;
        let sql = match connection.take() {
            Some(sql) => sql,
            None => match Sql::connect(&target).await {
                Ok(sql) => sql,
                Err(_) => continue,
            },
        };
        let insert = format!("INSERT INTO {table} VALUES ({number})");
        if sql.execute(&insert).await.is_ok() {
            acknowledged.lock().insert(number);
            connection = Some(sql);
        }
    }
}

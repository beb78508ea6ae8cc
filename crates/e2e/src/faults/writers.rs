//! Concurrent writers: each has a session, sends one row after the other, and connects again at once.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::ledger::{Answered, Entry, Ledger};
use super::lookout::View;
use super::session::Session;
use crate::sql::{Sql, Target};
use crate::wait::eventually;

/// Fast enough to be busy at any moment, slow enough to leave the machine to the databases.
const PERIOD: Duration = Duration::from_millis(5);
/// Between two attempts to connect.
const RETRY: Duration = Duration::from_millis(20);
/// For a connection, and for the answer to a row. An application that waits longer cannot be back within three
/// seconds when a server freezes.
const LIMIT: Duration = Duration::from_secs(1);

/// How writers find the primary.
#[derive(Debug, Clone)]
pub(super) enum Way {
    /// One address that always leads to it.
    Address(Target),
    /// They know all members.
    Lookout(View),
}

impl Way {
    fn target(&self) -> Option<Target> {
        match self {
            Self::Address(target) => Some(target.clone()),
            Self::Lookout(view) => view.target(),
        }
    }
}

/// Running writers. Dropping them stops them.
#[derive(Debug)]
pub(super) struct Writers {
    ledger: Ledger,
    stop: watch::Sender<bool>,
    writing: JoinSet<()>,
}

impl Writers {
    /// Makes the table anew and starts to write to it.
    pub(super) async fn start(
        primary: &Target,
        way: &Way,
        table: &str,
        count: u32,
    ) -> Result<Self> {
        let sql = Sql::connect(primary).await?;
        // Nothing forbids doubles: they are counted afterwards.
        sql.execute(&format!(
            "DROP TABLE IF EXISTS {table}; CREATE TABLE {table} (writer int, n bigint)"
        ))
        .await?;
        let ledger = Ledger::default();
        let (stop, stopped) = watch::channel(false);
        let mut writing = JoinSet::new();
        for writer in 0..count {
            let task = Task {
                writer,
                way: way.clone(),
                table: table.to_owned(),
                ledger: ledger.clone(),
                stopped: stopped.clone(),
            };
            writing.spawn(task.write());
        }
        Ok(Self {
            ledger,
            stop,
            writing,
        })
    }

    pub(super) const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Waits until so many rows are acknowledged that are sent after this call.
    pub(super) async fn goes_on(&self, rows: usize) -> Result<()> {
        let moment = Instant::now();
        eventually("writes to go on", async || {
            let found = self.ledger.acknowledged_since(moment);
            ensure!(found >= rows, "{found} rows of {rows} are acknowledged");
            Ok(())
        })
        .await
    }

    /// Stops them after the answers to their last rows.
    pub(super) async fn stop(mut self) -> Result<Ledger> {
        self.stop.send_replace(true);
        while let Some(done) = self.writing.join_next().await {
            done.context("a writer ended early")?;
        }
        Ok(self.ledger)
    }
}

struct Task {
    writer: u32,
    way: Way,
    table: String,
    ledger: Ledger,
    stopped: watch::Receiver<bool>,
}

impl Task {
    /// Each number is sent once: what happened to one whose answer did not come is not known.
    async fn write(self) {
        let mut pace = interval(PERIOD);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut session: Option<Session> = None;
        let mut number = 0;
        while !*self.stopped.borrow() {
            pace.tick().await;
            let Some(open) = session.take() else {
                session = self.connect().await;
                continue;
            };
            let sent = Instant::now();
            let row = (self.writer, number);
            number += 1;
            let (answered, goes_on) = open.insert(&self.table, row).await;
            self.ledger.add(Entry {
                row,
                sent,
                done: Instant::now(),
                answered,
            });
            if goes_on {
                session = Some(open);
            } else if answered == Answered::Failed {
                // A server that refuses everything is not to be asked without a pause.
                sleep(RETRY).await;
            }
        }
    }

    async fn connect(&self) -> Option<Session> {
        let session = match self.way.target() {
            Some(target) => Session::connect(&target, LIMIT).await.ok(),
            None => None,
        };
        if session.is_none() {
            sleep(RETRY).await;
        }
        session
    }
}

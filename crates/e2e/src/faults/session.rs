//! A session as a careful application has it: it sees warnings, and knows an answer from a broken connection.

use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::{
    AsyncMessage, CancelToken, Client, Error, NoTls, SimpleQueryMessage, SimpleQueryRow,
};

use super::ledger::Answered;
use crate::sql::{Target, config};

/// A connection that is made within a limit, for statements with a limit. Dropping it ends it.
pub(super) struct Session {
    client: Client,
    warned: Arc<AtomicBool>,
    driver: JoinHandle<()>,
    limit: Duration,
}

impl Session {
    /// Connects as superuser.
    pub(super) async fn connect(target: &Target, limit: Duration) -> Result<Self> {
        let (client, mut connection) = timeout(limit, config(target)?.connect(NoTls)).await??;
        let warned = Arc::<AtomicBool>::default();
        let seen = Arc::clone(&warned);
        let driver = tokio::spawn(async move {
            // A broken connection is told about by the client's next call.
            while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
                if let AsyncMessage::Notice(notice) = message
                    && notice.severity() == "WARNING"
                {
                    seen.store(true, Ordering::SeqCst);
                }
            }
        });
        Ok(Self {
            client,
            warned,
            driver,
            limit,
        })
    }

    /// What cancels the statement that runs.
    pub(super) fn cancel_token(&self) -> CancelToken {
        self.client.cancel_token()
    }

    /// The first column of the first row.
    pub(super) async fn value(&self, sql: &str) -> Result<String> {
        let row = timeout(self.limit, self.first_row(sql)).await??;
        let row = row.with_context(|| format!("{sql} gave no row"))?;
        Ok(row.get(0).unwrap_or_default().to_owned())
    }

    /// Sends one row. The second value says whether the session can go on.
    pub(super) async fn insert(&self, table: &str, row: (u32, u64)) -> (Answered, bool) {
        self.warned.store(false, Ordering::SeqCst);
        let sql = format!(
            "INSERT INTO {table} VALUES ({}, {}) RETURNING host(inet_server_addr())",
            row.0, row.1
        );
        match timeout(self.limit, self.first_row(&sql)).await {
            // Among others: the wait for synchronous replication was cancelled, and the row is committed here alone.
            Ok(Ok(_)) if self.warned.load(Ordering::SeqCst) => (Answered::Unknown, false),
            Ok(Ok(row)) => {
                let server = row.as_ref().and_then(address);
                (Answered::Acknowledged(server), true)
            }
            Ok(Err(error)) => (refused_or_unknown(&error), false),
            Err(_) => (Answered::Unknown, false),
        }
    }

    async fn first_row(&self, sql: &str) -> Result<Option<SimpleQueryRow>, Error> {
        let messages = self.client.simple_query(sql).await?;
        let row = |message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        };
        Ok(messages.into_iter().find_map(row))
    }
}

fn address(row: &SimpleQueryRow) -> Option<IpAddr> {
    row.get(0)?.parse().ok()
}

/// An ERROR is about the statement. A FATAL one is about the session, and may have come after the commit.
fn refused_or_unknown(error: &Error) -> Answered {
    match error.as_db_error() {
        Some(told) if told.severity() == "ERROR" => Answered::Failed,
        _ => Answered::Unknown,
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

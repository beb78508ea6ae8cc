//! The console of the connection pooler beside Postgres, through its Unix socket.
//!
//! PgBouncer lets in whoever runs as the same user of the operating system, without a password.

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use camino::Utf8Path;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage, SimpleQueryRow};

use crate::session::Error;

/// The port of the pooler, also in the name of its socket.
pub const PORT: u16 = 6432;
/// The user who needs no password, and the database that is no database.
const CONSOLE: &str = "pgbouncer";
/// The time for an answer that does not wait for clients.
const ANSWER: Duration = Duration::from_secs(2);

/// An open console. Dropping it closes the connection; a pooler that was paused stays so.
#[derive(Debug)]
pub struct Console {
    client: Client,
    pump: JoinHandle<()>,
}

impl Drop for Console {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

impl Console {
    /// Connects through the socket in that folder.
    pub async fn open(sockets: &Utf8Path) -> Result<Self, Error> {
        let mut config = Config::new();
        config
            .host_path(sockets)
            .port(PORT)
            .user(CONSOLE)
            .dbname(CONSOLE);
        let connecting = within("connect to the pooler", config.connect(NoTls));
        let (client, connection) = connecting.await?.map_err(Error::Connect)?;
        let pump = tokio::spawn(async move {
            // How a connection ends is told to whoever waits for an answer on it.
            let _ = connection.await;
        });
        Ok(Self { client, pump })
    }

    /// Gives clients no server any more, and waits until none has one. False, and at once, if the pooler is on
    /// its way to that already.
    pub async fn pause(&self) -> Result<bool, Error> {
        unless_refused("pause the pooler", self.client.simple_query("PAUSE").await)
    }

    /// Gives clients servers again.
    pub async fn resume(&self) -> Result<(), Error> {
        const WHAT: &str = "resume the pooler";
        let answer = within(WHAT, self.client.simple_query("RESUME")).await?;
        unless_refused(WHAT, answer).map(drop)
    }

    /// Has the pooler read its files again.
    pub async fn reload(&self) -> Result<(), Error> {
        self.rows("reload the pooler", "RELOAD").await.map(drop)
    }

    /// How many servers are in the middle of somebody's transaction. Those of a session do not count, since
    /// they are released only when it ends.
    pub async fn in_transactions(&self) -> Result<u64, Error> {
        let pools = self.rows("look at the pools", "SHOW POOLS").await?;
        let pools = pools.iter().filter(|pool| is_of_clients(pool));
        Ok(pools
            .filter(|pool| pool.get("pool_mode") != Some("session"))
            .filter_map(|pool| pool.get("sv_active")?.parse::<u64>().ok())
            .sum())
    }

    /// The clients that are connected, by numbers that are not used again.
    pub async fn clients(&self) -> Result<BTreeSet<u64>, Error> {
        let clients = self.rows("look at the clients", "SHOW CLIENTS").await?;
        let clients = clients.iter().filter(|client| is_of_clients(client));
        Ok(clients
            .filter_map(|client| client.get("id")?.parse().ok())
            .collect())
    }

    async fn rows(&self, what: &'static str, sql: &str) -> Result<Vec<SimpleQueryRow>, Error> {
        let answer = within(what, self.client.simple_query(sql)).await?;
        let messages = answer.map_err(|source| Error::Statement { what, source })?;
        let rows = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        Ok(rows.collect())
    }
}

fn is_of_clients(row: &SimpleQueryRow) -> bool {
    row.get("database") != Some(CONSOLE)
}

/// False if the pooler refuses, which it does to become what it is already.
fn unless_refused<T>(
    what: &'static str,
    answer: Result<T, tokio_postgres::Error>,
) -> Result<bool, Error> {
    match answer {
        Err(source) if source.as_db_error().is_none() => Err(Error::Statement { what, source }),
        answer => Ok(answer.is_ok()),
    }
}

async fn within<T>(what: &'static str, answer: impl Future<Output = T>) -> Result<T, Error> {
    tokio::time::timeout(ANSWER, answer)
        .await
        .map_err(|_| Error::Deadline {
            what,
            after: ANSWER,
        })
}

//! Connections to Postgres, as an application makes them.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

/// Nothing that the suite asks takes longer on a server that is well.
const LIMIT: Duration = Duration::from_secs(15);

/// Who connects where.
#[derive(Debug, Clone)]
pub struct Target {
    /// Address and port.
    pub address: String,
    /// The superuser's password.
    pub password: String,
}

/// How the superuser gets in.
pub(crate) fn config(target: &Target) -> Result<Config> {
    let (host, port) = target
        .address
        .split_once(':')
        .context("an address has a port")?;
    let mut config = Config::new();
    config
        .host(host)
        .port(port.parse()?)
        .user("postgres")
        .password(&target.password)
        .dbname("postgres");
    Ok(config)
}

/// A connection; dropping it ends it.
pub struct Sql {
    client: Client,
    driver: JoinHandle<()>,
}

impl Sql {
    /// Connects as superuser.
    ///
    /// # Errors
    /// When nobody listens or the password is wrong.
    pub async fn connect(target: &Target) -> Result<Self> {
        let address = &target.address;
        let (client, connection) = timeout(LIMIT, config(target)?.connect(NoTls))
            .await
            .with_context(|| format!("{address} does not answer"))?
            .with_context(|| format!("connect to {address}"))?;
        let driver = tokio::spawn(async move {
            // The client's next call tells about a broken connection.
            let _ = connection.await;
        });
        Ok(Self { client, driver })
    }

    /// Runs statements whose results do not matter.
    ///
    /// # Errors
    /// When the server says so.
    pub async fn execute(&self, sql: &str) -> Result<()> {
        timeout(LIMIT, self.client.batch_execute(sql))
            .await
            .with_context(|| format!("no answer to {sql}"))?
            .with_context(|| sql.to_owned())
    }

    /// Asks for the end of what this connection does, by one that is closed as soon as it has asked.
    ///
    /// # Errors
    /// When nobody takes it.
    pub async fn cancel(&self) -> Result<()> {
        let asked = self.client.cancel_token();
        timeout(LIMIT, asked.cancel_query(NoTls))
            .await
            .context("no end of the cancel request")?
            .context("ask for the end")
    }

    /// The first columns of all rows, as text; NULL is empty.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn values(&self, sql: &str) -> Result<Vec<String>> {
        let messages = timeout(LIMIT, self.client.simple_query(sql))
            .await
            .with_context(|| format!("no answer to {sql}"))?
            .with_context(|| sql.to_owned())?;
        let first = |message: &SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
            _ => None,
        };
        Ok(messages.iter().filter_map(first).collect())
    }

    /// The first column of the first row, as text.
    ///
    /// # Errors
    /// When the statement fails or has no row.
    pub async fn value(&self, sql: &str) -> Result<String> {
        let values = self.values(sql).await?;
        let first = values.into_iter().next();
        first.with_context(|| format!("{sql} gave no row"))
    }
}

impl Drop for Sql {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

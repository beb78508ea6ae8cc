//! Connections to Postgres, as an application makes them.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

/// A connection; dropping it ends it.
pub struct Sql {
    client: Client,
    driver: JoinHandle<()>,
}

impl Sql {
    /// Connects to `address`, which is `host:port`.
    ///
    /// # Errors
    /// When nobody listens or the password is wrong.
    pub async fn connect(address: &str, user: &str, password: &str) -> Result<Self> {
        let (host, port) = address.split_once(':').context("an address has a port")?;
        let mut config = Config::new();
        config
            .host(host)
            .port(port.parse()?)
            .user(user)
            .password(password)
            .dbname("postgres")
            .connect_timeout(Duration::from_secs(5));
        let (client, connection) = config
            .connect(NoTls)
            .await
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
        self.client
            .batch_execute(sql)
            .await
            .with_context(|| sql.to_owned())
    }

    /// The first column of the first row, as text.
    ///
    /// # Errors
    /// When the statement fails or has no row.
    pub async fn value(&self, sql: &str) -> Result<String> {
        let messages = self.client.simple_query(sql).await;
        let messages = messages.with_context(|| sql.to_owned())?;
        let row = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        Ok(row
            .with_context(|| format!("{sql} gave no row"))?
            .to_owned())
    }
}

impl Drop for Sql {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

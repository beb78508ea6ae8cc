//! One SQL connection, where every wait has a deadline.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use parking_lot::Mutex;
use secrecy::ExposeSecret;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls, Row, SimpleQueryMessage, Statement, types::ToSql};

use crate::configuration::Upstream;
use crate::instance::{Instance, PORT};
use crate::probe::WriteProbe;

/// The time for connecting.
const CONNECT: Duration = Duration::from_secs(5);
/// The time for a statement.
const STATEMENT: Duration = Duration::from_secs(10);
/// The most statements that a session keeps parsed.
const PREPARED: usize = 32;
/// The name that the agent's own sessions show in `pg_stat_activity`.
const APPLICATION: &str = "howdah";

/// What went wrong in a session.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection could be made.
    #[error("connect to postgres")]
    Connect(#[source] tokio_postgres::Error),
    /// A statement was refused.
    #[error("{what}")]
    Statement {
        /// What it was for.
        what: &'static str,
        /// The server's answer.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The answer did not come in time.
    #[error("{what}: no answer within {} seconds", after.as_secs())]
    Deadline {
        /// What was asked for.
        what: &'static str,
        /// The time that it had.
        after: Duration,
    },
    /// The answer could not be understood.
    #[error("{what}: unexpected answer")]
    Answer {
        /// What was asked for.
        what: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// An open session. Dropping it closes the connection.
#[derive(Debug)]
pub struct Session {
    client: Client,
    pump: JoinHandle<()>,
    statement: Duration,
    config: Config,
    probe: WriteProbe,
    prepared: Mutex<BTreeMap<String, Statement>>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

impl Instance {
    /// Connects to this instance's own Postgres as superuser, through its Unix socket.
    pub async fn connect(&self) -> Result<Session, Error> {
        let mut config = Config::new();
        config
            .host_path(self.layout().sockets())
            .port(PORT)
            .user(&self.identity().superuser);
        Session::open(config, STATEMENT).await
    }

    /// Makes a checkpoint, within `patience`.
    pub async fn checkpoint(&self, patience: Duration) -> Result<(), Error> {
        let mut config = Config::new();
        config
            .host_path(self.layout().sockets())
            .port(PORT)
            .user(&self.identity().superuser);
        let session = Session::open(config, patience).await?;
        session.execute("make a checkpoint", "CHECKPOINT").await
    }
}

impl Upstream {
    /// Connects to the upstream's Postgres with the replication role, and to a source outside of the cluster with
    /// the role that may ask for everything.
    pub async fn connect(&self) -> Result<Session, Error> {
        let (user, password) = self.asks();
        let mut config = Config::new();
        config
            .host(&self.host)
            .port(self.port)
            .user(user)
            .password(password.expose_secret());
        Session::open(config, STATEMENT).await
    }
}

impl Session {
    async fn open(mut config: Config, statement: Duration) -> Result<Self, Error> {
        // The server's own limits end what a dropped connection would leave running.
        let milliseconds = statement.as_millis();
        config
            .dbname("postgres")
            .application_name(APPLICATION)
            .options(format!(
                "-c statement_timeout={milliseconds} -c lock_timeout={milliseconds} \
                 -c client_min_messages=warning"
            ))
            .connect_timeout(CONNECT)
            .tcp_user_timeout(CONNECT);
        Self::open_with(config, statement).await
    }

    async fn open_with(config: Config, statement: Duration) -> Result<Self, Error> {
        let connecting = tokio::time::timeout(CONNECT, config.connect(NoTls));
        let (client, connection) = connecting
            .await
            .map_err(|_| Error::Deadline {
                what: "connect to postgres",
                after: CONNECT,
            })?
            .map_err(Error::Connect)?;
        let pump = tokio::spawn(async move {
            // How a connection ends is told to whoever waits for an answer on it.
            let _ = connection.await;
        });
        Ok(Self {
            client,
            pump,
            statement,
            config,
            probe: WriteProbe::default(),
            prepared: Mutex::default(),
        })
    }

    /// A second session like this one. Its server process is forked anew, so that it begins with the
    /// settings that the postmaster has.
    pub(crate) async fn again(&self) -> Result<Self, Error> {
        Self::open_with(self.config.clone(), self.statement).await
    }

    /// Like [`Session::again`], for statements whose commits wait for no standby.
    pub(crate) async fn again_local(&self) -> Result<Self, Error> {
        let mut config = self.config.clone();
        let options = config.get_options().unwrap_or_default().to_owned();
        config.options(format!("{options} -c synchronous_commit=local"));
        Self::open_with(config, self.statement).await
    }

    /// The one test write that may be under way.
    pub(crate) fn write_probe(&self) -> &WriteProbe {
        &self.probe
    }

    /// True if the connection is gone.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    pub(crate) async fn rows(
        &self,
        what: &'static str,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        let asked = async {
            let statement = self.prepared(sql).await?;
            self.client.query(&statement, values).await
        };
        self.within(what, asked).await
    }

    pub(crate) async fn row(
        &self,
        what: &'static str,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Row, Error> {
        let asked = async {
            let statement = self.prepared(sql).await?;
            self.client.query_one(&statement, values).await
        };
        self.within(what, asked).await
    }

    /// What is asked again and again is parsed once.
    async fn prepared(&self, sql: &str) -> Result<Statement, tokio_postgres::Error> {
        if let Some(known) = self.prepared.lock().get(sql) {
            return Ok(known.clone());
        }
        let statement = self.client.prepare(sql).await?;
        let mut prepared = self.prepared.lock();
        if prepared.len() < PREPARED {
            prepared.insert(sql.to_owned(), statement.clone());
        }
        Ok(statement)
    }

    /// Runs statements that take no values.
    pub(crate) async fn execute(&self, what: &'static str, sql: &str) -> Result<(), Error> {
        let answer = self.within(what, self.client.simple_query(sql)).await;
        answer.map(|_: Vec<SimpleQueryMessage>| ())
    }

    /// Runs statements that take no values; for callers that have a deadline of their own. The server's
    /// limit on a statement still holds.
    pub(crate) async fn execute_patiently(
        &self,
        what: &'static str,
        sql: &str,
    ) -> Result<(), Error> {
        self.client
            .simple_query(sql)
            .await
            .map(|_: Vec<SimpleQueryMessage>| ())
            .map_err(|source| Error::Statement { what, source })
    }

    /// Gives several steps together the time of one statement.
    pub(crate) async fn in_time<T>(
        &self,
        what: &'static str,
        steps: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::time::timeout(self.statement, steps)
            .await
            .map_err(|_| Error::Deadline {
                what,
                after: self.statement,
            })?
    }

    async fn within<T>(
        &self,
        what: &'static str,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Error> {
        tokio::time::timeout(self.statement, answer)
            .await
            .map_err(|_| Error::Deadline {
                what,
                after: self.statement,
            })?
            .map_err(|source| Error::Statement { what, source })
    }
}

/// A column of a row, read without a panic.
pub(crate) fn column<'a, T: tokio_postgres::types::FromSql<'a>>(
    what: &'static str,
    row: &'a Row,
    name: &str,
) -> Result<T, Error> {
    row.try_get(name).map_err(|source| Error::Answer {
        what,
        source: Box::new(source),
    })
}

/// A column of a row by its place, read without a panic.
pub(crate) fn at<'a, T: tokio_postgres::types::FromSql<'a>>(
    what: &'static str,
    row: &'a Row,
    place: usize,
) -> Result<T, Error> {
    row.try_get(place).map_err(|source| Error::Answer {
        what,
        source: Box::new(source),
    })
}

/// A column of text that is parsed; none for NULL.
pub(crate) fn parsed<T>(what: &'static str, row: &Row, name: &str) -> Result<Option<T>, Error>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    column::<Option<&str>>(what, row, name)?
        .map(str::parse)
        .transpose()
        .map_err(|source| Error::Answer {
            what,
            source: Box::new(source),
        })
}

//! Configuration changes: reading the files again, and what only a restart can change.

use std::time::Duration;

use crate::session::{Error, Session, column};

/// How long the server may take to read its files again.
const RELOAD: Duration = Duration::from_secs(5);
/// How long an error in the files is asked for once something is late.
const WHY: Duration = Duration::from_millis(500);
/// How often it is asked whether it has.
const LOOK: Duration = Duration::from_millis(5);

/// A changed parameter that takes a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingRestart {
    /// The parameter.
    pub name: String,
    /// The value in force.
    pub old: String,
    /// The value after a restart, if the server tells.
    pub new: Option<String>,
}

/// The files have an error, so nothing that was changed in them is in force.
#[derive(Debug, thiserror::Error)]
#[error("postgres refuses its configuration: {0}")]
struct Refused(String);

/// How a reload ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reload {
    /// The files were read.
    Applied,
    /// The files have an error, and the old settings stay in force: what the server says.
    Refused(String),
}

const PENDING: &str = "\
SELECT s.name, pg_catalog.current_setting(s.name) AS old,
  COALESCE((SELECT f.setting FROM pg_catalog.pg_file_settings AS f
    WHERE lower(f.name) = lower(s.name) ORDER BY f.seqno DESC LIMIT 1), s.boot_val) AS new
FROM pg_catalog.pg_settings AS s WHERE s.pending_restart ORDER BY s.name";

/// A change that takes a restart is listed with an error too.
const ERRORS: &str = "\
SELECT COALESCE(f.name || ': ', 'line ' || f.sourceline || ': ') || f.error AS error
FROM pg_catalog.pg_file_settings AS f
WHERE f.error IS NOT NULL AND NOT EXISTS (
  SELECT FROM pg_catalog.pg_settings AS s WHERE lower(s.name) = lower(f.name) AND s.pending_restart)
ORDER BY f.seqno LIMIT 1";

impl Session {
    /// Makes the server read its files again, and waits until this session has, after which
    /// [`Session::pending_restart`] tells the truth.
    pub async fn reload(&self) -> Result<Reload, Error> {
        let before = self.loaded_at().await?;
        self.tell_to_reload().await?;
        let read = tokio::time::timeout(RELOAD, async {
            while self.loaded_at().await? == before {
                tokio::time::sleep(LOOK).await;
            }
            Ok(())
        });
        match read.await {
            Ok(result) => result?,
            Err(_) if self.file_error().await?.is_none() => {
                return Err(Error::Deadline {
                    what: "reload the configuration",
                    after: RELOAD,
                });
            }
            Err(_) => {}
        }
        Ok(self
            .file_error()
            .await?
            .map_or(Reload::Applied, Reload::Refused))
    }

    /// Makes the server read its files again, and waits for nothing.
    pub async fn tell_to_reload(&self) -> Result<(), Error> {
        self.execute(
            "reload the configuration",
            "SELECT pg_catalog.pg_reload_conf()",
        )
        .await
    }

    /// The changes that wait for a restart, as this session sees them.
    pub async fn pending_restart(&self) -> Result<Vec<PendingRestart>, Error> {
        const WHAT: &str = "ask for changes that take a restart";
        let rows = self.rows(WHAT, PENDING, &[]).await?;
        rows.iter()
            .map(|row| {
                Ok(PendingRestart {
                    name: column(WHAT, row, "name")?,
                    old: column(WHAT, row, "old")?,
                    new: column(WHAT, row, "new")?,
                })
            })
            .collect()
    }

    async fn loaded_at(&self) -> Result<String, Error> {
        const WHAT: &str = "ask when the configuration was read";
        let row = self
            .row(
                WHAT,
                "SELECT pg_catalog.pg_conf_load_time()::text AS at",
                &[],
            )
            .await?;
        column(WHAT, &row, "at")
    }

    /// Why what waits for new settings did not come in time.
    pub(crate) async fn late(&self, what: &'static str, after: Duration) -> Error {
        // What is late may hold the session up.
        match tokio::time::timeout(WHY, self.file_error()).await {
            Ok(Ok(Some(why))) => Error::Answer {
                what,
                source: Box::new(Refused(why)),
            },
            _ => Error::Deadline { what, after },
        }
    }

    async fn file_error(&self) -> Result<Option<String>, Error> {
        const WHAT: &str = "ask for errors in the configuration";
        let rows = self.rows(WHAT, ERRORS, &[]).await?;
        rows.first()
            .map(|row| column(WHAT, row, "error"))
            .transpose()
    }
}

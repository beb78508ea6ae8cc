//! A test write: does Postgres still write to its disk?

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::session::{Error as SqlError, Session, column};

const WHAT: &str = "write a message to the WAL";

/// A transaction with a commit record, which must reach the disk but no standby, and changes nothing.
const WRITE: &str = "SELECT pg_catalog.pg_logical_emit_message(true, 'howdah', ''::text)";

/// Client sessions that are in the middle of a statement. One query without locks.
const BUSY: &str = "\
SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_get_activity(NULL)
  WHERE backend_type = 'client backend' AND state = 'active'
    AND application_name <> pg_catalog.current_setting('application_name')) AS busy";

/// Why a test write showed no disk that works.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It was begun, and did not end in time.
    #[error("no commit within {} ms", .0.as_millis())]
    Late(Duration),
    /// It could not be tried, or was refused: nothing is said about the disk.
    #[error("try a commit")]
    Untried(#[source] SqlError),
}

type Running = JoinHandle<Result<Session, SqlError>>;

/// The session that test writes use, in the task of the newest of them.
#[derive(Debug, Default)]
pub(crate) struct WriteProbe(Mutex<Option<Running>>);

impl Drop for WriteProbe {
    fn drop(&mut self) {
        if let Some(running) = self.0.get_mut().take() {
            running.abort();
        }
    }
}

impl Session {
    /// Commits a transaction that waits for no standby.
    ///
    /// It uses a connection of its own, so that a hanging disk holds up nothing else; and as long as
    /// one test write is unanswered no other is begun, so that they do not pile up.
    pub async fn probe_write(&self, deadline: Duration) -> Result<(), Error> {
        let until = Instant::now() + deadline;
        let late = || Error::Late(deadline);
        let mut slot = timeout_at(until, self.write_probe().0.lock())
            .await
            .map_err(|_| late())?;
        let session = match slot.as_mut() {
            Some(running) => {
                let ended = timeout_at(until, running).await.map_err(|_| late())?;
                *slot = None;
                ended.ok().and_then(Result::ok)
            }
            None => None,
        };
        let session = match session.filter(|session| !session.is_closed()) {
            Some(session) => session,
            None => timeout_at(until, self.again_local())
                .await
                .unwrap_or(Err(SqlError::Deadline {
                    what: "connect to postgres",
                    after: deadline,
                }))
                .map_err(Error::Untried)?,
        };
        let running = slot.insert(tokio::spawn(async move {
            session.execute_patiently(WHAT, WRITE).await?;
            Ok(session)
        }));
        let ended = timeout_at(until, &mut *running).await.map_err(|_| late())?;
        *slot = None;
        match ended {
            Ok(Ok(session)) => {
                *slot = Some(tokio::spawn(async move { Ok(session) }));
                Ok(())
            }
            Ok(Err(error)) => Err(Error::Untried(error)),
            Err(_) => Err(late()),
        }
    }

    /// True if a client other than the agent is in the middle of a statement.
    pub async fn has_busy_clients(&self) -> Result<bool, SqlError> {
        const WHAT: &str = "ask whether clients wait for answers";
        column(WHAT, &self.row(WHAT, BUSY, &[]).await?, "busy")
    }
}

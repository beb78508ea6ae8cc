//! A standby that must receive nothing more.

use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::process;
use crate::session::{Error, Session, column};

const WHAT: &str = "stop receiving WAL";
/// How often it is looked whether the WAL receiver is gone.
const LOOK: Duration = Duration::from_millis(5);

const RECEIVERS: &str = "\
SELECT pg_catalog.current_setting('primary_conninfo') AS upstream,
  (SELECT pg_catalog.array_agg(pid) FROM pg_catalog.pg_stat_activity
    WHERE backend_type = 'walreceiver') AS pids";

/// The configuration still names an upstream.
#[derive(Debug, thiserror::Error)]
#[error("the configuration names an upstream")]
struct HasUpstream;

impl Session {
    /// Makes a standby, configured with no upstream, read that, and returns when no WAL receiver lives.
    ///
    /// None comes back either: the startup process may not have read the new settings yet when it
    /// asks for one, being held up by a query's conflict or busy, but then that one finds no password
    /// any longer. A WAL receiver is ended directly for the same reason.
    pub async fn stop_receiving(&self, patience: Duration) -> Result<(), Error> {
        let stopping = async {
            self.tell_to_reload().await?;
            loop {
                let row = self.row(WHAT, RECEIVERS, &[]).await?;
                let upstream: &str = column(WHAT, &row, "upstream")?;
                let pids: Option<Vec<i32>> = column(WHAT, &row, "pids")?;
                match pids {
                    Some(pids) => {
                        let pids: Vec<Pid> = pids.into_iter().map(Pid::from_raw).collect();
                        process::signal(&pids, Signal::SIGTERM);
                    }
                    None if upstream.is_empty() => return Ok(()),
                    None => {}
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        match tokio::time::timeout(patience, stopping).await {
            Ok(result) => result,
            Err(_) => Err(self.why_still_receiving(patience).await),
        }
    }

    async fn why_still_receiving(&self, after: Duration) -> Error {
        let late = self.late(WHAT, after).await;
        if !matches!(late, Error::Deadline { .. }) {
            return late;
        }
        let Ok(row) = self.row(WHAT, RECEIVERS, &[]).await else {
            return late;
        };
        match column::<&str>(WHAT, &row, "upstream") {
            Ok(upstream) if !upstream.is_empty() => Error::Answer {
                what: WHAT,
                source: Box::new(HasUpstream),
            },
            _ => late,
        }
    }
}

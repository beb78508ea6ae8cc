//! The control record in its Lease.

use std::time::Duration;

use howdah_api::control_record::Refusal;
use howdah_api::labels::{HISTORY, RECORD, REFUSED, SYSTEM_IDENTIFIER};
use howdah_ha::machine::{Edit, Progress, Record, Refused, Request, edit, progress};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::error::Error;
use crate::names::lease_path;
use crate::server::Server;
use crate::terminal::Terminal;

/// How often a record that changed meanwhile is judged anew.
const ATTEMPTS: u32 = 20;
const POLL: Duration = Duration::from_millis(200);

/// The control record of one cluster.
pub(crate) struct Control<'a> {
    server: &'a Server,
    cluster: String,
}

/// The Lease as it was read.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    lease: Value,
}

/// A wish that is written down.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// The record that it was written into.
    pub(crate) before: Record,
    /// False if it was so already.
    pub(crate) changed: bool,
}

impl Seen {
    fn annotation(&self, name: &str) -> Option<&str> {
        self.lease["metadata"]["annotations"][name].as_str()
    }

    /// The record.
    pub(crate) fn record(&self) -> Result<Record, Error> {
        let text = self.annotation(RECORD).unwrap_or_default();
        serde_json::from_str(text).map_err(|_| refused(Refused::NoRecord))
    }

    /// The changes of the primary, oldest first, as the instances wrote them.
    pub(crate) fn history(&self) -> &str {
        self.annotation(HISTORY).unwrap_or("[]")
    }

    /// The database system.
    pub(crate) fn system(&self) -> Option<&str> {
        self.annotation(SYSTEM_IDENTIFIER)
    }

    /// Why a wish that was written into that record was refused, if it was.
    fn refusal_since(&self, before: &Record) -> Option<String> {
        let refusal = Refusal::parse(self.annotation(REFUSED)?)?;
        let later = (refusal.epoch, refusal.revision) > (before.epoch.number(), before.revision);
        later.then_some(refusal.why)
    }

    fn edit(&self, wish: Request) -> Result<Edit, Error> {
        let text = self.annotation(RECORD).unwrap_or_default();
        edit(text, wish).map_err(refused)
    }
}

pub(crate) fn refused(why: Refused) -> Error {
    Error::NotNow(why.to_string())
}

impl<'a> Control<'a> {
    /// The record of that cluster.
    pub(crate) fn new(server: &'a Server, cluster: &str) -> Self {
        Self {
            server,
            cluster: cluster.to_owned(),
        }
    }

    fn path(&self) -> String {
        lease_path(self.server.namespace(), &self.cluster)
    }

    /// Reads it.
    pub(crate) async fn read(&self) -> Result<Seen, Error> {
        let lease = self.server.find(&self.path()).await?.ok_or_else(|| {
            Error::NotFound(format!(
                "there is no cluster called {} in namespace {}, or it never ran: see `howdah get sgclusters -A`",
                self.cluster,
                self.server.namespace()
            ))
        })?;
        Ok(Seen { lease })
    }

    /// Writes a wish down, unless it is so already.
    pub(crate) async fn change(&self, wish: Request) -> Result<Change, Error> {
        for _ in 0..ATTEMPTS {
            let seen = self.read().await?;
            let Edit { before, text } = seen.edit(wish)?;
            let Some(text) = text else {
                return Ok(Change {
                    before,
                    changed: false,
                });
            };
            let mut lease = seen.lease;
            // The version that was read goes back with it: another writer's change is a conflict.
            lease["metadata"]["annotations"][RECORD] = json!(text);
            match self.server.put(&self.path(), &lease).await {
                Ok(_) => {
                    return Ok(Change {
                        before,
                        changed: true,
                    });
                }
                Err(error) if error.code() == Some(409) => sleep(POLL).await,
                Err(error) => return Err(error),
            }
        }
        Err(Error::NotNow(format!(
            "the control record of {} changes all the time: try again",
            self.cluster
        )))
    }

    /// Waits until a wish that was written down has come true.
    pub(crate) async fn wait(
        &self,
        wish: Request,
        before: &Record,
        limit: Duration,
        terminal: &mut Terminal,
    ) -> Result<Record, Error> {
        let end = Instant::now() + limit;
        loop {
            let seen = self.read().await?;
            let now = seen.record()?;
            let awaited = match progress(before, wish, &now) {
                Progress::Done => {
                    terminal.end_progress();
                    return Ok(now);
                }
                Progress::Dropped => {
                    let why = seen
                        .refusal_since(before)
                        .unwrap_or_else(|| "the wish was taken back".to_owned());
                    return Err(Error::NotNow(format!(
                        "the primary of {} stays: {why} (see `howdah status {}`)",
                        self.cluster, self.cluster
                    )));
                }
                Progress::Waiting(awaited) => awaited,
            };
            if Instant::now() >= end {
                return Err(Error::Timeout(format!(
                    "waited {} s for {awaited}; the wish stays written down",
                    limit.as_secs()
                )));
            }
            terminal.progress(&format!("waiting for {awaited}"));
            sleep(POLL).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_after_the_wish_explains_why_it_is_gone() {
        let record = json!({
            "epoch": 3, "revision": 8, "holder": {"member": 0, "boot": 1}, "nonce": 1, "system": null, "timeline": "1",
            "cohort": {"standbys": [], "acks": 0, "writer": 0, "timeline": "1", "floor": null}, "older": [],
            "serving": true, "released": false,
        });
        let told = |epoch: u64, revision: u64| {
            let refused = json!({"epoch": epoch, "revision": revision, "why": "no"});
            let lease = json!({"metadata": {"annotations": {
                RECORD: record.to_string(), REFUSED: refused.to_string(),
            }}});
            let seen = Seen { lease };
            seen.refusal_since(&seen.record().unwrap())
        };
        assert_eq!(told(3, 9), Some("no".to_owned()));
        assert_eq!(told(4, 1), Some("no".to_owned()));
        assert_eq!(told(3, 8), None, "of an earlier wish");
        assert_eq!(told(2, 20), None);
    }
}

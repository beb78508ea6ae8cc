//! Whether commits of a serving primary reach its disk.
//!
//! As long as the log moves they do. When it stands still although clients wait for answers, a test write tells
//! a pause from a hang. It waits for no standby, so commits that wait for one are not taken for a broken
//! disk; and what Postgres refuses, such as a write to a full volume, is an answer, too. At rest nothing is
//! written: the volume itself is tried elsewhere.

use std::sync::Arc;
use std::time::Duration;

use howdah_postgres::{Session, SqlError, WriteError};
use howdah_types::Lsn;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::{debug, error};

use crate::chain::Chain;
use crate::member::Member;

/// The log stands still for so long before anything is asked, and then again.
const QUIET: Duration = Duration::from_secs(3);
/// How long a commit may take.
const DEADLINE: Duration = Duration::from_secs(3);

/// What is known of one run of Postgres.
#[derive(Debug)]
pub(super) struct Commits {
    /// The end of the log on disk.
    flushed: Option<Lsn>,
    /// When it last moved, or was last asked about.
    quiet: Instant,
    trying: Option<Trying>,
    hang: bool,
}

/// A test write.
#[derive(Debug)]
struct Trying {
    /// The end of the log when it began.
    from: Lsn,
    task: JoinHandle<Result<(), WriteError>>,
}

impl Default for Commits {
    fn default() -> Self {
        Self {
            flushed: None,
            quiet: Instant::now(),
            trying: None,
            hang: false,
        }
    }
}

impl Commits {
    /// Takes note of where the log ends on disk; true while commits hang.
    pub(super) async fn hang(
        &mut self,
        member: &Arc<Member>,
        session: &Arc<Session>,
        flushed: Lsn,
    ) -> Result<bool, SqlError> {
        self.note(flushed, Instant::now());
        if let Some(ended) = self.trying.take_if(|trying| trying.task.is_finished()) {
            let from = ended.from;
            // A task that was aborted or panicked has not written.
            if let Ok(Err(why)) = ended.task.await {
                self.judge(from, &why);
                if self.hang {
                    member.commits_hang();
                }
            }
        }
        if self.is_due(Instant::now()) {
            self.quiet = Instant::now();
            if session.has_busy_clients().await? {
                self.try_one(member, session, flushed);
            }
        }
        Ok(self.hang)
    }

    fn note(&mut self, flushed: Lsn, now: Instant) {
        if self.flushed.replace(flushed) != Some(flushed) {
            self.quiet = now;
            self.hang = false;
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        self.trying.is_none() && !self.hang && now.duration_since(self.quiet) >= QUIET
    }

    /// A late write of a machine that is only slow moves the log all the same, or somebody else's does.
    fn judge(&mut self, from: Lsn, why: &WriteError) {
        match why {
            WriteError::Late(_) if self.flushed == Some(from) => {
                error!(error = %Chain(why), "commits do not reach the disk");
                self.hang = true;
            }
            why => debug!(error = %Chain(why), "no test write"),
        }
    }

    fn try_one(&mut self, member: &Arc<Member>, session: &Arc<Session>, from: Lsn) {
        let (member, session) = (Arc::clone(member), Arc::clone(session));
        let task = tokio::spawn(async move {
            let written = session.probe_write(DEADLINE).await;
            if written.is_err() {
                member.observe.notify_one();
            }
            written
        });
        self.trying = Some(Trying { from, task });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Lsn = Lsn::new(100);
    const THERE: Lsn = Lsn::new(200);

    fn late() -> WriteError {
        WriteError::Late(DEADLINE)
    }

    #[test]
    fn nothing_is_tried_while_the_log_moves() {
        let mut commits = Commits::default();
        let mut now = commits.quiet;
        for step in 0..10 {
            commits.note(Lsn::new(step), now);
            now += QUIET / 2;
            assert!(!commits.is_due(now));
        }
        commits.note(Lsn::new(9), now);
        assert!(
            commits.is_due(now + QUIET / 2),
            "it stood still since the last but one"
        );
    }

    #[test]
    fn only_a_late_write_into_a_log_that_stands_still_is_a_hang() {
        let mut commits = Commits::default();
        commits.note(HERE, Instant::now());
        let refused = WriteError::Untried(SqlError::Deadline {
            what: "connect",
            after: DEADLINE,
        });
        commits.judge(HERE, &refused);
        assert!(!commits.hang);
        commits.judge(HERE, &late());
        assert!(commits.hang);
        commits.note(THERE, Instant::now());
        assert!(!commits.hang, "it moved after all");
        commits.judge(HERE, &late());
        assert!(!commits.hang, "others wrote meanwhile");
    }
}

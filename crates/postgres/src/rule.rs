//! A change of the rule under which commits are acknowledged, and the proof that it is in force.

use std::collections::BTreeMap;
use std::time::Duration;

use howdah_types::{InstanceName, Lsn};

use crate::session::{Error, Session, column, parsed};
use crate::synchronous::Synchronous;
use crate::wal;

const WHAT: &str = "change the rule for commits";
/// How often it is looked whether a step is done.
const LOOK: Duration = Duration::from_millis(5);
/// How long a waiting commit is looked for before a checkpoint is the proof instead.
const SIGHTING: Duration = Duration::from_millis(500);

const NAMES: &str = "SELECT pg_catalog.current_setting('synchronous_standby_names') AS names";

const SENDERS: &str = "\
SELECT pid, backend_start::text AS started, lower(application_name) AS name
FROM pg_catalog.pg_stat_activity
WHERE backend_type = 'walsender' AND application_name <> 'pg_basebackup'";

/// A walsender's number may soon be another's; its start tells them apart.
const END: &str = "\
SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
WHERE backend_type = 'walsender' AND pid = $1 AND backend_start::text = $2";

const LOCATION: &str = "\
SELECT pg_catalog.pg_current_wal_insert_lsn()::text AS location,
  pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size')) AS segment_size";

const STANDBYS: &str = "\
SELECT lower(application_name) AS name, flush_lsn::text AS flushed
FROM pg_catalog.pg_stat_replication WHERE state = 'streaming' AND flush_lsn IS NOT NULL";

const WAITS: &str = "\
SELECT wait_event = 'SyncRep' AS waits FROM pg_catalog.pg_stat_activity WHERE pid = $1";

/// Which WAL senders may still act under the former rule, and so must end.
#[derive(Debug, PartialEq, Eq)]
enum Outdated {
    None,
    /// Those of members that no longer count.
    Of(Vec<String>),
    All,
}

/// A WAL sender applies the rule that it has read itself, and it may be late with reading. Under an
/// older rule it may count a standby that no longer does, or be content with fewer than are asked
/// for now. It cannot harm where the former rule let nobody acknowledge anything.
fn outdated(rule: &Synchronous, previous: Option<&Synchronous>) -> Outdated {
    let Some(previous) = previous else {
        return Outdated::All;
    };
    if !previous.counts() || rule.acks == 0 {
        return Outdated::None;
    }
    if rule.blocks() || rule.acks > previous.acks {
        return Outdated::All;
    }
    let left = previous.standbys.difference(&rule.standbys);
    let left: Vec<String> = left.map(ToString::to_string).collect();
    if left.is_empty() {
        Outdated::None
    } else {
        Outdated::Of(left)
    }
}

impl Session {
    /// Puts the configured rule in force: after this, no commit above the position that is returned
    /// is acknowledged under the former rule. `previous` is what was in force for certain; none if
    /// that is not known. The configuration with the rule must have been written.
    pub async fn set_synchronous(
        &self,
        rule: &Synchronous,
        previous: Option<&Synchronous>,
        patience: Duration,
    ) -> Result<Lsn, Error> {
        let changing = async {
            let fresh = self.await_names(&rule.names()).await?;
            let waited_before = previous.is_some_and(|previous| previous.acks > 0);
            if rule.acks > 0 && !waited_before {
                self.await_waiting(fresh).await?;
            }
            self.end_senders(&outdated(rule, previous)).await?;
            self.insert_location().await
        };
        match tokio::time::timeout(patience, changing).await {
            Ok(changed) => changed,
            Err(_) => Err(self.late(WHAT, patience).await),
        }
    }

    /// The standbys that stream, each with the end of the WAL that it has on disk. Of several
    /// connections under one name the one that is furthest counts.
    pub async fn standbys(&self) -> Result<BTreeMap<InstanceName, Lsn>, Error> {
        const WHAT: &str = "list the standbys";
        let mut standbys = BTreeMap::new();
        for row in self.rows(WHAT, STANDBYS, &[]).await? {
            let name: &str = column(WHAT, &row, "name")?;
            let flushed: Option<Lsn> = parsed(WHAT, &row, "flushed")?;
            // Other clients may stream too, under any name.
            let (Ok(name), Some(flushed)) = (name.parse(), flushed) else {
                continue;
            };
            let known: &mut Lsn = standbys.entry(name).or_default();
            *known = flushed.max(*known);
        }
        Ok(standbys)
    }

    /// Waits until the postmaster has the value, and gives a session that began with it. A new server process
    /// begins with the postmaster's settings; and since the file was written before, a reload that may still
    /// come reads the same. It is told to reload only where it has another value: every process of the server
    /// reads all files again then.
    async fn await_names(&self, expected: &str) -> Result<Self, Error> {
        let mut told = false;
        loop {
            let fresh = self.again().await?;
            let row = fresh.row(WHAT, NAMES, &[]).await?;
            if column::<&str>(WHAT, &row, "names")? == expected {
                return Ok(fresh);
            }
            if !std::mem::replace(&mut told, true) {
                self.tell_to_reload().await?;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Commits begin to wait only when the checkpointer has read that they shall. One that is seen to
    /// wait proves it; where standbys answer too fast to be seen, the end of a checkpoint does, since
    /// the checkpointer reads its settings before it begins one.
    async fn await_waiting(&self, writer: Self) -> Result<(), Error> {
        let seen = tokio::time::timeout(SIGHTING, self.see_a_commit_wait(writer)).await;
        match seen {
            Ok(result) => result,
            Err(_) => self.execute_patiently(WHAT, "CHECKPOINT").await,
        }
    }

    async fn see_a_commit_wait(&self, writer: Self) -> Result<(), Error> {
        let row = writer
            .row(WHAT, "SELECT pg_catalog.pg_backend_pid() AS pid", &[])
            .await?;
        let pid: i32 = column(WHAT, &row, "pid")?;
        let writing = async {
            loop {
                writer
                    .execute_patiently(
                        WHAT,
                        "BEGIN; SET LOCAL synchronous_commit = on; \
                         SELECT pg_catalog.pg_logical_emit_message(true, 'howdah', ''::text); COMMIT",
                    )
                    .await?;
            }
        };
        let watching = async {
            loop {
                let rows = self.rows(WHAT, WAITS, &[&pid]).await?;
                let waits = match rows.first() {
                    Some(row) => column::<Option<bool>>(WHAT, row, "waits")?,
                    None => None,
                };
                if waits == Some(true) {
                    return Ok(());
                }
                tokio::task::yield_now().await;
            }
        };
        let seen = tokio::select! {
            seen = watching => seen,
            failed = writing => failed,
        };
        // A commit that waits is not ended by a closed connection, and would wait for ever.
        self.rows(WHAT, "SELECT pg_catalog.pg_terminate_backend($1)", &[&pid])
            .await?;
        seen
    }

    async fn end_senders(&self, outdated: &Outdated) -> Result<(), Error> {
        let ends = |name: &str| match outdated {
            Outdated::None => false,
            Outdated::Of(names) => names.iter().any(|left| left == name),
            Outdated::All => true,
        };
        let mut ending = Vec::new();
        for row in self.rows(WHAT, SENDERS, &[]).await? {
            let pid: i32 = column(WHAT, &row, "pid")?;
            let started: Option<String> = column(WHAT, &row, "started")?;
            if ends(column(WHAT, &row, "name")?) {
                ending.push((pid, started));
            }
        }
        for (pid, started) in ending {
            while !self.rows(WHAT, END, &[&pid, &started]).await?.is_empty() {
                tokio::time::sleep(LOOK).await;
            }
        }
        Ok(())
    }

    async fn insert_location(&self) -> Result<Lsn, Error> {
        let row = self.row(WHAT, LOCATION, &[]).await?;
        let location: Option<Lsn> = parsed(WHAT, &row, "location")?;
        let segment_size: i64 = column(WHAT, &row, "segment_size")?;
        Ok(wal::end_before(
            location.unwrap_or_default(),
            segment_size.unsigned_abs(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synchronous::tests::rule;

    #[test]
    fn walsenders_that_may_act_under_an_older_rule_end() {
        let two = rule(1, &["a-1", "a-2"]);
        let one = rule(1, &["a-1"]);
        let both = rule(2, &["a-1", "a-2"]);
        let nobody = rule(1, &[]);
        let none = Synchronous::none();
        assert_eq!(outdated(&two, None), Outdated::All);
        assert_eq!(outdated(&both, Some(&two)), Outdated::All);
        assert_eq!(outdated(&nobody, Some(&two)), Outdated::All);
        assert_eq!(
            outdated(&one, Some(&two)),
            Outdated::Of(vec!["a-2".to_owned()])
        );
        assert_eq!(outdated(&two, Some(&one)), Outdated::None);
        assert_eq!(outdated(&two, Some(&both)), Outdated::None);
        assert_eq!(outdated(&two, Some(&none)), Outdated::None);
        assert_eq!(outdated(&two, Some(&nobody)), Outdated::None);
        assert_eq!(outdated(&none, Some(&two)), Outdated::None);
    }
}

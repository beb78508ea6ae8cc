//! What a standby needs: a primary that still has its WAL, and parameters that suffice for it.

use std::sync::Arc;
use std::time::Duration;

use howdah_postgres::{Continuity, Standing, Status, StopMode};
use howdah_types::Lsn;
use tokio::time::Instant;
use tracing::{info, warn};

use super::{Care, Error, shrug};
use crate::chain::Chain;
use crate::member::Member;
use crate::view::{Contact, REPLICATING};

/// How long a standby may be without a stream before the primary is asked why.
const WITHOUT_STREAM: Duration = Duration::from_secs(2);
/// How often the primary is asked.
const ASK: Duration = Duration::from_secs(5);
/// The time for the restart of a standby whose parameters are too small.
const RESTART: Duration = Duration::from_secs(30);

/// Replay stops until these are at least those of the primary (manual 27.4.3).
const NEEDED_FOR_REPLAY: [&str; 5] = [
    "max_connections",
    "max_worker_processes",
    "max_wal_senders",
    "max_prepared_transactions",
    "max_locks_per_transaction",
];

/// What is known of the stream.
#[derive(Debug, Default)]
pub(super) struct Duties {
    pub(super) streaming: bool,
    since: Option<Instant>,
    asked_primary: Option<Instant>,
    tidied: bool,
    status: Option<Status>,
}

impl Duties {
    /// True if the status is worth asking for in every pass.
    pub(super) fn unsettled(&self) -> bool {
        let waited = self
            .since
            .is_some_and(|since| since.elapsed() > WITHOUT_STREAM * 5);
        !self.streaming && !waited
    }

    pub(super) fn note(&mut self, status: &Status) {
        let streaming = status.is_streaming();
        if streaming != self.streaming || self.since.is_none() {
            self.since = Some(Instant::now());
        }
        self.streaming = streaming;
        self.status = Some(status.clone());
    }
}

impl Care {
    /// True if nothing is left to do.
    pub(super) async fn keep_standby(&mut self, audit: bool) -> Result<bool, Error> {
        self.restart_if_replay_waits().await;
        self.keep_idle_slots(audit).await?;
        if !self.standby.streaming {
            self.look_for_lost_wal().await;
            return Ok(!self.standby.unsettled());
        }
        if !self.standby.tidied {
            self.standby.tidied = true;
            tokio::spawn(tidy(Arc::clone(&self.member)));
        }
        Ok(true)
    }

    /// The others find their slots here if this member is promoted. Until then these hold no WAL back.
    async fn keep_idle_slots(&mut self, audit: bool) -> Result<(), Error> {
        let leads = self.member.view.borrow().ha.phase == REPLICATING;
        if leads {
            // The others stream from here, as from a primary.
            return self.keep_slots(audit).await;
        }
        if !audit {
            return Ok(());
        }
        // As far as everything is replayed here, so that nothing is held back.
        let everything = Lsn::new(u64::MAX);
        for other in self.member.other_instances() {
            let slot = other.slot();
            let session = self.session();
            session.ensure_slot(&slot).await.map_err(Error::Sql)?;
            let advanced = session.advance_slot(&slot, everything).await;
            advanced.map_err(Error::Sql)?;
        }
        Ok(())
    }

    /// A standby whose primary was started with larger values pauses its replay until it has them too.
    async fn restart_if_replay_waits(&self) {
        let paused = matches!(
            self.standby.status.as_ref().map(|status| &status.standing),
            Some(Standing::Standby { position, .. }) if position.paused
        );
        let waits = self
            .member
            .view
            .borrow()
            .pending
            .iter()
            .any(|pending| NEEDED_FOR_REPLAY.contains(&pending.name.as_str()));
        if !(paused && waits) {
            return;
        }
        info!("restarting postgres, whose parameters do not suffice for its primary's WAL");
        if let Err(error) = self.running.postmaster.stop(StopMode::Fast, RESTART).await {
            warn!(error = %Chain(&error), "postgres not restarted");
        }
    }

    /// Asks the primary whether it still has the WAL with which this standby would go on.
    async fn look_for_lost_wal(&mut self) {
        let waited =
            |since: Option<Instant>, time| since.is_none_or(|since| since.elapsed() >= time);
        if !waited(self.standby.since, WITHOUT_STREAM) || !waited(self.standby.asked_primary, ASK) {
            return;
        }
        self.standby.asked_primary = Some(Instant::now());
        let Some(status) = self.standby.status.clone() else {
            return;
        };
        let contact = self.ask_primary(&status).await;
        self.member.view.send_if_modified(|view| {
            let changed = view.contact != contact;
            view.contact = contact;
            changed
        });
    }

    async fn ask_primary(&self, status: &Status) -> Contact {
        let upstream = self.member.feed().and_then(|feed| self.member.reach(&feed));
        let Some(upstream) = upstream else {
            return Contact::Unreachable;
        };
        let session = match upstream.connect().await {
            Ok(session) => session,
            Err(error) => {
                shrug(&error, "connect to the primary");
                return Contact::Unreachable;
            }
        };
        let Some(position) = status.newest() else {
            return Contact::Reachable;
        };
        match session.continuity(position).await {
            Ok(Continuity::Kept) => {}
            Ok(Continuity::Gone) => {
                warn!(lsn = %position, "the primary no longer has the WAL that this copy needs");
                self.member.starves();
            }
            Err(error) => shrug(&error, "ask the primary for its oldest WAL"),
        }
        Contact::Reachable
    }
}

/// Removes the copy that this one replaced, which may take long.
async fn tidy(member: Arc<Member>) {
    match member.instance.discard_replaced().await {
        Ok(true) => info!("removed the data directory that was replaced"),
        Ok(false) => {}
        Err(error) => warn!(error = %Chain(&error), "replaced data directory not removed"),
    }
}

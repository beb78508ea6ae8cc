//! The connection pooler beside Postgres: its files, and when its clients get a server.
//!
//! Clients stay connected to a pooler while Postgres behind it comes, goes or moves. As long as nobody serves them
//! they are paused, which means that whatever they begin waits. Those of a primary that has become a standby are
//! sent on to the new primary, by this very pooler, until the last of them has left.

mod aim;
mod files;

use std::sync::Arc;
use std::time::Duration;

use howdah_postgres::{Console, SqlError};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use self::aim::{Aim, Follower};
use self::files::Rendered;
use crate::chain::Complaint;
use crate::member::Member;

/// How long transactions may take to end before an ordered stop ends them.
const HOLD: Duration = Duration::from_secs(5);
/// How often it is looked whether any is left.
const LOOK: Duration = Duration::from_millis(10);
/// An ordered stop that has not begun by then does not happen.
const HELD: Duration = Duration::from_secs(60);
/// The time for all clients to be paused whose server is gone anyway.
const PAUSE: Duration = Duration::from_millis(200);
/// The pause before a pooler that does not answer is asked again, and how long it grows.
const AGAIN: Duration = Duration::from_millis(250);
const SELDOM: Duration = Duration::from_secs(5);
/// Nothing is to be done until something changes.
const REST: Duration = Duration::from_secs(600);

/// What other tasks tell the one that tends the pooler.
#[derive(Debug, Default)]
pub(crate) struct Hints {
    look: Notify,
    held: Mutex<Option<Instant>>,
}

impl Hints {
    /// Postgres began or ended to serve.
    pub(crate) fn look(&self) {
        self.look.notify_one();
    }

    /// Postgres has ended: nobody needs to be held back from it.
    pub(crate) fn ended(&self) {
        *self.held.lock() = None;
        self.look();
    }

    fn is_held(&self) -> bool {
        self.held.lock().is_some_and(|since| since.elapsed() < HELD)
    }
}

/// Keeps the pooler as it should be, as long as the agent runs.
pub(crate) async fn tend(member: Arc<Member>) {
    let mut view = member.view.subscribe();
    let mut mounted = member.mounted.subscribe();
    let mut tender = Tender {
        follower: Follower::new(Arc::clone(&member)),
        member: Arc::clone(&member),
        written: None,
        unread: false,
        paused: None,
        complaint: Complaint::default(),
        pause: AGAIN,
    };
    loop {
        view.mark_unchanged();
        mounted.mark_unchanged();
        let pause = tender.pass().await;
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = member.pooler.look.notified() => {}
            changed = view.changed() => if changed.is_err() { return },
            changed = mounted.changed() => if changed.is_err() { return },
        }
    }
}

struct Tender {
    member: Arc<Member>,
    follower: Follower,
    /// The files as they are.
    written: Option<Rendered>,
    /// True if the pooler may not have read them.
    unread: bool,
    /// What the pooler was told last.
    paused: Option<bool>,
    complaint: Complaint,
    pause: Duration,
}

impl Tender {
    /// One look; gives the time until the next if nothing happens.
    async fn pass(&mut self) -> Duration {
        let Some(pooling) = self.member.mounted.borrow().pooling.clone() else {
            return REST;
        };
        let aim = self.follower.aim().await;
        let rendered = files::render(&self.member, &pooling, &aim);
        if self.written.as_ref() != Some(&rendered) {
            if let Err(error) = files::write(&self.member, &rendered).await {
                self.complain(&error, "the pooler's files cannot be written");
                return AGAIN;
            }
            self.written = Some(rendered);
            self.unread = true;
        }
        match self.tell(&aim).await {
            Ok(()) => {
                self.complaint.clear();
                self.pause = AGAIN;
                aim.again.unwrap_or(REST)
            }
            Err(error) => {
                // It starts after its files, and it starts again after its end.
                debug!(%error, "the pooler does not answer");
                if self.pause >= SELDOM {
                    self.complain(&error, "the pooler does not answer");
                }
                let pause = self.pause;
                self.pause = (self.pause * 2).min(SELDOM);
                aim.again.map_or(pause, |again| again.max(AGAIN).min(pause))
            }
        }
    }

    fn complain(&mut self, error: &dyn std::error::Error, what: &'static str) {
        if let Some(error) = self.complaint.new_one(error) {
            warn!(error, what, "clients of the pooler may not be served");
        }
    }

    /// Brings the running pooler to where its clients should go.
    async fn tell(&mut self, aim: &Aim) -> Result<(), SqlError> {
        let open = aim.open && !self.member.pooler.is_held();
        if !self.unread && self.paused == Some(!open) {
            return Ok(());
        }
        let console = Console::open(&self.member.instance.layout().sockets()).await?;
        if !open && self.paused != Some(true) {
            // It stays paused although nobody waits for the last client.
            if let Ok(paused) = tokio::time::timeout(PAUSE, console.pause()).await {
                paused?;
            }
            self.paused = Some(true);
        }
        if self.unread {
            console.reload().await?;
            self.unread = false;
        }
        if open && self.paused != Some(false) {
            console.resume().await?;
            self.paused = Some(false);
            info!(server = %aim.server, "the pooler's clients are served");
        }
        Ok(())
    }
}

/// Lets transactions end and keeps new ones waiting, before Postgres is stopped in order. Sessions that are not
/// shared are not waited for.
pub(crate) async fn hold(member: &Member) {
    if member.mounted.borrow().pooling.is_none() || !member.is_open() {
        return;
    }
    *member.pooler.held.lock() = Some(Instant::now());
    let began = Instant::now();
    match tokio::time::timeout(HOLD, let_transactions_end(member)).await {
        Ok(Ok(())) => info!(
            milliseconds = began.elapsed().as_millis(),
            "the pooler's clients wait"
        ),
        Ok(Err(error)) => debug!(%error, "the pooler does not answer"),
        Err(_) => info!("transactions of the pooler's clients do not end"),
    }
}

async fn let_transactions_end(member: &Member) -> Result<(), SqlError> {
    let sockets = member.instance.layout().sockets();
    let console = Console::open(&sockets).await?;
    let looker = Console::open(&sockets).await?;
    let only_sessions = async {
        loop {
            tokio::time::sleep(LOOK).await;
            if looker.in_transactions().await? == 0 {
                return Ok(());
            }
        }
    };
    let pausing = async {
        if console.pause().await? {
            return Ok(());
        }
        std::future::pending().await
    };
    tokio::select! {
        ended = only_sessions => ended,
        ended = pausing => ended,
    }
}

//! Looking at Postgres for the machine: what runs, how far it is, who streams from it.

mod commits;

use std::sync::Arc;
use std::time::Duration;

use howdah_ha::machine::{PgView, Point, Position, Server};
use howdah_postgres::{Duty, Place, PlaceError, Session, SqlError};
use tokio::time::{Instant, timeout};
use tracing::debug;

use self::commits::Commits;
use crate::chain::Chain;
use crate::ids;
use crate::member::{Input, Member, Running};
use crate::view::REPLICATING;

/// The pause between two looks when nothing is about to change.
const REST: Duration = Duration::from_millis(500);
/// The pause when something is.
const SOON: Duration = Duration::from_millis(40);
/// The pause while a new primary awaits its standbys, since everybody who writes waits with it.
const GATHERING: Duration = Duration::from_millis(10);
/// How long they are looked for so often.
const GATHERED: Duration = Duration::from_secs(2);
/// The time for one look; an answer that comes later is not waited for.
const LOOK: Duration = Duration::from_secs(1);
/// A server that gives no answer for so long cannot serve.
const SILENT: Duration = Duration::from_secs(3);

/// Why nothing was seen.
#[derive(Debug, thiserror::Error)]
enum Unseen {
    #[error(transparent)]
    Sql(#[from] SqlError),
    #[error(transparent)]
    Place(#[from] PlaceError),
}

/// Looks at the Postgres of one member.
#[derive(Default)]
struct Observer {
    session: Option<(i32, Arc<Session>)>,
    answered: Option<Instant>,
    /// Since when a primary is here that lets nobody in.
    closed: Option<Instant>,
    commits: Commits,
}

/// Looks again and again.
pub(crate) async fn observe(member: Arc<Member>) {
    let mut observer = Observer::default();
    loop {
        if let Some(view) = observer.look(&member).await {
            member.tell(Input::Observed(view));
        }
        let pause = observer.pause(&member);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = member.observe.notified() => {}
        }
    }
}

impl Observer {
    fn pause(&mut self, member: &Member) -> Duration {
        let writable = member.running().is_some_and(|running| running.writable);
        if writable && !member.is_open() {
            let since = *self.closed.get_or_insert_with(Instant::now);
            if since.elapsed() < GATHERED {
                return GATHERING;
            }
        } else {
            self.closed = None;
        }
        if member.is_unsettled() { SOON } else { REST }
    }

    /// What there is now; none if the server does not answer in time, in which case the last look stands
    /// for a little.
    async fn look(&mut self, member: &Arc<Member>) -> Option<PgView> {
        // What is seen was so after this time, never before.
        let before = member.stopped();
        let Some(running) = member.running() else {
            self.session = None;
            self.answered = None;
            return Some(before);
        };
        if !running.postmaster.is_ready() {
            self.session = None;
            return Some(starting(member, &running, before));
        }
        match timeout(LOOK, self.ask(member, &running, before.clone())).await {
            Ok(Ok(view)) => {
                self.answered = Some(Instant::now());
                Some(view)
            }
            Ok(Err(error)) => {
                debug!(error = %Chain(&error), "postgres gives no account of itself");
                self.silent(member, &running, before)
            }
            Err(_) => self.silent(member, &running, before),
        }
    }

    fn silent(&mut self, member: &Member, running: &Running, before: PgView) -> Option<PgView> {
        self.session = None;
        let since = *self.answered.get_or_insert_with(Instant::now);
        let over = since.elapsed() >= SILENT && running.postmaster.ended().is_none();
        over.then(|| PgView {
            server: if running.writable {
                Server::Primary
            } else {
                standby(member)
            },
            writes: false,
            ..before
        })
    }

    async fn ask(
        &mut self,
        member: &Arc<Member>,
        running: &Running,
        before: PgView,
    ) -> Result<PgView, Unseen> {
        let pid = running.postmaster.pid();
        let usable =
            matches!(&self.session, Some((of, session)) if *of == pid && !session.is_closed());
        if !usable {
            let session = Arc::new(member.instance.connect().await?);
            self.session = Some((pid, session));
            self.commits = Commits::default();
        }
        let Some((_, session)) = &self.session else {
            return Ok(before);
        };
        let (duty, place) = member.instance.look(session).await?;
        let leads = !duty.in_recovery || member.view.borrow().ha.phase == REPLICATING;
        let standbys = if !leads {
            Default::default()
        } else {
            let streaming = session.standbys().await?;
            let cluster = &member.cluster.name;
            streaming
                .into_iter()
                .filter(|(name, _)| name.cluster() == cluster)
                .filter_map(|(name, flushed)| Some((ids::number(&name)?, flushed)))
                .collect()
        };
        let open = !duty.in_recovery && member.is_open();
        let hang = match &place {
            Some(place) if open => self.commits.hang(member, session, place.lsn).await?,
            _ => false,
        };
        Ok(PgView {
            server: server(member, &duty),
            position: place.map(position),
            standbys,
            open,
            writes: before.writes && !hang,
            ..before
        })
    }
}

/// A server that starts is where it was put; nothing is known of its place.
fn starting(member: &Member, running: &Running, before: PgView) -> PgView {
    PgView {
        server: if running.writable {
            // The restart that is under way ends when it is ready.
            Server::Stopped
        } else {
            standby(member)
        },
        ..before
    }
}

/// A standby of which nothing more is known than what it was told.
fn standby(member: &Member) -> Server {
    Server::Standby {
        upstream: member.upstream(),
        receiving: true,
    }
}

fn server(member: &Member, duty: &Duty) -> Server {
    if !duty.in_recovery {
        return Server::Primary;
    }
    Server::Standby {
        // Postgres has the last word on whether it has an upstream at all.
        upstream: member.upstream().filter(|_| duty.has_upstream),
        receiving: duty.receiving || duty.has_upstream,
    }
}

pub(crate) fn position(place: Place) -> Position {
    let point = |timeline, lsn| Point { timeline, lsn };
    Position {
        end: point(place.timeline, place.lsn),
        history: place
            .history
            .into_iter()
            .map(|(timeline, lsn)| point(timeline, lsn))
            .collect(),
    }
}

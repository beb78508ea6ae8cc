//! What a running server does for others: whom it receives from, who acknowledges, whom it lets in.

use std::sync::Arc;
use std::time::Duration;

use howdah_ha::machine::{Member as Number, Names};
use howdah_postgres::{PromoteError, Reload, Session, StopMode, Synchronous};
use howdah_types::{InstanceName, Lsn, Timeline};
use tracing::{info, warn};

use super::Error;
use super::server::STOP;
use crate::chain::Chain;
use crate::ids;
use crate::member::Member;

/// The time for the end of a WAL receiver.
const RECEIVER: Duration = Duration::from_secs(5);
/// The time for walsenders to end whose standbys may no longer acknowledge.
const NAMES: Duration = Duration::from_secs(3);
/// The time for a promotion: it ends when what was received is replayed.
const PROMOTE: Duration = Duration::from_secs(60);
/// How long the first checkpoint of a primary waits for clients.
const ROUTED: Duration = Duration::from_secs(2);
/// The time for the first checkpoint of a primary.
const FIRST_CHECKPOINT: Duration = Duration::from_secs(600);

/// Writes the configuration that is wanted now; tells whether it is another one than before.
async fn configure(member: &Member) -> Result<bool, Error> {
    let upstream = match member.feed() {
        Some(feed) => Some(member.await_feed(&feed).await?),
        None => None,
    };
    let configuration = member.configuration(upstream);
    Ok(member.instance.configure(&configuration).await?)
}

/// Brings the running server to the configuration that is wanted now.
async fn apply(member: &Member, session: &Session) -> Result<(), Error> {
    if !configure(member).await? {
        return Ok(());
    }
    match session.reload().await? {
        Reload::Applied => Ok(()),
        Reload::Refused(why) => Err(Error::Refused(why)),
    }
}

/// Does something in a session with the running server, whose own commits wait for no standby. A job that comes
/// to its end leaves the session to the next: one that is new costs a process whose caches are empty.
async fn in_session<T>(
    member: &Member,
    job: impl AsyncFnOnce(&Session) -> Result<T, Error>,
) -> Result<T, Error> {
    let running = member.running().ok_or(Error::NotRunning)?;
    let pid = running.postmaster.pid();
    let session = match member.take_session(pid) {
        Some(kept) => kept,
        None => {
            let session = member.instance.connect().await?;
            session.wait_for_nobody().await?;
            session
        }
    };
    let done = job(&session).await?;
    member.keep_session(pid, session);
    Ok(done)
}

pub(super) async fn receive(member: &Member, from: Option<Number>) -> Result<(), Error> {
    let Some(from) = from else {
        return stop_receiving(member).await;
    };
    let running = member.running().ok_or(Error::NotRunning)?;
    let feed = member.feed_of(from);
    let upstream = member.await_feed(&feed).await?;
    let _volume = member.volume.lock().await;
    member.desire(|desired| desired.upstream = Some(feed.clone()));
    let configuration = member.configuration(Some(upstream));
    if member.instance.configure(&configuration).await? {
        // Also one that answers nobody yet, because it lacks WAL.
        running.postmaster.reload();
    }
    info!(primary = %feed, "following");
    member.look.notify_one();
    Ok(())
}

async fn stop_receiving(member: &Member) -> Result<(), Error> {
    in_session(member, async |session| {
        let _volume = member.volume.lock().await;
        member.desire(|desired| desired.upstream = None);
        configure(member).await?;
        session.stop_receiving(RECEIVER).await?;
        Ok(())
    })
    .await
}

pub(super) async fn set_names(member: &Member, names: Names) -> Result<Lsn, Error> {
    let cluster = &member.cluster.name;
    let standbys = names.standbys.iter();
    let wanted = Synchronous {
        standbys: standbys
            .map(|standby| ids::name(cluster, *standby))
            .collect(),
        acks: names.acks,
    };
    let running = member.running().ok_or(Error::NotRunning)?;
    if !running.writable {
        // Nothing is committed here; that commits wait is made sure of when it is promoted.
        member.desire_rule(wanted);
        return Ok(Lsn::default());
    }
    let end = in_session(member, async |session| {
        let _volume = member.volume.lock().await;
        let before = member.desire_rule(wanted.clone());
        if configure(member).await? {
            session.tell_to_reload().await?;
        }
        put_in_force(member, session, &wanted, before).await
    })
    .await?;
    let standbys: Vec<_> = wanted
        .standbys
        .iter()
        .map(InstanceName::to_string)
        .collect();
    info!(
        standbys = standbys.join(","),
        acks = wanted.acks,
        "set the synchronous standbys"
    );
    Ok(end)
}

/// Puts the rule for commits in force that the configuration has, where `before` was in force for certain.
async fn put_in_force(
    member: &Member,
    session: &Session,
    rule: &Synchronous,
    before: Option<Synchronous>,
) -> Result<Lsn, Error> {
    let end = session
        .set_synchronous(rule, before.as_ref(), NAMES)
        .await?;
    member.rule_in_force(rule.clone());
    Ok(end)
}

/// Clients that read from a standby must not find themselves on a primary that nobody may write to yet.
pub(super) async fn promote(member: &Arc<Member>, timeline: Option<Timeline>) -> Result<(), Error> {
    let timeline = timeline.ok_or(Error::NoTimeline)?;
    in_session(member, async |session| {
        let _volume = member.volume.lock().await;
        member.desire(|desired| desired.admits = false);
        apply(member, session).await?;
        session.end_clients().await?;
        let promoting = member.instance.promote(session, timeline, PROMOTE);
        match promoting.await {
            Err(ahead @ PromoteError::Ahead { .. }) => {
                forget_unreached(member, session).await?;
                return Err(ahead.into());
            }
            promoted => promoted?,
        }
        member.set_writable();
        session.end_clients().await?;
        let rule = member.configuration(None).synchronous;
        put_in_force(member, session, &rule, Some(Synchronous::none())).await?;
        info!(timeline = timeline.number(), "promoted");
        // Standbys log in with these roles before they can acknowledge anything.
        let credentials = member.mounted.borrow().credentials.clone();
        session.ensure_roles(&credentials).await?;
        for other in member.other_instances() {
            session.ensure_slot(&other.slot()).await?;
        }
        Ok(())
    })
    .await
}

/// The standby follows a timeline of which it has nothing. It is stopped, so that the next start is on the
/// one that it has.
async fn forget_unreached(member: &Member, session: &Session) -> Result<(), Error> {
    let place = member.instance.place(session).await?;
    let (Some(running), Some(place)) = (member.running(), place) else {
        return Err(Error::NotRunning);
    };
    let stopped = running.postmaster.stop(StopMode::Fast, STOP).await;
    stopped.map_err(|source| Error::Postmaster {
        what: "stop postgres",
        source,
    })?;
    member.instance.forget_timelines(place.timeline).await?;
    Ok(())
}

pub(super) async fn open(member: &Member) -> Result<(), Error> {
    in_session(member, async |session| {
        let _volume = member.volume.lock().await;
        member.desire(|desired| desired.admits = true);
        apply(member, session).await
    })
    .await?;
    member.set_open();
    info!("clients are let in");
    Ok(())
}

/// Old members can be rewound to this one only when its control file names its timeline. Nobody waits
/// for that, so it comes when clients are served: what it writes would hold up their way here.
pub(super) async fn first_checkpoint(member: Arc<Member>) {
    let mut view = member.view.subscribe();
    let routed = view.wait_for(|view| view.routed);
    // One that is never routed must still be one that others can be rewound to.
    let _ = tokio::time::timeout(ROUTED, routed).await;
    match member.instance.checkpoint(FIRST_CHECKPOINT).await {
        Ok(()) => info!("made the first checkpoint as primary"),
        Err(error) => warn!(error = %Chain(&error), "no first checkpoint as primary"),
    }
}

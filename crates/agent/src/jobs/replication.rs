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

/// Brings the running server to the configuration that is wanted now.
async fn apply(member: &Member, session: &Session) -> Result<(), Error> {
    let upstream = match member.feed() {
        Some(feed) => Some(member.await_feed(&feed).await?),
        None => None,
    };
    let configuration = member.configuration(upstream);
    if !member.instance.configure(&configuration).await? {
        return Ok(());
    }
    match session.reload().await? {
        Reload::Applied => Ok(()),
        Reload::Refused(why) => Err(Error::Refused(why)),
    }
}

/// A session with the server, if one runs.
async fn session(member: &Member) -> Result<Session, Error> {
    if member.running().is_none() {
        return Err(Error::NotRunning);
    }
    Ok(member.instance.connect().await?)
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
    let session = session(member).await?;
    let _volume = member.volume.lock().await;
    member.desire(|desired| desired.upstream = None);
    apply(member, &session).await?;
    session.stop_receiving(RECEIVER).await?;
    Ok(())
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
    let session = session(member).await?;
    let _volume = member.volume.lock().await;
    let mut before = None;
    member.desire(|desired| {
        before = Some(std::mem::replace(&mut desired.synchronous, wanted.clone()));
    });
    apply(member, &session).await?;
    if member.running().is_none_or(|running| !running.writable) {
        // Nothing is committed here; that commits wait is made sure of when it is promoted.
        return Ok(Lsn::default());
    }
    let end = session
        .set_synchronous(&wanted, before.as_ref(), NAMES)
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

/// Clients that read from a standby must not find themselves on a primary that nobody may write to yet.
pub(super) async fn promote(member: &Arc<Member>, timeline: Option<Timeline>) -> Result<(), Error> {
    let timeline = timeline.ok_or(Error::NoTimeline)?;
    let session = session(member).await?;
    let _volume = member.volume.lock().await;
    member.desire(|desired| desired.admits = false);
    apply(member, &session).await?;
    session.end_clients().await?;
    match member.instance.promote(timeline, PROMOTE).await {
        Err(ahead @ PromoteError::Ahead { .. }) => {
            forget_unreached(member, &session).await?;
            return Err(ahead.into());
        }
        promoted => promoted?,
    }
    member.set_writable();
    session.end_clients().await?;
    let rule = member.configuration(None).synchronous;
    if rule.acks > 0 {
        let before = Synchronous::none();
        session.set_synchronous(&rule, Some(&before), NAMES).await?;
    }
    info!(timeline = timeline.number(), "promoted");
    // Standbys log in with these roles before they can acknowledge anything.
    session.wait_for_nobody().await?;
    let credentials = member.mounted.borrow().credentials.clone();
    session.ensure_roles(&credentials).await?;
    for other in member.other_instances() {
        session.ensure_slot(&other.slot()).await?;
    }
    Ok(())
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
    let session = session(member).await?;
    let _volume = member.volume.lock().await;
    member.desire(|desired| desired.admits = true);
    apply(member, &session).await?;
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

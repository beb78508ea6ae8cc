//! Doing what the machine decided about Postgres. Every job may be given again, or dropped at any await.

use std::sync::Arc;
use std::time::Duration;

use howdah_ha::machine::{Data, Job, JobEnd, Member as Number, Names};
use howdah_postgres::{
    CloneError, ConfigurationError, DataDirectory, FileError, InitialiseError, InspectError,
    PlaceError, Postmaster, PostmasterError, PromoteError, Reload, Remaining, RewindError, Session,
    SqlError, StopMode, Synchronous,
};
use howdah_types::{InstanceName, Lsn, Timeline};
use tracing::{error, info, warn};

use crate::chain::Chain;
use crate::ids;
use crate::member::{Member, NoAddress, Running};
use crate::view::{Contact, Phase};

/// How long a start is awaited; what takes longer goes on by itself.
const START: Duration = Duration::from_millis(500);
/// The time for the checkpoint before an ordered stop, which makes the stop itself short. Clients are
/// served meanwhile, but the end of a Pod does not wait for ever.
const CHECKPOINT: Duration = Duration::from_secs(20);
/// The time for an ordered stop, after which nothing more is written in order.
const STOP: Duration = Duration::from_secs(30);
/// The time for the end of a WAL receiver.
const RECEIVER: Duration = Duration::from_secs(5);
/// The time for walsenders to end whose standbys may no longer acknowledge.
const NAMES: Duration = Duration::from_secs(3);
/// How often a new primary is asked whether it has made its first checkpoint.
const CHECKPOINTED: Duration = Duration::from_millis(250);
/// The time for the first checkpoint of a primary.
const FIRST_CHECKPOINT: Duration = Duration::from_secs(600);
/// The time for a promotion: it ends when what was received is replayed.
const PROMOTE: Duration = Duration::from_secs(60);

/// Why a job was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("inspect the data directory")]
    Inspect(#[from] InspectError),
    #[error("initialise the database system")]
    Initialise(#[from] InitialiseError),
    #[error("clone from {from}")]
    Clone {
        from: InstanceName,
        #[source]
        source: CloneError,
    },
    #[error("rewind to {from}")]
    Rewind {
        from: InstanceName,
        #[source]
        source: RewindError,
    },
    #[error("configure postgres")]
    Configure(#[from] ConfigurationError),
    #[error("{what}")]
    Postmaster {
        what: &'static str,
        #[source]
        source: PostmasterError,
    },
    #[error("promote postgres")]
    Promote(#[from] PromoteError),
    #[error("kill postgres")]
    Kill(#[from] Remaining),
    #[error("ask postgres")]
    Sql(#[from] SqlError),
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error("forget timelines that were not reached")]
    Forget(#[from] FileError),
    #[error(transparent)]
    NoAddress(#[from] NoAddress),
    #[error("postgres refuses its configuration: {0}")]
    Refused(String),
    #[error("postgres does not run")]
    NotRunning,
    #[error("the promotion has no timeline")]
    NoTimeline,
    #[error("this copy must not be started writable")]
    Writable,
}

/// Does one job, after a pause.
pub(crate) async fn execute(
    member: &Arc<Member>,
    job: Job,
    pause: Duration,
) -> Result<JobEnd, Error> {
    tokio::time::sleep(pause).await;
    match job {
        Job::SetNames(names) => return set_names(member, names).await.map(JobEnd::NamesSet),
        Job::Initialise => initialise(member).await?,
        Job::Start { writable: true } => return Err(Error::Writable),
        Job::Start { writable: false } => start(member).await?,
        Job::Restart => restart(member).await?,
        Job::Receive(from) => receive(member, from).await?,
        Job::Promote { timeline } => promote(member, timeline).await?,
        Job::Open => {
            open(member).await?;
            tokio::spawn(first_checkpoint(Arc::clone(member)));
        }
        Job::Checkpoint => member.instance.checkpoint(CHECKPOINT).await?,
        Job::Stop => stop(member).await?,
        Job::Kill => kill(member).await?,
        Job::Rewind { from, fork } => rewind(member, from, fork).await?,
        Job::Clone { from } => clone(member, from).await?,
    }
    Ok(JobEnd::Done)
}

/// Looks into the data directory and remembers what is there.
pub(crate) async fn inspect(member: &Member) -> Result<(), Error> {
    let data = match member.instance.inspect().await? {
        DataDirectory::Empty => Data::Empty,
        DataDirectory::Initialised(found) => Data::Copy(found.control.system),
        DataDirectory::Unfinished(system) => {
            warn!("a rewind was cut short: this copy will be replaced");
            Data::Unfinished(system)
        }
        DataDirectory::OtherMajor { found, programs } => {
            error!(%found, %programs, "the data directory was made by another version of Postgres");
            Data::Damaged
        }
        DataDirectory::Damaged { why } => {
            error!(
                why,
                "the data directory cannot be used and is kept as it is"
            );
            Data::Damaged
        }
    };
    member.set_data(data);
    Ok(())
}

async fn initialise(member: &Member) -> Result<(), Error> {
    let _volume = member.volume.lock().await;
    member.show(|view| view.phase = Phase::Initialising);
    info!("initialising database system");
    member.instance.initialise().await?;
    adopt_settings(member).await?;
    inspect(member).await
}

/// A standby keeps the values that its control file has from its primary. Those of a new system become the
/// configured ones by one start that nobody can connect to.
async fn adopt_settings(member: &Member) -> Result<(), Error> {
    let wrong = |source| Error::Postmaster {
        what: "start the new database system for the first time",
        source,
    };
    member.desire(|desired| {
        desired.upstream = None;
        desired.admits = false;
    });
    member
        .instance
        .configure(&member.configuration(None))
        .await?;
    let started = member.instance.start_primary().await.map_err(wrong)?;
    let ready = started.wait_ready(STOP).await;
    started.stop(StopMode::Fast, STOP).await.map_err(wrong)?;
    ready.map_err(wrong)
}

/// Starts as a standby of nobody: whom to follow is another job.
async fn start(member: &Arc<Member>) -> Result<(), Error> {
    if member.running().is_some() {
        return Ok(());
    }
    let started = {
        let _volume = member.volume.lock().await;
        member.desire(|desired| {
            desired.upstream = None;
            desired.admits = true;
        });
        member
            .instance
            .configure(&member.configuration(None))
            .await?;
        let started = member.instance.start_standby().await;
        started.map_err(|source| Error::Postmaster {
            what: "start postgres",
            source,
        })?
    };
    began(member, started.clone(), false);
    match started.wait_ready(START).await {
        // Recovery may take long.
        Ok(()) | Err(PostmasterError::NotReady(_)) => Ok(()),
        Err(source) => failed_start(member, source).await,
    }
}

/// Starts writable again, closed for clients, and waits until recovery is over.
async fn restart(member: &Arc<Member>) -> Result<(), Error> {
    let started = {
        let _volume = member.volume.lock().await;
        member.desire(|desired| {
            desired.upstream = None;
            desired.admits = false;
        });
        member
            .instance
            .configure(&member.configuration(None))
            .await?;
        let started = member.instance.start_primary().await;
        started.map_err(|source| Error::Postmaster {
            what: "start postgres again",
            source,
        })?
    };
    began(member, started.clone(), true);
    loop {
        match started.wait_ready(STOP).await {
            Ok(()) => return Ok(()),
            Err(PostmasterError::NotReady(_)) => info!("postgres is still recovering"),
            Err(source) => return failed_start(member, source).await,
        }
    }
}

async fn failed_start(member: &Member, source: PostmasterError) -> Result<(), Error> {
    member.show(|view| view.phase = Phase::StartFailed);
    // It may have failed because of the data.
    inspect(member).await?;
    Err(Error::Postmaster {
        what: "start postgres",
        source,
    })
}

fn began(member: &Arc<Member>, postmaster: Postmaster, writable: bool) {
    let pid = postmaster.pid();
    member.show(|view| {
        view.phase = Phase::Starting;
        view.contact = Contact::Unknown;
        view.silent_since = None;
        view.status = None;
    });
    member.set_running(Running {
        postmaster,
        writable,
    });
    info!(pid, writable, "started postgres");
}

/// Brings the running server to the configuration that is wanted now.
async fn apply(member: &Member, session: &Session) -> Result<(), Error> {
    let address = match member.upstream_name() {
        Some(name) => Some(member.await_address(&name).await?),
        None => None,
    };
    let configuration = member.configuration(address);
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

async fn receive(member: &Member, from: Option<Number>) -> Result<(), Error> {
    let Some(from) = from else {
        return stop_receiving(member).await;
    };
    let running = member.running().ok_or(Error::NotRunning)?;
    let primary = ids::name(&member.cluster.name, from);
    let address = member.await_address(&primary).await?;
    let _volume = member.volume.lock().await;
    member.desire(|desired| desired.upstream = Some(primary.clone()));
    let configuration = member.configuration(Some(address));
    if member.instance.configure(&configuration).await? {
        // Also one that answers nobody yet, because it lacks WAL.
        running.postmaster.reload();
    }
    info!(%primary, "following");
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

async fn set_names(member: &Member, names: Names) -> Result<Lsn, Error> {
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
async fn promote(member: &Arc<Member>, timeline: Option<Timeline>) -> Result<(), Error> {
    let timeline = timeline.ok_or(Error::NoTimeline)?;
    let session = session(member).await?;
    let _volume = member.volume.lock().await;
    member.desire(|desired| desired.admits = false);
    apply(member, &session).await?;
    session.end_clients().await?;
    match member.instance.promote(timeline, PROMOTE).await {
        Err(ahead @ PromoteError::Ahead { .. }) => {
            forget_unreached(member).await?;
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
async fn forget_unreached(member: &Member) -> Result<(), Error> {
    let place = member.instance.place().await?;
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

async fn open(member: &Member) -> Result<(), Error> {
    let session = session(member).await?;
    let _volume = member.volume.lock().await;
    member.desire(|desired| desired.admits = true);
    apply(member, &session).await?;
    member.set_open();
    info!("clients are let in");
    Ok(())
}

/// Old members can be rewound to this one only when its control file names its timeline. Nobody waits
/// for that, so it comes when clients are served.
async fn first_checkpoint(member: Arc<Member>) {
    match member.instance.checkpoint(FIRST_CHECKPOINT).await {
        Ok(()) => info!("made the first checkpoint as primary"),
        Err(error) => warn!(error = %Chain(&error), "no first checkpoint as primary"),
    }
}

async fn stop(member: &Member) -> Result<(), Error> {
    let Some(running) = member.running() else {
        return Ok(());
    };
    member.show(|view| {
        view.phase = Phase::Stopping;
        view.routed = false;
    });
    let stopped = running.postmaster.stop(StopMode::Fast, STOP).await;
    let stopped = stopped.map_err(|source| Error::Postmaster {
        what: "stop postgres",
        source,
    })?;
    info!(escalated = stopped.escalated, "stopped postgres");
    member.show(|view| {
        view.phase = Phase::Stopped;
        view.status = None;
    });
    Ok(())
}

async fn kill(member: &Member) -> Result<(), Error> {
    let Some(running) = member.running() else {
        return Ok(());
    };
    member.show(|view| {
        view.phase = Phase::Stopping;
        view.routed = false;
    });
    running.postmaster.kill_tree().await?;
    warn!("killed postgres");
    member.show(|view| {
        view.phase = Phase::Stopped;
        view.status = None;
    });
    Ok(())
}

async fn rewind(member: &Member, from: Number, fork: Option<Lsn>) -> Result<(), Error> {
    let from = ids::name(&member.cluster.name, from);
    let address = member.await_address(&from).await?;
    let _volume = member.volume.lock().await;
    info!(%from, "rewinding");
    member.show(|view| view.phase = Phase::Rewinding);
    let upstream = member.upstream_at(address);
    let rewound = loop {
        match member.instance.rewind(&upstream, fork).await {
            // It makes one as soon as it serves.
            Err(RewindError::NotCheckpointed(_)) => tokio::time::sleep(CHECKPOINTED).await,
            rewound => break rewound,
        }
    };
    inspect(member).await?;
    rewound.map_err(|source| Error::Rewind {
        from: from.clone(),
        source,
    })?;
    info!(%from, "rewound");
    Ok(())
}

async fn clone(member: &Member, from: Number) -> Result<(), Error> {
    let from = ids::name(&member.cluster.name, from);
    let address = member.await_address(&from).await?;
    let _volume = member.volume.lock().await;
    member.show(|view| view.phase = Phase::Cloning);
    info!(%from, "cloning");
    let configuration = member.configuration(Some(address));
    let cloned = member.instance.clone_from_upstream(&configuration).await;
    inspect(member).await?;
    cloned.map_err(|source| Error::Clone { from, source })
}

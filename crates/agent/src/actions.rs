//! Executing what the machine decided. Every action may be given again, or dropped at any await.

use std::sync::Arc;
use std::time::Duration;

use howdah_ha::{Action, DataView, Epoch, Event, Record, RecordVersion};
use howdah_postgres::{
    CloneError, ConfigurationError, DataDirectory, InitialiseError, InspectError, PostmasterError,
    SqlError, StopMode,
};
use howdah_types::InstanceName;
use tracing::{info, warn};

use crate::chain::Chain;
use crate::lease;
use crate::member::{Member, NoAddress, Running};
use crate::route;
use crate::view::{Contact, Phase, Role};

/// How long a start is awaited; what takes longer goes on by itself.
const START: Duration = Duration::from_secs(5);
/// The time for the checkpoint before an ordered stop, which makes the stop itself short.
const CHECKPOINT: Duration = Duration::from_secs(15);
/// The time for an ordered stop. With the checkpoint it fits the grace period of the Pod.
const STOP: Duration = Duration::from_secs(30);

/// Why an action was not executed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("inspect the data directory")]
    Inspect(#[source] InspectError),
    #[error("initialise the database system")]
    Initialise(#[source] InitialiseError),
    #[error("clone from {from}")]
    Clone {
        from: InstanceName,
        #[source]
        source: CloneError,
    },
    #[error("configure postgres")]
    Configure(#[source] ConfigurationError),
    #[error("start postgres")]
    Start(#[source] PostmasterError),
    #[error("stop postgres")]
    Stop(#[source] PostmasterError),
    #[error("set up the roles")]
    Roles(#[source] SqlError),
    #[error(transparent)]
    NoAddress(NoAddress),
    #[error(transparent)]
    Record(lease::Error),
    #[error(transparent)]
    Route(route::Error),
    #[error("postgres does not run")]
    NotRunning,
}

/// How an action ended, and what it made known.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) events: Vec<Event>,
    pub(crate) result: Result<(), Error>,
}

impl From<Result<Vec<Event>, Error>> for Done {
    fn from(result: Result<Vec<Event>, Error>) -> Self {
        let (events, result) = match result {
            Ok(events) => (events, Ok(())),
            Err(error) => (Vec::new(), Err(error)),
        };
        Self { events, result }
    }
}

/// Executes one action.
pub(crate) async fn execute(member: &Arc<Member>, action: Action) -> Done {
    match action {
        Action::Inspect => inspect(member).await.into(),
        Action::WriteRecord { expected, record } => {
            write_record(member, expected.as_ref(), &record).await
        }
        Action::Initialise => initialise(member).await.into(),
        Action::Clone { from } => clone(member, from).await.into(),
        Action::StartPrimary => start(member, None).await.into(),
        Action::StartStandby { of } => start(member, Some(of)).await.into(),
        Action::Follow { primary } => follow(member, primary).await.into(),
        Action::Route { epoch } => route(member, epoch).await.into(),
        Action::StopPostgres { at_once } => stop(member, at_once).await.into(),
        // The driver's own.
        Action::WakeAt(_) | Action::Exit => Ok(Vec::new()).into(),
    }
}

async fn inspect(member: &Member) -> Result<Vec<Event>, Error> {
    let found = member.instance.inspect().await.map_err(Error::Inspect)?;
    let view = match found {
        DataDirectory::Empty => DataView::Empty,
        DataDirectory::Initialised(initialised) => {
            DataView::Initialised(initialised.control.system)
        }
        DataDirectory::OtherMajor { found, programs } => DataView::Damaged(format!(
            "the data directory was made by Postgres {found}, the programs are of Postgres {programs}"
        )),
        DataDirectory::Unfinished(_) => DataView::Damaged("a rewind was cut short".to_owned()),
        DataDirectory::Damaged { why } => DataView::Damaged(why),
    };
    Ok(vec![Event::Data(view)])
}

async fn write_record(member: &Member, expected: Option<&RecordVersion>, record: &Record) -> Done {
    let written = lease::write(member, expected, record).await;
    if written.result.is_ok() {
        info!(epoch = record.epoch.number(), primary = %record.primary, "wrote control record");
    }
    Done {
        events: written.view.into_iter().map(Event::Record).collect(),
        result: written.result.map_err(Error::Record),
    }
}

async fn initialise(member: &Member) -> Result<Vec<Event>, Error> {
    let _volume = member.volume.lock().await;
    member.show(|view| view.phase = Phase::Initialising);
    info!("initialising database system");
    member
        .instance
        .initialise()
        .await
        .map_err(Error::Initialise)?;
    inspect(member).await
}

async fn clone(member: &Member, from: InstanceName) -> Result<Vec<Event>, Error> {
    let address = member
        .await_address(&from)
        .await
        .map_err(Error::NoAddress)?;
    let _volume = member.volume.lock().await;
    member.show(|view| {
        view.phase = Phase::Cloning;
        view.role = Some(Role::Replica);
    });
    info!(%from, "cloning");
    let configuration = member.configuration(Some(address));
    member
        .instance
        .clone_from_upstream(&configuration)
        .await
        .map_err(|source| Error::Clone { from, source })?;
    inspect(member).await
}

async fn start(member: &Arc<Member>, following: Option<InstanceName>) -> Result<Vec<Event>, Error> {
    let upstream = match &following {
        Some(primary) => Some(
            member
                .await_address(primary)
                .await
                .map_err(Error::NoAddress)?,
        ),
        None => None,
    };
    let running = {
        let _volume = member.volume.lock().await;
        let configuration = member.configuration(upstream);
        let configured = member.instance.configure(&configuration).await;
        configured.map_err(Error::Configure)?;
        let started = match &following {
            Some(_) => member.instance.start_standby().await,
            None => member.instance.start_primary().await,
        };
        let postmaster = started.map_err(Error::Start)?;
        let running = Running {
            postmaster,
            following,
        };
        member.show(|view| {
            view.phase = Phase::Starting;
            view.role = Some(running.role());
            view.contact = Contact::Unknown;
            view.silent_since = None;
            view.status = None;
            view.routed = false;
        });
        member.set_running(running.clone());
        running
    };
    info!(
        role = running.role().word(),
        pid = running.postmaster.pid(),
        "started postgres"
    );
    match running.postmaster.wait_ready(START).await {
        // Recovery may take long; the keeper sees when it is over.
        Ok(()) | Err(PostmasterError::NotReady(_)) => Ok(Vec::new()),
        Err(error) => {
            member.show(|view| view.phase = Phase::StartFailed);
            Err(Error::Start(error))
        }
    }
}

async fn follow(member: &Member, primary: InstanceName) -> Result<Vec<Event>, Error> {
    let address = member
        .await_address(&primary)
        .await
        .map_err(Error::NoAddress)?;
    let running = member.running().ok_or(Error::NotRunning)?;
    let _volume = member.volume.lock().await;
    let configuration = member.configuration(Some(address));
    let configured = member.instance.configure(&configuration).await;
    configured.map_err(Error::Configure)?;
    running.postmaster.reload();
    info!(%primary, "following");
    member.set_following(primary);
    Ok(Vec::new())
}

/// Clients come only when the roles are there that they, and standbys, log in with.
async fn route(member: &Member, epoch: Epoch) -> Result<Vec<Event>, Error> {
    let running = member.running().ok_or(Error::NotRunning)?;
    running
        .postmaster
        .wait_ready(START)
        .await
        .map_err(Error::Start)?;
    let session = member.instance.connect().await.map_err(Error::Roles)?;
    let credentials = member.mounted.borrow().credentials.clone();
    session
        .ensure_roles(&credentials)
        .await
        .map_err(Error::Roles)?;
    route::ensure(member, epoch).await.map_err(Error::Route)?;
    *member.routed_epoch.lock() = Some(epoch);
    member.show(|view| view.routed = true);
    member.look.notify_one();
    info!(epoch = epoch.number(), "clients are routed here");
    Ok(Vec::new())
}

async fn stop(member: &Member, at_once: bool) -> Result<Vec<Event>, Error> {
    let Some(running) = member.running() else {
        return Ok(Vec::new());
    };
    member.show(|view| {
        view.phase = Phase::Stopping;
        view.routed = false;
        if at_once {
            view.role = Some(Role::Replica);
        }
    });
    if !at_once && running.following.is_none() {
        // A failure costs time only: the stop makes a checkpoint anyway.
        if let Err(error) = member.instance.checkpoint(CHECKPOINT).await {
            warn!(error = %Chain(&error), "no checkpoint before the stop");
        }
    }
    let mode = if at_once {
        StopMode::Immediate
    } else {
        StopMode::Fast
    };
    let stopped = running
        .postmaster
        .stop(mode, STOP)
        .await
        .map_err(Error::Stop)?;
    info!(at_once, escalated = stopped.escalated, "stopped postgres");
    member.show(|view| {
        view.phase = Phase::Stopped;
        view.status = None;
    });
    Ok(Vec::new())
}

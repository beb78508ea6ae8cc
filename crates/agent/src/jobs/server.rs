//! The server comes and goes.

use std::sync::Arc;
use std::time::Duration;

use howdah_ha::machine::Data;
use howdah_postgres::{Postmaster, PostmasterError, StopMode};
use tracing::{info, warn};

use super::{Error, inspect};
use crate::member::{Member, Running};
use crate::pooler;
use crate::view::{Contact, Phase};

/// How long a start is awaited; what takes longer goes on by itself.
const START: Duration = Duration::from_millis(500);
/// The time for an ordered stop, after which nothing more is written in order.
pub(super) const STOP: Duration = Duration::from_secs(30);

pub(super) async fn initialise(member: &Member) -> Result<(), Error> {
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

/// Starts as a standby.
pub(super) async fn start(member: &Arc<Member>) -> Result<(), Error> {
    if member.running().is_some() {
        return Ok(());
    }
    match launch(member, false).await?.wait_ready(START).await {
        // Recovery may take long.
        Ok(()) | Err(PostmasterError::NotReady(_)) => Ok(()),
        Err(source) => failed_start(member, source).await,
    }
}

/// Starts writable again, closed for clients, and waits until recovery is over.
pub(super) async fn restart(member: &Arc<Member>) -> Result<(), Error> {
    let started = launch(member, true).await?;
    loop {
        match started.wait_ready(STOP).await {
            Ok(()) => return Ok(()),
            Err(PostmasterError::NotReady(_)) => info!("postgres is still recovering"),
            Err(source) => return failed_start(member, source).await,
        }
    }
}

/// Starts a server that follows nobody: whom to follow is another job.
async fn launch(member: &Arc<Member>, writable: bool) -> Result<Postmaster, Error> {
    let postmaster = {
        let _volume = member.volume.lock().await;
        member.desire(|desired| {
            desired.upstream = None;
            desired.admits = !writable;
        });
        member
            .instance
            .configure(&member.configuration(None))
            .await?;
        let started = if writable {
            member.instance.start_primary().await
        } else {
            member.instance.start_standby().await
        };
        started.map_err(|source| Error::Postmaster {
            what: "start postgres",
            source,
        })?
    };
    let pid = postmaster.pid();
    member.show(|view| {
        view.phase = Phase::Starting;
        view.contact = Contact::Unknown;
        view.silent_since = None;
        view.status = None;
    });
    member.set_running(Running {
        postmaster: postmaster.clone(),
        writable,
    });
    info!(pid, writable, "started postgres");
    Ok(postmaster)
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

pub(super) async fn stop(member: &Member) -> Result<(), Error> {
    let Some(running) = member.running() else {
        return Ok(());
    };
    member.show(|view| {
        view.phase = Phase::Stopping;
        view.routed = false;
    });
    pooler::hold(member).await;
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

pub(super) async fn kill(member: &Member) -> Result<(), Error> {
    let Some(running) = member.running() else {
        return Ok(());
    };
    member.show(|view| {
        view.phase = Phase::Stopping;
        view.routed = false;
    });
    running.postmaster.kill_tree().await?;
    warn!("killed postgres");
    if member.stopped().data == Data::Damaged {
        // It may just be gone, and then it can be cloned.
        inspect(member).await?;
    }
    member.show(|view| {
        view.phase = Phase::Stopped;
        view.status = None;
    });
    Ok(())
}

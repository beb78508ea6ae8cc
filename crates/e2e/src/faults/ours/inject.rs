//! Each fault, done to a cluster of ours.

mod blocked;
mod clocks;
mod cuts;
mod delayed;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use tokio::time::Instant;

use super::Ours;
use crate::faults::fault::Fault;
use crate::faults::side::{Scene, kill_all, pause_all};
use crate::faults::undo::{Injected, Undo};
use crate::faults::{damage, disk, record};
use crate::processes::Process;
use crate::sql::Sql;

pub(super) async fn inject(ours: &Ours<'_>, fault: Fault, scene: &Scene) -> Result<Injected> {
    let primary = scene.primary.name.as_str();
    match fault {
        Fault::PostmasterKill => kill_all(&[ours.postmaster(primary)?]),
        Fault::BackendKill => {
            let backend = backend(ours, scene).await?;
            Injected::by(|| backend.signal_if_same(Signal::SIGKILL))
        }
        Fault::AgentKill => {
            let agent = ours.world.processes()?.agent(primary)?;
            Injected::by(|| agent.signal_if_same(Signal::SIGKILL))
        }
        Fault::AgentPause => pause_all(vec![ours.world.processes()?.agent(primary)?]),
        Fault::PodKill => ours.pod(primary).await?.kill(),
        Fault::Freeze => Ok(ours.pod(primary).await?.pause()?.0),
        Fault::ShortFreeze => delayed::short_freeze(ours, scene).await,
        Fault::PowerLoss => ours.pod(primary).await?.lose_power(),
        Fault::ApiCut
        | Fault::OneStandbyCut
        | Fault::StandbysCut
        | Fault::Isolated
        | Fault::DeafStandbys
        | Fault::DeafPrimary
        | Fault::ApiFlaps => cuts::inject(ours, fault, scene).await,
        Fault::ApiDown => pause_all(vec![ours.daemon()?]),
        Fault::LeaseDeleted | Fault::LeaseEdited => lease(ours, fault).await,
        Fault::ClockAhead | Fault::ClockBehind | Fault::ClocksApart => {
            clocks::inject(ours, fault, scene).await
        }
        Fault::PrimaryFull => disk::fill(&ours.data_folder(primary)?),
        Fault::StandbyFull => {
            let standby = scene.standbys.first().context("there is a standby")?;
            disk::fill(&ours.data_folder(&standby.name)?)
        }
        Fault::DiskFails => disk::fail(&ours.data_folder(primary)?, ours.pod(primary).await?),
        Fault::DiskReadOnly => {
            disk::make_read_only(&ours.data_folder(primary)?, ours.pod(primary).await?)
        }
        Fault::DiskHangs => disk::hang(&ours.data_folder(primary)?),
        Fault::StopHangs => blocked::stop_hangs(ours, scene).await,
        Fault::StandbyThenPrimary => delayed::standby_then_primary(ours, scene).await,
        Fault::Switchover => switchover(ours).await,
        Fault::DataRemoved => damage::remove(&ours.data_folder(primary)?),
        Fault::DataCorrupted => {
            damage::corrupt(&ours.data_folder(primary)?)?;
            kill_all(&[ours.postmaster(primary)?])
        }
        Fault::DeadTimeline => cuts::dead_timeline(ours, scene).await,
        Fault::LateMessages => delayed::late_messages(ours, scene).await,
        Fault::Cancel => blocked::cancel(ours, scene).await,
    }
}

/// A backend of one of the writers.
async fn backend(ours: &Ours<'_>, scene: &Scene) -> Result<Process> {
    let sql = Sql::connect(&scene.primary.target).await?;
    let question = format!(
        "SELECT pid FROM pg_stat_activity WHERE query LIKE 'INSERT INTO {}%' LIMIT 1",
        scene.table
    );
    let pid = sql.value(&question).await?.parse()?;
    let backend = Process::of(pid).context("the backend runs")?;
    // Not a number from another machine's view.
    let postmaster = ours.postmaster(&scene.primary.name)?;
    anyhow::ensure!(backend.parent == postmaster.pid, "{backend:?} is not its");
    Ok(backend)
}

async fn lease(ours: &Ours<'_>, fault: Fault) -> Result<Injected> {
    let at = Instant::now();
    let cluster = ours.cluster.name();
    match fault {
        Fault::LeaseDeleted => record::delete(ours.world, cluster).await?,
        _ => record::strip(ours.world, cluster).await?,
    }
    Ok(Injected {
        at,
        undo: Undo::nothing(),
    })
}

pub(super) async fn switchover(ours: &Ours<'_>) -> Result<Injected> {
    let at = Instant::now();
    record::switchover(ours.world, ours.cluster.name()).await?;
    Ok(Injected {
        at,
        undo: Undo::nothing(),
    })
}

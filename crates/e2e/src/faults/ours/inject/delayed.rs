//! Faults that are more than one step: something goes on beside the trial, and ends with the fault.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use tokio::time::sleep;

use super::super::Ours;
use crate::faults::side::Scene;
use crate::faults::undo::{Injected, Undo};
use crate::processes::Process;
use crate::sql::Sql;
use crate::wait::eventually;

/// The shortest of the short pauses, and how much longer the longest is: around the moment of the takeover.
const SHORTEST: Duration = Duration::from_millis(1500);
const SPREAD: u32 = 2500;
/// How long a member's agent is stopped, and how long it then runs.
const LATE: Duration = Duration::from_millis(300);

/// The primary freezes, and goes on while the others may be taking over.
pub(super) async fn short_freeze(ours: &Ours<'_>, scene: &Scene) -> Result<Injected> {
    let (injected, stopped) = ours.pod(&scene.primary.name).await?.pause()?;
    let length = SHORTEST + Duration::from_millis(u64::from(any_number() % SPREAD));
    let thaw = tokio::spawn(async move {
        sleep(length).await;
        Undo::nothing().and_resume(stopped).heal();
    });
    Ok(with_task(injected, thaw))
}

/// A standby is lost, writes go on without it, and then the primary is killed. It starts again: in the strict modes
/// the last standby could not serve alone.
pub(super) async fn standby_then_primary(ours: &Ours<'_>, scene: &Scene) -> Result<Injected> {
    let standby = scene.standbys.first().context("there is a standby")?;
    let lost = ours.pod(&standby.name).await?.lose_power()?;
    let sql = Sql::connect(&scene.primary.target).await?;
    eventually("the cohort without the lost standby", async || {
        let names = sql.value("SHOW synchronous_standby_names").await?;
        ensure!(!names.contains(&standby.name), "it is {names}");
        Ok(())
    })
    .await?;
    let Injected { at, undo } = ours.pod(&scene.primary.name).await?.kill()?;
    let undo = undo.and(move || lost.undo.heal());
    Ok(Injected { at, undo })
}

/// The primary is killed, and the agents of the others are stopped for a moment again and again.
pub(super) async fn late_messages(ours: &Ours<'_>, scene: &Scene) -> Result<Injected> {
    let mut agents = Vec::new();
    for standby in &scene.standbys {
        agents.push(ours.world.processes()?.agent(&standby.name)?);
    }
    let injected = ours.pod(&scene.primary.name).await?.kill()?;
    let late = tokio::spawn(stutter(agents.clone()));
    let Injected { at, undo } = with_task(injected, late);
    // After the end of the task, which may leave one stopped.
    let first = Undo::nothing().and_resume(agents).and(move || undo.heal());
    Ok(Injected { at, undo: first })
}

async fn stutter(agents: Vec<Process>) {
    loop {
        for agent in &agents {
            for signal in [Signal::SIGSTOP, Signal::SIGCONT] {
                if agent.signal_if_same(signal).is_err() {
                    return;
                }
                sleep(LATE).await;
            }
        }
    }
}

/// The task ends before the fault is taken back.
fn with_task(injected: Injected, task: tokio::task::JoinHandle<()>) -> Injected {
    let Injected { at, undo } = injected;
    let undo = undo.and(move || task.abort());
    Injected { at, undo }
}

/// Differs between trials.
fn any_number() -> u32 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |time| time.subsec_micros())
}

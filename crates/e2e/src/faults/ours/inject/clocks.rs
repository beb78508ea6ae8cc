//! Faults of the wall clock.

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use super::super::Ours;
use crate::faults::clock::{Clock, HOUR};
use crate::faults::fault::Fault;
use crate::faults::side::{Host, Scene};
use crate::faults::undo::{Injected, Undo};
use crate::sql::Sql;
use crate::wait::eventually;

/// How far a clock that was set may be from the hour: the library looks once a second, and the machine is busy.
const SLACK: f64 = 60.0;

pub(super) async fn inject(ours: &Ours<'_>, fault: Fault, scene: &Scene) -> Result<Injected> {
    match fault {
        Fault::ClockAhead => jump(ours, &scene.primary, HOUR).await,
        Fault::ClockBehind => jump(ours, &scene.primary, -HOUR).await,
        _ => apart(ours, scene).await,
    }
}

/// Returns when Postgres goes by the new time.
async fn jump(ours: &Ours<'_>, host: &Host, seconds: i64) -> Result<Injected> {
    let processes = ours.world.processes()?;
    // Both go by it: the agent was started with the variables, and Postgres by the agent.
    Clock::of(&processes.postmaster(&host.name)?)?;
    let injected = Clock::of(&processes.agent(&host.name)?)?.jump(seconds)?;
    let sql = Sql::connect(&host.target).await?;
    let question = format!(
        "SELECT extract(epoch FROM clock_timestamp()) - {}",
        true_time()?
    );
    eventually("Postgres to see the new time", async || {
        let off: f64 = sql.value(&question).await?.parse()?;
        #[expect(clippy::cast_precision_loss, reason = "an hour is exact")]
        let wanted = seconds as f64;
        ensure!((off - wanted).abs() < SLACK, "it is {off} s off");
        Ok(())
    })
    .await?;
    Ok(injected)
}

fn true_time() -> Result<u64> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Ok(since.context("it is later than 1970")?.as_secs())
}

/// Two hours between the primary and a standby, and then the primary is killed.
async fn apart(ours: &Ours<'_>, scene: &Scene) -> Result<Injected> {
    let standby = scene.standbys.first().context("there is a standby")?;
    let ahead = jump(ours, &scene.primary, HOUR).await?;
    let behind = jump(ours, standby, -HOUR).await?;
    let killed = ours.pod(&scene.primary.name).await?.kill()?;
    let at: Instant = killed.at;
    let undo = Undo::nothing().and(move || {
        for injected in [ahead, behind, killed] {
            injected.undo.heal();
        }
    });
    Ok(Injected { at, undo })
}

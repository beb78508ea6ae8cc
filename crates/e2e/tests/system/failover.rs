//! Faults under concurrent writers: writes come back, every acknowledged row is kept, and the old primary rejoins.
//!
//! Here are those that need nothing but signals and the API; `bench/faults` does the others, and measures.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use howdah_e2e::faults::{Fault, Mode, Ours, Plan, Report, Route, trial};
use howdah_e2e::{Vigil, on_pocket};

fn plan() -> Plan {
    Plan {
        writers: 4,
        table: "ledger".to_owned(),
        route: Route::Service,
        offset: Duration::ZERO,
        hold: Duration::from_secs(1),
    }
}

/// Does these faults to one cluster, one after the other, and holds each against the rules of its mode.
async fn survives(version: &str, mode: Mode, faults: &[Fault]) -> Result<()> {
    on_pocket(async |world| {
        let ours = Ours::start(world, "ha", version, mode).await?;
        let vigil = Vigil::start(world.path());
        for fault in faults {
            let report = trial(&ours, *fault, &plan()).await?;
            check(*fault, mode, &report)
                .with_context(|| format!("{} in {}: {report:?}", fault.title(), mode.name()))?;
        }
        vigil.end().await
    })
    .await
}

fn check(fault: Fault, mode: Mode, report: &Report) -> Result<()> {
    report.verdict.check(mode.may_lose())?;
    ensure!(
        report.doubles == 0 || fault.may_show_two(),
        "two servers took writes at once"
    );
    Ok(())
}

#[tokio::test]
async fn killed_processes_cost_no_acknowledged_row() -> Result<()> {
    let faults = [Fault::PostmasterKill, Fault::AgentKill, Fault::PodKill];
    survives("18", Mode::StrictSync, &faults).await
}

#[tokio::test]
async fn a_frozen_primary_is_replaced_and_rejoins_when_it_wakes() -> Result<()> {
    let faults = [Fault::Freeze, Fault::AgentPause];
    survives("17", Mode::StrictSync, &faults).await
}

#[tokio::test]
async fn a_lost_primary_is_replaced_in_the_async_mode() -> Result<()> {
    let faults = [Fault::PowerLoss, Fault::Switchover];
    survives("18", Mode::Async, &faults).await
}

#[tokio::test]
async fn the_death_of_a_standby_and_then_of_the_primary_costs_no_acknowledged_row() -> Result<()> {
    let faults = [Fault::StandbyThenPrimary, Fault::LateMessages];
    survives("18", Mode::Sync, &faults).await
}

#[tokio::test]
async fn a_planned_switchover_loses_no_row_even_when_the_stop_hangs() -> Result<()> {
    let faults = [Fault::Switchover, Fault::StopHangs];
    survives("18", Mode::StrictSync, &faults).await
}

#[tokio::test]
async fn what_happens_to_the_api_does_not_stop_writes() -> Result<()> {
    let faults = [Fault::ApiDown, Fault::LeaseEdited, Fault::LeaseDeleted];
    survives("18", Mode::StrictSync, &faults).await
}

#[tokio::test]
async fn damaged_data_and_cancelled_waits_cost_no_acknowledged_row() -> Result<()> {
    let faults = [Fault::Cancel, Fault::BackendKill, Fault::DataCorrupted];
    survives("18", Mode::StrictSync, &faults).await
}

//! One fault under load, from complete to complete.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use howdah_testkit::wait_until;
use tokio::time::{Instant, sleep};

use super::compare::{Verdict, compare};
use super::fault::{Fault, Outcome};
use super::lookout::Lookout;
use super::side::{Host, Scene, Side};
use super::writers::{Way, Writers};
use crate::sql::Sql;

/// Acknowledged rows that show that writes are back.
const ROWS: usize = 100;

/// What any healing may take: no measurement, but long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

async fn soon<T>(what: &str, mut probe: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    wait_until(PATIENCE, what, async || {
        probe().await.map_err(|error| format!("{error:#}"))
    })
    .await
}

/// How writers find the primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// By the address that the system offers.
    Service,
    /// They know all members, and go to the one that said last that it takes writes; each is asked every 25 ms.
    Members,
}

/// How a trial is done.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Concurrent writers.
    pub writers: u32,
    /// The table that they write to; made anew.
    pub table: String,
    /// How they find the primary.
    pub route: Route,
    /// How long to write before the fault, beyond the first rows: spreads faults over the periods of the system.
    pub offset: Duration,
    /// How long a fault lasts that changes nothing for writers.
    pub hold: Duration,
}

/// What came of a trial.
#[derive(Debug, Clone)]
pub struct Report {
    /// The longest time between two acknowledged rows while the fault lasted.
    pub gap: Duration,
    /// The same while it healed.
    pub healing: Duration,
    /// From the end of the fault until all members were complete again.
    pub complete: Duration,
    /// What became of the rows.
    pub verdict: Verdict,
    /// How often two servers said at once that they take writes.
    pub doubles: u32,
    /// The member that took writes before, and the one that does now.
    pub primaries: (String, String),
}

/// Does one trial. The system is complete before and after.
///
/// # Errors
/// When writes do not come back, or a member does not.
pub async fn trial<S: Side>(side: &S, fault: Fault, plan: &Plan) -> Result<Report> {
    let what = || format!("{} of {}", fault.title(), side.name());
    complete(side).await.with_context(what)?;
    let wait = format!("the standbys of {} to be able to take over", side.name());
    let redundant = soon(&wait, async || side.redundant().await);
    redundant.await.with_context(what)?;
    let hosts = side.hosts().await?;
    let scene = scene(hosts.clone(), &plan.table).await?;
    let targets = hosts.iter().map(|host| host.target.clone()).collect();
    let lookout = Lookout::start(targets);
    let address = match plan.route {
        Route::Service if !fault.stops_services() => side.address().await?,
        _ => None,
    };
    let way = address.map_or_else(|| Way::Lookout(lookout.view()), Way::Address);
    let writers = Writers::start(&scene.primary.target, &way, &plan.table, plan.writers).await?;
    writers.goes_on(ROWS).await?;
    sleep(plan.offset).await;

    let injected = side.inject(fault, &scene).await.with_context(what)?;
    let at = injected.at;
    let outcome = side.outcome(fault);
    returns(&writers, outcome, at, &scene.primary, plan.hold)
        .await
        .with_context(what)?;
    let healed = Instant::now();
    injected.undo.heal();
    side.repair(fault, &scene).await.with_context(what)?;
    complete(side).await.with_context(what)?;
    let complete = healed.elapsed();
    let wait = format!("nothing to change any longer in {}", side.name());
    let rest = soon(&wait, async || side.at_rest().await);
    rest.await.with_context(what)?;
    writers.goes_on(ROWS).await.with_context(what)?;
    let end = Instant::now();
    let ledger = writers.stop().await?;

    let after = self::scene(side.hosts().await?, &plan.table).await?;
    let verdict = compare(&after.primary, &after.standbys, &plan.table, &ledger).await?;
    let gap = ledger.longest_pause(at, healed);
    Ok(Report {
        gap,
        healing: ledger.longest_pause(healed, end),
        complete,
        verdict,
        doubles: lookout.doubles(),
        primaries: (scene.primary.name, after.primary.name),
    })
}

async fn complete<S: Side>(side: &S) -> Result<()> {
    let what = format!("all members of {} to stream", side.name());
    soon(&what, async || side.complete().await).await
}

/// Who takes writes now.
async fn scene(hosts: Vec<Host>, table: &str) -> Result<Scene> {
    soon("one member to take writes", async || {
        let mut primaries = Vec::new();
        let mut standbys = Vec::new();
        for host in &hosts {
            let sql = Sql::connect(&host.target).await?;
            let standby = sql.value("SELECT pg_is_in_recovery()").await? == "t";
            let list = if standby {
                &mut standbys
            } else {
                &mut primaries
            };
            list.push(host.clone());
        }
        let primary = primaries.pop().context("nobody does")?;
        ensure!(primaries.is_empty(), "{primaries:?} do, too");
        Ok(Scene {
            primary,
            standbys,
            table: table.to_owned(),
        })
    })
    .await
}

/// Waits until the fault has done to writers what it does.
async fn returns(
    writers: &Writers,
    outcome: Outcome,
    at: Instant,
    old: &Host,
    hold: Duration,
) -> Result<()> {
    let (host, _) = old.target.address.split_once(':').context("no port")?;
    let old: IpAddr = host.parse()?;
    let ledger = writers.ledger();
    match outcome {
        Outcome::Back => {
            soon("writes to come back", async || {
                let found = ledger.acknowledged_since(at);
                ensure!(found >= ROWS, "{found} rows were acknowledged since");
                Ok(())
            })
            .await
        }
        Outcome::Elsewhere => {
            soon("writes to come back elsewhere", async || {
                let found = ledger.acknowledged_elsewhere(at, old);
                ensure!(found >= ROWS, "{found} rows were acknowledged elsewhere");
                Ok(())
            })
            .await
        }
        Outcome::Steady => {
            sleep(hold).await;
            writers.goes_on(ROWS).await
        }
        Outcome::Heals => {
            sleep(hold).await;
            Ok(())
        }
    }
}

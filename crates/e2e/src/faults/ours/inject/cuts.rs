//! Faults of the network.

use anyhow::{Context, Result};
use tokio::time::Instant;

use super::super::Ours;
use crate::faults::fault::Fault;
use crate::faults::network::{Cut, End};
use crate::faults::side::Scene;
use crate::faults::undo::{Injected, Undo};
use crate::sql::Sql;

/// Of a hundred packets; what goes through is slow, because it is sent again and again.
const LOST: u8 = 70;
/// What the dead timeline gets longer by, in pieces of a mebibyte.
const PIECES: u32 = 24;

/// The members and the API as ends of a cut.
struct Ends {
    primary: End,
    standbys: Vec<End>,
    api: End,
}

impl Ends {
    async fn of(ours: &Ours<'_>, scene: &Scene) -> Result<Self> {
        let mut standbys = Vec::new();
        for standby in &scene.standbys {
            standbys.push(End::pod(&ours.pod(&standby.name).await?)?);
        }
        Ok(Self {
            primary: End::pod(&ours.pod(&scene.primary.name).await?)?,
            standbys,
            api: End::server(ours.world.address()?),
        })
    }

    fn without_standbys(&self) -> Cut {
        let standbys = self.standbys.iter();
        standbys.fold(Cut::default(), |cut, standby| {
            cut.between(&self.primary, standby)
        })
    }

    /// Cuts, and keeps the ends until it is healed.
    fn make(self, cut: &Cut) -> Result<Injected> {
        let mut ends = self.standbys;
        ends.push(self.primary);
        let at = Instant::now();
        let undo = cut.make(ends)?;
        Ok(Injected { at, undo })
    }
}

pub(super) async fn inject(ours: &Ours<'_>, fault: Fault, scene: &Scene) -> Result<Injected> {
    if fault == Fault::ApiFlaps {
        let at = Instant::now();
        let cut = Cut::default().lossy(ours.world.address()?, LOST);
        let undo = cut.make(Vec::new())?;
        return Ok(Injected { at, undo });
    }
    let ends = Ends::of(ours, scene).await?;
    let primary = &ends.primary;
    let standbys = ends.standbys.iter();
    let cut = match fault {
        Fault::ApiCut => Cut::default().between(primary, &ends.api),
        Fault::OneStandbyCut => {
            let standby = ends.standbys.first().context("there is a standby")?;
            Cut::default().between(primary, standby)
        }
        Fault::DeafStandbys => {
            standbys.fold(Cut::default(), |cut, standby| cut.one_way(primary, standby))
        }
        Fault::DeafPrimary => {
            standbys.fold(Cut::default(), |cut, standby| cut.one_way(standby, primary))
        }
        Fault::Isolated => ends
            .without_standbys()
            .between(primary, &ends.api)
            .clients(primary),
        _ => ends.without_standbys(),
    };
    ends.make(&cut)
}

/// The primary is cut from members and API, and a client that still reaches it has it write more than the others.
pub(super) async fn dead_timeline(ours: &Ours<'_>, scene: &Scene) -> Result<Injected> {
    let sql = Sql::connect(&scene.primary.target).await?;
    sql.execute("SET synchronous_commit = local").await?;
    let ends = Ends::of(ours, scene).await?;
    let cut = ends.without_standbys().between(&ends.primary, &ends.api);
    let Injected { at, undo } = ends.make(&cut)?;
    let piece = "SELECT pg_logical_emit_message(true, 'dead', repeat('x', 1048576))";
    let mut written = 0;
    // It is fenced at some time, which ends the session.
    while written < PIECES && sql.execute(piece).await.is_ok() {
        written += 1;
    }
    anyhow::ensure!(written > 0, "the isolated primary wrote nothing");
    let undo = Undo::nothing().and(move || undo.heal());
    Ok(Injected { at, undo })
}

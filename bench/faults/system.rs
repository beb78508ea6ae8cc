//! The systems of one session of trials.

use anyhow::{Context, Result};
use howdah_e2e::World;
use howdah_e2e::faults::{Fault, Mode, Needs, Ours};

use super::arguments::Contender;
use super::patroni::Patroni;

const VERSION: &str = "18";

/// All that run at once; who is not tried on rests.
pub(crate) struct Systems<'w> {
    world: &'w World,
    ours: Option<Ours<'w>>,
    patroni: Option<Patroni>,
    fast: Option<Patroni>,
}

/// Whether a fault means something to Patroni in this harness.
pub(crate) const fn patroni_can(fault: Fault) -> bool {
    fault.is_common()
}

impl<'w> Systems<'w> {
    pub(crate) async fn start(
        world: &'w World,
        wanted: &[Contender],
        mode: Mode,
        needs: Needs,
    ) -> Result<Self> {
        let mut systems = Self {
            world,
            ours: None,
            patroni: None,
            fast: None,
        };
        for contender in wanted {
            match contender {
                Contender::Ours => {
                    world.up().await?;
                    let ours = Ours::start_with(world, "faults", VERSION, mode, needs).await?;
                    systems.ours = Some(ours);
                }
                Contender::Patroni => systems.patroni = Some(Patroni::start(mode, false).await?),
                Contender::PatroniFast => systems.fast = Some(Patroni::start(mode, true).await?),
            }
        }
        Ok(systems)
    }

    pub(crate) fn ours(&self) -> Result<&Ours<'w>> {
        self.ours.as_ref().context("ours was started")
    }

    pub(crate) fn patroni(&self, fast: bool) -> Result<&Patroni> {
        let found = if fast { &self.fast } else { &self.patroni };
        found.as_ref().context("Patroni was started")
    }

    /// Ends all. What does not stop in order is killed with its folder.
    pub(crate) async fn end(self) {
        if self.ours.is_some() {
            let _ = self.world.down().await;
        }
    }
}

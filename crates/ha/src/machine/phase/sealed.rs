//! `sealed`: receives nothing from epochs below its promise, also after a reboot (I5).

use std::collections::BTreeSet;

use super::{Next, Phase};
use crate::machine::event::Data;
use crate::machine::ids::Member;
use crate::machine::step::Machine;

impl Machine {
    pub(super) fn sealed(&mut self, asked: BTreeSet<Member>) -> Next {
        if !matches!(self.s.pg.data, Data::Copy(_)) {
            return Next::Go(Phase::Init);
        }
        if self.leader().is_some() {
            return Next::Go(Phase::Follower);
        }
        self.quieten();
        if self.is_named() {
            return Next::Go(self.lead());
        }
        let mut asked = asked;
        if self.is_quiet()
            && let Some(epoch) = self.s.durable.promised
        {
            for member in std::mem::take(&mut asked) {
                self.answer_seal(member, epoch);
            }
        }
        // Whom it promised the epoch has a round to claim it, also where the holder released.
        let over = self.now.since(self.s.quiet_since) >= self.s.config.settings.timing.round;
        if over && self.start_round() {
            return Next::Go(self.round());
        }
        Next::Stay(Phase::Sealed { asked })
    }

    /// True if a claim for exactly the promised epoch chose this boot: nothing was received since its
    /// report.
    pub(super) fn is_named(&self) -> bool {
        let promised = self.s.durable.promised;
        let named = self.record().is_some_and(|record| {
            record.holder == self.s.config.me && Some(record.epoch) == promised
        });
        named && self.holds() && self.is_quiet()
    }
}

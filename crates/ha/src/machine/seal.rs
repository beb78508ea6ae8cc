//! Answering canvasses and seals (I5).

use super::action::Action;
use super::control::Record;
use super::event::Data;
use super::ids::Holder;
use super::invariant::Rule;
use super::message::{Message, Report};
use super::phase::{Phase, Stage};
use super::step::Machine;
use crate::epoch::Epoch;

impl Machine {
    pub(super) fn take_canvass(&mut self, from: Holder, epoch: Epoch, record: &Record) {
        let willing = self
            .would_seal(from, epoch, record)
            .then(|| self.report())
            .flatten();
        let answer = Message::Canvassed {
            epoch,
            willing,
            promised: self.s.durable.highest(),
            seen: self.s.durable.seen,
        };
        self.actions.push(Action::Send(from.member, answer));
    }

    pub(super) fn take_seal(&mut self, from: Holder, epoch: Epoch, record: &Record) {
        if !self.would_seal(from, epoch, record) {
            return;
        }
        if self.s.durable.promised < Some(epoch) {
            self.s.durable.promised = Some(epoch);
            self.s.quiet_since = self.now;
            self.s.round_at = None;
            self.s.phase = Phase::Sealed {
                asked: [from.member].into(),
            };
        } else if let Phase::Sealed { asked } = &mut self.s.phase {
            asked.insert(from.member);
        }
        if !self.keeps(Rule::SealBeforeReport) {
            self.answer_seal(from.member, epoch);
        }
    }

    /// True if a seal would be accepted: the epoch is new, the data can be reported, and no grant binds.
    fn would_seal(&self, from: Holder, epoch: Epoch, record: &Record) -> bool {
        let phase = match &self.s.phase {
            Phase::Follower | Phase::Sealed { .. } => true,
            Phase::Candidate(candidate) => {
                candidate.epoch < epoch || matches!(candidate.stage, Stage::Canvass { .. })
            }
            _ => false,
        };
        let seen = self.s.durable.seen.map(|(epoch, _)| epoch);
        let sealed = matches!(self.s.phase, Phase::Sealed { .. });
        let new = seen < Some(epoch)
            && (self.s.durable.promised < Some(epoch)
                || sealed && self.s.durable.promised == Some(epoch));
        let system = matches!((self.s.pg.data, record.system), (Data::Copy(own), Some(system)) if own == system);
        // INVARIANT I1: who judges by a record that went back does not know who must be asked.
        let current = self.s.durable.seen <= Some((record.epoch, record.revision));
        let current = current || !self.keeps(Rule::RefuseOldRecord);
        let may = self.is_voter() && !self.is_fenced() && current;
        phase && new && system && may && self.s.pg.writes && self.consents(from, record)
    }

    /// A grant binds, unless its holder gave the epoch up or is dead: another boot of it asks.
    pub(super) fn consents(&self, from: Holder, record: &Record) -> bool {
        let Some(given) = self.s.given.filter(|given| self.now < given.until) else {
            return self.is_forgotten_grant_over(from, record);
        };
        let released = record.released && record.epoch >= given.epoch;
        let reborn = given.holder.member == from.member;
        released || reborn || record.epoch > given.epoch || !self.keeps(Rule::GrantsHold)
    }

    /// A grant of the boot before this one binds as well, and who it was given to is not known any longer.
    fn is_forgotten_grant_over(&self, from: Holder, record: &Record) -> bool {
        let over = self.now.since(self.s.booted) >= self.s.config.settings.timing.grant;
        let seen = self.s.durable.seen.map(|(epoch, _)| epoch);
        let newest = seen <= Some(record.epoch);
        let free = record.released || record.holder.member == from.member;
        over || newest && free || !self.keeps(Rule::GrantsHold)
    }

    /// What this member would report now.
    pub(super) fn report(&self) -> Option<Report> {
        let Data::Copy(system) = self.s.pg.data else {
            return None;
        };
        Some(Report {
            holder: self.s.config.me,
            system,
            position: self.s.pg.position.clone()?,
            reached: self.s.reached,
        })
    }

    pub(super) fn answer_seal(&mut self, to: super::ids::Member, epoch: Epoch) {
        if let Some(report) = self.report() {
            let answer = Message::Sealed { epoch, report };
            self.actions.push(Action::Send(to, answer));
        }
    }
}

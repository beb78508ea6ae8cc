//! Greetings of the holder, and the consent of its peers.

use std::time::Duration;

use super::action::Action;
use super::control::Cohort;
use super::event::Server;
use super::ids::{Holder, Member};
use super::invariant::Rule;
use super::message::Message;
use super::phase::{Phase, Stage};
use super::position::Position;
use super::state::{Given, Leader};
use super::step::Machine;
use crate::epoch::Epoch;
use crate::time::Instant;

/// Clocks differ by less than one part in so many, both ways.
const DRIFT: u32 = 200;

impl Machine {
    /// The holder greets its peers.
    pub(super) fn greet(&mut self) {
        let replicating = matches!(self.s.phase, Phase::Replicating(_));
        let leads = matches!(self.s.phase, Phase::Primary(_) | Phase::Promoting(_));
        if !(leads || replicating) || self.now < self.s.greet_at {
            return;
        }
        let Some(record) = self.record() else {
            return;
        };
        let feeds = replicating && record.replicates && self.leads_standbys();
        let promoted = self.s.pg.server == Server::Primary;
        let message = Message::Heartbeat {
            epoch: record.epoch,
            revision: record.revision,
            sent: self.now,
            follow: self.s.pg.position.clone().filter(|_| promoted || feeds),
            serving: record.serving || feeds,
        };
        self.s.greet_at = self.now + self.s.config.settings.timing.heartbeat;
        for peer in &self.s.config.settings.peers {
            self.actions.push(Action::Send(*peer, message.clone()));
        }
    }

    /// INVARIANT I5: a member that promised a higher epoch neither follows nor grants.
    pub(super) fn take_heartbeat(
        &mut self,
        from: Holder,
        epoch: Epoch,
        revision: u64,
        sent: Instant,
        follow: Option<Position>,
        serving: bool,
    ) {
        let leads = self.s.phase.holds();
        let highest = self.s.durable.highest();
        let old = if self.keeps(Rule::SealStays) {
            highest > Some(epoch)
        } else {
            self.s.durable.seen.map(|(seen, _)| seen) > Some(epoch)
        };
        let granted = !leads && !old;
        if granted {
            self.s.durable.seen = self.s.durable.seen.max(Some((epoch, revision)));
            if let Some(position) = follow.as_ref().filter(|_| serving) {
                self.s.reached = self.s.reached.max(Some(position.end));
            }
            self.s.leader = Some(Leader {
                holder: from,
                epoch,
                follow,
                serving,
                heard: self.now,
            });
            // A shorter time from now on does not take back what was given before.
            let until = self.now + self.s.config.settings.timing.grant;
            let before = self.s.given;
            let before = before.filter(|given| (given.epoch, given.holder) == (epoch, from));
            let bound = before.map(|given| given.until);
            self.s.given = Some(Given {
                epoch,
                holder: from,
                until: bound.map_or(until, |bound| bound.max(until)),
            });
            self.s.rounds_lost = 0;
            let canvassing = matches!(&self.s.phase, Phase::Candidate(candidate)
                if matches!(candidate.stage, Stage::Canvass { .. }));
            if canvassing {
                self.s.phase = Phase::Follower;
            }
        }
        let answer = Message::Grant {
            epoch,
            sent,
            granted,
            lasts: self.s.config.settings.timing.grant,
            promised: highest,
            seen: self.s.durable.seen.map(|(seen, _)| seen),
        };
        self.actions.push(Action::Send(from.member, answer));
    }

    /// The holder need not be waited for any longer. That may be wrong, so nothing that keeps writes safe
    /// depends on it: without acknowledgements, consent goes on to bind and the holder is waited out.
    pub(super) fn take_gone(&mut self, member: Member) {
        let led = self.s.leader.as_ref().map(|leader| leader.holder.member);
        let acknowledged = self.record().is_some_and(|record| record.cohort.acks > 0);
        if led != Some(member) || !acknowledged {
            return;
        }
        self.s.leader = None;
        self.s.quiet_since = Instant::from_nanos(0);
        if self
            .s
            .given
            .is_some_and(|given| given.holder.member == member)
        {
            self.s.given = None;
        }
    }

    pub(super) fn take_grant(
        &mut self,
        from: Holder,
        epoch: Epoch,
        sent: Instant,
        lasts: Option<Duration>,
        promised: Option<Epoch>,
    ) {
        if !self.holds() {
            return;
        }
        let current = self.record().is_some_and(|record| record.epoch == epoch);
        if let Some(lasts) = lasts.filter(|_| current) {
            // Less what the clocks may differ by; peers may have other settings for a while.
            let rely = self.s.config.settings.timing.rely;
            let until = sent + rely.min(lasts.saturating_sub(lasts / DRIFT));
            let entry = self.s.grants.entry(from.member).or_insert(until);
            *entry = until.max(*entry);
        }
        if promised > self.record().map(|record| record.epoch) {
            self.s.outbid = promised.max(self.s.outbid);
        }
    }

    /// INVARIANT I1: a peer knows a holder of a higher epoch. The API may say otherwise: a store that was
    /// restored does not know either. An own write may be what the peer saw.
    pub(super) fn note_deposed(&mut self, seen: Option<Epoch>) {
        let Some(epoch) = self.record().map(|record| record.epoch) else {
            return;
        };
        let own = self.pending().any(|record| Some(record.epoch) >= seen);
        if seen > Some(epoch) && self.holds() && !own && self.keeps(Rule::RefuseOldRecord) {
            self.s.forfeited = self.s.forfeited.max(Some(epoch));
        }
    }

    /// Until when enough of a cohort are bound to keep others from taking over; none: for ever.
    pub(super) fn grants_until(&self, cohort: &Cohort) -> Option<Instant> {
        let needed = cohort.blocking().checked_sub(1)?;
        let mut until: Vec<_> = cohort
            .standbys
            .iter()
            .filter_map(|member| self.s.grants.get(member).copied())
            .collect();
        until.sort_unstable();
        until.reverse();
        Some(until.get(needed).copied().unwrap_or(Instant::from_nanos(0)))
    }

    /// True if so many voters are bound that the rest, without this one, are no majority.
    pub(super) fn has_consent_of_most(&self) -> bool {
        let me = self.s.config.me.member;
        let voters = self.s.config.settings.voters.iter();
        let others = voters.filter(|voter| **voter != me);
        let bound = |voter: &&Member| {
            let until = self.s.grants.get(*voter);
            until.is_some_and(|until| self.now < *until)
        };
        others.clone().filter(bound).count() >= others.count().div_ceil(2)
    }

    /// The holder that is to be followed, if it was heard lately and is promoted.
    pub(super) fn leader(&self) -> Option<&Leader> {
        let limit = self.s.config.settings.timing.grant;
        let highest = if self.keeps(Rule::SealStays) {
            self.s.durable.highest()
        } else {
            self.s.durable.seen.map(|(epoch, _)| epoch)
        };
        // Who gave its epoch up leads no longer, however lately it was heard.
        let over = self.record().filter(|record| record.released);
        let over = over.map(|record| record.epoch);
        self.s.leader.as_ref().filter(|leader| {
            Some(leader.epoch) >= highest
                && Some(leader.epoch) > over
                && self.now.since(leader.heard) < limit
        })
    }
}

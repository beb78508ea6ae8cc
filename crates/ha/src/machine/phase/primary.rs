//! `primary`: holds an epoch and serves.

use super::{Next, Phase, Primary, Replicating, Restart};
use crate::epoch::Epoch;
use crate::machine::action::{Action, Job, Refusal};
use crate::machine::control::Intent;
use crate::machine::event::{Data, Server};
use crate::machine::invariant::Rule;
use crate::machine::step::Machine;
use crate::time::Instant;

/// After so many failed starts in place the epoch is given up.
const STARTS: u32 = 2;

impl Machine {
    pub(super) fn primary(&mut self, mut primary: Primary) -> Next {
        if !self.holds() {
            // INVARIANT I3: another holder, or a gap in the own authority: kill now.
            return self.fence(false);
        }
        let late = self.deadline().is_some_and(|at| self.now >= at);
        if late && self.keeps(Rule::KillAtDeadline) && primary.restart.is_none() {
            return self.fail();
        }
        if !self.s.pg.writes || self.s.pg.data == Data::Damaged {
            return self.fail();
        }
        let demotes = primary.leaving.is_some() && self.may_demote();
        match self.s.pg.server {
            Server::Standby { .. } => return self.fail(),
            Server::Stopped if demotes => {
                let patience = self.s.config.settings.timing.round * 2;
                return Next::Go(Phase::Replicating(Replicating {
                    demoting: Some(self.now + patience),
                    ..Replicating::default()
                }));
            }
            Server::Stopped if primary.leaving.is_some() || self.is_fenced() => {
                return self.fence(true);
            }
            Server::Stopped => {
                let failed = self.restart(&mut primary);
                if failed {
                    return self.fail();
                }
            }
            Server::Primary => {
                if let Some(Restart { .. }) = primary.restart.take() {
                    self.s.names = None;
                    self.begin_service();
                    self.note_tail(&mut primary);
                }
                self.serve(&mut primary);
            }
        }
        if primary
            .leaving
            .is_some_and(|at| self.now.since(at) >= self.s.config.settings.timing.stop)
        {
            // An ordered stop cannot be taken back: the rest is a failover.
            return self.fence(true);
        }
        Next::Stay(Phase::Primary(primary))
    }

    fn note_tail(&mut self, primary: &mut Primary) {
        if let Some(position) = &self.s.pg.position {
            primary.tail = position.end.lsn;
        }
    }

    /// INVARIANT I2: the one start that is writable needs a renewal sent after the crash, unless nobody but
    /// this member can take over at all.
    fn restart(&mut self, primary: &mut Primary) -> bool {
        let now = self.now;
        // What was seen before a start ended is not a crash that came after it.
        let starts = [&self.s.job, &self.s.unseen].contains(&&Some(Job::Restart));
        let restart = primary.restart.get_or_insert(Restart {
            since: now,
            crashed: None,
            failed: 0,
        });
        if restart.crashed.is_none() && !starts {
            restart.crashed = Some(now);
        }
        let Restart {
            since,
            crashed,
            failed,
        } = *restart;
        if failed >= STARTS || now.since(since) >= self.s.config.settings.timing.hold {
            return since > Instant::from_nanos(0);
        }
        let alone = self
            .record()
            .is_some_and(|record| self.grants_until(&record.cohort).is_none());
        let renewed = crashed.is_some_and(|at| self.s.renewed >= Some(at));
        let fresh = renewed || !self.keeps(Rule::RenewBeforeRestart);
        if fresh || alone {
            self.job(Job::Restart);
        }
        false
    }

    fn serve(&mut self, primary: &mut Primary) {
        let intent = self.record().and_then(|record| record.intent);
        primary.asked = self.asked_since(primary.asked, intent);
        // Of the standbys that were seen before it was asked for, one may have ended since.
        let fresh = primary
            .asked
            .is_some_and(|(_, since)| self.s.pg.taken >= since);
        let goes = fresh && intent.is_some_and(|intent| self.objection(intent).is_none());
        let told = self.s.stopping || self.is_fenced() || self.is_to_replicate();
        if primary.leaving.is_none() {
            if !(goes || told) {
                primary.prepared = false;
            } else if primary.prepared {
                primary.leaving = Some(self.now);
            } else {
                self.job(Job::Checkpoint);
            }
        }
        if primary.leaving.is_some() {
            self.job(Job::Stop);
            return;
        }
        self.open(primary);
        self.tend_cohort(primary);
    }

    /// True if what stops in order stops for a source, and for nothing else.
    fn may_demote(&mut self) -> bool {
        let intent = self.record().and_then(|record| record.intent);
        let told = self.s.stopping || self.is_fenced() || intent.is_some();
        !told && self.is_to_replicate()
    }

    /// What people ask for now, with the time at which that began.
    pub(super) fn asked_since(
        &self,
        before: Option<(Intent, Instant)>,
        intent: Option<Intent>,
    ) -> Option<(Intent, Instant)> {
        match (before, intent) {
            (Some((known, at)), Some(intent)) if known == intent => Some((known, at)),
            (_, intent) => intent.map(|intent| (intent, self.now)),
        }
    }

    /// Why the holder does not hand over as asked, if it does not. A failover is for a holder that is lost;
    /// this one is not, so it is a switchover.
    pub(in crate::machine) fn objection(&self, intent: Intent) -> Option<Refusal> {
        let near = self.near(&self.s.config.settings.voters);
        let Some(to) = intent.wanted() else {
            return near.is_empty().then_some(Refusal::NotStreaming);
        };
        if to == self.s.config.me.member {
            Some(Refusal::Holds)
        } else if !self.s.config.settings.voters.contains(&to) {
            Some(Refusal::NoVoter)
        } else if self
            .record()
            .is_some_and(|record| record.fenced.contains(&to))
        {
            Some(Refusal::Fenced)
        } else if !self.s.pg.standbys.contains_key(&to) {
            Some(Refusal::NotStreaming)
        } else {
            (!near.contains(&to)).then_some(Refusal::Behind)
        }
    }

    /// True if what was asked for is refused: it cannot be, and waiting did not help.
    pub(in crate::machine) fn refuses(&self, primary: &Primary) -> bool {
        let staying = primary.leaving.is_none() && primary.restart.is_none();
        staying && self.refuses_asked(primary.asked)
    }

    /// True if that cannot be, and waiting did not help.
    pub(in crate::machine) fn refuses_asked(&self, asked: Option<(Intent, Instant)>) -> bool {
        let patience = self.s.config.settings.timing.grant;
        asked.is_some_and(|(intent, since)| {
            let why = self.objection(intent);
            why.is_some_and(|why| !why.may_pass() || self.now.since(since) >= patience)
        })
    }

    pub(super) fn send_clients(&mut self, epoch: Epoch) {
        let again = self.s.config.settings.timing.renew * 4;
        let known = self.s.routed.filter(|(routed, _)| *routed == epoch);
        if known.is_none_or(|(_, at)| self.now.since(at) >= again) {
            self.s.routed = Some((epoch, self.now));
            let unless_newer = self.keeps(Rule::RouteOfNewest);
            self.actions.push(Action::Route {
                epoch,
                unless_newer,
            });
        }
    }

    /// INVARIANT I10: clients wait until what a restart recovered was acknowledged. INVARIANT I14: a
    /// route carries its epoch.
    fn open(&mut self, primary: &Primary) {
        let Some(record) = self.record() else {
            return;
        };
        let epoch = record.epoch;
        let names = record.cohort.names();
        if self.s.pg.open {
            return self.send_clients(epoch);
        }
        let early = !self.keeps(Rule::EstablishBeforeClients);
        let tail = self.acknowledged(&names, primary.tail) || !self.keeps(Rule::TailBeforeClients);
        if (primary.change.is_none() && self.names_are(names) && tail) || early {
            self.job(Job::Open);
        }
    }
}

//! `primary`: holds an epoch and serves.

use super::{Next, Phase, Primary, Restart};
use crate::machine::action::{Action, Job, Names};
use crate::machine::control::Intent;
use crate::machine::event::{Data, Server};
use crate::machine::invariant::Rule;
use crate::machine::step::Machine;

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
            return self.fence(true);
        }
        if !self.s.pg.writes || self.s.pg.data == Data::Damaged {
            return self.fence(true);
        }
        match self.s.pg.server {
            Server::Standby { .. } => return self.fence(true),
            Server::Stopped if primary.leaving.is_some() => return self.fence(true),
            Server::Stopped => {
                let failed = self.restart(&mut primary);
                if failed {
                    return self.fence(true);
                }
            }
            Server::Primary => {
                if let Some(Restart { .. }) = primary.restart.take() {
                    self.s.names = None;
                    self.note_tail(&mut primary);
                }
                self.serve(&mut primary);
            }
        }
        if primary
            .leaving
            .is_some_and(|at| self.now.since(at) >= self.s.config.timing.stop)
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

    /// INVARIANT I2: the one start that is writable needs a renewal sent after the crash.
    fn restart(&mut self, primary: &mut Primary) -> bool {
        let now = self.now;
        let restart = primary.restart.get_or_insert(Restart {
            crashed: now,
            failed: 0,
        });
        let crashed = restart.crashed;
        if restart.failed >= STARTS || now.since(crashed) >= self.s.config.timing.hold {
            return crashed > crate::time::Instant::from_nanos(0);
        }
        let fresh = self.s.renewed > Some(crashed) || !self.keeps(Rule::RenewBeforeRestart);
        if fresh {
            self.job(Job::Restart);
        }
        false
    }

    fn serve(&mut self, primary: &mut Primary) {
        let Some(record) = self.record() else {
            return;
        };
        let switchover = matches!(record.intent, Some(Intent::Switchover { .. }));
        if (switchover || self.s.stopping) && primary.leaving.is_none() {
            primary.leaving = Some(self.now);
        }
        if primary.leaving.is_some() {
            self.job(Job::Stop);
            return;
        }
        self.open(primary);
        self.tend_cohort(primary);
    }

    /// INVARIANT I10: clients wait until what a restart recovered was acknowledged. INVARIANT I14: a
    /// route carries its epoch.
    fn open(&mut self, primary: &Primary) {
        let Some(record) = self.record() else {
            return;
        };
        let epoch = record.epoch;
        let names = Names {
            standbys: record.cohort.standbys.clone(),
            acks: record.cohort.acks,
        };
        if self.s.pg.open {
            let again = self.s.config.timing.renew * 4;
            let known = self.s.routed.filter(|(routed, _)| *routed == epoch);
            if known.is_none_or(|(_, at)| self.now.since(at) >= again) {
                self.s.routed = Some((epoch, self.now));
                let unless_newer = self.keeps(Rule::RouteOfNewest);
                self.actions.push(Action::Route {
                    epoch,
                    unless_newer,
                });
            }
            return;
        }
        let early = !self.keeps(Rule::EstablishBeforeClients);
        let tail = self.acknowledged(&names, primary.tail) || !self.keeps(Rule::TailBeforeClients);
        if (primary.change.is_none() && self.names_are(names) && tail) || early {
            self.job(Job::Open);
        }
    }
}

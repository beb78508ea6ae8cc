//! `rejoin`: the copy diverged, cannot catch up, or is not there (6.8).

use super::{Next, Phase, Rejoin};
use crate::machine::action::Job;
use crate::machine::event::{Data, Server};
use crate::machine::invariant::Rule;
use crate::machine::state::Leader;
use crate::machine::step::Machine;

/// After so many failed rewinds the copy is replaced.
const REWINDS: u32 = 2;

impl Machine {
    pub(super) fn rejoin(&mut self, rejoin: Rejoin) -> Next {
        if self.busy() {
            return Next::Stay(Phase::Rejoin(rejoin));
        }
        if rejoin.done {
            return Next::Go(Phase::Follower);
        }
        let data = self.s.pg.data;
        if data == Data::Damaged && !self.s.reinitialise {
            return Next::Go(Phase::Quarantine);
        }
        let source = self.leader().filter(|leader| leader.follow.is_some());
        let Some(leader) = source.cloned() else {
            if matches!(data, Data::Empty | Data::Unfinished(_)) {
                // Nothing here can run. The record may name this very boot, whose volume is empty.
                self.begin_anew();
                let anew = self.record().is_some_and(|record| record.replicates);
                if anew && self.holds() {
                    return Next::Go(self.lead());
                }
                return Next::Stay(Phase::Rejoin(rejoin));
            }
            return Next::Go(Phase::Follower);
        };
        let from = leader.holder.member;
        let replaced = self.must_replace(rejoin, &leader);
        if rejoin.stale && !replaced {
            return Next::Stay(Phase::Rejoin(rejoin));
        }
        if rejoin.end.is_none() && !replaced {
            // It was to be replaced, and may not be any longer: whether it diverged is not known.
            return Next::Go(Phase::Follower);
        }
        if data != Data::Empty && self.s.pg.server != Server::Stopped {
            // A standby that stops in order needs no recovery before it can be rewound.
            let standby = matches!(self.s.pg.server, Server::Standby { .. });
            self.job(if standby { Job::Stop } else { Job::Kill });
        } else if replaced {
            self.job(Job::Clone { from });
        } else {
            // Also when the holder waits for this very member before it can serve.
            let fork = rejoin.end.and_then(|end| {
                let follow = leader.follow.as_ref()?;
                follow.reach(end.timeline)
            });
            let fork = fork.filter(|_| self.keeps(Rule::ArchiveWithinFork));
            self.job(Job::Rewind { from, fork });
        }
        Next::Stay(Phase::Rejoin(rejoin))
    }

    /// INVARIANT I13: a copy that could still run gives way only to that of a holder that serves, which holds
    /// every acknowledged write. One that a rewind left unfinished runs no more: the holder, whose copy is
    /// complete since it was promoted, may wait for this very member before it can serve.
    fn must_replace(&self, rejoin: Rejoin, leader: &Leader) -> bool {
        let kept = leader.serving || !self.keeps(Rule::KeepLastCopy);
        match self.s.pg.data {
            Data::Empty | Data::Unfinished(_) => true,
            Data::Copy(own) if self.s.unclaimed && self.is_foreign(own) => true,
            _ => kept && (rejoin.failed >= REWINDS || rejoin.stale || self.s.reinitialise),
        }
    }

    /// True if people want this copy replaced, and it may be now.
    pub(super) fn may_replace(&self) -> bool {
        let serves = |leader: &Leader| leader.serving && leader.follow.is_some();
        self.s.reinitialise && self.leader().is_some_and(serves)
    }
}

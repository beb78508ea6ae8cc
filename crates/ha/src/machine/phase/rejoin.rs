//! `rejoin`: the copy diverged, cannot catch up, or is not there (6.8).

use super::{Next, Phase, Rejoin};
use crate::machine::action::Job;
use crate::machine::event::{Data, Server};
use crate::machine::invariant::Rule;
use crate::machine::step::Machine;

/// After so many failed rewinds the copy is replaced.
const REWINDS: u32 = 2;

impl Machine {
    pub(super) fn rejoin(&mut self, rejoin: Rejoin) -> Next {
        if rejoin.done && self.s.job.is_none() {
            return Next::Go(Phase::Follower);
        }
        if self.s.job.is_some() {
            return Next::Stay(Phase::Rejoin(rejoin));
        }
        if self.s.pg.data == Data::Damaged {
            return Next::Go(Phase::Quarantine);
        }
        let empty = self.s.pg.data == Data::Empty;
        let source = self.leader().filter(|leader| leader.follow.is_some());
        let Some(leader) = source.cloned() else {
            if empty {
                // The record may name this very boot, whose volume is still empty.
                return Next::Stay(Phase::Rejoin(rejoin));
            }
            return Next::Go(Phase::Follower);
        };
        let from = leader.holder.member;
        if !empty && self.s.pg.server != Server::Stopped {
            self.job(Job::Kill);
        } else if empty {
            self.job(Job::Clone { from });
        } else if rejoin.failed >= REWINDS && (leader.serving || !self.keeps(Rule::KeepLastCopy)) {
            // INVARIANT I13: the holder serves, so it holds every acknowledged write.
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
}

//! `fenced`: authority was lost or is given up. Postgres is killed before anything else.

use super::{Fenced, Next, Phase};
use crate::machine::action::Job;
use crate::machine::event::Server;
use crate::machine::step::Machine;

impl Machine {
    /// The holder cannot go on. While paused the epoch is not offered to others.
    pub(super) fn fail(&mut self) -> Next {
        let paused = self.record().is_some_and(|record| record.paused);
        self.fence(!paused)
    }

    /// The way into the state: the epoch is never taken up again by this boot.
    pub(super) fn fence(&mut self, release: bool) -> Next {
        let epoch = self
            .record()
            .filter(|record| record.holder == self.s.config.me);
        let epoch = epoch.map(|record| record.epoch);
        if !release {
            self.s.forfeited = self.s.forfeited.max(epoch);
        }
        self.s.grants.clear();
        self.s.outbid = None;
        Next::Go(Phase::Fenced(Fenced {
            release,
            until: self.now + self.s.config.settings.timing.round,
        }))
    }

    pub(super) fn fenced(&mut self, fenced: Fenced) -> Next {
        if self.s.pg.server != Server::Stopped || self.busy() {
            let stopped = self.s.pg.server == Server::Stopped;
            let ending = stopped && self.s.job == Some(Job::Stop);
            let looking = stopped && self.s.job.is_none();
            if !(ending || looking) {
                self.job(Job::Kill);
            }
            return Next::Stay(Phase::Fenced(fenced));
        }
        let mine = self
            .s
            .observed
            .clone()
            .filter(|observed| self.is_mine(&observed.record));
        let Some(observed) = mine.filter(|_| fenced.release) else {
            return self.step_down(false);
        };
        if self.now >= fenced.until {
            return self.step_down(true);
        }
        if self.may_write() {
            let mut record = observed.record;
            record.released = true;
            record.revision += 1;
            self.write_record(Some(observed.version), record);
        }
        Next::Stay(Phase::Fenced(fenced))
    }

    fn step_down(&mut self, held: bool) -> Next {
        if held {
            let epoch = self.record().map(|record| record.epoch);
            self.s.forfeited = self.s.forfeited.max(epoch);
        }
        let released = self
            .record()
            .is_some_and(|record| record.released && record.holder == self.s.config.me);
        if released && !self.s.config.settings.peers.is_empty() {
            self.s.yield_until = self.now + self.s.config.settings.timing.yielding;
        }
        self.s.quiet_since = self.now;
        self.s.leader = None;
        Next::Go(Phase::Follower)
    }
}

//! `quarantine`: the copy must not be used, and is kept for people.

use super::{Next, Phase, Rejoin};
use crate::machine::action::Job;
use crate::machine::event::Server;
use crate::machine::step::Machine;

impl Machine {
    pub(super) fn quarantine(&mut self) -> Next {
        if self.s.pg.server != Server::Stopped {
            self.job(Job::Kill);
        } else if self.may_replace() {
            return Next::Go(Phase::Rejoin(Rejoin::default()));
        }
        Next::Stay(Phase::Quarantine)
    }
}

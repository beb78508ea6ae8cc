//! `quarantine`: the copy must not be used, and is kept for people.

use super::Phase;
use crate::machine::action::Job;
use crate::machine::event::Server;
use crate::machine::step::Machine;

impl Machine {
    pub(super) fn quarantine(&mut self) -> Phase {
        if self.s.pg.server != Server::Stopped {
            self.job(Job::Kill);
        }
        Phase::Quarantine
    }
}

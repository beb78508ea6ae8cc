//! `init`: nothing is known yet. The driver has killed what was left on the volume.

use super::{Next, Phase, Primary, Rejoin, Restart};
use crate::epoch::Epoch;
use crate::machine::control::{Cohort, Record};
use crate::machine::event::Data;
use crate::machine::ids::Member;
use crate::machine::invariant::Rule;
use crate::machine::step::Machine;
use crate::time::Instant;
use howdah_types::Timeline;

impl Machine {
    pub(super) fn init(&mut self) -> Next {
        if !self.keeps(Rule::HolderIsBoot) && self.holds() && self.is_copy() {
            // The record names the member, and here a name is enough.
            let boot = Instant::from_nanos(0);
            return Next::Go(Phase::Primary(Primary {
                restart: Some(Restart {
                    since: boot,
                    crashed: Some(boot),
                    failed: 0,
                }),
                ..Primary::default()
            }));
        }
        let known = self.s.observed.is_some();
        if !known && !self.s.missing {
            self.read_record();
            if !self.keeps(Rule::HolderIsBoot) {
                return Next::Stay(Phase::Init);
            }
        }
        match self.s.pg.data {
            Data::Unknown => Next::Stay(Phase::Init),
            Data::Damaged => Next::Go(Phase::Quarantine),
            Data::Copy(_) | Data::Unfinished(_) => Next::Go(Phase::Follower),
            // A boot that holds an epoch and has nothing yet is the one that created the record.
            Data::Empty if self.holds() => Next::Go(self.lead()),
            Data::Empty if known || self.leader().is_some() => {
                Next::Go(Phase::Rejoin(Rejoin::default()))
            }
            Data::Empty => {
                self.bootstrap();
                Next::Stay(Phase::Init)
            }
        }
    }

    fn is_copy(&self) -> bool {
        matches!(self.s.pg.data, Data::Copy(_))
    }

    /// INVARIANT I1: a missing record is unknown, never free. Only a member that the operator allows to,
    /// that never saw one and whose volume is empty, creates the first.
    fn bootstrap(&mut self) {
        let fresh = self.s.missing && self.s.durable.seen.is_none();
        // Whether it is a standby cluster must be known.
        let told = self.s.config.settings.replicates.is_some();
        if !(fresh && told && self.s.config.may_bootstrap) {
            if self.s.missing {
                self.read_record();
            }
            return;
        }
        if !self.may_write() {
            return;
        }
        let me = self.s.config.me;
        let replicates = self.s.config.settings.replicates == Some(true);
        // A new database system is on the first timeline; the promotion takes the second.
        let timeline = Timeline::new(2).filter(|_| !replicates);
        let timeline = timeline.unwrap_or(Timeline::FIRST);
        let cohort = if replicates {
            self.cohort_of_none(timeline)
        } else {
            self.nobody(me.member, timeline)
        };
        let record = Record {
            epoch: Epoch::FIRST,
            revision: 1,
            holder: me,
            nonce: 0,
            system: None,
            timeline,
            cohort,
            older: Vec::new(),
            serving: false,
            released: false,
            intent: None,
            paused: false,
            fenced: [].into(),
            wait_out: Some(self.s.config.settings.timing.wait_out),
            replicates,
        };
        self.write_record(None, record);
    }

    /// The cohort of an epoch that does not serve yet.
    pub(in crate::machine) fn nobody(&self, writer: Member, timeline: Timeline) -> Cohort {
        Cohort {
            standbys: [].into(),
            acks: self.s.config.settings.policy.acks(),
            writer,
            timeline,
            floor: None,
        }
    }
}

//! `promoting`: holds an epoch that does not serve yet (I9).

use super::{Next, Phase, Primary, Promoting};
use crate::machine::action::{Job, Names};
use crate::machine::config::Policy;
use crate::machine::control::Record;
use crate::machine::event::{Data, Server};
use crate::machine::invariant::Rule;
use crate::machine::position::Point;
use crate::machine::step::Machine;
use howdah_types::Lsn;

impl Machine {
    pub(super) fn promoting(&mut self, mut promoting: Promoting) -> Next {
        if !self.holds() {
            return self.fence(false);
        }
        if !self.s.pg.writes {
            return self.fence(true);
        }
        match (self.s.pg.data, self.s.pg.server) {
            (Data::Empty, _) => self.job(Job::Initialise),
            (_, Server::Stopped) if promoting.promoted.is_some() => return self.fence(true),
            (_, Server::Stopped) => self.start(),
            (_, Server::Standby { .. }) => self.promote(&mut promoting),
            (_, Server::Primary) => {
                if let (None, Some(position)) = (promoting.promoted, &self.s.pg.position) {
                    promoting.promoted = Some((position.end.lsn, self.now));
                }
                if let (true, Some((tail, _))) = (self.serves(), promoting.promoted) {
                    return Next::Go(Phase::Primary(Primary {
                        tail,
                        ..Primary::default()
                    }));
                }
                self.gather();
            }
        }
        Next::Stay(Phase::Promoting(promoting))
    }

    fn serves(&self) -> bool {
        self.record().is_some_and(|record| record.serving)
    }

    /// INVARIANT I9: nobody can acknowledge before the names are set; nothing is received any longer.
    fn promote(&mut self, promoting: &mut Promoting) {
        self.quieten();
        let blocked = Names {
            standbys: [].into(),
            acks: self.s.config.policy.acks(),
        };
        let named = !self.keeps(Rule::NamesBeforePromote) || self.names_are(blocked);
        if !(self.is_quiet() && named) || promoting.told {
            return;
        }
        let timeline = self.record().map(|record| record.timeline);
        // INVARIANT I11: the timeline is the one that the claim took, not whatever is next here.
        let timeline = timeline.filter(|_| self.keeps(Rule::OwnTimeline));
        promoting.told = true;
        self.job(Job::Promote { timeline });
    }

    /// Sets the names to the standbys that stream, once they are enough.
    fn gather(&mut self) {
        let acks = self.s.config.policy.acks();
        if acks == 0 {
            return;
        }
        let streaming: std::collections::BTreeSet<_> = self.s.pg.standbys.keys().copied().collect();
        let still = self.s.names.as_ref().is_some_and(|names| {
            names.standbys.intersection(&streaming).count() >= usize::from(acks)
        });
        if streaming.len() >= usize::from(acks) && !still {
            self.names_are(Names {
                standbys: streaming,
                acks,
            });
        }
    }

    /// The record that makes the epoch serve, once its first write was acknowledged.
    pub(in crate::machine) fn established(
        &self,
        record: &Record,
        promoting: Promoting,
    ) -> Option<Record> {
        let Data::Copy(system) = self.s.pg.data else {
            return None;
        };
        let (tail, at) = promoting.promoted?;
        let mut next = record.clone();
        next.serving = true;
        next.system = Some(system);
        next.older = Vec::new();
        next.cohort.timeline = self.s.pg.position.as_ref()?.end.timeline;
        next.cohort.floor = Some(Point {
            timeline: next.cohort.timeline,
            lsn: tail,
        });
        let acks = self.s.config.policy.acks();
        if acks == 0 {
            next.cohort.standbys = self.s.pg.standbys.keys().copied().collect();
            return Some(next);
        }
        let names = self.s.names.clone().unwrap_or(Names {
            standbys: [].into(),
            acks,
        });
        let early = !self.keeps(Rule::EstablishBeforeClients);
        if self.acknowledged(&names, tail) || early {
            next.cohort.standbys = names.standbys;
            next.cohort.acks = acks;
            return Some(next);
        }
        let alone = matches!(self.s.config.policy, Policy::Sync { .. })
            && self.now.since(at) >= self.s.config.timing.drop_standby;
        if alone {
            next.cohort.acks = 0;
            next.cohort.standbys = [].into();
            return Some(next);
        }
        None
    }

    /// True if enough of the named have flushed that far.
    pub(in crate::machine) fn acknowledged(&self, names: &Names, lsn: Lsn) -> bool {
        let standbys = &self.s.pg.standbys;
        let have = names
            .standbys
            .iter()
            .filter(|member| standbys.get(member).is_some_and(|flushed| *flushed >= lsn))
            .count();
        have >= usize::from(names.acks)
    }
}

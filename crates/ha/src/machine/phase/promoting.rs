//! `promoting`: holds an epoch that does not serve yet (I9).

use super::{Next, Phase, Primary, Promoting};
use crate::machine::action::{Job, Names};
use crate::machine::config::Policy;
use crate::machine::control::Record;
use crate::machine::event::{Data, Server};
use crate::machine::ids::Member;
use crate::machine::invariant::Rule;
use crate::machine::position::Point;
use crate::machine::step::Machine;
use howdah_types::Lsn;

impl Machine {
    pub(super) fn promoting(&mut self, mut promoting: Promoting) -> Next {
        if !self.holds() {
            return self.fence(false);
        }
        if self.is_fenced() {
            return self.fence(true);
        }
        if !self.s.pg.writes {
            return self.fail();
        }
        match (self.s.pg.data, self.s.pg.server) {
            (Data::Empty, _) => self.job(Job::Initialise),
            (_, Server::Stopped) if promoting.promoted.is_some() => return self.fail(),
            (_, Server::Stopped) => {
                // Whether a server that died got as far is seen when it runs again.
                promoting.told &= self.s.job.is_some();
                self.start();
            }
            (_, Server::Standby { .. }) if self.was_promoted() => return self.fail(),
            (_, Server::Standby { .. }) => self.promote(&mut promoting),
            (_, Server::Primary) => {
                if let (None, Some(position)) = (promoting.promoted, &self.s.pg.position) {
                    promoting.promoted = Some((position.end.lsn, self.now));
                    // Whoever can acknowledge is told at once whom to follow.
                    self.s.greet_at = self.now;
                }
                if let (true, Some((tail, _))) = (self.serves(), promoting.promoted) {
                    self.begin_service();
                    return Next::Go(Phase::Primary(Primary {
                        tail,
                        ..Primary::default()
                    }));
                }
                self.gather(promoting);
            }
        }
        Next::Stay(Phase::Promoting(promoting))
    }

    fn serves(&self) -> bool {
        self.record().is_some_and(|record| record.serving)
    }

    /// True if the server died after it had taken the timeline of the claim. It cannot take it again, and another
    /// one needs another claim (I11).
    fn was_promoted(&self) -> bool {
        let own = self.s.pg.position.as_ref();
        let own = own.map(|position| position.end.timeline);
        let claimed = self.record().map(|record| record.timeline);
        self.s.job.is_none() && own.is_some() && own >= claimed
    }

    /// INVARIANT I9: nobody can acknowledge before the names are set; nothing is received any longer.
    fn promote(&mut self, promoting: &mut Promoting) {
        self.quieten();
        let blocked = Names {
            standbys: [].into(),
            acks: self.s.config.settings.policy.acks(),
        };
        let named = !self.keeps(Rule::NamesBeforePromote) || self.names_are(blocked);
        if !(self.is_quiet() && named) || promoting.told {
            return;
        }
        let timeline = self.record().map(|record| record.timeline);
        // INVARIANT I11: the timeline is the one that the claim took, not whatever is next here.
        let timeline = timeline.filter(|_| self.keeps(Rule::OwnTimeline));
        self.job(Job::Promote { timeline });
        // After a job that failed there is a pause, in which none is given.
        promoting.told = self.s.job.is_some();
    }

    /// Sets the names to the standbys that stream, once they are enough.
    fn gather(&mut self, promoting: Promoting) {
        let streaming = self.eligible(self.s.pg.standbys.keys().copied());
        let acks = self.acks_with(streaming.len(), promoting);
        if acks == 0 || streaming.len() < usize::from(acks) {
            return;
        }
        let still = self.s.names.as_ref().is_some_and(|names| {
            let known = names.standbys.intersection(&streaming).count();
            names.acks >= acks && known >= usize::from(names.acks)
        });
        if !still {
            self.names_are(Names {
                standbys: streaming,
                acks,
            });
        }
    }

    /// How many of so many standbys must acknowledge: in the sync mode those that there are, after a while.
    fn acks_with(&self, standbys: usize, promoting: Promoting) -> u16 {
        let policy = self.s.config.settings.policy;
        let patience = self.s.config.settings.timing.drop_standby;
        let late = |(_, at)| self.now.since(at) >= patience;
        match policy {
            Policy::Sync { .. } if promoting.promoted.is_some_and(late) => {
                let have = u16::try_from(standbys).unwrap_or(u16::MAX);
                policy.acks().min(have)
            }
            _ => policy.acks(),
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
        let (tail, _) = promoting.promoted?;
        let mut next = record.clone();
        next.serving = true;
        next.system = Some(system);
        next.older = Vec::new();
        next.cohort.timeline = self.s.pg.position.as_ref()?.end.timeline;
        next.cohort.floor = Some(Point {
            timeline: next.cohort.timeline,
            lsn: tail,
        });
        let streaming = self.eligible(self.s.pg.standbys.keys().copied());
        if self.acks_with(streaming.len(), promoting) == 0 {
            // Who holds the first write. In the sync mode: only the writer itself may come back.
            let asynchronous = self.s.config.settings.policy == Policy::Async;
            let holds = |member: &Member| self.s.pg.standbys.get(member) >= Some(&tail);
            let kept = streaming
                .into_iter()
                .filter(|member| asynchronous && holds(member));
            next.cohort.standbys = kept.collect();
            next.cohort.acks = 0;
            return Some(next);
        }
        // Names without acknowledgements may be left from before the mode changed.
        let names = self.s.names.clone().filter(|names| names.acks > 0);
        let early = !self.keeps(Rule::EstablishBeforeClients);
        let names = names.filter(|names| early || self.acknowledged(names, tail))?;
        next.cohort.standbys = names.standbys;
        next.cohort.acks = names.acks;
        Some(next)
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

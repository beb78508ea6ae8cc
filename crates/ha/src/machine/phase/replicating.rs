//! `replicating`: holds an epoch of a standby cluster. It streams from the source outside of the cluster, and the
//! other members from it. Nothing is writable, so nothing that anybody acknowledged depends on the epoch: that
//! there is one such holder saves work, and no promise depends on it.

use std::time::Duration;

use super::{Next, Phase, Promoting, Replicating};
use crate::machine::action::{Action, Asked, Job, Refusal};
use crate::machine::event::{Data, Server};
use crate::machine::ids::Member;
use crate::machine::invariant::Rule;
use crate::machine::position::Point;
use crate::machine::step::Machine;
use howdah_types::SystemIdentifier;

/// After so many rewinds without effect the copy is replaced by one of the source.
const REWINDS: u32 = 2;
/// So long the source must say that the own place is not on its history: right after a failover of the source an
/// answer of its former primary may still be on its way.
const UNRELATED: Duration = Duration::from_secs(3);

impl Machine {
    /// Where a holder goes whose epoch begins, by what the record says of it.
    pub(in crate::machine) fn lead(&self) -> Phase {
        let replicates = self.record().is_some_and(|record| record.replicates);
        if replicates && self.keeps(Rule::ReplicatesReadOnly) {
            Phase::Replicating(Replicating::default())
        } else {
            Phase::Promoting(Promoting::default())
        }
    }

    pub(super) fn replicating(&mut self, mut replicating: Replicating) -> Next {
        if !self.holds() {
            self.s.quiet_since = self.now;
            // A base backup that nobody waits for any longer.
            let clones = matches!(self.s.job, Some(Job::Clone { .. }));
            if clones {
                self.job(Job::Kill);
            }
            return Next::Go(Phase::Follower);
        }
        if self.s.pg.server == Server::Primary {
            self.job(Job::Kill);
            return Next::Stay(Phase::Replicating(replicating));
        }
        let replicates = self.record().is_some_and(|record| record.replicates);
        match (replicates, replicating.demoting) {
            // The record cannot be written: another takes over in the ordinary way.
            (false, Some(until)) if self.now >= until => return self.fence(true),
            (false, Some(_)) => return Next::Stay(Phase::Replicating(replicating)),
            (false, None) => return Next::Go(Phase::Promoting(Promoting::default())),
            (true, _) => replicating.demoting = None,
        }
        if self.s.pg.data == Data::Damaged || !self.s.pg.writes {
            return self.fail();
        }
        if self.steps_aside(&mut replicating) {
            if self.s.pg.server == Server::Stopped {
                return self.fence(true);
            }
            self.job(Job::Stop);
        } else if self.s.config.settings.replicates == Some(false) {
            if self.lacks_copy() {
                return self.fence(true);
            }
            self.end_replication();
        } else {
            self.replicate(&mut replicating);
        }
        self.route_readers();
        Next::Stay(Phase::Replicating(replicating))
    }

    /// True if another member shall lead, or this one shall not run.
    fn steps_aside(&self, replicating: &mut Replicating) -> bool {
        let intent = self.record().and_then(|record| record.intent);
        replicating.asked = self.asked_since(replicating.asked, intent);
        let goes = intent.is_some_and(|intent| self.objection(intent).is_none());
        goes || self.s.stopping || self.is_fenced()
    }

    /// True if this member cannot become an ordinary primary, and others may: there is a system, and none here.
    fn lacks_copy(&self) -> bool {
        let system = self.record().and_then(|record| record.system);
        match self.s.pg.data {
            Data::Empty => system.is_some(),
            Data::Unfinished(_) => true,
            _ => false,
        }
    }

    /// Receives nothing any longer, which the promotion needs; the record says that there will be one.
    fn end_replication(&mut self) {
        if matches!(self.s.pg.data, Data::Copy(_)) {
            self.quieten();
        }
    }

    /// Streams from the source, after what that takes.
    fn replicate(&mut self, replicating: &mut Replicating) {
        let own = match self.s.pg.data {
            Data::Unknown | Data::Damaged => return,
            Data::Empty | Data::Unfinished(_) => {
                let system = self.record().and_then(|record| record.system);
                if system.is_none() || self.is_source_of(system) {
                    self.job(Job::Clone {
                        from: Member::SOURCE,
                    });
                }
                return;
            }
            Data::Copy(own) => own,
        };
        if self.is_source_foreign(own) {
            self.refuse_source();
            return self.quieten();
        }
        self.note_progress_from_source(replicating);
        if replicating.broken {
            return self.mend(replicating);
        }
        match self.s.pg.server {
            Server::Stopped => self.start(),
            Server::Standby { upstream, .. } if upstream != Some(Member::SOURCE) => {
                self.job(Job::Receive(Some(Member::SOURCE)));
            }
            _ => replicating.broken = self.is_broken(own, replicating),
        }
    }

    /// True if the source is known to be that system.
    pub(in crate::machine) fn is_source_of(&self, system: Option<SystemIdentifier>) -> bool {
        let known = self.s.source.as_ref().map(|source| source.system);
        known.is_some() && known == system || !self.keeps(Rule::SameSystem)
    }

    /// True if the source is known to be another system: nothing of it may replace anything here.
    pub(in crate::machine) fn is_source_foreign(&self, own: SystemIdentifier) -> bool {
        let known = self.s.source.as_ref();
        known.is_some_and(|source| source.system != own) && self.keeps(Rule::SameSystem)
    }

    pub(in crate::machine) fn refuse_source(&mut self) {
        if !std::mem::replace(&mut self.s.refused_source, true) {
            self.actions.push(Action::Refuse {
                asked: Asked::Replicate,
                why: Refusal::OtherSystem,
            });
        }
    }

    /// True if the source cannot feed this copy: it is not on its history, or the WAL it needs is gone.
    fn is_broken(&self, own: SystemIdentifier, replicating: &mut Replicating) -> bool {
        let (Some(source), Some(position)) = (&self.s.source, &self.s.pg.position) else {
            replicating.unrelated = None;
            return false;
        };
        let related = source.position.can_feed_copy(position);
        replicating.stale = related;
        if related {
            replicating.unrelated = None;
            return !self.s.pg.fed && self.is_source_of(Some(own)) && !self.busy();
        }
        let since = *replicating.unrelated.get_or_insert(self.now);
        self.now.since(since) >= UNRELATED && !self.busy()
    }

    /// A copy that is on the history of the source, and not where it was mended, needs no more mending.
    fn note_progress_from_source(&self, replicating: &mut Replicating) {
        let (Some(source), Some(position)) = (&self.s.source, &self.s.pg.position) else {
            return;
        };
        let moved = Some(position.end) != replicating.mended_at && !replicating.broken;
        if moved && source.position.can_feed_copy(position) {
            replicating.rewinds = 0;
        }
    }

    /// By rewind, and by a new copy if that does not help. Only if it is the same system: what is here is never
    /// given up for a source that it has nothing to do with.
    fn mend(&mut self, replicating: &mut Replicating) {
        let Data::Copy(own) = self.s.pg.data else {
            return;
        };
        let settled = self.record().is_some_and(|record| record.older.is_empty());
        if self.busy() || !settled || !self.is_source_of(Some(own)) {
            return;
        }
        if let Some(position) = &self.s.pg.position {
            replicating.mended_at = Some(position.end);
        }
        if self.s.pg.server != Server::Stopped {
            self.job(Job::Stop);
        } else if replicating.rewinds < REWINDS && !replicating.stale {
            self.job(Job::Rewind {
                from: Member::SOURCE,
                fork: None,
            });
        } else {
            self.job(Job::Clone {
                from: Member::SOURCE,
            });
        }
    }

    /// Who reads from the cluster's primary reads here.
    fn route_readers(&mut self) {
        let Some(epoch) = self.record().map(|record| record.epoch) else {
            return;
        };
        let standby = matches!(self.s.pg.server, Server::Standby { .. });
        if standby && self.s.pg.position.is_some() {
            self.send_clients(epoch);
        }
    }

    /// True if others can be fed from here.
    pub(in crate::machine) fn leads_standbys(&self) -> bool {
        let standby = matches!(self.s.pg.server, Server::Standby { .. });
        let copy = matches!(self.s.pg.data, Data::Copy(_));
        standby && copy && self.record().is_some_and(|record| self.is_judged(record))
    }

    /// True if this holder is a primary that shall become the leader of a standby cluster, and can.
    pub(in crate::machine) fn is_to_replicate(&mut self) -> bool {
        let Data::Copy(own) = self.s.pg.data else {
            return false;
        };
        if self.s.config.settings.replicates != Some(true) {
            return false;
        }
        if self.is_source_foreign(own) {
            self.refuse_source();
            return false;
        }
        self.is_source_of(Some(own)) && self.s.source.is_some()
    }

    /// Not from who is behind: what it lacks it gets from the source first. On the same timeline alone, since
    /// elsewhere the fork decides.
    pub(super) fn is_ahead_of(&self, source: Point, own: Point) -> bool {
        let replicates = self.record().is_some_and(|record| record.replicates);
        replicates && source.timeline == own.timeline && own.lsn > source.lsn
    }
}

//! Changing the cohort of an epoch that serves (I7).

use std::collections::BTreeSet;

use super::action::Names;
use super::config::Policy;
use super::control::{Cohort, Record};
use super::ids::Member;
use super::invariant::Rule;
use super::phase::{Change, Phase, Primary};
use super::position::Point;
use super::step::Machine;

impl Machine {
    /// Does the part of a change that happens in Postgres.
    pub(super) fn tend_cohort(&mut self, primary: &mut Primary) {
        let Some(record) = self.record() else {
            return;
        };
        let cohort = record.cohort.clone();
        let settled = record.older.is_empty();
        if let Some(change) = &mut primary.change {
            if cohort.standbys == change.standbys && cohort.acks == change.acks {
                primary.change = None;
            } else {
                let names = Names {
                    standbys: change.standbys.clone(),
                    acks: change.acks,
                };
                if self.names_are(names) {
                    change.cut = self.s.cut;
                }
                return;
            }
        }
        let wanted = self.added_first(&cohort).unwrap_or(Names {
            standbys: cohort.standbys.clone(),
            acks: cohort.acks,
        });
        if self.names_are(wanted) && settled && self.s.pg.open {
            primary.change = self.removal(&cohort).or_else(|| self.rise(&cohort));
        }
    }

    /// INVARIANT I7: a removal and a rise begin in Postgres.
    fn removal(&self, cohort: &Cohort) -> Option<Change> {
        if cohort.acks == 0 {
            return None;
        }
        let alive = self.alive();
        let standbys: BTreeSet<_> = cohort.standbys.intersection(&alive).copied().collect();
        let enough = standbys.len() >= usize::from(cohort.acks);
        (standbys != cohort.standbys && enough && self.keeps(Rule::RemoveFromPostgresFirst))
            .then_some(Change {
                standbys,
                acks: cohort.acks,
                cut: None,
            })
    }

    fn rise(&self, cohort: &Cohort) -> Option<Change> {
        let acks = self.s.config.policy.acks();
        let standbys = self.caught_up();
        (cohort.acks < acks && standbys.len() >= usize::from(acks)).then_some(Change {
            standbys,
            acks,
            cut: None,
        })
    }

    /// Only without I7: the names that are set before the record says so.
    fn added_first(&self, cohort: &Cohort) -> Option<Names> {
        if !self.keeps(Rule::AddToRecordFirst) && cohort.acks > 0 {
            let both = cohort.standbys.union(&self.caught_up()).copied().collect();
            return Some(Names {
                standbys: both,
                acks: cohort.acks,
            });
        }
        (!self.keeps(Rule::DegradeInRecordFirst) && self.is_short(cohort)).then(|| Names {
            standbys: BTreeSet::new(),
            acks: 0,
        })
    }

    /// The standbys that stream and move; without acknowledgements, those that lag by little.
    fn alive(&self) -> BTreeSet<Member> {
        self.moved_within(self.s.config.timing.drop_standby)
    }

    /// The standbys that moved, or had nothing to do, just now.
    fn caught_up(&self) -> BTreeSet<Member> {
        self.moved_within(self.s.config.timing.heartbeat * 2)
    }

    /// What the async mode may lose is bounded only if who may take over lags by a bounded time.
    fn moved_within(&self, limit: std::time::Duration) -> BTreeSet<Member> {
        let since = match self.s.config.policy {
            Policy::Async => &self.s.marks,
            _ => &self.s.progress,
        };
        let near = since
            .iter()
            .filter(|(_, (_, at))| self.now.since(*at) < limit);
        near.map(|(member, _)| *member).collect()
    }

    fn is_short(&self, cohort: &Cohort) -> bool {
        let alive = self.alive();
        matches!(self.s.config.policy, Policy::Sync { .. })
            && cohort.acks > 0
            && cohort.standbys.intersection(&alive).count() < usize::from(cohort.acks)
    }

    /// The record with the change that is due, if one is.
    pub(super) fn changed_record(&self, record: &Record) -> Option<Record> {
        if self.s.outbid > Some(record.epoch) {
            // A member promised more: it follows nobody below. Nobody took over, or this write fails.
            let mut next = record.clone();
            next.epoch = self.s.outbid.map_or(record.epoch, |outbid| outbid.next());
            return Some(next);
        }
        match &self.s.phase {
            Phase::Promoting(promoting) => self.established(record, *promoting),
            Phase::Primary(primary) => self.changed_cohort(record, primary),
            _ => None,
        }
    }

    fn changed_cohort(&self, record: &Record, primary: &Primary) -> Option<Record> {
        let cohort = &record.cohort;
        let mut next = record.clone();
        if let Some(change) = &primary.change {
            let lsn = change.cut?;
            next.cohort.standbys.clone_from(&change.standbys);
            next.cohort.acks = change.acks;
            return Some(self.floored(record, next, lsn));
        }
        if cohort.acks == 0 && self.s.config.policy == Policy::Async {
            let alive = self.alive();
            let kept = cohort.standbys.intersection(&alive).copied();
            next.cohort.standbys = kept.chain(self.caught_up()).collect();
            return (next.cohort.standbys != cohort.standbys).then_some(next);
        }
        if self.is_short(cohort) && self.s.pg.open {
            // Recorded before it takes effect. From here only the writer itself may come back.
            next.cohort.acks = 0;
            next.cohort.standbys.clear();
            next.older.clear();
            let refuse = self.keeps(Rule::DegradeInRecordFirst)
                || self.s.names.as_ref().is_some_and(|names| names.acks == 0);
            return refuse.then_some(next);
        }
        if cohort.acks == 0 {
            return None;
        }
        if !record.older.is_empty() && self.is_floor_reached(cohort) {
            next.older.clear();
            return Some(next);
        }
        if !self.keeps(Rule::RemoveFromPostgresFirst) {
            let alive = self.alive();
            next.cohort.standbys.retain(|member| alive.contains(member));
            let enough = next.cohort.standbys.len() >= usize::from(cohort.acks);
            let end = self.s.pg.position.as_ref()?.end.lsn;
            if enough && next.cohort.standbys != cohort.standbys && record.older.is_empty() {
                return Some(self.floored(record, next, end));
            }
        }
        let added = cohort.standbys.union(&self.caught_up()).copied().collect();
        if added != cohort.standbys {
            next.cohort.standbys = added;
            return Some(next);
        }
        None
    }

    /// INVARIANT I7: commits of before are below the floor, or the cohort of before is asked as well.
    fn floored(&self, record: &Record, mut next: Record, lsn: howdah_types::Lsn) -> Record {
        let timeline = next.cohort.timeline;
        next.cohort.floor = Some(Point { timeline, lsn });
        next.older = vec![record.cohort.clone()];
        next
    }

    fn is_floor_reached(&self, cohort: &Cohort) -> bool {
        let names = Names {
            standbys: cohort.standbys.clone(),
            acks: cohort.acks,
        };
        let floor = cohort.floor.filter(|at| at.timeline == cohort.timeline);
        floor.is_some_and(|at| self.acknowledged(&names, at.lsn))
    }
}

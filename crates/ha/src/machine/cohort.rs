//! Changing the cohort of an epoch that serves (I7).

use std::collections::BTreeSet;

use super::action::Names;
use super::config::Policy;
use super::control::{Cohort, Record};
use super::event::Server;
use super::ids::Member;
use super::invariant::Rule;
use super::phase::{Change, Phase, Primary};
use super::position::Point;
use super::state::Mark;
use super::step::Machine;
use crate::time::Instant;

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
        let wanted = self.added_first(&cohort).unwrap_or(cohort.names());
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

    /// More acknowledgements. While some are needed already, by no member that is not in the cohort: what it
    /// acknowledged would be unknown to the record until the change is written.
    fn rise(&self, cohort: &Cohort) -> Option<Change> {
        let policy = self.s.config.settings.policy;
        let near = self.near(&self.s.config.settings.synchronous);
        let standbys: BTreeSet<_> = match cohort.acks {
            0 => near,
            _ => cohort.standbys.intersection(&near).copied().collect(),
        };
        let have = u16::try_from(standbys.len()).unwrap_or(u16::MAX);
        let acks = match policy {
            Policy::Sync { .. } => policy.acks().min(have),
            // Always so many: until there are, writes wait.
            Policy::Strict { .. } | Policy::Async => policy.acks(),
        };
        (cohort.acks < acks).then_some(Change {
            standbys,
            acks,
            cut: None,
        })
    }

    /// Only without I7: the names that are set before the record says so.
    fn added_first(&self, cohort: &Cohort) -> Option<Names> {
        let near = self.near(&self.s.config.settings.synchronous);
        if !self.keeps(Rule::AddToRecordFirst) && cohort.acks > 0 {
            let both = cohort.standbys.union(&near).copied().collect();
            return Some(Names {
                standbys: both,
                acks: cohort.acks,
            });
        }
        let lower = self.lowered(cohort)?;
        (!self.keeps(Rule::DegradeInRecordFirst)).then_some(lower)
    }

    /// Those of the members that may be in the cohort.
    pub(super) fn eligible(&self, members: impl Iterator<Item = Member>) -> BTreeSet<Member> {
        let settings = &self.s.config.settings;
        let fenced = |member: &Member| {
            self.record()
                .is_some_and(|record| record.fenced.contains(member))
        };
        let voters = members.filter(|member| settings.voters.contains(member) && !fenced(member));
        let any = settings.policy == Policy::Async;
        voters
            .filter(|member| any || settings.synchronous.contains(member))
            .collect()
    }

    /// The standbys that stream and move; in the async mode, those that lag by little.
    fn alive(&self) -> BTreeSet<Member> {
        let limit = self.s.config.settings.timing.drop_standby;
        let recent = |at: Instant| self.now.since(at) < limit;
        let moved = self.s.progress.iter();
        let moved = moved.filter(|(member, (_, at))| match self.s.config.settings.policy {
            // What may be lost is bounded only if who may take over lags by a bounded time.
            Policy::Async => self
                .s
                .marks
                .get(member)
                .is_some_and(|mark| recent(mark.has)),
            _ => recent(*at),
        });
        self.eligible(moved.map(|(member, _)| *member))
    }

    /// Those of the members that had everything, a moment ago.
    pub(super) fn near(&self, of: &BTreeSet<Member>) -> BTreeSet<Member> {
        let limit = self.s.config.settings.timing.heartbeat * 4;
        let fenced = |member: &Member| {
            self.record()
                .is_some_and(|record| record.fenced.contains(member))
        };
        let near = self.s.marks.iter().filter(|(member, mark)| {
            let voter = self.s.config.settings.voters.contains(member);
            of.contains(member) && voter && !fenced(member) && self.now.since(mark.has) < limit
        });
        near.map(|(member, _)| *member).collect()
    }

    /// A service begins, or begins again after a crash: everyone in the cohort has its time to come back.
    pub(super) fn begin_service(&mut self) {
        let standbys = self.record().map(|record| record.cohort.standbys.clone());
        for member in standbys.unwrap_or_default() {
            let at = self.now;
            let entry = self.s.progress.entry(member);
            entry.or_insert((howdah_types::Lsn::new(0), at)).1 = at;
            let goal = howdah_types::Lsn::new(0);
            let mark = Mark {
                goal,
                set: at,
                has: at,
            };
            self.s.marks.entry(member).or_insert(mark).has = at;
        }
    }

    /// The cohort with fewer acknowledgements, if that many are not wanted or cannot be had.
    fn lowered(&self, cohort: &Cohort) -> Option<Names> {
        let policy = self.s.config.settings.policy;
        let alive = self.alive();
        let alive = cohort.standbys.intersection(&alive).count();
        let wanted = match policy {
            Policy::Sync { .. } => {
                let have = u16::try_from(alive).unwrap_or(u16::MAX);
                policy.acks().min(have)
            }
            Policy::Strict { .. } | Policy::Async => policy.acks(),
        };
        let standbys = match wanted {
            0 => BTreeSet::new(),
            _ => cohort.standbys.clone(),
        };
        (wanted < cohort.acks).then_some(Names {
            standbys,
            acks: wanted,
        })
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
            Phase::Primary(primary) => self.changed_service(record, primary),
            Phase::Replicating(replicating) => self.changed_replication(record, replicating),
            _ => None,
        }
    }

    fn changed_service(&self, record: &Record, primary: &Primary) -> Option<Record> {
        if self.refuses(primary) {
            let mut next = record.clone();
            next.intent = None;
            return Some(next);
        }
        self.changed_cohort(record, primary)
    }

    fn changed_cohort(&self, record: &Record, primary: &Primary) -> Option<Record> {
        if self.s.pg.server != Server::Primary {
            // A server that ended has no standbys, which says nothing about them: who was in the cohort may take
            // over when it does not come back.
            return None;
        }
        let cohort = &record.cohort;
        let mut next = record.clone();
        if let Some(change) = &primary.change {
            let lsn = change.cut?;
            next.cohort.standbys.clone_from(&change.standbys);
            next.cohort.acks = change.acks;
            return Some(self.floored(record, next, lsn));
        }
        if let Some(lower) = self.lowered(cohort) {
            // Recorded before it takes effect. Without any, only the writer itself may come back.
            let recorded = self.keeps(Rule::DegradeInRecordFirst)
                || self
                    .s
                    .names
                    .as_ref()
                    .is_some_and(|names| names.acks == lower.acks);
            next.cohort.acks = lower.acks;
            next.cohort.standbys = lower.standbys;
            if lower.acks == 0 {
                next.older.clear();
            }
            return recorded.then_some(next);
        }
        if !record.older.is_empty() && self.is_floor_reached(cohort) {
            next.older.clear();
            return Some(next);
        }
        if cohort.acks == 0 {
            return self.changed_followers(record, next);
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
        let near = self.near(&self.s.config.settings.synchronous);
        let added = cohort.standbys.union(&near).copied().collect();
        if added != cohort.standbys {
            next.cohort.standbys = added;
            return Some(next);
        }
        None
    }

    /// The async mode: who lags by little may take over, and only who holds what was acknowledged under a rule
    /// of before: that lies below the place where the log ended when no acknowledgement was waited for any
    /// longer. Who is in the cohort holds that, and so its floor stays as long as there is somebody.
    fn changed_followers(&self, record: &Record, mut next: Record) -> Option<Record> {
        if self.s.config.settings.policy != Policy::Async {
            return None;
        }
        let free = self.s.names.as_ref().filter(|names| names.acks == 0);
        let cut = free.and(self.s.cut)?;
        let cohort = &record.cohort;
        let known = cohort.floor.filter(|at| at.timeline == cohort.timeline);
        let lsn = match known {
            Some(at) if !cohort.standbys.is_empty() => at.lsn,
            known => known.map_or(cut, |at| at.lsn.max(cut)),
        };
        let alive = self.alive();
        let near = self.near(&self.s.config.settings.voters);
        let kept = cohort.standbys.intersection(&alive).copied().chain(near);
        let holds = |member: &Member| {
            let reached = self.s.progress.get(member);
            reached.is_some_and(|(flushed, _)| *flushed >= lsn)
        };
        next.cohort.standbys = kept.filter(holds).collect();
        let timeline = cohort.timeline;
        next.cohort.floor = Some(Point { timeline, lsn });
        (next.cohort.standbys != cohort.standbys).then_some(next)
    }

    /// INVARIANT I7: commits of before are below the floor, or the cohort of before is asked as well.
    fn floored(&self, record: &Record, mut next: Record, lsn: howdah_types::Lsn) -> Record {
        let timeline = next.cohort.timeline;
        next.cohort.floor = Some(Point { timeline, lsn });
        next.older = vec![record.cohort.clone()];
        next
    }

    /// True if every takeover that the cohort allows includes a member that holds the floor.
    fn is_floor_reached(&self, cohort: &Cohort) -> bool {
        let Some(floor) = cohort.floor.filter(|at| at.timeline == cohort.timeline) else {
            return false;
        };
        let holds = |member: &&Member| self.s.pg.standbys.get(member) >= Some(&floor.lsn);
        let have = cohort.standbys.iter().filter(holds).count();
        // Without standbys only the writer itself comes back, and it holds everything.
        have >= cohort.blocking()
    }
}

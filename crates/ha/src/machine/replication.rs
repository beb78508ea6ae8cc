//! The control record of a standby cluster: its leader, the end of replication, and its beginning.

use howdah_types::Timeline;

use super::control::{Cohort, Record};
use super::event::{Data, Server};
use super::phase::Replicating;
use super::position::Position;
use super::step::Machine;

/// By so much the timeline of its promotion is above all that are known. The source counts on as well, one by one:
/// if this cluster comes back to it, the same number must not stand for two histories.
const GAP: u32 = 16;

impl Machine {
    /// The record that the state of a standby cluster's holder makes due.
    pub(super) fn changed_replication(
        &self,
        record: &Record,
        replicating: &Replicating,
    ) -> Option<Record> {
        if replicating.demoting.is_some() {
            let stopped = self.s.pg.server == Server::Stopped && !self.busy();
            return (!record.replicates && stopped).then(|| self.demoted(record));
        }
        if !record.replicates {
            return None;
        }
        if self.refuses_asked(replicating.asked) {
            let mut next = record.clone();
            next.intent = None;
            return Some(next);
        }
        if self.s.config.settings.replicates == Some(false) {
            return self.promoted(record);
        }
        self.judged_by_source(record, replicating)
    }

    /// Once the copy can be fed by the source, or is about to be mended by it, the source says what was written.
    /// Before, a member that takes over must have all that was acknowledged here.
    fn judged_by_source(&self, record: &Record, replicating: &Replicating) -> Option<Record> {
        let Data::Copy(own) = self.s.pg.data else {
            return None;
        };
        let mut next = record.clone();
        next.system = record.system.or(Some(own));
        let known = self.is_source_of(Some(own));
        if let Some(source) = self.s.source.as_ref().filter(|_| known) {
            let floor = record.cohort.floor;
            let lost = floor.is_none_or(|floor| !source.position.contains(floor));
            let own = self.s.pg.position.as_ref();
            let fed = self.s.pg.fed && own.is_some_and(|own| source.position.can_feed_copy(own));
            if lost && fed || !record.older.is_empty() && (fed || replicating.broken) {
                next.cohort.floor = Some(source.position.end);
                next.older.clear();
            }
        }
        (next != *record).then_some(next)
    }

    /// True if others may be brought onto the history of this copy: it is that of the source.
    pub(super) fn is_judged(&self, record: &Record) -> bool {
        let Some(own) = &self.s.pg.position else {
            return false;
        };
        let source = self.s.source.as_ref();
        let fed = source.is_some_and(|source| source.position.can_feed_copy(own));
        fed || record.older.is_empty() && record.is_of_source(own)
    }

    /// A copy that is not on the history of the source leads only if the source can mend it, or people gave the
    /// source up: the other members would lose what they have of it.
    pub(super) fn may_lead_standbys(&self, record: &Record, position: Option<&Position>) -> bool {
        let of_source = position.is_some_and(|position| record.is_of_source(position));
        let given_up = self.s.config.settings.replicates == Some(false);
        let ordinary = !record.replicates || !record.older.is_empty();
        ordinary || of_source || given_up || self.s.source.is_some()
    }

    /// INVARIANT I1: the epoch of a primary that stopped in order ends, and one without any primary begins.
    fn demoted(&self, record: &Record) -> Record {
        let mut next = self.next_epoch(record);
        next.older = record.binding();
        next.replicates = true;
        next.cohort = self.cohort_of_none(record.timeline);
        next
    }

    /// The end of replication: from here on it is an ordinary epoch, which promotes this member.
    fn promoted(&self, record: &Record) -> Option<Record> {
        let mut next = self.next_epoch(record);
        next.replicates = false;
        match self.s.pg.data {
            // A copy that is about to be there is promoted.
            Data::Empty if record.system.is_none() && !self.busy() => {
                next.timeline = Timeline::new(2).unwrap_or(Timeline::FIRST);
            }
            Data::Copy(own) if self.is_quiet() => {
                let end = self.s.pg.position.as_ref()?.end;
                // INVARIANT I11: neither here nor at the source was there one of that number.
                let newest = record.timeline.max(end.timeline).number();
                next.timeline =
                    Timeline::new(newest.saturating_add(GAP)).unwrap_or(record.timeline);
                next.cohort.floor = Some(end);
                next.system = Some(own);
                // INVARIANT I6: nobody who lacks what is promoted takes over before it serves.
                let rule = Cohort {
                    floor: Some(end),
                    ..self.cohort_of_none(end.timeline)
                };
                next.older.insert(0, rule);
            }
            _ => return None,
        }
        let floor = next.cohort.floor;
        next.cohort = self.nobody(self.s.config.me.member, next.timeline);
        next.cohort.floor = floor;
        Some(next)
    }

    fn next_epoch(&self, record: &Record) -> Record {
        let highest = self.s.durable.highest().max(Some(record.epoch));
        Record {
            epoch: highest.map_or(record.epoch, |highest| highest.next()),
            serving: false,
            released: false,
            intent: None,
            ..record.clone()
        }
    }

    /// The rule of an epoch in which nobody writes.
    pub(super) fn cohort_of_none(&self, timeline: Timeline) -> Cohort {
        Cohort {
            standbys: [].into(),
            acks: 0,
            writer: self.s.config.me.member,
            timeline,
            floor: None,
        }
    }

    /// A standby cluster whose first copy was never completed, or all of whose copies are lost, has nothing that
    /// an election could go by: any member may begin anew, if the holder is gone.
    pub(super) fn begin_anew(&mut self) {
        let Some(observed) = self.s.observed.clone() else {
            return;
        };
        let record = &observed.record;
        let me = self.s.config.me;
        // What a rewind to the source left unfinished can only be replaced, and the source has all of it.
        let empty = match self.s.pg.data {
            Data::Empty => true,
            Data::Unfinished(own) => record.system == Some(own),
            _ => false,
        };
        let empty = empty && record.older.is_empty();
        let own = record.holder.member == me.member && record.system.is_none();
        let gone = own || record.released || self.is_waited_out(&observed);
        let nothing = record.system.is_none() || self.is_source_of(record.system);
        let may = self.is_voter() && !self.is_fenced() && self.leader().is_none();
        let due = record.replicates && empty && gone && nothing && may && !self.holds();
        if !(due && record.admits(me.member) && self.may_write()) {
            return;
        }
        let mut next = self.next_epoch(record);
        next.revision += 1;
        next.holder = me;
        next.cohort = self.cohort_of_none(record.timeline);
        next.wait_out = Some(self.s.config.settings.timing.wait_out);
        self.write_record(Some(observed.version), next);
    }
}

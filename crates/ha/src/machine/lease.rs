//! The API: reads, writes with an unknown end, renewals, and the window of authority (I3).

use std::time::Duration;

use super::action::{Action, Asked};
use super::control::Record;
use super::event::{Server, Version};
use super::invariant::Rule;
use super::phase::{Phase, Stage};
use super::state::{Call, Observed};
use super::step::Machine;
use crate::epoch::Epoch;
use crate::time::Instant;

/// The pause after a call that failed.
const PAUSE: Duration = Duration::from_millis(100);
/// How many own writes of unknown end are remembered.
const UNSURE: usize = 8;

impl Machine {
    /// Reads the record, if no call is in flight.
    pub(super) fn read_record(&mut self) {
        if self.s.call.is_none() && self.now >= self.s.call_after {
            self.s.call = Some(Call::Read);
            self.actions.push(Action::ReadRecord);
        }
    }

    /// True if a write may be sent now; asks for the record first where that must be read.
    pub(super) fn may_write(&mut self) -> bool {
        if self.s.reread {
            self.read_record();
            return false;
        }
        self.s.call.is_none() && self.now >= self.s.call_after
    }

    /// Writes the record by compare-and-set. INVARIANT I4: exactly the version that was judged.
    pub(super) fn write_record(&mut self, expected: Option<Version>, mut record: Record) {
        self.s.writes += 1;
        record.nonce = self
            .s
            .config
            .me
            .boot
            .0
            .wrapping_add(self.s.writes.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let record = Box::new(record);
        self.s.call = Some(Call::Write {
            record: record.clone(),
            sent: self.now,
        });
        self.actions.push(Action::WriteRecord { expected, record });
    }

    /// A write was applied.
    ///
    /// INVARIANT I3: it counts from the time before it was sent.
    pub(super) fn written(&mut self, record: Record, version: Version, sent: Instant) {
        let from = if self.keeps(Rule::CountFromSend) {
            sent
        } else {
            self.now
        };
        if record.holder == self.s.config.me && !record.released {
            self.s.renewed = self.s.renewed.max(Some(from));
        }
        self.s.unsure.clear();
        self.s.missing = false;
        self.s.regressed = None;
        let key = Some((record.epoch, record.revision));
        if key < self.s.durable.seen {
            // Somebody wrote after it, and that was seen already.
            return;
        }
        self.s.durable.seen = key;
        self.s.observed = Some(Observed {
            record,
            version,
            since: self.now,
        });
    }

    /// A write without an answer may have been applied, or may be yet: the record tells by its nonce.
    pub(super) fn call_failed(&mut self, call: Call) {
        self.s.call_after = self.now + PAUSE;
        if let Call::Write { record, sent } = call {
            self.s.reread = true;
            self.s.unsure.push((record, sent));
            if self.s.unsure.len() > UNSURE {
                self.s.unsure.remove(0);
            }
        }
    }

    /// Counts an own write that is found in the record. People may have changed their fields of it since,
    /// so what is found is what counts.
    pub(super) fn recognise(&mut self, found: &Record, version: Version) {
        let mut unsure = self.s.unsure.iter();
        let own = unsure.find(|(record, _)| record.nonce == found.nonce);
        if let Some((_, sent)) = own.cloned() {
            self.written(found.clone(), version, sent);
        }
    }

    /// A round of an election judges by a record that was read in it.
    pub(super) fn note_read(&mut self) {
        if let Phase::Candidate(candidate) = &mut self.s.phase
            && let Stage::Canvass { read, .. } = &mut candidate.stage
        {
            read.get_or_insert(self.now);
        }
    }

    /// False if a peer knows a newer record than this round goes by: either that was read too early, or the
    /// API went back in time.
    pub(super) fn knows_as_much(&self, seen: Option<(Epoch, u64)>) -> bool {
        let known = self.record().map(|record| (record.epoch, record.revision));
        seen <= known || !self.keeps(Rule::RefuseOldRecord)
    }

    /// The round begins with its read again.
    pub(super) fn forget_canvass(&mut self) {
        if let Phase::Candidate(candidate) = &mut self.s.phase
            && let Stage::Canvass {
                read,
                willing,
                answered,
            } = &mut candidate.stage
        {
            *read = None;
            willing.clear();
            answered.clear();
        }
    }

    /// Writes what is due: a change, or a renewal.
    pub(super) fn renew(&mut self) {
        // A holder that is to end serves on until its ordered stop.
        let holds = match self.s.phase {
            Phase::Primary(_) => true,
            Phase::Promoting(_) | Phase::Replicating(_) => !self.s.stopping,
            _ => false,
        };
        if !holds {
            return;
        }
        if self.s.missing {
            self.recreate(None);
            // A watch may have shown a record before the answer came that there is none.
            self.read_record();
            return;
        }
        if let Some(version) = self.s.regressed {
            self.recreate(Some(version));
            self.read_record();
            return;
        }
        let Some(observed) = &self.s.observed else {
            return;
        };
        if !self.is_mine(&observed.record) {
            return;
        }
        let version = observed.version;
        let due = self
            .s
            .renewed
            .is_none_or(|at| self.now >= at + self.s.config.settings.timing.renew);
        // A crash restart waits for it.
        let crashed = match &self.s.phase {
            Phase::Primary(primary) => primary.restart.and_then(|restart| restart.crashed),
            _ => None,
        };
        let due = due || crashed.is_some_and(|at| self.s.renewed < Some(at));
        let changed = self.changed_record(&observed.record);
        if !(due || changed.is_some()) || !self.may_write() {
            return;
        }
        let Some(record) = self.record() else {
            return;
        };
        let intent = record.intent;
        let mut next = changed.map_or_else(
            || record.clone(),
            |mut changed| {
                changed.revision += 1;
                changed
            },
        );
        next.wait_out = Some(self.s.config.settings.timing.wait_out);
        if let (Some(intent), None) = (intent, next.intent)
            && let Some(why) = self.objection(intent)
        {
            let asked = Asked::Intent(intent);
            self.actions.push(Action::Refuse { asked, why });
        }
        self.write_record(Some(version), next);
    }

    /// INVARIANT I1: a record that was lost, or went back in time, is put right only by the holder that its
    /// peers still stand by, in a new epoch.
    fn recreate(&mut self, expected: Option<Version>) {
        let Some(mut record) = self.record().cloned() else {
            return;
        };
        let stood_by = if record.replicates {
            self.has_consent_of_most()
        } else {
            let until = self.grants_until(&record.cohort);
            until.is_none_or(|at| self.now < at)
        };
        let serving = matches!(self.s.phase, Phase::Primary(_) | Phase::Replicating(_));
        if !(serving && stood_by && self.is_mine(&record)) || self.s.call.is_some() {
            return;
        }
        if self.now < self.s.call_after {
            return;
        }
        self.s.call_after = self.now + PAUSE;
        record.epoch = self
            .s
            .durable
            .highest()
            .max(Some(record.epoch))
            .map_or(record.epoch, |e| e.next());
        record.revision += 1;
        self.write_record(expected, record);
    }

    /// How long a renewal holds: not longer than those wait who go by the record.
    fn hold(&self, record: &Record) -> Duration {
        let timing = &self.s.config.settings.timing;
        let waited = record.wait_out.unwrap_or(timing.wait_out);
        timing.hold.min(waited.saturating_sub(timing.margin()))
    }

    /// The own writes that may have been applied, or may be yet.
    pub(super) fn pending(&self) -> impl Iterator<Item = &Record> {
        let unsure = self.s.unsure.iter().map(|(record, _)| &**record);
        let in_flight = match &self.s.call {
            Some(Call::Write { record, .. }) => Some(&**record),
            _ => None,
        };
        unsure.chain(in_flight)
    }

    /// When the right to serve ends: none if nobody else can take over.
    ///
    /// INVARIANT I3: the later of the renewal's end and the end of the grants.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let record = self.record()?;
        let lease = self.s.renewed.map(|at| at + self.hold(record));
        let mut grants = self.grants_until(&record.cohort);
        // A change under way may count already: both cohorts must stand by.
        for other in self.pending() {
            let theirs = self.grants_until(&other.cohort);
            grants = match (grants, theirs) {
                (Some(ours), Some(theirs)) => Some(ours.min(theirs)),
                (ours, theirs) => ours.or(theirs),
            };
        }
        grants.map(|grants| lease.map_or(grants, |lease| lease.max(grants)))
    }

    /// Sets the guard to the end of authority, while clients may be served.
    pub(super) fn set_guard(&mut self) {
        let running = self.s.pg.server == Server::Primary || self.busy();
        let wanted = match self.s.phase {
            Phase::Primary(_) if self.keeps(Rule::KillAtDeadline) => self.deadline(),
            // The kill that was ordered may take long, or never begin.
            Phase::Fenced(_) if running => self.s.guard,
            _ => None,
        };
        if wanted != self.s.guard {
            self.s.guard = wanted;
            self.actions.push(Action::Guard(wanted));
        }
    }
}

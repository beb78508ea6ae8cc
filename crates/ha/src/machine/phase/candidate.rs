//! `candidate`: asks, seals, claims for the best of the sealed (I4, I6, I8).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Candidate, Next, Phase, Stage};
use crate::epoch::Epoch;
use crate::machine::action::Action;
use crate::machine::config::Policy;
use crate::machine::control::Record;
use crate::machine::ids::{Holder, Member};
use crate::machine::invariant::Rule;
use crate::machine::message::{Message, Report};
use crate::machine::step::Machine;
use crate::time::Instant;
use howdah_types::Timeline;

/// How often peers are asked the same again.
const AGAIN: Duration = Duration::from_millis(250);
/// Before any question was asked.
pub(super) const NEVER: Instant = Instant::from_nanos(0);

impl Machine {
    pub(super) fn candidate(&mut self, mut candidate: Candidate) -> Next {
        if self.is_named() {
            return Next::Go(self.lead());
        }
        let overtaken = self
            .record()
            .is_some_and(|record| record.epoch >= candidate.epoch);
        let promised = self.s.durable.promised > Some(candidate.epoch);
        let blind = !self.keeps(Rule::ExactVersion)
            && matches!(&candidate.stage, Stage::Seal { claim: Some(_), .. });
        let may = self.is_voter();
        if (overtaken && !blind) || promised || !may || self.leader().is_some() {
            return Next::Go(self.lose());
        }
        if self.now >= candidate.until {
            self.s.rounds_lost += 1;
            return Next::Go(self.lose());
        }
        if self.s.missing && !self.keeps(Rule::MissingIsNotFree) {
            self.create_as_free(candidate.epoch);
            return Next::Stay(Phase::Candidate(candidate));
        }
        let half = self.s.config.settings.timing.round / 2;
        match &mut candidate.stage {
            Stage::Canvass {
                read,
                willing,
                answered,
            } => {
                if read.is_none() {
                    self.read_record();
                }
                if let Some(report) = self.own_consent() {
                    willing.insert(self.s.config.me.member, report);
                }
                // Who could not reach the API could not reach the others either.
                let asked = read.is_some_and(|at| self.now.since(at) >= half);
                let regular = self.choose(willing).is_some() && self.is_witnessed(answered, asked);
                let enough = regular || self.decides_alone(willing, asked);
                let enough = enough && read.is_some() && !self.s.missing;
                if enough {
                    candidate.stage = self.begin_seal(candidate.epoch, willing.clone());
                    candidate.until = self.now + self.s.config.settings.timing.round;
                    candidate.asked = NEVER;
                    return Next::Go(Phase::Candidate(candidate));
                }
            }
            Stage::Seal {
                sealed,
                claiming,
                claim,
            } => {
                self.quieten();
                if self.is_quiet()
                    && let Some(report) = self.report()
                {
                    sealed.insert(self.s.config.me.member, report);
                }
                let sealed = sealed.clone();
                if self.s.call.is_none() {
                    *claiming = false;
                }
                if !*claiming {
                    let early = self.now + half < candidate.until;
                    let alone = self.decides_alone(&sealed, !early);
                    *claiming = self.claim(candidate.epoch, &sealed, claim, alone, early);
                }
            }
        }
        self.ask(&mut candidate);
        Next::Stay(Phase::Candidate(candidate))
    }

    pub(super) fn lose(&mut self) -> Phase {
        self.s.round_at = None;
        match (self.s.durable.promised, self.record()) {
            (Some(promised), Some(record)) if promised > record.epoch => {
                Phase::Sealed { asked: [].into() }
            }
            (Some(_), Some(record)) if record.holder == self.s.config.me => {
                Phase::Sealed { asked: [].into() }
            }
            _ => Phase::Follower,
        }
    }

    /// The own consent, by the same rule as that of peers.
    fn own_consent(&self) -> Option<Report> {
        let record = self.record()?;
        self.consents(self.s.config.me, record)
            .then(|| self.report())
            .flatten()
    }

    fn choose(&self, sealed: &BTreeMap<Member, Report>) -> Option<Member> {
        let record = self.record()?;
        let chosen = record.choose(sealed, self.s.config.rules)?;
        let near = self.is_near(record, sealed, chosen) || !self.keeps(Rule::LagWithinLimit);
        let position = sealed.get(&chosen).map(|report| &report.position);
        (near && self.may_lead_standbys(record, position)).then_some(chosen)
    }

    /// Where standbys need not acknowledge, the farthest may still lack more than people put up with. Of other
    /// modes nothing is asked here: whom the seals allow there holds every acknowledged write, and so does the
    /// copy of the writer itself. Who is on the timeline of an epoch that never served follows the copy that was
    /// chosen for it, and what that lacked was judged then.
    fn is_near(&self, record: &Record, sealed: &BTreeMap<Member, Report>, chosen: Member) -> bool {
        let Some(limit) = self.s.config.settings.maximum_lag else {
            return true;
        };
        let binding = record.binding();
        let (Some(rule), Some(report)) = (binding.first(), sealed.get(&chosen)) else {
            return true;
        };
        let at = report.position.end.timeline;
        let own = chosen == rule.writer && at == rule.timeline;
        let unserved = !record.serving && !record.replicates;
        let judged = unserved && at == record.timeline && at != rule.timeline;
        let told = sealed.values().filter_map(|report| report.reached);
        let Some(known) = told.chain(self.s.reached).max() else {
            return true;
        };
        rule.acks > 0 || own || judged || report.position.lag_behind(known) <= limit
    }

    /// True if people decided that this member takes over on its own report, the rest of the members were asked
    /// for half a round, and the holder is not heard and renews no longer.
    fn decides_alone(&self, known: &BTreeMap<Member, Report>, asked: bool) -> bool {
        let me = self.s.config.me.member;
        let Some(observed) = &self.s.observed else {
            return false;
        };
        let record = &observed.record;
        let silent = record.released || self.is_waited_out(observed);
        record.forces(me) && asked && silent && known.contains_key(&me) && self.is_voter()
    }

    /// INVARIANT I1: a store that was restored may name a holder that others replaced since. Where writes always
    /// wait for standbys, so many peers must say that they know nothing newer; an epoch could not serve
    /// without them anyway. Elsewhere all but one are given half a round to say so, `asked` if that is over; it
    /// begins when the record is read.
    fn is_witnessed(&self, answered: &BTreeSet<Member>, asked: bool) -> bool {
        let settings = &self.s.config.settings;
        let answered = answered.intersection(&settings.voters).count();
        let replicates = self.record().is_some_and(|record| record.replicates);
        let strict = matches!(settings.policy, Policy::Strict { .. }) && !replicates;
        let witnessed = if strict {
            answered >= usize::from(settings.policy.acks()).min(settings.peers.len())
        } else {
            asked || answered + 2 >= settings.voters.len()
        };
        witnessed || !self.keeps(Rule::RefuseOldRecord)
    }

    /// INVARIANT I5: the own seal first. Its promise is on disk before anything of this step goes out.
    fn begin_seal(&mut self, epoch: Epoch, willing: BTreeMap<Member, Report>) -> Stage {
        self.s.durable.promised = self.s.durable.promised.max(Some(epoch));
        self.s.quiet_since = self.now;
        // INVARIANT I8: what was heard before the seals is not compared.
        let sealed = if self.keeps(Rule::ChooseAfterSeal) {
            BTreeMap::new()
        } else {
            willing
        };
        Stage::Seal {
            sealed,
            claiming: false,
            claim: None,
        }
    }

    /// Writes the claim for the best of the sealed, if they are enough.
    fn claim(
        &mut self,
        epoch: Epoch,
        sealed: &BTreeMap<Member, Report>,
        claim: &mut Option<Box<Record>>,
        alone: bool,
        early: bool,
    ) -> bool {
        let Some(observed) = self.s.observed.clone() else {
            return false;
        };
        if let (false, Some(claim)) = (self.keeps(Rule::ExactVersion), &claim)
            && self.may_write()
        {
            self.write_record(Some(observed.version), (**claim).clone());
            return true;
        }
        let chosen = self.choose(sealed);
        let chosen = chosen.or(alone.then_some(self.s.config.me.member));
        let chosen = chosen.filter(|chosen| observed.record.admits(*chosen));
        let Some(report) = chosen.and_then(|chosen| sealed.get(&chosen)) else {
            return false;
        };
        if early && !observed.record.suits(report.holder.member) {
            // Whom people want may be about to answer.
            return false;
        }
        // INVARIANT I4: still silent, by the version that is replaced.
        let waited = self.is_waited_out(&observed);
        let own = observed.record.holder.member == self.s.config.me.member;
        let must = observed.record.must_wait_out() && self.keeps(Rule::WaitOut);
        if must && !waited && !own || !self.may_write() {
            return false;
        }
        let record = self.claimed(epoch, &observed.record, report);
        *claim = Some(Box::new(record.clone()));
        self.write_record(Some(observed.version), record);
        true
    }

    /// INVARIANT I1: every claim takes a new epoch. I6: its floor is what the chosen holds, and the rules
    /// of before bind until the epoch serves. I11: it takes a timeline that no promotion took.
    fn claimed(&self, epoch: Epoch, old: &Record, chosen: &Report) -> Record {
        let number = old.timeline.number().saturating_add(1);
        let timeline = Timeline::new(number).filter(|_| !old.replicates);
        let timeline = timeline.unwrap_or(old.timeline);
        let mut cohort = self.nobody(chosen.holder.member, timeline);
        if old.replicates {
            cohort.acks = 0;
        }
        cohort.floor = if old.replicates {
            old.cohort.floor
        } else {
            Some(chosen.position.end)
        };
        Record {
            epoch: if self.keeps(Rule::NewEpoch) {
                epoch
            } else {
                old.epoch
            },
            revision: old.revision + 1,
            holder: chosen.holder,
            nonce: 0,
            system: old.system,
            timeline,
            cohort,
            older: old.binding(),
            serving: false,
            released: false,
            intent: None,
            paused: old.paused,
            fenced: old.fenced.clone(),
            wait_out: Some(self.s.config.settings.timing.wait_out),
            replicates: old.replicates,
        }
    }

    /// Only without I1: takes a missing record for a free one.
    fn create_as_free(&mut self, epoch: Epoch) {
        self.s.durable.promised = self.s.durable.promised.max(Some(epoch));
        self.quieten();
        let old = self.record().cloned();
        let (Some(old), Some(report), true) = (old, self.report(), self.is_quiet()) else {
            return;
        };
        if self.s.call.is_none() && self.now >= self.s.call_after {
            let mut record = self.claimed(epoch, &old, &report);
            record.older.clear();
            self.write_record(None, record);
        }
    }

    fn ask(&mut self, candidate: &mut Candidate) {
        if self.now.since(candidate.asked) < AGAIN {
            return;
        }
        let Some(record) = self.record() else {
            return;
        };
        candidate.asked = self.now;
        let record = Box::new(record.clone());
        let epoch = candidate.epoch;
        let message = match candidate.stage {
            Stage::Canvass { .. } => Message::Canvass { epoch, record },
            Stage::Seal { .. } => Message::Seal { epoch, record },
        };
        for peer in &self.s.config.settings.peers {
            self.actions.push(Action::Send(*peer, message.clone()));
        }
    }

    pub(in crate::machine) fn take_canvassed(
        &mut self,
        from: Holder,
        epoch: Epoch,
        answer: Option<Report>,
        promised: Option<Epoch>,
    ) {
        let Phase::Candidate(candidate) = &mut self.s.phase else {
            return;
        };
        let Stage::Canvass {
            willing, answered, ..
        } = &mut candidate.stage
        else {
            return;
        };
        answered.insert(from.member);
        if promised >= Some(candidate.epoch) {
            // A new epoch is above every promise.
            candidate.epoch = promised.map_or(candidate.epoch, Epoch::next);
            willing.clear();
        } else if candidate.epoch == epoch
            && let Some(report) = answer
        {
            willing.insert(from.member, report);
        }
    }

    pub(in crate::machine) fn take_sealed(&mut self, from: Holder, epoch: Epoch, report: Report) {
        let Phase::Candidate(candidate) = &mut self.s.phase else {
            return;
        };
        if candidate.epoch != epoch {
            return;
        }
        if let Stage::Seal { sealed, .. } = &mut candidate.stage {
            sealed.insert(from.member, report);
        }
    }
}

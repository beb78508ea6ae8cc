//! The promises, judged as things happen.

use std::collections::{BTreeMap, BTreeSet};

use howdah_ha::Epoch;
use howdah_ha::machine::{Job, Message, Policy, Record};
use howdah_types::{Lsn, Timeline};

use crate::faults::Kind;
use crate::ledger::{Acked, Oracle};
use crate::node::index;
use crate::postgres::{Copy, Running, count};
use crate::world::{SECOND, World};

/// What the async mode may lose before the last acknowledgement of an epoch: the time after which a silent
/// standby leaves the cohort, the window of authority, and the kill, in the slower profile. While the record
/// cannot be written nobody can leave the cohort, and that time does not count.
const LOSS: u64 = 15 * SECOND;

impl World {
    /// O1 and O6, at each write of the record.
    pub(crate) fn judge_write(&mut self, before: Option<Record>, record: &Record) {
        let now = self.now;
        let known = *self
            .ledger
            .holders
            .entry(record.epoch)
            .or_insert(record.holder);
        if known != record.holder {
            let what = format!("epoch {} has two holders", record.epoch);
            self.ledger.broken(Oracle::OneHolder, now, what);
        }
        // Than what is stored: a store that was restored has forgotten the rest.
        if before
            .as_ref()
            .is_some_and(|before| before.epoch > record.epoch)
        {
            let what = format!("epoch {} after a higher one", record.epoch);
            self.ledger.broken(Oracle::OneHolder, now, what);
        }
        self.ledger.last_write.insert(record.holder, now);
        self.ledger.last_record.insert(record.cohort.timeline, now);
        let alone = record.cohort.blocking() == 0;
        self.ledger.alone.insert(record.holder, alone);
        self.tell(|_| {
            format!(
                "record: epoch {} of {} rev {} serving {} released {} S {:?} W {} older {}",
                record.epoch,
                record.holder.member,
                record.revision,
                record.serving,
                record.released,
                record
                    .cohort
                    .standbys
                    .iter()
                    .map(|m| m.0)
                    .collect::<Vec<_>>(),
                record.cohort.acks,
                record.older.len()
            )
        });
        self.ledger
            .promised
            .insert(record.epoch, record.cohort.acks);
        let named = record.cohort.standbys.iter().chain([&record.holder.member]);
        let observer = self.observer.map(crate::node::member);
        if let Some(member) = named.into_iter().find(|member| Some(**member) == observer) {
            let what = format!("{member} is no voter and is named");
            self.ledger.broken(Oracle::Obeys, now, what);
        }
        if record.replicates {
            self.ledger.led.insert(record.holder);
            self.ledger.replicating.insert(record.epoch);
        }
        if record.replicates && before.as_ref().is_some_and(|before| !before.replicates) {
            self.excuse_demotion();
        }
        let judged = |before: &Record| before.replicates && before.older.is_empty();
        if !record.replicates && before.as_ref().is_some_and(judged) {
            // What the source has besides is given up with it.
            self.excuse_what_is_missing(record);
        }
        let changed = before
            .as_ref()
            .is_some_and(|before| before.holder != record.holder);
        // The holder of a newer epoch puts a store right that was restored.
        let since = |before: &Record| (before.epoch.next(), record.epoch);
        let restored = before.as_ref().map(since).is_some_and(|(from, to)| {
            let between = (from < to).then(|| self.ledger.holders.range(from..to));
            between.is_some_and(|mut held| held.any(|(_, holder)| *holder == record.holder))
        });
        if let (true, false, Some(before)) = (changed, restored, before) {
            self.judge_claim(&before, record);
        }
        let last = self.ledger.served.last().map(|(_, holder)| *holder);
        if record.serving && last != Some(record.holder) {
            self.ledger.served.push((record.epoch, record.holder));
        }
    }

    /// O6: who is sealed, by what is on the disks, meets who acknowledged.
    fn judge_claim(&mut self, before: &Record, record: &Record) {
        let next = record.holder.member;
        if !before.admits(next) {
            let what = format!("{next} takes over while that is paused");
            self.ledger.broken(Oracle::Obeys, self.now, what);
        }
        if before.fenced.contains(&next) {
            let what = format!("{next} takes over and is fenced");
            self.ledger.broken(Oracle::Obeys, self.now, what);
        }
        if before.forces(next) {
            self.excuse_forced(record);
            return;
        }
        if !before.serving || before.cohort.acks == 0 {
            return;
        }
        let cohort = &before.cohort;
        let sealed = |node: usize| {
            let this = &self.nodes[node];
            this.durable.promised.max(this.reported) >= Some(record.epoch)
        };
        let met = cohort
            .standbys
            .iter()
            .filter(|standby| sealed(index(**standby)))
            .count();
        let writer = sealed(index(cohort.writer));
        if !writer && met + usize::from(cohort.acks) <= cohort.standbys.len() {
            let what = format!(
                "epoch {} was claimed with {met} of {:?} sealed, {} acknowledge",
                record.epoch, cohort.standbys, cohort.acks
            );
            self.ledger.broken(Oracle::QuorumMet, self.now, what);
        }
    }

    /// Who takes over lacks no more of what the claimant heard than people put up with; judged by the copies
    /// themselves, not by what was reported.
    pub(crate) fn judge_lag(&mut self, by: usize, before: Option<&Record>, record: &Record) {
        let next = record.holder.member;
        let claimed = before.filter(|before| before.holder != record.holder);
        let Some(rule) = claimed.and_then(|before| before.binding().into_iter().next()) else {
            return;
        };
        let forced = before.is_some_and(|before| before.forces(next));
        let claimant = self.nodes[by].agent.as_ref();
        let limit = claimant
            .and_then(|agent| agent.state.as_ref()?.config.settings.maximum_lag)
            .filter(|_| rule.acks == 0 && !forced && rule.writer != next);
        let copy = self.nodes[index(next)].pg.copy.as_ref();
        let (Some(limit), Some(heard), Some(copy)) = (limit, self.nodes[by].heard, copy) else {
            return;
        };
        let own = copy.position();
        let began = before.filter(|before| !before.serving && !before.replicates);
        if began.is_some_and(|began| {
            let newest = began.timeline;
            own.end.timeline == newest && newest != rule.timeline
        }) {
            // What the epoch began without was judged when it was claimed.
            return;
        }
        let reach = own.reach(heard.timeline).unwrap_or(own.end.lsn);
        let lag = count(heard.lsn).saturating_sub(count(reach));
        if u64::try_from(lag).unwrap_or(u64::MAX) > limit {
            let what = format!("{next} takes over and lags by {lag}, more than {limit}");
            self.ledger.broken(Oracle::LagWithinLimit, self.now, what);
        }
    }

    /// People decided that what the member lacks is lost.
    fn excuse_forced(&mut self, record: &Record) {
        self.ledger.forced = Some(record.epoch);
        self.excuse_what_is_missing(record);
    }

    fn excuse_what_is_missing(&mut self, record: &Record) {
        let Some(copy) = &self.nodes[index(record.holder.member)].pg.copy else {
            return;
        };
        let held: BTreeSet<_> = copy.log.iter().copied().collect();
        self.ledger.acked.retain(|acked| held.contains(&acked.txn));
    }

    /// True if the record promises that what a primary acknowledges outlives it.
    pub(crate) fn promises(&self, node: usize) -> bool {
        let epoch = self.epoch_of_log(node);
        epoch.is_some_and(|epoch| {
            let acks = self.ledger.promised.get(&epoch);
            acks.is_some_and(|acks| *acks > 0)
        })
    }

    /// True if people gave up what this primary acknowledges: they forced a failover while it may have lived, or
    /// made the cluster follow a source since.
    pub(crate) fn is_given_up(&self, node: usize) -> bool {
        let given_up = self
            .ledger
            .forced
            .max(self.ledger.replicating.last().copied());
        self.epoch_of_log(node)
            .is_some_and(|epoch| given_up > Some(epoch))
    }

    /// O5: what a member told to be sealed at is never below what it told before.
    pub(crate) fn judge_message(&mut self, node: usize, message: &Message) {
        if let Message::Sealed { epoch, .. } = message {
            let sealed = &mut self.nodes[node].sealed;
            *sealed = (*sealed).max(Some(*epoch));
            let reported = &mut self.nodes[node].reported;
            *reported = (*reported).max(Some(*epoch));
        }
    }

    /// O5: nothing is received from an epoch below a seal.
    pub(crate) fn judge_received(&mut self, node: usize, from: usize) {
        let sealed = self.nodes[node].sealed;
        let Some(epoch) = self.epoch_of(from) else {
            return;
        };
        if sealed > Some(epoch) {
            let what =
                format!("m{node}, sealed at {sealed:?}, receives from m{from} of epoch {epoch}");
            self.ledger.broken(Oracle::SealMonotone, self.now, what);
        }
    }

    fn epoch_of(&self, node: usize) -> Option<Epoch> {
        let agent = self.nodes[node].agent.as_ref()?;
        let observed = agent.state.as_ref()?.observed.as_ref()?;
        let named = observed.record.holder.member == agent.holder.member;
        named.then_some(observed.record.epoch)
    }

    /// O4, O2: a promotion is of the holder, and of a copy with all that was acknowledged before its epoch. One
    /// that was asleep since may be late, and then it acknowledges nothing.
    pub(crate) fn judge_promotion(&mut self, node: usize, timeline: Option<Timeline>) {
        self.judge_holder(node, "is promoted");
        let told = self.nodes[node].agent.as_ref();
        let told = told.and_then(|agent| agent.state.as_ref());
        let acks = told.map_or(0, |state| state.config.settings.policy.acks());
        // A mode that changed since the promotion began is caught up with before clients are let in.
        let changed = |fault: &crate::faults::Fault| matches!(fault.kind, Kind::Mode(_));
        let steady = !self.faults.iter().any(changed);
        if steady && self.nodes[node].pg.names.acks < acks.min(1) {
            let what = format!("m{node} is promoted before its synchronous standbys are set");
            self.ledger.broken(Oracle::NamesFirst, self.now, what);
        }
        self.judge_complete(node, "is promoted", timeline);
    }

    fn judge_holder(&mut self, node: usize, does: &str) {
        let epoch = self.epoch_of(node);
        if epoch.is_some_and(|epoch| self.ledger.replicating.contains(&epoch)) {
            let what = format!("m{node} {does} in a standby cluster");
            self.ledger.broken(Oracle::SourceFollowed, self.now, what);
        }
        let holder = self.nodes[node].agent.as_ref().map(|agent| agent.holder);
        let epoch = self.epoch_of(node);
        let held = epoch.and_then(|epoch| self.ledger.holders.get(&epoch).copied());
        if held != holder {
            let what = format!("m{node} {does} without holding an epoch");
            self.ledger.broken(Oracle::WritableIsHolder, self.now, what);
        }
    }

    /// O4: the one start that is writable is that of the holder, which renewed since, or whose record lets
    /// nobody else take over: the one that it wrote, of which a store that was restored may know nothing.
    pub(crate) fn judge_restart(&mut self, node: usize) {
        self.judge_holder(node, "starts writable");
        let died = self.nodes[node].pg.died;
        let holder = self.nodes[node].agent.as_ref().map(|agent| agent.holder);
        let wrote = holder.and_then(|holder| self.ledger.last_write.get(&holder).copied());
        let stored = self.kube.stored.as_ref();
        let wrote_alone =
            holder.is_some_and(|holder| self.ledger.alone.get(&holder) == Some(&true));
        let alone = stored.is_none_or(|(record, _)| Some(record.holder) == holder && wrote_alone);
        if wrote < Some(died) && !alone {
            let what = format!("m{node} starts writable without a renewal since it crashed");
            self.ledger.broken(Oracle::WritableIsHolder, self.now, what);
        }
    }

    fn judge_complete(&mut self, node: usize, does: &str, before: Option<Timeline>) {
        let Some(copy) = &self.nodes[node].pg.copy else {
            return;
        };
        let lost = self.ledger.lacks(copy, before);
        if let Some(first) = lost.first() {
            let what = format!(
                "m{node} {does} without {} acknowledged writes, first {first}",
                lost.len()
            );
            self.ledger.broken(Oracle::AckedSurvives, self.now, what);
        }
    }

    /// O2, O9: clients come in.
    pub(crate) fn judge_open(&mut self, node: usize) {
        self.judge_complete(node, "lets clients in", None);
        let Some(copy) = &self.nodes[node].pg.copy else {
            return;
        };
        let log: BTreeSet<_> = copy.log.iter().copied().collect();
        let mut lost = Vec::new();
        for acked in self.ledger.acked.iter().filter(|acked| !acked.strict) {
            let last = |times: &BTreeMap<Timeline, u64>| times.get(&acked.timeline).copied();
            let acknowledged = last(&self.ledger.last_ack);
            let judged = acknowledged.min(last(&self.ledger.last_record));
            let late = acked.at + LOSS < judged.unwrap_or(acked.at);
            if !log.contains(&acked.txn) && late && !self.ledger.excused.contains(&acked.txn) {
                lost.push(acked.txn);
            }
        }
        if !lost.is_empty() {
            let what = format!("m{node} lost {} old writes", lost.len());
            self.ledger.broken(Oracle::LossBounded, self.now, what);
        }
        // A write is lost once; what follows is judged without it.
        let gone = self.ledger.acked.iter().filter(|acked| !acked.strict);
        let gone: Vec<_> = gone
            .map(|acked| acked.txn)
            .filter(|txn| !log.contains(txn))
            .collect();
        self.ledger.excused.extend(gone);
        let epoch = self.epoch_of(node).unwrap_or(Epoch::FIRST);
        if self
            .ledger
            .newest_open
            .as_ref()
            .is_none_or(|(newest, _, _)| epoch >= *newest)
        {
            self.ledger.newest_open = Some((epoch, log, self.now));
        }
    }

    /// O3: an older epoch acknowledges only what the newest held when it let clients in.
    pub(crate) fn judge_acked(&mut self, node: usize, acked: &[Acked]) {
        let Some(epoch) = self.epoch_of_log(node) else {
            return;
        };
        let Some((newest, held, _)) = &self.ledger.newest_open else {
            return;
        };
        if epoch >= *newest {
            return;
        }
        let strict = acked.iter().all(|acked| acked.strict);
        let thawing = self.now < self.nodes[node].thawed + SECOND;
        let stopped_clock = self
            .faults
            .iter()
            .any(|fault| matches!(fault.kind, Kind::PauseVm(_)));
        let excused = !strict && (thawing || stopped_clock);
        let foreign = acked.iter().find(|acked| !held.contains(&acked.txn));
        if let (Some(txn), false) = (foreign, excused) {
            let what = format!(
                "m{node} of epoch {epoch} acknowledges {} after epoch {newest}",
                txn.txn
            );
            self.ledger.broken(Oracle::NoOverlap, self.now, what);
        }
    }

    /// The epoch under which a running primary writes: the newest that its member ever held.
    fn epoch_of_log(&self, node: usize) -> Option<Epoch> {
        let holder = self.nodes[node].agent.as_ref()?.holder;
        let held = self.ledger.holders.iter().rev();
        held.clone()
            .find(|(_, known)| **known == holder)
            .map(|(epoch, _)| *epoch)
    }

    /// O7: the leftovers of an old timeline are not archived past its fork.
    pub(crate) fn judge_leftovers(&mut self, node: usize, source: &Copy, fork: Option<Lsn>) {
        let stored = self.kube.stored.as_ref();
        if stored.is_some_and(|(record, _)| record.replicates) {
            // What the source wrote is archived there.
            return;
        }
        let Some(own) = &self.nodes[node].pg.copy else {
            return;
        };
        let left = source.position().reach(own.timeline).map_or(0, count);
        if fork.is_none() && own.timeline != source.timeline && own.log.len() > left && left > 0 {
            let what = format!("m{node} archives {} past the fork {left}", own.log.len());
            self.ledger.broken(Oracle::ArchiveStable, self.now, what);
        }
    }

    /// O8: a copy that could run gives way only to that of a member that serves, or did. One that never was the
    /// cluster's may go before: it was taken from a source, and the cluster began without.
    pub(crate) fn judge_replacement(&mut self, node: usize, from: usize) {
        let pg = &self.nodes[node].pg;
        let served = self.ledger.served.iter();
        let serves = served
            .map(|(_, holder)| index(holder.member))
            .chain(self.ledger.led.iter().map(|holder| index(holder.member)))
            .any(|member| member == from);
        let stored = self.kube.stored.as_ref();
        let system = stored.and_then(|(record, _)| record.system);
        let strange = |copy: &Copy| {
            let known = |acked: &Acked| copy.log.contains(&acked.txn);
            system.is_some_and(|system| system != copy.system)
                && !self.ledger.acked.iter().any(known)
        };
        let own = pg.copy.as_ref().filter(|copy| !strange(copy));
        if own.is_some() && !pg.unfinished && !serves {
            let what = format!("m{node} replaces its copy by that of m{from}, which never served");
            self.ledger.broken(Oracle::LastCopyKept, self.now, what);
        }
    }

    /// O8: a copy is replaced only while another complete one is there.
    pub(crate) fn judge_wipe(&mut self, node: usize) {
        let complete = |copy: &Copy| self.ledger.lacks(copy, None).is_empty();
        let others = (0..self.nodes.len()).filter(|other| *other != node);
        let kept = others
            .filter_map(|other| self.nodes[other].pg.copy.as_ref())
            .any(complete);
        let kept = kept
            || self
                .source
                .as_ref()
                .is_some_and(|source| complete(&source.copy));
        let own = self.nodes[node].pg.copy.as_ref();
        if own.is_some_and(complete) && !kept {
            let what = format!("m{node} replaces the last complete copy");
            self.ledger.broken(Oracle::LastCopyKept, self.now, what);
        }
    }

    /// I14: the route.
    pub(crate) fn route(&mut self, node: usize, epoch: Epoch, unless_newer: bool) {
        if unless_newer && self.ledger.route > Some(epoch) {
            return;
        }
        if self.ledger.route > Some(epoch) {
            let what = format!("m{node} of epoch {epoch} takes the route of a newer one");
            self.ledger.broken(Oracle::RouteMonotone, self.now, what);
        }
        self.ledger.route = Some(epoch);
    }

    /// True if the cluster is as it is told to be.
    pub(crate) fn is_well_at_end(&self) -> bool {
        if self.ends_as_standby() {
            self.is_well_as_standby()
        } else {
            self.is_well()
        }
    }

    /// True if a primary serves, acknowledged just now, and all others stream from it.
    pub(crate) fn is_well(&self) -> bool {
        let mut primaries = (0..self.nodes.len()).filter(|node| {
            let pg = &self.nodes[*node].pg;
            pg.running == Running::Primary && pg.open
        });
        let (Some(primary), None) = (primaries.next(), primaries.next()) else {
            return false;
        };
        let recent = self
            .ledger
            .newest_ack
            .is_some_and(|at| at + SECOND > self.now);
        let wanted = match self.policy {
            Policy::Async => 0,
            policy => policy.acks(),
        };
        let pg = &self.nodes[primary].pg;
        recent
            && pg.senders.len() + 1 == self.nodes.len()
            && pg.names.acks == wanted
            && pg
                .senders
                .values()
                .all(|sender| sender.contact + SECOND > self.now)
    }

    /// O10 and O11.
    pub(crate) fn judge_end(&mut self) {
        if !self.healed || !self.is_well_at_end() {
            let what = format!("not well at the end: {}", self.summary());
            self.ledger.broken(Oracle::Heals, self.now, what);
        }
        let moves = self.ledger.served.windows(2);
        let moves = moves
            .filter(|pair| pair[0].1.member != pair[1].1.member)
            .count();
        let causes = self.faults.len() + self.rumours;
        if moves > causes {
            let what = format!("{moves} failovers for {causes} faults");
            self.ledger.broken(Oracle::NoFlapping, self.now, what);
        }
    }

    fn summary(&self) -> String {
        let members = self.nodes.iter().enumerate().map(|(number, node)| {
            let state = node.agent.as_ref().and_then(|agent| agent.state.as_ref());
            let phase = state
                .map(|state| format!("{:?}", state.phase))
                .unwrap_or_default();
            let phase: String = phase.chars().take_while(|c| c.is_alphanumeric()).collect();
            let job = state.and_then(|state| state.job.clone());
            let kill = job == Some(Job::Kill);
            let end = node
                .pg
                .copy
                .as_ref()
                .map(|copy| copy.position().end.to_string());
            format!(
                "m{number} {phase} {:?} open {} at {} fed {} job {job:?} kill {kill}",
                node.pg.running,
                node.pg.open,
                end.unwrap_or_default(),
                node.pg.fed
            )
        });
        members.collect::<Vec<_>>().join("; ")
    }
}

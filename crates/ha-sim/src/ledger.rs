//! What clients were told and what the cluster did: the memory of the oracles.

use std::collections::{BTreeMap, BTreeSet};

use howdah_ha::Epoch;
use howdah_ha::machine::Holder;
use howdah_types::Timeline;

use crate::postgres::{Copy, Txn};

/// Which promise was broken. The numbers are those of the design.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Oracle {
    /// One holder per epoch, and epochs that only grow.
    OneHolder,
    /// Every acknowledged write of the sync modes is in every later primary.
    AckedSurvives,
    /// No older epoch acknowledges what a newer one does not hold.
    NoOverlap,
    /// Postgres is writable only by a promotion, or restart, of the holder.
    WritableIsHolder,
    /// A seal is never taken back.
    SealMonotone,
    /// The seals of a claim met every acknowledging set.
    QuorumMet,
    /// An archived object never changes, and nothing past a fork is archived.
    ArchiveStable,
    /// The last complete copy is never removed.
    LastCopyKept,
    /// What the async mode loses is bounded.
    LossBounded,
    /// After faults end, writes succeed and all members stream.
    Heals,
    /// At most one failover per fault.
    NoFlapping,
    /// The synchronous standbys are set before a promotion.
    NamesFirst,
    /// Routes only go to newer epochs.
    RouteMonotone,
    /// What people said is kept to: paused, fenced, no voter.
    Obeys,
    /// In the async mode nobody takes over who is known to lag by more than people put up with.
    LagWithinLimit,
    /// Nobody is promoted in a standby cluster, and its copies are those of its source.
    SourceFollowed,
}

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which one.
    pub oracle: Oracle,
    /// When, in microseconds of the run.
    pub at: u64,
    /// What happened.
    pub what: String,
}

/// One acknowledged write.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Acked {
    pub(crate) txn: Txn,
    pub(crate) at: u64,
    pub(crate) timeline: Timeline,
    /// Acknowledged by standbys.
    pub(crate) strict: bool,
}

/// Everything the oracles remember.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) acked: Vec<Acked>,
    pub(crate) holders: BTreeMap<Epoch, Holder>,
    pub(crate) archive: BTreeMap<(Timeline, usize), u64>,
    /// The log of the newest epoch that let clients in, as it was then.
    pub(crate) newest_open: Option<(Epoch, BTreeSet<Txn>, u64)>,
    pub(crate) route: Option<Epoch>,
    pub(crate) served: Vec<(Epoch, Holder)>,
    pub(crate) last_write: BTreeMap<Holder, u64>,
    /// When the record was written last with a cohort of that timeline.
    pub(crate) last_record: BTreeMap<Timeline, u64>,
    /// Whether by the last record that a holder wrote nobody else could take over.
    pub(crate) alone: BTreeMap<Holder, bool>,
    pub(crate) last_ack: BTreeMap<Timeline, u64>,
    /// When the newest write was acknowledged.
    pub(crate) newest_ack: Option<u64>,
    pub(crate) violations: Vec<Violation>,
    pub(crate) excused: BTreeSet<Txn>,
    /// How many acknowledgements the record promises for each epoch.
    pub(crate) promised: BTreeMap<Epoch, u16>,
    /// Who led a standby cluster, and in which epochs nobody may be writable.
    pub(crate) led: BTreeSet<Holder>,
    pub(crate) replicating: BTreeSet<Epoch>,
    /// The newest epoch that people forced.
    pub(crate) forced: Option<Epoch>,
}

impl Ledger {
    pub(crate) fn broken(&mut self, oracle: Oracle, at: u64, what: String) {
        if self.violations.len() < 16 {
            self.violations.push(Violation { oracle, at, what });
        }
    }

    /// The acknowledged writes of the sync modes that a copy lacks; of the timelines before that one, if one is
    /// given.
    pub(crate) fn lacks(&self, copy: &Copy, before: Option<Timeline>) -> Vec<Txn> {
        let held: BTreeSet<Txn> = copy.log.iter().copied().collect();
        let strict = self.acked.iter().filter(|acked| acked.strict);
        strict
            .filter(|acked| before.is_none_or(|before| acked.timeline < before))
            .map(|acked| acked.txn)
            .filter(|txn| !held.contains(txn))
            .collect()
    }
}

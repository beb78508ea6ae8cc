//! The control record, and which seals allow a takeover.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use howdah_types::{SystemIdentifier, Timeline};
use serde::{Deserialize, Serialize};

use super::action::Names;
use super::ids::{Holder, Member};
use super::invariant::{Rule, Rules};
use super::message::Report;
use super::position::{Point, Position};
use crate::epoch::Epoch;

/// What people asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Intent {
    /// The holder shall hand over, to that member if it is as far as any.
    Switchover {
        /// The wanted holder.
        to: Option<Member>,
    },
    /// The holder is lost for good and too few others are left: that member shall take over, though writes
    /// that were acknowledged may be missing in its copy. A holder that lives takes it for a switchover.
    Failover {
        /// The next holder. It alone acts on this, and only by people's word.
        to: Member,
    },
}

impl Intent {
    /// The member that people want as the holder.
    pub fn wanted(self) -> Option<Member> {
        match self {
            Self::Switchover { to } => to,
            Self::Failover { to } => Some(to),
        }
    }
}

/// A rule under which writes were acknowledged: by any `acks` of `standbys`, after the writer itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cohort {
    /// Who may acknowledge; without acknowledgements, who must agree to a takeover.
    pub standbys: BTreeSet<Member>,
    /// How many must.
    pub acks: u16,
    /// The member that wrote: its own copy holds all that was acknowledged.
    pub writer: Member,
    /// The timeline it wrote on.
    pub timeline: Timeline,
    /// A copy that reaches it holds everything that was acknowledged before this rule took effect.
    pub floor: Option<Point>,
}

impl Cohort {
    /// What Postgres is told of it. Where nobody must acknowledge, who may take over is nothing to Postgres.
    pub fn names(&self) -> Names {
        let standbys = match self.acks {
            0 => BTreeSet::new(),
            _ => self.standbys.clone(),
        };
        Names {
            standbys,
            acks: self.acks,
        }
    }

    /// How many members of the cohort can keep the others from taking over.
    pub fn blocking(&self) -> usize {
        match self.acks {
            0 => self.standbys.len().div_ceil(2),
            acks => usize::from(acks),
        }
    }

    /// INVARIANT I6: the sealed members meet every set that may have acknowledged a write. The writer's
    /// own copy is enough by itself: every write was on its disk before it was acknowledged.
    fn met_by(&self, sealed: &BTreeMap<Member, Report>, rules: Rules) -> bool {
        let writer = sealed
            .get(&self.writer)
            .is_some_and(|report| report.position.end.timeline == self.timeline);
        let met = sealed
            .keys()
            .filter(|member| self.standbys.contains(member))
            .count();
        if !rules.keeps(Rule::QuorumMeets) {
            return writer || met > 0;
        }
        writer || met + self.blocking() > self.standbys.len()
    }
}

/// What the control record says. One object in the API, so one compare-and-set covers all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The current term (I1).
    pub epoch: Epoch,
    /// Counts the writes of this record, so that one that went back is noticed.
    pub revision: u64,
    /// Who holds the epoch.
    pub holder: Holder,
    /// Drawn for each write: tells the writer whether a write without an answer was applied.
    pub nonce: u64,
    /// The database system.
    pub system: Option<SystemIdentifier>,
    /// The newest timeline that a promotion took (I11).
    pub timeline: Timeline,
    /// How this epoch's writes are acknowledged.
    pub cohort: Cohort,
    /// Rules of before that still bind until the floor of the newer one is reached, newest first.
    pub older: Vec<Cohort>,
    /// True once the first write of the epoch was acknowledged. Before, clients are not let in, so no
    /// write of this epoch was ever acknowledged.
    pub serving: bool,
    /// True if the holder gave the epoch up, with Postgres stopped.
    pub released: bool,
    /// What people asked for.
    #[serde(default)]
    pub intent: Option<Intent>,
    /// True: nobody takes over because the holder is silent. Who gave the epoch up, or is told to, is
    /// still followed by another; and the same member may take up what it held.
    #[serde(default)]
    pub paused: bool,
    /// These members stop Postgres, and leave it stopped.
    #[serde(default)]
    pub fenced: BTreeSet<Member>,
    /// How long the holder counts on being waited out. Who waits, waits that long at least: settings are
    /// not changed on all members at once.
    #[serde(default)]
    pub wait_out: Option<Duration>,
    /// True: the holder streams from a source outside of the cluster, and nobody is writable. Nothing that was
    /// acknowledged depends on such an epoch, which never serves.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replicates: bool,
}

impl Record {
    /// The rules that bind a takeover, newest first.
    pub fn binding(&self) -> Vec<Cohort> {
        let own = self.serving.then(|| self.cohort.clone());
        own.into_iter().chain(self.older.iter().cloned()).collect()
    }

    /// Chooses the next holder among the sealed: `None` if they are not enough (I6, I8).
    ///
    /// Any copy that holds the floor of the newest rule holds what older rules protect. An epoch that
    /// never served has acknowledged nothing, so its floor alone is enough.
    pub fn choose(&self, sealed: &BTreeMap<Member, Report>, rules: Rules) -> Option<Member> {
        let wanted = self.wanted();
        let (best, report) = sealed.iter().max_by_key(|(member, report)| {
            let end = report.position.end;
            let timeline = rules.keeps(Rule::CompareEpochFirst).then_some(end.timeline);
            (
                // Of two histories that of the source counts, whatever the numbers of its timelines.
                self.replicates && self.is_of_source(&report.position),
                timeline,
                end.lsn,
                !self.fenced.contains(member),
                wanted == Some(**member),
                !self.hands_over(**member),
                std::cmp::Reverse(**member),
            )
        })?;
        if self.fenced.contains(best) {
            // It must not run, and nobody else has all that it has.
            return None;
        }
        let holds = |floor: Option<Point>| floor.is_some_and(|at| report.position.contains(at));
        if !self.serving && holds(self.cohort.floor) {
            return Some(*best);
        }
        for cohort in self.binding() {
            if !cohort.met_by(sealed, rules) {
                return None;
            }
            if holds(cohort.floor) || !rules.keeps(Rule::Floor) {
                return Some(*best);
            }
        }
        Some(*best)
    }

    /// True if that copy is on the history that the leader of a standby cluster saw at its source.
    pub fn is_of_source(&self, copy: &Position) -> bool {
        self.cohort.floor.is_none_or(|floor| copy.contains(floor))
    }

    /// Who shall hold the next epoch, if it is as far as any.
    fn wanted(&self) -> Option<Member> {
        let paused = self.paused && !self.released;
        let held = paused.then_some(self.holder.member);
        self.intent.map_or(held, Intent::wanted)
    }

    /// True if people want another holder than that member.
    fn hands_over(&self, member: Member) -> bool {
        self.intent.is_some() && member == self.holder.member
    }

    /// True if the chosen is whom people want, or they want nobody in particular.
    pub fn suits(&self, chosen: Member) -> bool {
        match self.intent.map(Intent::wanted) {
            None => true,
            Some(Some(to)) => to == chosen,
            Some(None) => !self.hands_over(chosen),
        }
    }

    /// True if that member may hold the next epoch: while paused, only who held it before, unless that
    /// gave it up or people decided.
    pub fn admits(&self, next: Member) -> bool {
        let forced = matches!(self.intent, Some(Intent::Failover { .. }));
        !self.paused || self.released || forced || next == self.holder.member
    }

    /// True if people want that member to take over on its own report.
    pub fn forces(&self, member: Member) -> bool {
        self.intent == Some(Intent::Failover { to: member })
    }

    /// True if a takeover must wait the holder out: its writes need no acknowledgement, or it leads a standby
    /// cluster, where who is cut off from it may be far behind.
    pub fn must_wait_out(&self) -> bool {
        let alone = self.serving && self.cohort.acks == 0;
        (alone || self.replicates) && !self.released
    }
}

//! What a member knows.

use std::collections::BTreeMap;

use howdah_types::Lsn;

use super::action::{Action, Job, Names};
use super::config::Config;
use super::control::Record;
use super::event::{PgView, Source, Version};
use super::ids::{Holder, Member};
use super::phase::Phase;
use super::position::{Point, Position};
use crate::epoch::Epoch;
use crate::time::Instant;

/// What a member keeps on its own volume, fsynced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Durable {
    /// The highest epoch that it promised to receive nothing below of (I5).
    pub promised: Option<Epoch>,
    /// The newest record it saw, by epoch and revision (I1).
    pub seen: Option<(Epoch, u64)>,
}

impl Durable {
    /// The highest epoch that was promised or seen.
    pub fn highest(self) -> Option<Epoch> {
        self.promised.max(self.seen.map(|(epoch, _)| epoch))
    }
}

/// The newest record that was believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// What it says.
    pub record: Record,
    /// Its version.
    pub version: Version,
    /// When this version was first seen, on the own clock (I4).
    pub since: Instant,
}

/// The last holder that was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leader {
    /// Who.
    pub holder: Holder,
    /// Its epoch.
    pub epoch: Epoch,
    /// Its position once promoted.
    pub follow: Option<Position>,
    /// True once the epoch serves.
    pub serving: bool,
    /// When it was heard last.
    pub heard: Instant,
}

/// A consent that was given and binds until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Given {
    /// The epoch.
    pub epoch: Epoch,
    /// Its holder.
    pub holder: Holder,
    /// On the own clock.
    pub until: Instant,
}

/// What is known of a standby's lag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Where the log ended when it was looked at last, or when the standby last reached this.
    pub goal: Lsn,
    /// When that was.
    pub set: Instant,
    /// It has everything that was in the log at that time.
    pub has: Instant,
}

/// A call to the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// A read.
    Read,
    /// A write.
    Write {
        /// What is written.
        record: Box<Record>,
        /// The time before it was sent (I3).
        sent: Instant,
    },
}

/// Everything that a member knows. Start with [`State::new`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Its settings.
    pub config: Config,
    /// What is on its volume.
    pub durable: Durable,
    /// What it does.
    pub phase: Phase,
    /// The newest record.
    pub observed: Option<Observed>,
    /// True if the API answered that there is no record.
    pub missing: bool,
    /// The version of a record that was read and is older than one seen before: the API went back in time.
    pub regressed: Option<Version>,
    /// The call in flight.
    pub call: Option<Call>,
    /// No call before this time.
    pub call_after: Instant,
    /// Own writes of which it is not known whether they were applied.
    pub unsure: Vec<(Box<Record>, Instant)>,
    /// True if the record must be read before it is written again.
    pub reread: bool,
    /// When the last successful renewal was sent.
    pub renewed: Option<Instant>,
    /// How many writes were drawn.
    pub writes: u64,
    /// Postgres.
    pub pg: PgView,
    /// The job in flight.
    pub job: Option<Job>,
    /// No job before this time.
    pub job_after: Instant,
    /// The job that ended last, until Postgres was looked at since.
    pub unseen: Option<Job>,
    /// When it ended.
    pub job_ended: Instant,
    /// True if people want the copy replaced, until it is.
    pub reinitialise: bool,
    /// The names that are in force, if that is known.
    pub names: Option<Names>,
    /// Where the log ended when they came into force.
    pub cut: Option<Lsn>,
    /// How far each standby was and when it last moved or had nothing to do.
    pub progress: BTreeMap<Member, (Lsn, Instant)>,
    /// By how much each standby lags, in time.
    pub marks: BTreeMap<Member, Mark>,
    /// The holder that it hears.
    pub leader: Option<Leader>,
    /// The farthest place of a serving holder that it heard of.
    pub reached: Option<Point>,
    /// The grant that it gave.
    pub given: Option<Given>,
    /// The grants that it got: until when each binds at least, on the own clock.
    pub grants: BTreeMap<Member, Instant>,
    /// The highest promise that a peer told.
    pub outbid: Option<Epoch>,
    /// When it next greets.
    pub greet_at: Instant,
    /// An epoch that this boot gave up; never taken up again.
    pub forfeited: Option<Epoch>,
    /// When it started.
    pub booted: Instant,
    /// When it started, or was last sealed by another.
    pub quiet_since: Instant,
    /// When its next round starts, if the holder stays silent.
    pub round_at: Option<Instant>,
    /// How many rounds were lost in a row.
    pub rounds_lost: u32,
    /// No candidacy for what follows the own epoch before this time.
    pub yield_until: Instant,
    /// The guard as set last.
    pub guard: Option<Instant>,
    /// The epoch that clients were sent to last, and when.
    pub routed: Option<(Epoch, Instant)>,
    /// What a standby cluster streams from, as long as it answers.
    pub source: Option<Source>,
    /// True once it was told that the source is another database system.
    pub refused_source: bool,
    /// True once this boot copied the source and the record did not know of any copy yet: if the cluster became
    /// another system meanwhile, nothing is lost with it.
    pub unclaimed: bool,
    /// True after [`super::Event::Stop`].
    pub stopping: bool,
}

impl State {
    /// A member that just started, with nothing running on its volume.
    pub fn new(config: Config, durable: Durable, now: Instant) -> Self {
        Self {
            config,
            durable,
            phase: Phase::Init,
            observed: None,
            missing: false,
            regressed: None,
            call: None,
            call_after: now,
            unsure: Vec::new(),
            reread: false,
            renewed: None,
            writes: 0,
            pg: PgView::unknown(),
            job: None,
            job_after: now,
            unseen: None,
            job_ended: now,
            reinitialise: false,
            names: None,
            cut: None,
            progress: BTreeMap::new(),
            marks: BTreeMap::new(),
            leader: None,
            reached: None,
            given: None,
            grants: BTreeMap::new(),
            outbid: None,
            greet_at: now,
            forfeited: None,
            booted: now,
            quiet_since: now,
            round_at: None,
            rounds_lost: 0,
            yield_until: now,
            guard: None,
            routed: None,
            source: None,
            refused_source: false,
            unclaimed: false,
            stopping: false,
        }
    }
}

/// What one step gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The state from now on.
    pub next: State,
    /// True: [`State::durable`] must be on disk before the actions are executed (I5).
    pub persist: bool,
    /// What to do, in this order.
    pub actions: Vec<Action>,
}

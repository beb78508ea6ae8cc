//! What a member does: one file per state.

mod candidate;
mod fenced;
mod follower;
mod init;
mod primary;
mod promoting;
mod quarantine;
mod rejoin;
mod replicating;
mod sealed;

use std::collections::{BTreeMap, BTreeSet};

use howdah_types::Lsn;

use super::action::Job;
use super::control::{Intent, Record};
use super::event::Server;
use super::ids::Member;
use super::message::Report;
use super::position::Point;
use super::step::Machine;
use crate::epoch::Epoch;
use crate::time::Instant;

/// The state of the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Just started: looks at the volume and the record.
    Init,
    /// A standby of the holder it hears, or of nobody yet.
    Follower,
    /// Receives nothing from epochs below its promise.
    Sealed {
        /// Who is to be told once that is so.
        asked: BTreeSet<Member>,
    },
    /// Runs a round of an election.
    Candidate(Candidate),
    /// Holds an epoch that does not serve yet.
    Promoting(Promoting),
    /// Holds an epoch and serves.
    Primary(Primary),
    /// Holds an epoch of a standby cluster, and streams from its source.
    Replicating(Replicating),
    /// Lost or gives up its authority.
    Fenced(Fenced),
    /// Its copy is not on the history of the holder, or there is none.
    Rejoin(Rejoin),
    /// Its copy must not be used.
    Quarantine,
}

impl Phase {
    /// True for who holds an epoch, or did just now.
    pub(super) fn holds(&self) -> bool {
        matches!(
            self,
            Self::Promoting(_) | Self::Primary(_) | Self::Replicating(_) | Self::Fenced(_)
        )
    }
}

/// A round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The epoch that it would claim.
    pub epoch: Epoch,
    /// When the round is given up.
    pub until: Instant,
    /// When it last asked its peers.
    pub asked: Instant,
    /// How far it is.
    pub stage: Stage,
}

/// How far a round is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Asking whether seals would be accepted. Nothing is promised yet.
    Canvass {
        /// When the record was first read in this round.
        read: Option<Instant>,
        /// What those who would accept it would report.
        willing: BTreeMap<Member, Report>,
        /// Who answered, and knows of no newer record.
        answered: BTreeSet<Member>,
    },
    /// Sealing, itself first.
    Seal {
        /// The reports so far.
        sealed: BTreeMap<Member, Report>,
        /// True while the claim is written.
        claiming: bool,
        /// The claim as written last.
        claim: Option<Box<Record>>,
    },
}

/// An epoch before it serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Promoting {
    /// Where the log ended when the promotion was seen, and when.
    pub promoted: Option<(Lsn, Instant)>,
    /// True once the promotion was told.
    pub told: bool,
}

/// An epoch that serves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Primary {
    /// Up to where the log must be acknowledged before clients are let in (I10).
    pub tail: Lsn,
    /// A change of the cohort that begins in Postgres.
    pub change: Option<Change>,
    /// A restart in place after a crash.
    pub restart: Option<Restart>,
    /// The holder hands over: when an ordered stop began.
    pub leaving: Option<Instant>,
    /// True once an ordered stop will be short, or nothing more can be done for that.
    pub prepared: bool,
    /// What people asked for, and since when.
    pub asked: Option<(Intent, Instant)>,
}

/// A removal from the cohort, or a rise of its acknowledgements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The members that stay.
    pub standbys: BTreeSet<Member>,
    /// The acknowledgements from now on.
    pub acks: u16,
    /// The end of the log when Postgres had changed.
    pub cut: Option<Lsn>,
}

/// A crash restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restart {
    /// When the first crash was noticed.
    pub since: Instant,
    /// When the crash was noticed that no start followed yet.
    pub crashed: Option<Instant>,
    /// How often a start failed.
    pub failed: u32,
}

/// An epoch of a standby cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replicating {
    /// For a primary that stopped, until the record says that the cluster replicates: when it gives up.
    pub demoting: Option<Instant>,
    /// True while the copy is brought back to where the source can feed it.
    pub broken: bool,
    /// True if it is on the history of the source, and the WAL that it lacks is gone there: nothing to rewind.
    pub stale: bool,
    /// Since when the source is known not to have the own place in its history.
    pub unrelated: Option<Instant>,
    /// How many rewinds were tried since it streamed.
    pub rewinds: u32,
    /// Where the copy ended when it was mended last.
    pub mended_at: Option<Point>,
    /// What people asked for, and since when.
    pub asked: Option<(Intent, Instant)>,
}

/// Giving up an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fenced {
    /// True if the record still names this boot, so that it must say that the epoch is free.
    pub release: bool,
    /// Until when that is tried.
    pub until: Instant,
}

/// Getting onto the history of the holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rejoin {
    /// Where the own copy ended, if it was told.
    pub end: Option<Point>,
    /// How often a rewind failed.
    pub failed: u32,
    /// True if the copy is on the holder's history, but the WAL that it lacks is gone. There is nothing to
    /// rewind then: a server that recovers for that would write what the holder never wrote.
    pub stale: bool,
    /// True once a rewind or a clone was done.
    pub done: bool,
}

impl Machine {
    /// Runs one state; tells whether it was left.
    pub(super) fn run(&mut self, phase: Phase) -> (Phase, bool) {
        let leaves = matches!(
            phase,
            Phase::Primary(_) | Phase::Replicating(_) | Phase::Fenced(_)
        );
        let ending = self.s.stopping && !leaves;
        let next = match phase {
            _ if ending => return (self.end(phase), false),
            phase if self.is_fenced() && !phase.holds() => Next::Stay(self.rest(phase)),
            Phase::Init => self.init(),
            Phase::Follower => self.follower(),
            Phase::Sealed { asked } => self.sealed(asked),
            Phase::Candidate(candidate) => self.candidate(candidate),
            Phase::Promoting(promoting) => self.promoting(promoting),
            Phase::Primary(primary) => self.primary(primary),
            Phase::Replicating(replicating) => self.replicating(replicating),
            Phase::Fenced(fenced) => self.fenced(fenced),
            Phase::Rejoin(rejoin) => self.rejoin(rejoin),
            Phase::Quarantine => self.quarantine(),
        };
        match next {
            Next::Stay(phase) => (phase, false),
            Next::Go(phase) => (phase, true),
        }
    }

    /// The member ends: Postgres stops first.
    fn end(&mut self, phase: Phase) -> Phase {
        if self.s.pg.server == Server::Stopped && !self.busy() {
            self.actions.push(super::action::Action::Exit);
        } else {
            self.halt();
        }
        phase
    }

    /// The member is fenced: Postgres stops, and everything else waits.
    fn rest(&mut self, phase: Phase) -> Phase {
        if self.s.pg.server != Server::Stopped {
            self.halt();
        }
        match phase {
            Phase::Candidate(_) => self.lose(),
            phase => phase,
        }
    }

    fn halt(&mut self) {
        if self.s.pg.server == Server::Primary {
            self.job(Job::Kill);
        } else {
            self.job(Job::Stop);
        }
    }

    /// INVARIANT I2: a server that ends again after this one start has to wait for a renewal again.
    fn note_restart(&mut self, job: &Job) {
        if let (Phase::Primary(primary), Job::Restart) = (&mut self.s.phase, job)
            && let Some(restart) = &mut primary.restart
        {
            restart.crashed = None;
        }
    }

    pub(super) fn note_failed(&mut self, job: &Job) {
        self.note_restart(job);
        match (&mut self.s.phase, job) {
            (Phase::Rejoin(rejoin), Job::Rewind { .. }) => rejoin.failed += 1,
            (Phase::Replicating(replicating), Job::Rewind { .. }) => replicating.rewinds += 1,
            (Phase::Promoting(promoting), Job::Promote { .. }) => promoting.told = false,
            (Phase::Primary(primary), Job::Checkpoint) => primary.prepared = true,
            (Phase::Primary(primary), Job::Restart) => {
                if let Some(restart) = &mut primary.restart {
                    restart.failed += 1;
                }
            }
            _ => {}
        }
    }

    pub(super) fn note_done(&mut self, job: &Job) {
        if let Job::Clone { from } = job {
            self.s.reinitialise = false;
            let known = self.record().is_some_and(|record| record.system.is_some());
            self.s.unclaimed = *from == Member::SOURCE && !known;
        }
        self.note_restart(job);
        match (&mut self.s.phase, job) {
            (Phase::Rejoin(rejoin), Job::Rewind { .. } | Job::Clone { .. }) => rejoin.done = true,
            (Phase::Replicating(replicating), Job::Rewind { .. }) => {
                replicating.rewinds += 1;
                replicating.broken = false;
                replicating.unrelated = None;
            }
            (Phase::Replicating(replicating), Job::Clone { .. }) => {
                *replicating = Replicating {
                    asked: replicating.asked,
                    ..Replicating::default()
                };
            }
            (Phase::Primary(primary), Job::Checkpoint) => primary.prepared = true,
            _ => {}
        }
    }
}

/// Where a state leads.
enum Next {
    Stay(Phase),
    Go(Phase),
}

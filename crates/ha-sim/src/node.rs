//! One node: a clock, a volume, an agent that drives the machine, and a guard.

use std::collections::VecDeque;
use std::time::Duration;

use howdah_ha::Instant;
use howdah_ha::machine::{
    Action, Data, Durable, Event, Holder, Member, PgView, Point, Server, State,
};

use crate::postgres::{Pg, Running, lsn};

/// A WAL sender without contact for so long is given up by Postgres.
pub(crate) const SENDER_TIMEOUT: u64 = 5_000_000;
/// A test write that takes longer has failed.
const PROBE: u64 = 3_000_000;

/// An agent's life.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) state: Option<State>,
    pub(crate) holder: Holder,
    pub(crate) inbox: VecDeque<Event>,
    /// Actions that wait for the volume.
    pub(crate) waiting: Option<Vec<Action>>,
    /// Counts the jobs and calls, to tell late answers.
    pub(crate) job: u64,
    pub(crate) call: u64,
    pub(crate) calling: bool,
}

/// A node.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) pg: Pg,
    pub(crate) agent: Option<Agent>,
    pub(crate) life: u64,
    pub(crate) look_at: u64,
    pub(crate) durable: Durable,
    /// The clock: microseconds behind the true time, and its drift in parts per million.
    pub(crate) behind: u64,
    pub(crate) drift: i64,
    pub(crate) paused: bool,
    pub(crate) frozen: bool,
    pub(crate) thawed: u64,
    pub(crate) powered: bool,
    pub(crate) disk_hangs: bool,
    pub(crate) disk_fails: bool,
    pub(crate) full: bool,
    pub(crate) slow: bool,
    pub(crate) stuck_since: Option<u64>,
    pub(crate) guard: u64,
    pub(crate) guard_at: Option<Instant>,
    pub(crate) sealed: Option<howdah_ha::Epoch>,
    /// The same, also when the volume with the promise is lost.
    pub(crate) reported: Option<howdah_ha::Epoch>,
    /// The farthest place of a serving holder that this life of the agent heard.
    pub(crate) heard: Option<Point>,
    /// When it next asks the source of a standby cluster.
    pub(crate) ask_at: u64,
}

impl Node {
    pub(crate) fn new(drift: i64) -> Self {
        Self {
            pg: Pg::new(),
            agent: None,
            life: 0,
            look_at: 0,
            durable: Durable::default(),
            behind: 0,
            drift,
            paused: false,
            frozen: false,
            thawed: 0,
            powered: true,
            disk_hangs: false,
            disk_fails: false,
            full: false,
            slow: false,
            stuck_since: None,
            guard: 0,
            guard_at: None,
            sealed: None,
            reported: None,
            heard: None,
            ask_at: 0,
        }
    }

    /// The node's own clock.
    pub(crate) fn clock(&self, now: u64) -> Instant {
        let elapsed = now.saturating_sub(self.behind);
        let drift = i64::try_from(elapsed).unwrap_or(i64::MAX) / 1_000_000 * self.drift;
        // Far from zero, so that nothing depends on a fresh clock.
        let micros = elapsed.saturating_add_signed(drift) + 1_000_000_000;
        Instant::from_nanos(micros * 1000)
    }

    /// How long until the own clock shows that time.
    pub(crate) fn until(&self, now: u64, at: Instant) -> u64 {
        let left: Duration = at.since(self.clock(now));
        u64::try_from(left.as_micros()).unwrap_or(u64::MAX)
    }

    /// The time without that in which the machine stood still with its clock: a bound on what is lost by an
    /// isolated member cannot count what no clock in it counts.
    pub(crate) fn served_until(&self, now: u64) -> u64 {
        now.saturating_sub(self.behind)
    }

    pub(crate) fn runs(&self) -> bool {
        self.powered && !self.frozen
    }

    /// True if nothing reaches the disk for now.
    pub(crate) fn disk_stands(&self) -> bool {
        self.disk_hangs || self.full
    }

    pub(crate) fn note_stuck(&mut self, now: u64) {
        let stuck = self.disk_stands() || self.pg.frozen;
        match (stuck, self.stuck_since) {
            (true, None) => self.stuck_since = Some(now),
            (false, Some(_)) => self.stuck_since = None,
            _ => {}
        }
    }

    /// Postgres as the agent sees it.
    pub(crate) fn view(&self, now: u64) -> PgView {
        let stuck = self
            .stuck_since
            .is_some_and(|since| now.saturating_sub(since) >= PROBE);
        // What does not answer tells nothing but that it runs.
        let answers = self.pg.running != Running::Stopped && !self.pg.frozen;
        let copy = self.pg.copy.as_ref();
        let standbys =
            self.pg.senders.iter().filter(|(_, sender)| {
                answers && now.saturating_sub(sender.contact) < SENDER_TIMEOUT
            });
        PgView {
            taken: self.clock(now),
            data: match copy {
                None => Data::Empty,
                Some(copy) if self.pg.unfinished => Data::Unfinished(copy.system),
                Some(copy) => Data::Copy(copy.system),
            },
            server: match self.pg.running {
                Running::Stopped => Server::Stopped,
                Running::Primary => Server::Primary,
                Running::Standby => Server::Standby {
                    upstream: self.pg.told.map(member),
                    receiving: self.pg.receiving,
                },
            },
            position: copy
                .filter(|_| answers)
                .map(crate::postgres::Copy::position),
            standbys: standbys
                .map(|(node, sender)| (member(*node), lsn(sender.flushed)))
                .collect(),
            open: self.pg.open,
            writes: !(stuck || self.disk_fails),
            fed: self.pg.fed,
        }
    }
}

pub(crate) fn member(node: usize) -> Member {
    Member(u16::try_from(node).unwrap_or(u16::MAX))
}

pub(crate) fn index(member: Member) -> usize {
    usize::from(member.0)
}

//! The source of a standby cluster: a primary elsewhere that writes, is away for a while, and fails over.

use howdah_ha::machine::{self, Event, JobEnd, Member, Point};
use howdah_types::{SystemIdentifier, Timeline};

use crate::ledger::Oracle;
use crate::node::index;
use crate::postgres::{Copy, Running, lsn};
use crate::world::{Happening, SECOND, World};

/// The pause before a receiver tries again.
const RETRY: u64 = 100_000;

/// What the members of a standby cluster stream from.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) copy: Copy,
    /// How many faults keep it away.
    pub(crate) away: u32,
    /// Counts its failovers: connections from before are gone.
    pub(crate) life: u64,
}

impl Source {
    pub(crate) fn new(system: SystemIdentifier) -> Self {
        let copy = Copy {
            system,
            timeline: Timeline::FIRST,
            history: Vec::new(),
            log: vec![1],
            flushed: 1,
        };
        Self {
            copy,
            away: 0,
            life: 0,
        }
    }
}

/// True if that is no node but the source.
pub(crate) fn is_source(node: usize) -> bool {
    node == index(Member::SOURCE)
}

impl World {
    /// Clients of the source write there.
    pub(super) fn write_at_source(&mut self) {
        if self.source.as_ref().is_none_or(|source| source.away > 0) {
            return;
        }
        self.next_txn += 1;
        let txn = self.next_txn;
        if let Some(source) = &mut self.source {
            source.copy.log.push(txn);
            source.copy.flushed = source.copy.log.len();
        }
    }

    /// Another primary takes over there; what it had not received is lost.
    pub(super) fn source_fails_over(&mut self) {
        let lost = self.rng.index(6);
        self.next_txn += 1;
        let txn = self.next_txn;
        let Some(source) = &mut self.source else {
            return;
        };
        let copy = &mut source.copy;
        let forks = copy
            .history
            .last()
            .map_or(1, |left| crate::postgres::count(left.lsn) + 1);
        let fork = copy
            .log
            .len()
            .saturating_sub(lost)
            .max(forks)
            .min(copy.log.len());
        copy.log.truncate(fork);
        copy.history.push(Point {
            timeline: copy.timeline,
            lsn: lsn(fork),
        });
        copy.timeline = Timeline::new(copy.timeline.number() + 1).unwrap_or(copy.timeline);
        copy.log.push(txn);
        copy.flushed = copy.log.len();
        source.life += 1;
        self.excuse_replicated();
        self.tell(|_| format!("the source fails over at {fork}"));
    }

    /// Each member asks the source now and then, if it is to replicate from it; the answer may come late.
    pub(super) fn ask_source(&mut self, node: usize) {
        let wants = self.nodes[node].agent.as_ref().is_some_and(|agent| {
            let state = agent.state.as_ref();
            state.is_some_and(|state| state.config.settings.replicates == Some(true))
        });
        if self.source.is_none() || !wants || self.now < self.nodes[node].ask_at {
            return;
        }
        self.nodes[node].ask_at = self.now + self.rng.between(300_000, 2_000_000);
        let slow = self.rng.percent(10);
        let delay = self.rng.between(1_000, if slow { 900_000 } else { 20_000 });
        let life = self.nodes[node].life;
        let seen = self.source.as_ref().filter(|source| source.away == 0);
        let seen = seen.map(|source| machine::Source {
            system: source.copy.system,
            position: source.copy.position(),
        });
        self.later(delay, Happening::SourceSeen(node, life, seen.map(Box::new)));
    }

    pub(super) fn source_seen(
        &mut self,
        node: usize,
        life: u64,
        seen: Option<Box<machine::Source>>,
    ) {
        if self.nodes[node].life == life {
            self.feed(node, Event::Source(seen.map(|source| *source)));
        }
    }

    /// The receiver of a member that streams from the source.
    pub(crate) fn stream_from_source(&mut self, node: usize, conn: u64) {
        let Some(source) = self.source.as_ref().filter(|source| source.away == 0) else {
            self.later(RETRY, Happening::Stream(node, conn));
            return;
        };
        let theirs = &source.copy;
        let Some(own) = &self.nodes[node].pg.copy else {
            return;
        };
        if own.flushed < own.log.len() && !theirs.log.starts_with(&own.log) {
            // What was received from another, and never flushed, is received anew from here.
            if let Some(copy) = &mut self.nodes[node].pg.copy {
                copy.truncate();
            }
            return self.later(1_000, Happening::Stream(node, conn));
        }
        if !theirs.can_feed(own) {
            self.nodes[node].pg.fed = false;
            self.later(5 * RETRY, Happening::Stream(node, conn));
            return;
        }
        let from = own.log.len();
        let (log, timeline, history) =
            (theirs.log.clone(), theirs.timeline, theirs.history.clone());
        let this = &mut self.nodes[node].pg;
        this.fed = true;
        let run = this.run;
        if from >= log.len() {
            self.later(RETRY, Happening::Stream(node, conn));
            return;
        }
        let Some(own) = &mut this.copy else {
            return;
        };
        if own.log[..] != log[..from] {
            let what = format!("m{node} goes on from another history than that of the source");
            self.ledger.broken(Oracle::SourceFollowed, self.now, what);
        }
        let Some(own) = &mut self.nodes[node].pg.copy else {
            return;
        };
        own.log.extend_from_slice(&log[from..]);
        own.timeline = timeline;
        own.history = history;
        let upto = own.log.len();
        let delay = self.rng.between(200, 5_000);
        self.later(delay, Happening::Flush(node, conn, upto, run));
    }

    /// The copy that a rewind to the source, or a base backup of it, gives.
    pub(crate) fn copy_of_source(&mut self, node: usize, rewinds: bool) -> JobEnd {
        let lucky = !(rewinds && self.rng.percent(20));
        let fails = self.nodes[node].disk_fails || self.nodes[node].full;
        self.nodes[node].pg.rewinding = false;
        let source = self.source.as_ref().filter(|source| source.away == 0);
        let Some(theirs) = source
            .map(|source| source.copy.clone())
            .filter(|_| lucky && !fails)
        else {
            return JobEnd::Failed;
        };
        let own = self.nodes[node].pg.copy.as_ref();
        if own.is_some_and(|own| own.system != theirs.system) {
            let what = format!("m{node} replaces its copy by one of another system");
            self.ledger.broken(Oracle::SourceFollowed, self.now, what);
        }
        self.excuse_replicated();
        let pg = &mut self.nodes[node].pg;
        pg.unfinished = false;
        let old = pg.copy.replace(theirs);
        if old.is_some() && !rewinds {
            pg.aside = old;
        }
        JobEnd::Done
    }

    /// True if the cluster is a standby of its source as it should be.
    pub(super) fn is_well_as_standby(&self) -> bool {
        let (Some(source), Some((record, _))) = (&self.source, &self.kube.stored) else {
            return false;
        };
        let leader = index(record.holder.member);
        let end = source.copy.log.len();
        let near = |node: &crate::node::Node| {
            let copy = node.pg.copy.as_ref();
            let same =
                copy.is_some_and(|copy| source.copy.log.starts_with(&copy.log[..copy.flushed]));
            node.pg.running == Running::Standby
                && same
                && copy.is_some_and(|copy| copy.flushed + 40 > end)
        };
        record.replicates
            && self.ledger.route == Some(record.epoch)
            && self.nodes.iter().all(near)
            && self.nodes.iter().enumerate().all(|(number, node)| {
                let from = if number == leader {
                    index(Member::SOURCE)
                } else {
                    leader
                };
                node.pg.upstream == Some(from) && node.pg.receiving
            })
    }

    /// The same for what the source loses as long as the cluster replicates.
    fn excuse_replicated(&mut self) {
        let stored = self.kube.stored.as_ref();
        if stored.is_some_and(|(record, _)| record.replicates) {
            self.excuse_demotion();
        }
    }

    /// What the source has not is given up by a demotion: that is what people asked for.
    pub(crate) fn excuse_demotion(&mut self) {
        let Some(source) = &self.source else {
            return;
        };
        let held: std::collections::BTreeSet<_> = source.copy.log.iter().copied().collect();
        self.ledger.acked.retain(|acked| held.contains(&acked.txn));
        self.ledger.newest_open = None;
    }

    /// True if the cluster is a standby in the end: by what it is told, and can be.
    pub(super) fn ends_as_standby(&self) -> bool {
        self.replicates == Some(true) && !self.is_source_foreign()
    }

    /// True if the source has nothing to do with the cluster.
    pub(crate) fn is_source_foreign(&self) -> bool {
        let system = self.source.as_ref().map(|source| source.copy.system);
        self.nodes
            .iter()
            .filter_map(|node| node.pg.copy.as_ref())
            .any(|copy| Some(copy.system) != system)
    }

    /// More happens in a world with a source: it fails over, it is away, people promote and demote.
    pub(super) fn plan_source(&mut self, seed: u64) {
        let mut rng = crate::rng::Rng::new(seed ^ 0x51DE_C0DE);
        for _ in 0..rng.between(2, 5) {
            let from = rng.between(8 * SECOND, 44 * SECOND);
            let long = rng.between(200_000, 12 * SECOND);
            let kind = match rng.between(0, 5) {
                0 | 1 => crate::faults::Kind::SourceFailover,
                2 => crate::faults::Kind::SourceAway,
                _ => crate::faults::Kind::Replicate,
            };
            self.faults.push(crate::faults::Fault {
                kind,
                from,
                until: from + long,
            });
        }
        self.replicates_at_end = rng.percent(50);
    }
}

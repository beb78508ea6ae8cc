//! Work on Postgres that an agent orders: how long it takes, and what it does.

use howdah_ha::machine::{Event, Job, JobEnd, Member, Point};
use howdah_types::{SystemIdentifier, Timeline};

use crate::ledger::Oracle;
use crate::node::index;
use crate::postgres::{Copy, Running, lsn};
use crate::world::{Happening, World};

impl World {
    pub(crate) fn begin_job(&mut self, node: usize, job: Job) {
        self.tell(|_| format!("m{node} does {job:?}"));
        let delay = self.duration(&job);
        if let Job::Clone { from } = job
            && from != Member::SOURCE
        {
            self.judge_replacement(node, index(from));
        }
        let pg = &mut self.nodes[node].pg;
        match &job {
            Job::Stop => pg.open = false,
            Job::Rewind { .. } => pg.rewinding = true,
            _ => {}
        }
        let life = self.nodes[node].life;
        let Some(agent) = &mut self.nodes[node].agent else {
            return;
        };
        agent.job += 1;
        let number = agent.job;
        self.later(delay, Happening::JobDone(node, life, number));
    }

    fn duration(&mut self, job: &Job) -> u64 {
        let stalls = self.rng.percent(if matches!(job, Job::SetNames(_)) {
            12
        } else {
            4
        });
        match job {
            Job::Initialise => self.rng.between(200_000, 600_000),
            Job::Start { .. } | Job::Restart => self.rng.between(50_000, 600_000),
            Job::Receive(_) => self.rng.between(5_000, 60_000),
            Job::SetNames(_) if stalls => self.rng.between(300_000, 2_000_000),
            Job::SetNames(_) | Job::Open => self.rng.between(3_000, 40_000),
            Job::Promote { .. } if stalls => self.rng.between(1_000_000, 5_000_000),
            Job::Promote { .. } => self.rng.between(20_000, 150_000),
            Job::Checkpoint if stalls => self.rng.between(1_000_000, 20_000_000),
            Job::Checkpoint => self.rng.between(5_000, 300_000),
            Job::Stop if stalls => self.rng.between(2_000_000, 15_000_000),
            Job::Stop => self.rng.between(30_000, 500_000),
            Job::Kill => self.rng.between(5_000, 200_000),
            Job::Rewind { .. } if stalls => self.rng.between(3_000_000, 12_000_000),
            Job::Rewind { .. } => self.rng.between(300_000, 3_000_000),
            Job::Clone { .. } if stalls => self.rng.between(4_000_000, 15_000_000),
            Job::Clone { .. } => self.rng.between(500_000, 4_000_000),
        }
    }

    pub(crate) fn job_done(&mut self, node: usize, life: u64, number: u64) {
        let this = &self.nodes[node];
        let Some(agent) = this.agent.as_ref().filter(|_| this.life == life) else {
            return;
        };
        if agent.job != number {
            return;
        }
        let job = agent.state.as_ref().and_then(|state| state.job.clone());
        let Some(job) = job else {
            return;
        };
        let disk = matches!(
            job,
            Job::Start { .. }
                | Job::Restart
                | Job::Rewind { .. }
                | Job::Clone { .. }
                | Job::Promote { .. }
        );
        let stands = this.frozen
            || this.paused
            || (this.pg.frozen && job != Job::Kill)
            || (this.disk_hangs && disk);
        if stands {
            self.later(50_000, Happening::JobDone(node, life, number));
            return;
        }
        let end = self.finish_job(node, job);
        self.feed(node, Event::Job(end));
        self.look(node);
    }

    fn finish_job(&mut self, node: usize, job: Job) -> JobEnd {
        let running = self.nodes[node].pg.running;
        let fails = self.nodes[node].disk_fails || self.nodes[node].full;
        match job {
            Job::Initialise => self.initialise(node),
            Job::Start { writable } if !fails && running == Running::Stopped => {
                self.start(node, writable)
            }
            Job::Restart if !fails && running == Running::Stopped => {
                self.judge_restart(node);
                self.nodes[node].pg.start(Running::Primary);
                self.resume_streams(node);
                JobEnd::Done
            }
            Job::Receive(from) if running == Running::Standby => {
                self.receive_from(node, from.map(index));
                JobEnd::Done
            }
            Job::SetNames(names) if running != Running::Stopped => {
                self.nodes[node].pg.names = names;
                self.end_senders(node);
                self.release(node);
                JobEnd::NamesSet(lsn(self.nodes[node].pg.end()))
            }
            Job::Promote { timeline } if !fails && running == Running::Standby => {
                self.promote(node, timeline)
            }
            Job::Open if running == Running::Primary => {
                self.open_clients(node);
                JobEnd::Done
            }
            Job::Checkpoint if running == Running::Primary => JobEnd::Done,
            Job::Stop => {
                self.stop(node);
                JobEnd::Done
            }
            Job::Kill => {
                self.kill_postgres(node);
                JobEnd::Done
            }
            Job::Rewind { from, .. } if from == Member::SOURCE => self.copy_of_source(node, true),
            Job::Clone { from } if from == Member::SOURCE => self.copy_of_source(node, false),
            Job::Rewind { from, fork } => self.rewind(node, index(from), fork),
            Job::Clone { from } => self.copy_from(node, index(from)),
            _ => JobEnd::Failed,
        }
    }

    fn initialise(&mut self, node: usize) -> JobEnd {
        let number = self.rng.next() | 1;
        let Some(system) = SystemIdentifier::new(number) else {
            return JobEnd::Failed;
        };
        self.next_txn += 1;
        self.nodes[node].pg.copy = Some(Copy {
            system,
            timeline: Timeline::FIRST,
            history: Vec::new(),
            log: vec![self.next_txn],
            flushed: 1,
        });
        JobEnd::Done
    }

    fn start(&mut self, node: usize, writable: bool) -> JobEnd {
        let pg = &self.nodes[node].pg;
        if pg.copy.is_none() || pg.unfinished {
            return JobEnd::Failed;
        }
        if writable {
            let what = format!("m{node} starts writable without a promotion");
            self.ledger.broken(Oracle::WritableIsHolder, self.now, what);
        }
        let running = if writable {
            Running::Primary
        } else {
            Running::Standby
        };
        self.nodes[node].pg.start(running);
        JobEnd::Done
    }

    fn receive_from(&mut self, node: usize, from: Option<usize>) {
        match from {
            Some(from) => self.connect(node, from),
            None => {
                self.nodes[node].pg.told = None;
                let conn = self.nodes[node].pg.conn;
                let delay = self.rng.between(5_000, 80_000);
                self.later(delay, Happening::ReceiverGone(node, conn));
            }
        }
    }

    /// A promotion writes an end-of-recovery record on its new timeline.
    fn promote(&mut self, node: usize, timeline: Option<Timeline>) -> JobEnd {
        self.judge_promotion(node, timeline);
        self.next_txn += 1;
        let txn = self.next_txn;
        let Some(copy) = &mut self.nodes[node].pg.copy else {
            return JobEnd::Failed;
        };
        copy.leave_unreached_timelines();
        let left = Point {
            timeline: copy.timeline,
            lsn: lsn(copy.log.len()),
        };
        let own = Timeline::new(copy.timeline.number() + 1).unwrap_or(copy.timeline);
        let taken = timeline.unwrap_or(own);
        let mark = u64::from(txn);
        // The archive's history file, by put-if-absent: a second arbiter, which only I11 asks.
        let stored = *self
            .ledger
            .archive
            .entry((taken, usize::MAX))
            .or_insert(mark);
        if stored != mark {
            let what = format!("m{node} makes timeline {taken} again");
            self.ledger.broken(Oracle::ArchiveStable, self.now, what);
        }
        copy.history.push(left);
        copy.timeline = taken;
        copy.log.push(txn);
        copy.flushed = copy.log.len();
        self.nodes[node].pg.running = Running::Primary;
        self.resume_streams(node);
        self.nodes[node].pg.conn += 1;
        self.nodes[node].pg.receiving = false;
        self.nodes[node].pg.upstream = None;
        self.nodes[node].pg.told = None;
        self.tell(|_| {
            format!(
                "m{node} is promoted at {} to timeline {taken}",
                crate::streaming::place(left)
            )
        });
        JobEnd::Done
    }

    /// An ordered stop sends all that is left to the standbys that listen.
    fn stop(&mut self, node: usize) {
        let listening: Vec<usize> = self.nodes[node].pg.senders.keys().copied().collect();
        if self.nodes[node].pg.running == Running::Primary {
            if let Some(copy) = &mut self.nodes[node].pg.copy {
                copy.flushed = copy.log.len();
            }
            for standby in listening {
                let conn = self.nodes[standby].pg.conn;
                let known = self.nodes[node].pg.senders.get(&standby);
                if known.is_some_and(|sender| sender.conn == conn) {
                    self.stream(standby, conn);
                }
            }
        }
        self.kill_postgres(node);
    }

    fn source(&self, node: usize, from: usize) -> Option<Copy> {
        let reachable = self.passes(node, from) && self.passes(from, node);
        let source = &self.nodes[from];
        let serves = source.runs() && !source.pg.frozen && self.feeds(from);
        let mut copy = source.pg.copy.clone().filter(|_| reachable && serves)?;
        copy.truncate();
        Some(copy)
    }

    fn rewind(&mut self, node: usize, from: usize, fork: Option<howdah_types::Lsn>) -> JobEnd {
        self.nodes[node].pg.rewinding = false;
        let lucky = !self.rng.percent(20);
        let source = self.source(node, from).filter(|_| lucky);
        let Some(source) =
            source.filter(|_| !self.nodes[node].disk_fails && !self.nodes[node].full)
        else {
            return JobEnd::Failed;
        };
        self.judge_leftovers(node, &source, fork);
        self.judge_wipe(node);
        self.nodes[node].pg.copy = Some(source);
        JobEnd::Done
    }

    /// The new copy appears by rename; the old one is kept aside until it streams.
    fn copy_from(&mut self, node: usize, from: usize) -> JobEnd {
        let Some(source) = self
            .source(node, from)
            .filter(|_| !self.nodes[node].disk_fails && !self.nodes[node].full)
        else {
            return JobEnd::Failed;
        };
        self.judge_wipe(node);
        self.nodes[node].pg.unfinished = false;
        let old = self.nodes[node].pg.copy.replace(source);
        if old.is_some() {
            self.nodes[node].pg.aside = old;
        }
        JobEnd::Done
    }
}

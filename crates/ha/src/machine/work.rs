//! Postgres: what was seen of it, the job in flight, and jobs that several phases give.

use super::action::{Action, Asked, Job, Names, Refusal};
use super::event::{JobEnd, PgView, Server};
use super::invariant::Rule;
use super::phase::Phase;
use super::state::Mark;
use super::step::Machine;
use crate::time::Instant;

impl Machine {
    /// What was seen before the last job ended says nothing about now.
    pub(super) fn take_postgres(&mut self, view: PgView) {
        if view.taken < self.s.pg.taken.max(self.s.job_ended) {
            return;
        }
        if self.s.job.is_none() {
            self.s.unseen = None;
        }
        if view.server == Server::Primary || matches!(self.s.phase, Phase::Replicating(_)) {
            self.note_progress(&view);
        } else {
            self.s.progress.clear();
            self.s.marks.clear();
        }
        self.s.pg = view;
    }

    /// How far the standbys are, counted from when that was seen. Who is not connected keeps its place, and
    /// its time runs on.
    fn note_progress(&mut self, view: &PgView) {
        let end = view.position.as_ref().map(|position| position.end.lsn);
        let at = view.taken;
        for (member, flushed) in &view.standbys {
            let entry = self.s.progress.entry(*member).or_insert((*flushed, at));
            if entry.0 != *flushed || Some(*flushed) >= end {
                *entry = (*flushed, at);
            }
            let goal = end.unwrap_or(*flushed);
            // Until it reaches its first goal, nothing is known of its lag.
            let has = Instant::from_nanos(0);
            let first = Mark { goal, set: at, has };
            let mark = self.s.marks.entry(*member).or_insert(first);
            if *flushed >= mark.goal {
                let has = if *flushed >= goal { at } else { mark.set };
                *mark = Mark { goal, set: at, has };
            }
        }
    }

    pub(super) fn take_reinitialise(&mut self) {
        let held = self.s.phase.holds();
        self.s.reinitialise = !held;
        if held {
            self.actions.push(Action::Refuse {
                asked: Asked::Reinitialise,
                why: Refusal::Holds,
            });
        }
    }

    pub(super) fn take_job_end(&mut self, end: JobEnd) {
        let Some(job) = self.s.job.take() else {
            return;
        };
        self.s.job_ended = self.now;
        self.s.unseen = Some(job.clone());
        match (end, job) {
            (JobEnd::NamesSet(cut), Job::SetNames(names)) => {
                self.s.names = Some(names);
                self.s.cut = Some(cut);
            }
            (JobEnd::Failed, job) => {
                self.s.job_after = self.now + std::time::Duration::from_millis(500);
                self.note_failed(&job);
            }
            (_, job) => self.note_done(&job),
        }
    }

    /// True while a job is in flight, or what it did was not seen yet.
    pub(super) fn busy(&self) -> bool {
        self.s.job.is_some() || self.s.unseen.is_some()
    }

    /// True if a kill would change something.
    fn may_kill(&self) -> bool {
        match (&self.s.job, &self.s.unseen) {
            (Some(job), _) => *job != Job::Kill,
            (None, Some(ended)) => !matches!(ended, Job::Kill | Job::Stop),
            (None, None) => true,
        }
    }

    /// Gives Postgres a job if it has none. A kill replaces the one in flight.
    pub(super) fn job(&mut self, job: Job) {
        let free = !self.busy() && self.now >= self.s.job_after;
        let kill = job == Job::Kill && self.may_kill();
        if !(free || kill) {
            return;
        }
        if let Job::SetNames(_) = job {
            self.s.names = None;
            self.s.cut = None;
        }
        self.s.job = Some(job.clone());
        self.s.unseen = None;
        self.actions.push(Action::Do(job));
    }

    /// INVARIANT I2: whatever starts, starts as a standby.
    pub(super) fn start(&mut self) {
        let writable = !self.keeps(Rule::StartAsStandby)
            && self
                .record()
                .is_some_and(|record| record.holder.member == self.s.config.me.member);
        self.job(Job::Start { writable });
    }

    /// Sets the synchronous standbys if they are not so already; true if they are.
    pub(super) fn names_are(&mut self, names: Names) -> bool {
        if self.s.names.as_ref() == Some(&names) {
            return true;
        }
        self.job(Job::SetNames(names));
        false
    }

    /// True if Postgres runs as a standby that receives nothing.
    pub(super) fn is_quiet(&self) -> bool {
        !self.busy()
            && self.s.pg.position.is_some()
            && self.s.pg.server
                == Server::Standby {
                    upstream: None,
                    receiving: false,
                }
    }

    /// Brings Postgres to run as a standby that receives nothing.
    pub(super) fn quieten(&mut self) {
        match self.s.pg.server {
            Server::Stopped => self.start(),
            Server::Standby { upstream: None, .. } => {}
            Server::Standby { .. } => self.job(Job::Receive(None)),
            Server::Primary => self.job(Job::Kill),
        }
    }
}

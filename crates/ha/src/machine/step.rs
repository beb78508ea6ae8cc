//! Takes in an event, then runs the phases until nothing changes any longer.

use super::action::{Action, Asked, Job, Names, Refusal};
use super::control::Record;
use super::event::{ApiEnd, Event, JobEnd, PgView, Read, Server, Version};
use super::ids::Holder;
use super::invariant::Rule;
use super::message::Message;
use super::phase::Phase;
use super::state::{Call, Mark, Observed, State, Step};
use crate::time::Instant;

/// The most transitions that one event can cause.
const LONGEST_CHAIN: usize = 8;

/// Takes in one event and decides what to do next.
pub fn step(state: State, event: Event, now: Instant) -> Step {
    let before = state.durable;
    let mut machine = Machine {
        s: state,
        now,
        actions: Vec::new(),
    };
    machine.take_in(event);
    for _ in 0..LONGEST_CHAIN {
        let phase = std::mem::replace(&mut machine.s.phase, Phase::Init);
        let (next, changed) = machine.run(phase);
        machine.s.phase = next;
        if !changed {
            break;
        }
    }
    machine.greet();
    machine.renew();
    machine.set_guard();
    let persist = machine.s.durable != before && machine.s.config.rules.keeps(Rule::PersistPromise);
    Step {
        next: machine.s,
        persist,
        actions: machine.actions,
    }
}

/// A step in the making.
pub(super) struct Machine {
    pub(super) s: State,
    pub(super) now: Instant,
    pub(super) actions: Vec<Action>,
}

impl Machine {
    fn take_in(&mut self, event: Event) {
        match event {
            Event::Watched(Read::Missing) => self.s.missing = true,
            Event::Watched(Read::Found(record, version)) => {
                self.take_record(*record, version, false);
            }
            Event::Api(end) => self.take_api_end(end),
            Event::Postgres(view) => self.take_postgres(view),
            Event::Job(end) => self.take_job_end(end),
            Event::Message(from, message) => self.take_message(from, message),
            Event::Gone(member) => self.take_gone(member),
            Event::Tick => {}
            Event::Configured(settings) => self.s.config.settings = settings,
            Event::Reinitialise => self.take_reinitialise(),
            Event::Stop => self.s.stopping = true,
        }
    }

    fn take_message(&mut self, from: Holder, message: Message) {
        match message {
            Message::Heartbeat {
                epoch,
                revision,
                sent,
                follow,
                serving,
            } => self.take_heartbeat(from, epoch, revision, sent, follow, serving),
            Message::Grant {
                epoch,
                sent,
                granted,
                lasts,
                promised,
            } => {
                let lasts = granted.then_some(lasts);
                self.take_grant(from, epoch, sent, lasts, promised);
            }
            Message::Canvass { epoch, record } => self.take_canvass(from, epoch, &record),
            Message::Canvassed {
                epoch,
                willing,
                promised,
            } => self.take_canvassed(from, epoch, willing, promised),
            Message::Seal { epoch, record } => self.take_seal(from, epoch, &record),
            Message::Sealed { epoch, report } => self.take_sealed(from, epoch, report),
        }
    }

    fn take_read(&mut self, read: Read) {
        match read {
            Read::Missing => self.s.missing = true,
            Read::Found(record, version) => self.take_record(*record, version, true),
        }
    }

    /// INVARIANT I1: a record below one seen before is not believed; watches are late, and an API that
    /// was restored goes back in time.
    pub(super) fn take_record(&mut self, record: Record, version: Version, read: bool) {
        let key = Some((record.epoch, record.revision));
        let refuse = self.keeps(Rule::RefuseOldRecord);
        if refuse && key < self.s.durable.seen {
            return;
        }
        self.s.missing = false;
        let newer = self
            .s
            .observed
            .as_ref()
            .is_none_or(|known| version > known.version || !refuse);
        let same = self
            .s
            .observed
            .as_ref()
            .is_some_and(|known| version == known.version);
        // Reads come in order; what they show is stored now, also after a restore.
        if !newer && !read || same {
            return;
        }
        self.s.durable.seen = key.max(self.s.durable.seen);
        self.s.observed = Some(Observed {
            record,
            version,
            since: self.now,
        });
    }

    fn take_api_end(&mut self, end: ApiEnd) {
        let Some(call) = self.s.call.take() else {
            return;
        };
        match (end, call) {
            (ApiEnd::Read(read), _) => {
                self.s.reread = false;
                self.note_read();
                if let Read::Found(record, version) = &read {
                    self.recognise(record, *version);
                }
                self.take_read(read);
            }
            (ApiEnd::Written(version), Call::Write { record, sent }) => {
                self.written(*record, version, sent);
            }
            (ApiEnd::Conflict, _) => self.s.reread = true,
            (ApiEnd::Unknown, call) => self.call_failed(call),
            (ApiEnd::Written(_), Call::Read) => {}
        }
    }

    /// What was seen before the last job ended says nothing about now.
    fn take_postgres(&mut self, view: PgView) {
        if view.taken < self.s.pg.taken.max(self.s.job_ended) {
            return;
        }
        if self.s.job.is_none() {
            self.s.unseen = None;
        }
        if view.server == Server::Primary {
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

    fn take_reinitialise(&mut self) {
        let held = self.s.phase.holds();
        self.s.reinitialise = !held;
        if held {
            self.actions.push(Action::Refuse {
                asked: Asked::Reinitialise,
                why: Refusal::Holds,
            });
        }
    }

    fn take_job_end(&mut self, end: JobEnd) {
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

    pub(super) fn keeps(&self, rule: Rule) -> bool {
        self.s.config.rules.keeps(rule)
    }

    pub(super) fn record(&self) -> Option<&Record> {
        self.s.observed.as_ref().map(|observed| &observed.record)
    }

    /// True if the newest record names this boot, and it was not given up.
    ///
    /// INVARIANT I1: a boot, not a name.
    pub(super) fn is_mine(&self, record: &Record) -> bool {
        let me = self.s.config.me;
        let named = if self.keeps(Rule::HolderIsBoot) {
            record.holder == me
        } else {
            record.holder.member == me.member
        };
        named && !record.released && self.s.forfeited < Some(record.epoch)
    }

    /// True if this member may take over, and consents to takeovers.
    pub(super) fn is_voter(&self) -> bool {
        let me = self.s.config.me.member;
        self.s.config.settings.voters.contains(&me)
    }

    /// True if people want this member stopped.
    pub(super) fn is_fenced(&self) -> bool {
        let me = self.s.config.me.member;
        self.record()
            .is_some_and(|record| record.fenced.contains(&me))
    }

    pub(super) fn holds(&self) -> bool {
        self.record().is_some_and(|record| self.is_mine(record))
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

//! Takes in an event, then runs the phases until nothing changes any longer.

use super::action::Action;
use super::control::Record;
use super::event::{ApiEnd, Event, Read, Source, Version};
use super::ids::Holder;
use super::invariant::Rule;
use super::message::Message;
use super::phase::Phase;
use super::state::{Call, Observed, State, Step};
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
            Event::Source(source) => self.take_source(source),
            Event::Tick => {}
            Event::Configured(settings) => {
                if settings.replicates != Some(true) {
                    self.take_source(None);
                }
                self.s.config.settings = settings;
            }
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
                seen,
            } => {
                self.note_deposed(seen);
                let lasts = granted.then_some(lasts);
                self.take_grant(from, epoch, sent, lasts, promised);
            }
            Message::Canvass { epoch, record } => self.take_canvass(from, epoch, &record),
            Message::Canvassed {
                epoch,
                willing,
                promised,
                seen,
            } => {
                if self.knows_as_much(seen) {
                    self.take_canvassed(from, epoch, willing, promised);
                } else {
                    self.forget_canvass();
                }
            }
            Message::Seal { epoch, record } => self.take_seal(from, epoch, &record),
            Message::Sealed { epoch, report } => self.take_sealed(from, epoch, report),
        }
    }

    fn take_source(&mut self, source: Option<Source>) {
        let system = |source: &Option<Source>| source.as_ref().map(|source| source.system);
        if system(&source).is_some() && system(&source) != system(&self.s.source) {
            self.s.refused_source = false;
        }
        self.s.source = source;
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
            if read {
                self.s.missing = false;
                self.s.regressed = Some(version);
            }
            return;
        }
        self.s.missing = false;
        self.s.regressed = None;
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

    /// What is not there, or went back in time, is not asked for all the time.
    fn pause_if_lost(&mut self, read: &Read) {
        let lost = match read {
            Read::Missing => true,
            Read::Found(record, _) => Some((record.epoch, record.revision)) < self.s.durable.seen,
        };
        if lost && self.s.phase.holds() {
            self.s.call_after = self.now + std::time::Duration::from_millis(100);
        }
    }

    fn take_api_end(&mut self, end: ApiEnd) {
        let Some(call) = self.s.call.take() else {
            return;
        };
        match (end, call) {
            (ApiEnd::Read(read), _) => {
                self.s.reread = false;
                self.note_read();
                self.pause_if_lost(&read);
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
}

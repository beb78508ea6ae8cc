//! `follower`: a standby of the holder it hears.

use super::candidate::NEVER;
use super::{Candidate, Next, Phase, Rejoin, Stage};
use crate::epoch::Epoch;
use crate::machine::action::Job;
use crate::machine::control::Intent;
use crate::machine::event::{Data, Server};
use crate::machine::ids::Member;
use crate::machine::invariant::Rule;
use crate::machine::state::Observed;
use crate::machine::step::Machine;

/// How long a server that was started has to tell its place.
const BLIND: std::time::Duration = std::time::Duration::from_secs(1);

impl Machine {
    pub(super) fn follower(&mut self) -> Next {
        match self.s.pg.data {
            Data::Damaged => return Next::Go(Phase::Quarantine),
            Data::Copy(own) if self.is_foreign(own) && self.s.unclaimed => {
                return Next::Go(Phase::Rejoin(Rejoin::default()));
            }
            Data::Copy(own) | Data::Unfinished(own) if self.is_foreign(own) => {
                return Next::Go(Phase::Quarantine);
            }
            Data::Empty | Data::Unfinished(_) => {
                return Next::Go(Phase::Rejoin(Rejoin::default()));
            }
            _ if self.may_replace() => return Next::Go(Phase::Rejoin(Rejoin::default())),
            _ => {}
        }
        if self.s.pg.server == Server::Primary {
            // Nothing that follows is writable.
            self.job(Job::Kill);
            return Next::Stay(Phase::Follower);
        }
        if self.s.pg.server == Server::Stopped {
            self.start();
        }
        if let Some(next) = self.follow_leader() {
            return Next::Go(next);
        }
        if self.start_round() {
            return Next::Go(self.round());
        }
        Next::Stay(Phase::Follower)
    }

    pub(super) fn is_foreign(&self, own: howdah_types::SystemIdentifier) -> bool {
        let recorded = self.record().and_then(|record| record.system);
        recorded.is_some_and(|system| system != own)
    }

    /// INVARIANT I11: follows only where the own place is on the source's history.
    fn follow_leader(&mut self) -> Option<Phase> {
        let leader = self.leader()?;
        let source = leader.follow.clone()?;
        let of = leader.holder.member;
        let Server::Standby { upstream, .. } = self.s.pg.server else {
            return None;
        };
        let Some(end) = self.s.pg.position.as_ref().map(|position| position.end) else {
            self.feed_blindly(of, upstream);
            return None;
        };
        let behind = upstream == Some(of) && !self.s.pg.fed;
        let related = source.can_feed(end);
        if related && self.is_ahead_of(source.end, end) {
            return None;
        }
        if self.keeps(Rule::CheckHistory) && (behind || !related) {
            return Some(Phase::Rejoin(Rejoin {
                end: Some(end),
                stale: related,
                ..Rejoin::default()
            }));
        }
        if upstream != Some(of) {
            self.job(Job::Receive(Some(of)));
        }
        None
    }

    /// A copy that was rewound tells its place only once it got WAL that it does not have. Postgres itself
    /// refuses to go on where its history is not that of its source (I11).
    fn feed_blindly(&mut self, of: Member, upstream: Option<Member>) {
        let told = self.now.since(self.s.job_ended) >= BLIND;
        if told && upstream != Some(of) {
            self.job(Job::Receive(Some(of)));
        }
    }

    /// True when the holder was silent for long enough and it is this member's turn.
    pub(super) fn start_round(&mut self) -> bool {
        if !self.suspects() {
            self.s.round_at = None;
            return false;
        }
        let at = match self.s.round_at {
            Some(at) => at,
            None => {
                let at = self.now + self.delay();
                self.s.round_at = Some(at);
                at
            }
        };
        self.now >= at
    }

    /// INVARIANT I4: a holder whose writes need no acknowledgement is waited out, unless it released or
    /// was a boot of this very member.
    fn suspects(&self) -> bool {
        let timing = &self.s.config.settings.timing;
        let quiet = self.s.leader.as_ref().map_or(self.s.quiet_since, |leader| {
            leader.heard.max(self.s.quiet_since)
        });
        let copy = matches!(self.s.pg.data, Data::Copy(_)) && self.s.pg.position.is_some();
        let may = self.is_voter() && copy && self.s.pg.writes;
        if !may || self.yields() {
            return false;
        }
        let silent = self.now.since(quiet) >= timing.grant;
        if self.s.missing {
            return silent && !self.keeps(Rule::MissingIsNotFree);
        }
        let Some(observed) = &self.s.observed else {
            // Without a record there is nothing to judge by; reading it is part of the round.
            return silent;
        };
        let record = &observed.record;
        if self.s.durable.seen.map(|(epoch, _)| epoch) > Some(record.epoch) {
            // Peers told of a newer epoch: read it.
            return silent;
        }
        let me = self.s.config.me.member;
        let own = record.holder.member == me;
        if !record.admits(me) {
            return false;
        }
        let heard_newer = self.leader().is_some();
        if (own || record.released) && !heard_newer {
            return true;
        }
        let waited =
            !record.must_wait_out() || !self.keeps(Rule::WaitOut) || self.is_waited_out(observed);
        silent && waited
    }

    /// Who gave an epoch up leaves it to the others, for a while or until one of them took the next: what becomes
    /// of that one is open to all.
    fn yields(&self) -> bool {
        let me = self.s.config.me.member;
        let gave_up = self
            .record()
            .is_none_or(|record| record.holder.member == me);
        gave_up && self.now < self.s.yield_until
    }

    /// INVARIANT I4: the record stayed unchanged for longer than any renewal of it holds.
    pub(in crate::machine) fn is_waited_out(&self, observed: &Observed) -> bool {
        let own = self.s.config.settings.timing.wait_out;
        let wait = observed.record.wait_out.map_or(own, |wait| wait.max(own));
        self.now.since(observed.since) >= wait
    }

    fn delay(&self) -> std::time::Duration {
        let me = self.s.config.me.member;
        let record = self.record();
        let intent = record.and_then(|record| record.intent);
        if let Some(to) = intent.and_then(Intent::wanted) {
            // Whom people want comes first, and the others only if it does not.
            let late = self.s.config.settings.timing.rank * 4;
            return if to == me {
                std::time::Duration::ZERO
            } else {
                late
            };
        }
        // The one that is silent starts no round.
        let silent = record.map(|record| record.holder.member);
        let before = self.s.config.settings.voters.range(..me);
        let rank = before.filter(|voter| Some(**voter) != silent).count();
        let step = self.s.config.settings.timing.rank;
        let rank = u32::try_from(rank).unwrap_or(u32::MAX);
        let wait = step.saturating_mul(rank);
        let Some(attempt) = self.s.rounds_lost.checked_sub(1) else {
            return wait;
        };
        // Ranks did not keep them apart: views may differ.
        let attempt = attempt.min(3) + 1;
        let spread = self.s.config.jitter.rotate_left(7 * attempt) % 100;
        (wait + std::time::Duration::from_millis(spread)) * 2_u32.pow(attempt)
    }

    /// A new round: asks first, promises nothing.
    pub(super) fn round(&mut self) -> Phase {
        let recorded = self.record().map(|record| record.epoch);
        let highest = self.s.durable.highest().max(recorded);
        self.s.round_at = None;
        Phase::Candidate(Candidate {
            epoch: highest.map_or(Epoch::FIRST, Epoch::next),
            until: self.now + self.s.config.settings.timing.round,
            asked: NEVER,
            stage: Stage::Canvass {
                read: None,
                willing: [].into(),
                answered: [].into(),
            },
        })
    }
}

//! What a Pod must do next: order of containers, restarts, and the end. Pure; time comes in as an argument.
//!
//! The machine is told what has happened to containers and answers with what to start and to stop. It never looks at
//! a process, and repeating a step without news gives no new action.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::node::plan::Problem;
use crate::node::shim::spec::Exit;

mod slot;
#[cfg(test)]
mod tests;

pub(crate) use self::slot::{HasProbes, RestartPolicy, Role, Slot, State};

/// The first wait after a container could not be launched; it doubles up to [`LONGEST_RETRY`].
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// What to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Launch this attempt of the container with this index.
    Start {
        /// Which container.
        index: usize,
        /// Which attempt.
        attempt: u32,
    },
    /// Stop the container with this index.
    Stop {
        /// Which container.
        index: usize,
        /// When it must be dead.
        deadline: Instant,
    },
}

/// The containers of a Pod, those for initialisation first.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    policy: RestartPolicy,
    /// The containers.
    pub(crate) slots: Vec<Slot>,
    stop_by: Option<Instant>,
    /// What sidecars get to end after the main containers of a Pod that is over.
    grace: Duration,
}

impl Machine {
    pub(crate) fn new(policy: RestartPolicy, slots: Vec<Slot>, grace: Duration) -> Self {
        Self {
            policy,
            slots,
            stop_by: None,
            grace,
        }
    }

    /// From now on nothing is started, and everything must be dead by then.
    pub(crate) fn stop_by(&mut self, deadline: Instant) {
        let sooner = self.stop_by.is_none_or(|current| deadline < current);
        if sooner {
            self.stop_by = Some(deadline);
            for slot in &mut self.slots {
                slot.is_stopping = false;
            }
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stop_by.is_some()
    }

    /// Whether no process of the Pod is left.
    pub(crate) fn is_dead(&self) -> bool {
        !self.slots.iter().any(Slot::is_alive)
    }

    /// Whether the main containers may run. A sidecar that ends later does not change that.
    pub(crate) fn is_initialised(&self) -> bool {
        let mut main = self.slots.iter().filter(|slot| !slot.is_init());
        main.any(|slot| slot.attempt.is_some()) || self.slots.iter().all(Slot::lets_others_begin)
    }

    /// Whether nothing will ever be started again.
    pub(crate) fn is_finished(&self) -> bool {
        let gives_up = |slot: &Slot| match &slot.state {
            State::Ended(exit) => !self.restarts(slot, exit),
            _ => false,
        };
        let mut init = self.slots.iter().filter(|slot| slot.role == Role::Init);
        let mut main = self.slots.iter().filter(|slot| !slot.is_init());
        init.any(|slot| gives_up(slot) && !slot.is_done_well())
            || (self.is_initialised() && main.all(gives_up))
    }

    /// Whether a container is started again after this end.
    fn restarts(&self, slot: &Slot, exit: &Exit) -> bool {
        match slot.role {
            Role::Sidecar => true,
            Role::Main | Role::Init => slot.policy.unwrap_or(self.policy).restarts(exit),
        }
    }

    /// What to do now, and when to ask again at the latest.
    pub(crate) fn step(&mut self, now: Instant) -> (Vec<Action>, Option<Instant>) {
        for slot in &mut self.slots {
            slot.has_begun |= slot.started && matches!(slot.state, State::Running(_));
        }
        let is_finished = self.is_finished();
        let deadline = self.stop_by.or(is_finished.then(|| now + self.grace));
        if let Some(deadline) = deadline {
            return (self.stop(deadline), None);
        }
        let (mut actions, mut wake) = (Vec::new(), None);
        let current = match self.is_initialised() {
            true => None,
            false => self.slots.iter().position(|slot| !slot.lets_others_begin()),
        };
        for index in 0..self.slots.len() {
            let slot = &self.slots[index];
            let is_due = match current {
                // Those before it that are to run go on doing so.
                Some(init) => index == init || (index < init && slot.role == Role::Sidecar),
                None => slot.role != Role::Init,
            };
            if !is_due {
                continue;
            }
            match self.start(index, now) {
                Due::Now(attempt) => actions.push(Action::Start { index, attempt }),
                Due::At(at) => wake = Some(wake.map_or(at, |other: Instant| other.min(at))),
                Due::Never => {}
            }
        }
        (actions, wake)
    }

    /// Stops the containers: the sidecars after all others, the last first.
    fn stop(&mut self, deadline: Instant) -> Vec<Action> {
        let mut actions = Vec::new();
        let mut is_held = false;
        for index in (0..self.slots.len()).rev() {
            let slot = &mut self.slots[index];
            if !slot.is_alive() {
                continue;
            }
            let may_stop = slot.role != Role::Sidecar || !is_held;
            is_held = true;
            if may_stop && !slot.is_stopping {
                slot.is_stopping = true;
                actions.push(Action::Stop { index, deadline });
            }
        }
        actions
    }

    fn start(&mut self, index: usize, now: Instant) -> Due {
        let is_over = match &self.slots[index].state {
            State::Ended(exit) => {
                let is_done = self.slots[index].role == Role::Init && exit.exit_code == 0;
                is_done || !self.restarts(&self.slots[index], exit)
            }
            _ => false,
        };
        if is_over {
            return Due::Never;
        }
        let slot = &mut self.slots[index];
        if let State::Ended(exit) = &slot.state {
            slot.last_end = Some(exit.clone());
            if let Some((until, delay)) = slot.backoff.wait(slot.ended_at.unwrap_or(now))
                && until > now
            {
                slot.state = State::Waiting(Problem {
                    reason: "CrashLoopBackOff",
                    message: format!(
                        "back-off {} restarting failed container={}",
                        show(delay),
                        slot.name
                    ),
                });
                slot.retry = Some((until, FIRST_RETRY));
            }
        }
        if slot.is_alive() {
            return Due::Never;
        }
        if let Some((at, _)) = slot.retry
            && at > now
        {
            return Due::At(at);
        }
        if slot.last_end.is_some() {
            slot.backoff.restarted(now);
        }
        slot.state = State::Starting;
        slot.is_stopping = false;
        Due::Now(slot.attempt.map_or(0, |attempt| attempt + 1))
    }

    /// The container has been launched as this attempt.
    pub(crate) fn launched(&mut self, index: usize, attempt: u32) {
        let slot = &mut self.slots[index];
        slot.attempt = Some(attempt);
        slot.retry = None;
    }

    /// A container that an earlier node has launched still runs, and stood like this.
    pub(crate) fn adopted(&mut self, index: usize, since: Timestamp, started: bool, ready: bool) {
        let slot = &mut self.slots[index];
        slot.state = State::Running(since);
        slot.started = started;
        slot.ready = ready;
    }

    /// The main process of a container runs.
    pub(crate) fn running(&mut self, index: usize, since: Timestamp, probes: HasProbes) {
        let slot = &mut self.slots[index];
        slot.state = State::Running(since);
        slot.started = !probes.startup;
        slot.ready = !probes.startup && !probes.readiness;
    }

    /// The container could not be launched as things are.
    pub(crate) fn not_launched(&mut self, index: usize, problem: Problem, now: Instant) {
        let slot = &mut self.slots[index];
        let delay = match slot.retry {
            Some((_, delay)) => (delay * 2).min(LONGEST_RETRY),
            None => FIRST_RETRY,
        };
        slot.retry = Some((now + delay, delay));
        slot.state = State::Waiting(problem);
    }

    /// Something has changed that may let a container be launched.
    pub(crate) fn retry_now(&mut self, now: Instant) {
        for slot in &mut self.slots {
            let crashed =
                matches!(&slot.state, State::Waiting(why) if why.reason == "CrashLoopBackOff");
            if let Some((at, _)) = &mut slot.retry
                && !crashed
            {
                *at = now;
            }
        }
    }

    /// A container has ended, and nothing of it is left.
    pub(crate) fn ended(&mut self, index: usize, exit: Exit, now: Instant) {
        let slot = &mut self.slots[index];
        slot.state = State::Ended(exit);
        slot.ended_at = Some(now);
        slot.started = false;
        slot.ready = false;
        slot.is_stopping = false;
    }
}

enum Due {
    Now(u32),
    At(Instant),
    Never,
}

fn show(delay: Duration) -> String {
    let seconds = delay.as_secs();
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds}s"),
        (minutes, seconds) => format!("{minutes}m{seconds}s"),
    }
}

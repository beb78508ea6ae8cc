//! What a Pod must do next: order of containers, restarts, and the end. Pure; time comes in as an argument.
//!
//! The machine is told what has happened to containers and answers with what to start and to stop. It never looks at
//! a process, and repeating a step without news gives no new action.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::node::backoff::Backoff;
use crate::node::plan::Problem;
use crate::node::plan::probes::Probes;
use crate::node::shim::spec::Exit;

#[cfg(test)]
mod tests;

/// The first wait after a container could not be launched; it doubles up to [`LONGEST_RETRY`].
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// When an ended container is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RestartPolicy {
    /// Whatever its exit code.
    Always,
    /// If it was not 0.
    OnFailure,
    /// Not.
    Never,
}

impl RestartPolicy {
    pub(crate) fn of(text: Option<&str>) -> Self {
        match text {
            Some("OnFailure") => Self::OnFailure,
            Some("Never") => Self::Never,
            _ => Self::Always,
        }
    }

    fn restarts(self, exit: &Exit) -> bool {
        match self {
            Self::Always => true,
            Self::OnFailure => exit.exit_code != 0,
            Self::Never => false,
        }
    }
}

/// Where a container stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It is not running, and this is why.
    Waiting(Problem),
    /// It has been launched; nothing has been heard of it yet.
    Starting,
    /// It runs since then.
    Running(Timestamp),
    /// It has ended.
    Ended(Exit),
}

/// One container.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    /// Its name.
    pub(crate) name: String,
    /// Whether it must end well before the main containers begin.
    pub(crate) is_init: bool,
    /// Where it stands.
    pub(crate) state: State,
    /// The number of its last attempt, from 0; `None` before the first.
    pub(crate) attempt: Option<u32>,
    /// How the attempt before ended, while another one is made or waited for.
    pub(crate) last_end: Option<Exit>,
    /// Whether its startup probe has passed.
    pub(crate) started: bool,
    /// Whether its readiness probe says so.
    pub(crate) ready: bool,
    is_stopping: bool,
    ended_at: Option<Instant>,
    retry: Option<(Instant, Duration)>,
    backoff: Backoff,
}

impl Slot {
    pub(crate) fn new(name: &str, is_init: bool, waiting: &'static str) -> Self {
        Self {
            name: name.to_owned(),
            is_init,
            state: State::Waiting(Problem {
                reason: waiting,
                message: String::new(),
            }),
            attempt: None,
            last_end: None,
            started: false,
            ready: false,
            is_stopping: false,
            ended_at: None,
            retry: None,
            backoff: Backoff::default(),
        }
    }

    /// Whether processes of it may exist.
    pub(crate) fn is_alive(&self) -> bool {
        matches!(self.state, State::Starting | State::Running(_))
    }

    pub(crate) fn is_done_well(&self) -> bool {
        matches!(&self.state, State::Ended(exit) if exit.exit_code == 0)
    }
}

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
}

impl Machine {
    pub(crate) fn new(policy: RestartPolicy, slots: Vec<Slot>) -> Self {
        Self {
            policy,
            slots,
            stop_by: None,
        }
    }

    pub(crate) fn policy(&self) -> RestartPolicy {
        self.policy
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

    /// Whether all containers for initialisation have ended well.
    pub(crate) fn is_initialised(&self) -> bool {
        self.slots
            .iter()
            .filter(|slot| slot.is_init)
            .all(Slot::is_done_well)
    }

    /// Whether nothing will ever be started again.
    pub(crate) fn is_finished(&self) -> bool {
        let gives_up = |slot: &Slot| match &slot.state {
            State::Ended(exit) => !self.policy.restarts(exit),
            _ => false,
        };
        let (init, main): (Vec<_>, Vec<_>) = self.slots.iter().partition(|slot| slot.is_init);
        init.iter()
            .any(|slot| gives_up(slot) && !slot.is_done_well())
            || (self.is_initialised() && main.iter().all(|slot| gives_up(slot)))
    }

    /// What to do now, and when to ask again at the latest.
    pub(crate) fn step(&mut self, now: Instant) -> (Vec<Action>, Option<Instant>) {
        let mut actions = Vec::new();
        let mut wake = None;
        if let Some(deadline) = self.stop_by {
            for (index, slot) in self.slots.iter_mut().enumerate() {
                if slot.is_alive() && !slot.is_stopping {
                    slot.is_stopping = true;
                    actions.push(Action::Stop { index, deadline });
                }
            }
            return (actions, wake);
        }
        let current_init = self
            .slots
            .iter()
            .position(|slot| slot.is_init && !slot.is_done_well());
        for index in 0..self.slots.len() {
            let is_due = match current_init {
                Some(init) => index == init,
                None => !self.slots[index].is_init,
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

    fn start(&mut self, index: usize, now: Instant) -> Due {
        let restarts_well = !self.slots[index].is_init;
        let policy = self.policy;
        let slot = &mut self.slots[index];
        if let State::Ended(exit) = &slot.state {
            if !policy.restarts(exit) || (!restarts_well && exit.exit_code == 0) {
                return Due::Never;
            }
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

/// Which probes hold a container back after its start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HasProbes {
    pub(crate) startup: bool,
    pub(crate) readiness: bool,
}

impl HasProbes {
    pub(crate) fn of(probes: &Probes) -> Self {
        Self {
            startup: probes.startup.is_some(),
            readiness: probes.readiness.is_some(),
        }
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

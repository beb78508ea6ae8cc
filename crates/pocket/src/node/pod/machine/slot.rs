//! One container as the machine sees it.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::node::backoff::Backoff;
use crate::node::plan::Problem;
use crate::node::plan::probes::Probes;
use crate::node::shim::spec::Exit;

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

    pub(super) fn restarts(self, exit: &Exit) -> bool {
        match self {
            Self::Always => true,
            Self::OnFailure => exit.exit_code != 0,
            Self::Never => false,
        }
    }
}

/// What a container is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It must end well before the next one begins.
    Init,
    /// It begins before the next one, runs beside the main containers, and ends after them.
    Sidecar,
    /// It is what the Pod is there for.
    Main,
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
    /// What it is for.
    pub(crate) role: Role,
    /// Its own word on restarts, if it has one.
    pub(crate) policy: Option<RestartPolicy>,
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
    /// Whether it has ever been started, as its startup probe sees it.
    pub(super) has_begun: bool,
    pub(super) is_stopping: bool,
    pub(super) ended_at: Option<Instant>,
    pub(super) retry: Option<(Instant, Duration)>,
    pub(super) backoff: Backoff,
}

impl Slot {
    pub(crate) fn new(
        name: &str,
        role: Role,
        policy: Option<RestartPolicy>,
        waiting: &'static str,
    ) -> Self {
        Self {
            name: name.to_owned(),
            role,
            policy,
            state: State::Waiting(Problem {
                reason: waiting,
                message: String::new(),
            }),
            attempt: None,
            last_end: None,
            started: false,
            ready: false,
            has_begun: false,
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

    /// Whether it comes before the main containers.
    pub(crate) fn is_init(&self) -> bool {
        self.role != Role::Main
    }

    /// Whether its readiness is that of the Pod.
    pub(crate) fn counts_for_readiness(&self) -> bool {
        self.role != Role::Init
    }

    /// Whether the containers after it may begin.
    pub(crate) fn lets_others_begin(&self) -> bool {
        match self.role {
            Role::Init => self.is_done_well(),
            Role::Sidecar => self.has_begun,
            Role::Main => true,
        }
    }

    pub(crate) fn is_done_well(&self) -> bool {
        matches!(&self.state, State::Ended(exit) if exit.exit_code == 0)
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

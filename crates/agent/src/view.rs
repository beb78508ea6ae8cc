//! What this member is at the moment, for probes, people and its Pod.

use std::collections::BTreeMap;
use std::time::Duration;

use howdah_ha::machine::{self as ha, State};
use howdah_postgres::{PendingRestart, Standing, Status};
use serde_json::{Value, json};
use tokio::time::Instant;

/// The state of the machine in which it leads a standby cluster.
pub(crate) const REPLICATING: &str = "replicating";
/// For how long a status that is not renewed counts.
const FRESH: Duration = Duration::from_secs(15);
/// For how long the driver may be silent.
const DRIVER: Duration = Duration::from_secs(60);
/// For how long a running Postgres may leave the agent without an answer.
const WEDGED: Duration = Duration::from_secs(60);

/// What Postgres on this member does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Stopped,
    Initialising,
    Cloning,
    Rewinding,
    Starting,
    Running,
    Stopping,
    StartFailed,
    Crashed,
}

impl Phase {
    /// The word that Patroni has for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Initialising => "initializing new cluster",
            Self::Cloning => "creating replica",
            Self::Rewinding => "running pg_rewind",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::StartFailed => "start failed",
            Self::Crashed => "crashed",
        }
    }
}

/// What a member is for the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Primary,
    /// Leads a standby cluster: it streams from the source, and the others from it.
    StandbyLeader,
    Replica,
}

impl Role {
    /// The value of the Pod's label. Clients of a standby cluster are sent to its leader as to a primary, as with
    /// Patroni.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Primary | Self::StandbyLeader => "primary",
            Self::Replica => "replica",
        }
    }

    /// Patroni's word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::StandbyLeader => "standby_leader",
            Self::Replica => "replica",
        }
    }

    /// True if clients are sent to it, and the others stream from it.
    pub(crate) fn leads(self) -> bool {
        self != Self::Replica
    }
}

/// The state of this member's decision machine, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HaView {
    /// The word of the design for it.
    pub(crate) phase: &'static str,
    /// The epoch of the newest record that was seen, or that is promised; 0 before any.
    pub(crate) epoch: u64,
    /// True if nobody takes over by suspicion.
    pub(crate) paused: bool,
    /// The standbys that acknowledge, and how many of them must.
    pub(crate) acks: u16,
    pub(crate) standbys: Vec<u16>,
}

impl HaView {
    /// What is known before the machine ran.
    fn new() -> Self {
        Self {
            phase: "init",
            epoch: 0,
            paused: false,
            acks: 0,
            standbys: Vec::new(),
        }
    }

    /// The view of a machine.
    pub(crate) fn of(state: &State) -> Self {
        let record = state.observed.as_ref().map(|observed| &observed.record);
        Self {
            phase: match &state.phase {
                ha::Phase::Init => "init",
                ha::Phase::Follower => "follower",
                ha::Phase::Sealed { .. } => "sealed",
                ha::Phase::Candidate(_) => "candidate",
                ha::Phase::Promoting(_) => "promoting",
                ha::Phase::Primary(_) => "primary",
                ha::Phase::Replicating(_) => REPLICATING,
                ha::Phase::Fenced(_) => "fenced",
                ha::Phase::Rejoin(_) => "rejoin",
                ha::Phase::Quarantine => "quarantine",
            },
            epoch: state.durable.highest().map_or(0, howdah_ha::Epoch::number),
            paused: record.is_some_and(|record| record.paused),
            acks: record.map_or(0, |record| record.cohort.acks),
            standbys: record
                .map(|record| record.cohort.standbys.iter().map(|one| one.0).collect())
                .unwrap_or_default(),
        }
    }

    /// What the member is for the cluster; none as long as it is nothing.
    pub(crate) fn role(&self) -> Option<Role> {
        match self.phase {
            "init" => None,
            "primary" => Some(Role::Primary),
            REPLICATING => Some(Role::StandbyLeader),
            _ => Some(Role::Replica),
        }
    }
}

/// What a standby that does not stream knows of its primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contact {
    Unknown,
    Unreachable,
    Reachable,
}

/// This member at the moment.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) phase: Phase,
    pub(crate) role: Option<Role>,
    pub(crate) ha: HaView,
    /// True when clients are sent here as to the primary.
    pub(crate) routed: bool,
    /// The last answer of Postgres, and when it came.
    pub(crate) status: Option<(Status, Instant)>,
    pub(crate) pending: Vec<PendingRestart>,
    pub(crate) contact: Contact,
    /// Since when a running Postgres gives no answer.
    pub(crate) silent_since: Option<Instant>,
}

impl View {
    pub(crate) fn new() -> Self {
        Self {
            phase: Phase::Stopped,
            role: None,
            ha: HaView::new(),
            routed: false,
            status: None,
            pending: Vec::new(),
            contact: Contact::Unknown,
            silent_since: None,
        }
    }

    /// True if Postgres runs and answers.
    pub(crate) fn is_up(&self, now: Instant) -> bool {
        self.phase == Phase::Running
            && self
                .status
                .as_ref()
                .is_some_and(|(_, at)| now.duration_since(*at) < FRESH)
    }

    /// True if this is the primary, and clients are sent here.
    pub(crate) fn is_primary(&self, now: Instant) -> bool {
        self.is_up(now) && self.role == Some(Role::Primary) && self.routed
    }

    /// True if this leads a standby cluster, and clients are sent here.
    pub(crate) fn is_standby_leader(&self, now: Instant) -> bool {
        self.is_up(now) && self.role == Some(Role::StandbyLeader) && self.routed
    }

    /// True if this is a standby that answers.
    pub(crate) fn is_replica(&self, now: Instant) -> bool {
        self.is_up(now) && self.role == Some(Role::Replica)
    }

    /// True if clients may be sent here. A standby that lost its primary still serves what it has; one
    /// that does not stream from a primary within reach is behind without bound.
    pub(crate) fn is_ready(&self, now: Instant) -> bool {
        let streams = self
            .status
            .as_ref()
            .is_some_and(|(status, _)| status.is_streaming());
        let standby = self.is_replica(now) || self.is_standby_leader(now);
        self.is_primary(now) || standby && (streams || self.contact == Contact::Unreachable)
    }

    /// True if a restart of the container is no help: the driver lives, and Postgres, if it runs,
    /// answered not long ago.
    pub(crate) fn is_alive(&self, now: Instant, last_beat: Instant) -> bool {
        let wedged = self.phase == Phase::Running
            && self
                .silent_since
                .is_some_and(|since| now.duration_since(since) > WEDGED);
        now.duration_since(last_beat) < DRIVER && !wedged
    }

    /// The changes that wait for a restart, in Patroni's form.
    pub(crate) fn pending_reasons(&self) -> BTreeMap<String, Value> {
        let reason = |pending: &PendingRestart| {
            let value = json!({"old_value": pending.old, "new_value": pending.new});
            (pending.name.clone(), value)
        };
        self.pending.iter().map(reason).collect()
    }

    /// The member's entry for its Pod: Patroni's form, without anything that changes all the time.
    pub(crate) fn annotation(&self, address: &std::net::IpAddr) -> String {
        let host = host(address);
        let mut entry = json!({
            "conn_url": format!("postgres://{host}:5432/postgres"),
            "api_url": format!("http://{host}:8008/patroni"),
            "state": self.phase.word(),
            "ha": {"phase": self.ha.phase, "epoch": self.ha.epoch},
        });
        if let Some(role) = self.role {
            entry["role"] = role.word().into();
        }
        if let Some((status, _)) = &self.status {
            entry["server_version"] = status.server_version.into();
            if let Some(timeline) = status.timeline {
                entry["timeline"] = timeline.number().into();
            }
        }
        if !self.pending.is_empty() {
            entry["pending_restart"] = true.into();
            entry["pending_restart_reason"] = json!(self.pending_reasons());
        }
        entry.to_string()
    }

    /// The standing that Postgres itself reported last.
    pub(crate) fn standing(&self) -> Option<&Standing> {
        self.status.as_ref().map(|(status, _)| &status.standing)
    }
}

/// An address as the host of a URL.
pub(crate) fn host(address: &std::net::IpAddr) -> String {
    match address {
        std::net::IpAddr::V4(address) => address.to_string(),
        std::net::IpAddr::V6(address) => format!("[{address}]"),
    }
}

#[cfg(test)]
mod tests;

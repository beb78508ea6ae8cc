//! What a member is told at its start, and what of it may change later.

use std::collections::BTreeSet;
use std::time::Duration;

use super::ids::{Holder, Member};
use super::invariant::Rules;

/// How writes are acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// By so many standbys, always: without them writes wait.
    Strict {
        /// How many, at least one.
        acks: u16,
    },
    /// By so many standbys; if there are fewer, by those that there are, down to none.
    Sync {
        /// How many, at least one.
        acks: u16,
    },
    /// By none.
    Async,
}

impl Policy {
    /// The wanted number of acknowledgements.
    pub fn acks(self) -> u16 {
        match self {
            Self::Strict { acks } | Self::Sync { acks } => acks.max(1),
            Self::Async => 0,
        }
    }
}

/// The periods and limits. See [`Timing::FAST`] for their relations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How often the holder renews (`R`).
    pub renew: Duration,
    /// How long one renewal holds, from before it was sent (`T_h`).
    pub hold: Duration,
    /// How long a candidate sees an unchanged record before it counts as silent (`T_c`).
    pub wait_out: Duration,
    /// How often the holder greets its peers.
    pub heartbeat: Duration,
    /// How long a peer's grant binds it, on its own clock (`G`); also when it suspects.
    pub grant: Duration,
    /// How long the holder relies on a grant: `grant` less drift.
    pub rely: Duration,
    /// A standby without progress for so long leaves the cohort.
    pub drop_standby: Duration,
    /// How long one round of an election may take.
    pub round: Duration,
    /// The step between the starts of candidates of different rank.
    pub rank: Duration,
    /// How long an ordered stop may take.
    pub stop: Duration,
    /// How long a holder that released leaves the epoch to others.
    pub yielding: Duration,
}

impl Timing {
    /// For dedicated nodes: `hold / (1 - drift) + kill <= wait_out / (1 + drift)` with a drift of one
    /// in a thousand and half a second for the kill.
    pub const FAST: Self = Self {
        renew: Duration::from_millis(1000),
        hold: Duration::from_millis(5000),
        wait_out: Duration::from_millis(6000),
        heartbeat: Duration::from_millis(250),
        grant: Duration::from_millis(2000),
        rely: Duration::from_millis(1990),
        drop_standby: Duration::from_millis(3000),
        round: Duration::from_millis(2000),
        rank: Duration::from_millis(150),
        stop: Duration::from_millis(10_000),
        yielding: Duration::from_millis(5000),
    };

    /// For many clusters on one control plane: half the writes, twice the patience.
    pub const FLEET: Self = Self {
        renew: Duration::from_millis(2000),
        hold: Duration::from_millis(8500),
        wait_out: Duration::from_millis(10_000),
        heartbeat: Duration::from_millis(500),
        grant: Duration::from_millis(4000),
        rely: Duration::from_millis(3980),
        drop_standby: Duration::from_millis(5000),
        round: Duration::from_millis(3000),
        rank: Duration::from_millis(300),
        stop: Duration::from_millis(10_000),
        yielding: Duration::from_millis(8000),
    };

    /// How much longer a candidate waits than a renewal holds: for drift and for the kill.
    pub fn margin(&self) -> Duration {
        self.wait_out.saturating_sub(self.hold)
    }
}

/// What may change while a member runs: scaling, roles, an edited mode. See [`super::Event::Configured`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The other members.
    pub peers: BTreeSet<Member>,
    /// Who may take over and whose consent counts, this member included if it is one. A member that is no
    /// voter follows whom it hears, and that is all it does.
    pub voters: BTreeSet<Member>,
    /// The voters whose acknowledgements count.
    pub synchronous: BTreeSet<Member>,
    /// How writes are acknowledged.
    pub policy: Policy,
    /// Periods and limits.
    pub timing: Timing,
    /// Where writes are not acknowledged by standbys: by how many bytes who takes over may lag behind the last
    /// known place of the holder; none: by any number.
    pub maximum_lag: Option<u64>,
    /// True: the cluster streams from a source outside of it, and none of its members is writable. None: it is not
    /// known, and all stays as it is.
    pub replicates: Option<bool>,
}

/// What a member is told at its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// This boot.
    pub me: Holder,
    /// What may change while it runs.
    pub settings: Settings,
    /// True if this member may create a cluster's very first record. The operator grants it only as long
    /// as the cluster was never bootstrapped.
    pub may_bootstrap: bool,
    /// Spreads the starts of candidates; any number that differs between boots.
    pub jitter: u64,
    /// The rules that are kept.
    pub rules: Rules,
}

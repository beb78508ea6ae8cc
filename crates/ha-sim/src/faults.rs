//! What goes wrong, when, and for how long. A plan is drawn from the seed before the run.

use howdah_ha::machine::Policy;

use crate::rng::Rng;

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// SIGKILL of the postmaster.
    KillPostgres(usize),
    /// SIGKILL of the agent, and with it of all of its container.
    KillAgent(usize),
    /// Power loss.
    PowerLoss(usize),
    /// SIGSTOP of the agent alone.
    PauseAgent(usize),
    /// SIGSTOP of Postgres alone.
    FreezePostgres(usize),
    /// The whole node stands still while its clock goes on.
    FreezeNode(usize),
    /// The whole node stands still, and its clock with it.
    PauseVm(usize),
    /// No way from one node to another. The last number stands for the API server.
    Cut(usize, usize),
    /// No way in either direction between a node and any other; true: the API server neither.
    Isolate(usize, bool),
    /// The API server is away.
    ApiDown,
    /// Calls take seconds.
    ApiSlow,
    /// Calls are applied and their answers lost.
    ApiLosesReplies,
    /// Somebody deletes the record.
    DeleteRecord,
    /// The store is restored to an older state.
    Restore,
    /// Writes to the disk hang.
    DiskHang(usize),
    /// Writes to the disk fail.
    DiskError(usize),
    /// A standby receives little at a time.
    SlowStandby(usize),
    /// The disk is full: nothing is written, nothing starts.
    DiskFull(usize),
    /// The volume is replaced by an empty one.
    WipeVolume(usize),
    /// People ask for a switchover.
    Switchover(usize),
    /// People ask for a failover to that member.
    Failover(usize),
    /// People pause automatic takeovers.
    Pause,
    /// People fence a member.
    Fence(usize),
    /// People want a member cloned again.
    Reinitialise(usize),
    /// People choose another mode.
    Mode(Policy),
    /// People choose the slower profile; at the end, the fast one.
    Fleet,
    /// A member may not take over.
    Observe(usize),
    /// A member's acknowledgements do not count.
    Unsync(usize),
    /// A member is scaled in, and out again at the end.
    Scale(usize),
    /// People change their mind on whether the cluster is a standby of its source, until the end.
    Replicate,
    /// The source of a standby cluster does not answer.
    SourceAway,
    /// It fails over, to a new timeline.
    SourceFailover,
}

/// A fault with its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub kind: Kind,
    /// When it begins, in microseconds.
    pub from: u64,
    /// When it ends.
    pub until: u64,
}

/// Draws a mode that so many members can keep.
pub(crate) fn draw_policy(rng: &mut Rng, nodes: usize) -> Policy {
    match rng.between(0, 9) {
        0..=4 => Policy::Strict { acks: 1 },
        5 if nodes > 3 => Policy::Strict { acks: 2 },
        6 if nodes > 2 => Policy::Sync { acks: 2 },
        5..=7 => Policy::Sync { acks: 1 },
        _ => Policy::Async,
    }
}

const SECOND: u64 = 1_000_000;

/// Draws the faults of a run; most of them near each other, which is what breaks things.
pub(crate) fn plan(rng: &mut Rng, nodes: usize, start: u64, end: u64) -> Vec<Fault> {
    let number = rng.between(1, 7);
    let mut faults: Vec<Fault> = Vec::new();
    for _ in 0..number {
        let near = faults.last().map(|fault| fault.from);
        let from = match near {
            Some(near) if rng.percent(60) => near + rng.between(0, 4 * SECOND),
            _ => rng.between(start, end),
        };
        let long = match rng.between(0, 3) {
            0 => rng.between(20_000, 800_000),
            1 => rng.between(SECOND, 4 * SECOND),
            2 => rng.between(3 * SECOND, 10 * SECOND),
            _ => rng.between(5 * SECOND, 25 * SECOND),
        };
        let kind = kind(rng, nodes);
        faults.push(Fault {
            kind,
            from: from.min(end),
            until: (from + long).min(end + 5 * SECOND),
        });
    }
    faults
}

fn kind(rng: &mut Rng, nodes: usize) -> Kind {
    let node = rng.index(nodes);
    let other = rng.index(nodes + 1);
    match rng.between(0, 37) {
        0 | 1 => Kind::KillPostgres(node),
        2 => Kind::KillAgent(node),
        3 | 4 => Kind::PowerLoss(node),
        5 => Kind::PauseAgent(node),
        6 => Kind::FreezePostgres(node),
        7 => Kind::FreezeNode(node),
        8 => Kind::PauseVm(node),
        9 | 10 => Kind::Cut(node, other),
        11 | 12 => Kind::Isolate(node, true),
        13 | 14 => Kind::Isolate(node, false),
        15 => Kind::ApiDown,
        16 => Kind::ApiSlow,
        17 => Kind::ApiLosesReplies,
        18 => Kind::DeleteRecord,
        19 => Kind::DiskHang(node),
        20 => Kind::DiskError(node),
        21 => Kind::Restore,
        22 | 23 => Kind::SlowStandby(node),
        24 | 25 => Kind::Switchover(node),
        26 => Kind::Failover(node),
        27 => Kind::Pause,
        28 => Kind::Fence(node),
        29 => Kind::Reinitialise(node),
        30 | 31 => Kind::Mode(draw_policy(rng, nodes)),
        32 => Kind::Observe(node),
        33 => Kind::Unsync(node),
        34 => Kind::Scale(node),
        35 => Kind::DiskFull(node),
        36 => Kind::Fleet,
        _ => Kind::WipeVolume(node),
    }
}

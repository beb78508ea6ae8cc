//! The mutation check: with any one rule switched off, seeds are found that break a promise.
//!
//! A suite that does not notice is no evidence.

use howdah_ha::machine::{Policy, Rule};

use crate::faults::{Fault, Kind};
use crate::ledger::Violation;
use crate::rng::Rng;
use crate::world::{Setup, run_with};

/// Plays seeds without a rule until a promise is broken; gives the seed and the first broken promise.
pub fn hunt(rule: Rule, seeds: std::ops::Range<u64>) -> Option<(u64, Violation)> {
    seeds
        .map(|seed| (seed, run_with(&setup(rule, seed))))
        .find_map(|(seed, outcome)| Some((seed, outcome.violations.into_iter().next()?)))
}

/// The run in which a rule matters: some only do in one mode, or after faults in a certain order. The seed
/// shifts those in time.
pub fn setup(rule: Rule, seed: u64) -> Setup {
    let policy = match rule {
        Rule::WaitOut
        | Rule::CountFromSend
        | Rule::KillAtDeadline
        | Rule::GrantsHold
        | Rule::LagWithinLimit => Some(Policy::Async),
        Rule::DegradeInRecordFirst => Some(Policy::Sync { acks: 1 }),
        Rule::NewEpoch
        | Rule::RefuseOldRecord
        | Rule::MissingIsNotFree
        | Rule::HolderIsBoot
        | Rule::StartAsStandby
        | Rule::RenewBeforeRestart
        | Rule::RouteOfNewest
        | Rule::OwnTimeline => None,
        _ => Some(Policy::Strict { acks: 1 }),
    };
    let faults = scenario(rule, &mut Rng::new(seed));
    Setup {
        seed,
        without: Some(rule),
        policy,
        nodes: faults.is_some().then_some(match rule {
            Rule::KeepLastCopy => 2,
            _ => 3,
        }),
        faults,
        source: match rule {
            Rule::ReplicatesReadOnly => Some(true),
            Rule::SameSystem => Some(false),
            _ => None,
        },
        maximum_lag: (rule == Rule::LagWithinLimit).then_some(3),
        ..Setup::default()
    }
}

/// The faults that make a rule matter. m0 creates the cluster, so it is the first primary.
fn scenario(rule: Rule, rng: &mut Rng) -> Option<Vec<Fault>> {
    let api = 3;
    // Kind, and its time in milliseconds after the first.
    let faults = match rule {
        // The answer to a renewal waits while the agent stands still; then the node is cut off.
        Rule::CountFromSend => vec![
            (Kind::PauseAgent(0), 0, 3000),
            (Kind::Isolate(0, true), 2800, 15_000),
        ],
        // The primary serves on the grant of m1 alone; m2 hears it not and sees no renewal.
        Rule::GrantsHold => vec![
            (Kind::Cut(0, api), 0, 15_000),
            (Kind::Cut(api, 0), 0, 15_000),
            (Kind::Cut(0, 2), 0, 15_000),
            (Kind::Cut(2, 0), 0, 15_000),
        ],
        // m2 lags; m1 dies and leaves the cohort; the primary dies before m2 has what only m1 had.
        Rule::Floor => vec![
            (Kind::SlowStandby(2), 0, 20_000),
            (Kind::PowerLoss(1), 3000, 20_000),
            (Kind::PowerLoss(0), 3000 + rng.between(3100, 8000), 20_000),
        ],
        // m2 lags; m1 is back just as it is removed; then it dies, and the primary.
        Rule::RemoveFromPostgresFirst => vec![
            (Kind::Isolate(1, false), 0, 2950 + rng.between(0, 150)),
            (Kind::SlowStandby(2), 2800, 20_000),
            (Kind::ApiSlow, 2950, 6000),
            (Kind::PowerLoss(1), 3200 + rng.between(0, 600), 20_000),
            (Kind::PowerLoss(0), 3400 + rng.between(0, 1200), 20_000),
        ],
        // m2 comes back while m1 lags and the API is away; then m2 and the primary are lost.
        Rule::AddToRecordFirst => vec![
            (Kind::PowerLoss(2), 0, 6000),
            (Kind::SlowStandby(1), 5500, 25_000),
            (Kind::ApiDown, 5800, 8500),
            (Kind::Isolate(2, true), 8600, 25_000),
            (Kind::PowerLoss(0), 8700, 25_000),
        ],
        // The old primary has a long tail that nobody acknowledged; the new one dies when it is back.
        Rule::CompareEpochFirst => vec![
            (Kind::Isolate(0, true), 0, 7000),
            (Kind::PowerLoss(1), 5800 + rng.between(0, 1000), 25_000),
            (Kind::SlowStandby(2), 0, 1),
        ],
        // The primary dies, and somebody deletes the record.
        Rule::MissingIsNotFree => vec![
            (Kind::SlowStandby(1), 0, 20_000),
            (Kind::Isolate(0, true), 3000, 18_000),
            (Kind::DeleteRecord, 3000 + rng.between(0, 1000), 5000),
        ],
        // The old primary diverged, its rewinds fail, and the new one waits for it alone.
        Rule::KeepLastCopy => vec![
            (Kind::PauseAgent(0), 0, 3_700),
            (Kind::Cut(1, 0), 2500 + rng.between(0, 500), 12_000),
        ],
        // A primary without its standbys crashes and recovers what they never had.
        Rule::TailBeforeClients => vec![
            (Kind::Isolate(0, false), 0, 12_000),
            (Kind::KillPostgres(0), 200 + rng.between(0, 800), 1500),
        ],
        // The leader dies while the cluster replicates.
        Rule::ReplicatesReadOnly => vec![(Kind::PowerLoss(0), rng.between(0, 2000), 20_000)],
        // People want the cluster to be a standby of another system.
        Rule::SameSystem => vec![(Kind::Replicate, rng.between(0, 2000), 25_000)],
        // Both lag by little in time, and by more than the limit.
        Rule::LagWithinLimit => vec![
            (Kind::SlowStandby(1), 0, 20_000),
            (Kind::SlowStandby(2), 0, 20_000),
            (Kind::PowerLoss(0), 1000 + rng.between(0, 1500), 20_000),
        ],
        _ => return None,
    };
    let start = 12_000_000 + rng.between(0, 1_000_000);
    let timed = faults.into_iter().map(|(kind, from, until)| Fault {
        kind,
        from: start + from * 1000,
        until: start + until * 1000,
    });
    Some(timed.collect())
}

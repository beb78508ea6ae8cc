//! The mutation check: with any one rule switched off, seeds are found that break a promise.
//!
//! A suite that does not notice is no evidence.

use howdah_ha::machine::{Policy, Rule};

use crate::ledger::Violation;
use crate::world::{Setup, run_with};

/// Plays seeds without a rule until a promise is broken; gives the seed and the first broken promise.
pub fn hunt(rule: Rule, seeds: std::ops::Range<u64>) -> Option<(u64, Violation)> {
    seeds
        .map(|seed| (seed, run_with(&setup(rule, seed))))
        .find_map(|(seed, outcome)| Some((seed, outcome.violations.into_iter().next()?)))
}

/// The run in which a rule matters: some only do in one mode.
pub fn setup(rule: Rule, seed: u64) -> Setup {
    let policy = match rule {
        Rule::WaitOut | Rule::CountFromSend | Rule::KillAtDeadline | Rule::GrantsHold => {
            Some(Policy::Async)
        }
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
    Setup {
        seed,
        without: Some(rule),
        policy,
        ..Setup::default()
    }
}

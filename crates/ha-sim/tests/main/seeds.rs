//! Seeds that must pass.

use howdah_ha::machine::Policy;
use howdah_ha_sim::{Fault, Kind, Outcome, Setup, run, run_with};

fn pass(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let outcome = run(seed);
        assert!(
            outcome.violations.is_empty(),
            "{:?}\nreplay it with: cargo xtask sim --seed {seed} --trace",
            outcome.violations
        );
    }
}

#[test]
fn the_first_seeds_pass() {
    pass(0..1000);
}

#[test]
fn more_seeds_pass() {
    pass(1000..2000);
}

#[test]
fn a_seed_plays_the_same_run_each_time() {
    let traced = |seed| {
        let setup = Setup {
            seed,
            trace: true,
            ..Setup::default()
        };
        run_with(&setup).trace
    };
    for seed in 0..20 {
        assert_eq!(traced(seed), traced(seed));
    }
}

#[test]
fn runs_do_something() {
    let outcomes: Vec<_> = (0..200).map(run).collect();
    let acknowledged: usize = outcomes.iter().map(|outcome| outcome.acknowledged).sum();
    let epochs: usize = outcomes.iter().map(|outcome| outcome.epochs).sum();
    assert!(acknowledged > 40_000, "{acknowledged} writes");
    assert!(epochs > 200, "{epochs} epochs");
}

/// One run with these faults; times are in milliseconds.
fn outcome(seed: u64, policy: Policy, nodes: usize, faults: &[(Kind, u64, u64)]) -> Outcome {
    let timed = faults.iter().map(|(kind, from, until)| Fault {
        kind: *kind,
        from: from * 1000,
        until: until * 1000,
    });
    let outcome = run_with(&Setup {
        seed,
        policy: Some(policy),
        nodes: Some(nodes),
        faults: Some(timed.collect()),
        ..Setup::default()
    });
    assert!(
        outcome.violations.is_empty(),
        "seed {seed}: {:?}",
        outcome.violations
    );
    outcome
}

/// Faults that once broke a promise, with many seeds for the rest.
fn pass_named(policy: Policy, nodes: usize, faults: &[(Kind, u64, u64)]) {
    for seed in 0..60 {
        outcome(seed, policy, nodes, faults);
    }
}

const STRICT: Policy = Policy::Strict { acks: 1 };

#[test]
fn a_holder_gets_back_the_member_it_waits_for_though_its_rewinds_failed() {
    let faults = [
        (Kind::PauseAgent(0), 37_290, 40_989),
        (Kind::Cut(1, 0), 39_759, 50_000),
    ];
    pass_named(STRICT, 2, &faults);
}

#[test]
fn a_record_that_was_restored_at_an_older_version_is_written_again() {
    let faults = [
        (Kind::Restore, 23_240, 36_695),
        (Kind::KillPostgres(0), 24_000, 25_000),
        (Kind::PauseVm(0), 27_828, 50_000),
    ];
    pass_named(STRICT, 3, &faults);
}

#[test]
fn a_record_that_was_deleted_and_restored_is_believed_again() {
    let faults = [
        (Kind::DeleteRecord, 11_982, 12_000),
        (Kind::Isolate(0, true), 12_372, 20_219),
        (Kind::Restore, 29_476, 32_956),
    ];
    pass_named(STRICT, 3, &faults);
}

#[test]
fn idle_standbys_hear_of_a_promotion_without_writes() {
    let faults = [(Kind::KillAgent(0), 20_572, 21_304)];
    pass_named(Policy::Strict { acks: 2 }, 5, &faults);
}

#[test]
fn what_a_machine_that_stood_still_with_its_clock_served_is_bounded_by_its_own_time() {
    let faults = [
        (Kind::PauseVm(0), 15_000, 30_000),
        (Kind::PowerLoss(1), 26_000, 45_000),
        (Kind::PowerLoss(2), 26_500, 44_000),
        (Kind::ApiSlow, 29_000, 36_000),
    ];
    pass_named(Policy::Async, 3, &faults);
}

#[test]
fn a_store_that_forgot_a_takeover_loses_nothing() {
    let faults = [
        (Kind::Isolate(0, false), 20_000, 30_000),
        (Kind::Restore, 24_500, 25_000),
        (Kind::PowerLoss(1), 27_000, 32_000),
    ];
    pass_named(STRICT, 3, &faults);
}

#[test]
fn modes_change_while_standbys_fail() {
    let faults = [
        (Kind::Mode(Policy::Async), 13_000, 14_000),
        (Kind::SlowStandby(2), 13_000, 30_000),
        (Kind::Mode(Policy::Sync { acks: 2 }), 17_000, 18_000),
        (Kind::PowerLoss(1), 19_000, 28_000),
        (Kind::Mode(STRICT), 22_000, 23_000),
        (Kind::PowerLoss(0), 25_000, 35_000),
    ];
    pass_named(STRICT, 3, &faults);
}

#[test]
fn people_fence_pause_and_force_in_the_middle_of_faults() {
    let faults = [
        (Kind::Pause, 13_000, 40_000),
        (Kind::Isolate(0, false), 15_000, 30_000),
        (Kind::Fence(1), 17_000, 26_000),
        (Kind::Failover(2), 22_000, 23_000),
        (Kind::Reinitialise(1), 27_000, 28_000),
    ];
    pass_named(STRICT, 3, &faults);
}

#[test]
fn a_volume_is_lost_while_its_member_may_have_acknowledged() {
    let faults = [
        (Kind::SlowStandby(2), 13_000, 30_000),
        (Kind::WipeVolume(1), 16_000, 17_000),
        (Kind::PowerLoss(0), 16_500, 28_000),
    ];
    pass_named(STRICT, 3, &faults);
}

#[test]
fn a_promotion_that_failed_on_a_full_disk_is_tried_again() {
    let faults = [
        (Kind::Switchover(1), 23_321, 26_644),
        (Kind::Isolate(2, true), 25_005, 28_002),
        (Kind::DiskFull(1), 23_900, 27_697),
    ];
    pass_named(STRICT, 3, &faults);
}

#[test]
fn named_seeds_that_once_failed_pass() {
    for seed in [
        1106, 8773, 12_979, 13_304, 24_178, 289_867, 302_384, 317_034, 19_557, 39_173, 103_853,
        115_557, 134_901, 140_492, 619_765, 657_069, 321_539, 634_078, 813_534, 955_214, 999_621,
    ] {
        pass(seed..seed + 1);
    }
}

#[test]
fn a_crash_that_is_not_restarted_leaves_somebody_who_may_take_over() {
    let faults = [
        (Kind::DiskFull(0), 19_900, 45_000),
        (Kind::KillPostgres(0), 20_000, 20_050),
    ];
    for policy in [Policy::Async, Policy::Sync { acks: 1 }] {
        for seed in 0..20 {
            let epochs = outcome(seed, policy, 3, &faults).epochs;
            assert_eq!(epochs, 2, "{policy:?}, seed {seed}");
        }
    }
}

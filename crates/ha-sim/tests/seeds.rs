//! Seeds that must pass.

use howdah_ha_sim::{Setup, run, run_with};

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
    assert!(epochs > 300, "{epochs} epochs");
}

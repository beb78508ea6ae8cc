//! The entry points of the fuzz targets, over their seeds and over random bytes.

use std::fs;
use std::path::PathBuf;

use howdah_pgwire::fuzzing;
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};

/// Bytes that are the same in every run.
fn fill(random: &mut impl Rng, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    random.fill_bytes(&mut bytes);
    bytes
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| fs::read(entry.unwrap().path()).unwrap())
        .collect()
}

#[test]
fn every_target_has_seeds_and_breaks_no_promise_over_them() {
    for (name, target) in fuzzing::TARGETS {
        let seeds = seeds(name);
        assert!(!seeds.is_empty(), "{name}");
        for seed in &seeds {
            target(seed);
        }
    }
}

#[test]
fn seeds_with_random_damage_break_no_promise() {
    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    for (name, target) in fuzzing::TARGETS {
        for mut seed in seeds(name) {
            seed.truncate(600);
            for _ in 0..40 {
                let mut damaged = seed.clone();
                for change in fill(&mut random, 12).chunks(4) {
                    let place = usize::from(change[0]) * 256 + usize::from(change[1]);
                    let length = damaged.len().max(1);
                    match (damaged.get_mut(place % length), change[2] % 3) {
                        (Some(byte), 0) => *byte = change[3],
                        (Some(byte), 1) => *byte ^= 1 << (change[3] % 8),
                        (Some(_), _) => damaged.truncate(place % length),
                        (None, _) => (),
                    }
                }
                target(&damaged);
            }
        }
    }
}

#[test]
fn random_bytes_break_no_promise() {
    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    for (_, target) in fuzzing::TARGETS {
        for length in 0..400 {
            target(&fill(&mut random, length));
        }
    }
}

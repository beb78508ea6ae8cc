//! The entry points of the fuzz targets, over their seeds, over damaged seeds and over hostile inputs.

mod hostile;

use std::fs;
use std::path::PathBuf;

use howdah_pocket::fuzzing::{self, Target};
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};

/// What a JSON text, a selector or a rule is made of.
const PIECES: [&[u8]; 28] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"null",
    b"true",
    b"0",
    b"-1",
    b"1e300",
    b"\"\"",
    b"\"a\"",
    b",",
    b":",
    b"\\",
    b"\n",
    b"(",
    b")",
    b"'",
    b" in ",
    b"!",
    b".",
    b"$patch",
    b"\"x-kubernetes-",
    b"?",
    b"self",
    b"\xff",
    b"9223372036854775808",
    b"\"type\":",
];

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let folder = folder.join("fuzz/corpus").join(target);
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// A number below `end`, the same in every run.
fn below(random: &mut impl Rng, end: usize) -> usize {
    usize::try_from(random.next_u32()).unwrap() % end.max(1)
}

/// Changes an input a little.
fn damaged(random: &mut impl Rng, seed: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=below(random, 4) {
        let at = below(random, bytes.len() + 1);
        let end = (at + below(random, 12)).min(bytes.len());
        match below(random, 6) {
            0 => drop(bytes.splice(at..end, [])),
            1 => {
                let copy = bytes[at..end].to_vec();
                let to = below(random, bytes.len() + 1);
                drop(bytes.splice(to..to, copy));
            }
            2 => {
                let piece = PIECES[below(random, PIECES.len())];
                drop(bytes.splice(at..end, piece.iter().copied()));
            }
            3 => {
                let piece = PIECES[below(random, PIECES.len())];
                drop(bytes.splice(at..at, piece.iter().copied()));
            }
            4 => {
                let from = below(random, other.len() + 1);
                let to = (from + below(random, 40)).min(other.len());
                drop(bytes.splice(at..at, other[from..to].iter().copied()));
            }
            _ => bytes[at..end]
                .iter_mut()
                .for_each(|byte| *byte ^= 1 << (at % 8)),
        }
    }
    bytes
}

fn each(mut run: impl FnMut(Target, &[Vec<u8>], &mut TestRng)) {
    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    for (name, target) in fuzzing::TARGETS {
        let seeds = seeds(name);
        assert!(!seeds.is_empty(), "{name}");
        run(target, &seeds, &mut random);
    }
}

#[test]
fn every_target_has_seeds_and_breaks_no_promise_over_them() {
    each(|target, seeds, _| seeds.iter().for_each(|seed| target(seed)));
}

#[test]
fn lines_of_different_seeds_go_together() {
    each(|target, seeds, _| {
        let lines = seeds
            .iter()
            .flat_map(|seed| seed.split(|byte| *byte == b'\n'));
        let lines: Vec<&[u8]> = lines.filter(|line| line.len() < 400).collect();
        for first in &lines {
            for second in &lines {
                target(&[*first, b"\n", *second, b"\n", *first].concat());
            }
        }
    });
}

#[test]
fn damaged_seeds_break_no_promise() {
    each(|target, seeds, random| {
        for seed in seeds {
            for _ in 0..80 {
                let other = &seeds[below(random, seeds.len())];
                target(&damaged(random, seed, other));
            }
        }
    });
}

//! Makes a failing run smaller by leaving faults out.

use std::collections::BTreeSet;

use crate::faults::Fault;
use crate::world::{Setup, run_with};

/// The faults that a failing seed cannot do without.
pub fn shrink(seed: u64) -> Vec<Fault> {
    let faults = run_with(&Setup {
        seed,
        ..Setup::default()
    })
    .faults;
    let mut keep: BTreeSet<usize> = (0..faults.len()).collect();
    for number in 0..faults.len() {
        let mut fewer = keep.clone();
        fewer.remove(&number);
        let outcome = run_with(&Setup {
            seed,
            keep: Some(fewer.clone()),
            ..Setup::default()
        });
        if !outcome.violations.is_empty() {
            keep = fewer;
        }
    }
    keep.into_iter().map(|number| faults[number]).collect()
}

//! Deterministic simulation of the machine in `howdah_ha::machine`, with faults and oracles.
//!
//! One seed is one run: the seed draws the members, the mode, the clocks, the faults and every delay. The
//! machine is the very code that an agent runs; everything around it is a model:
//!
//! | module | models |
//! |---|---|
//! | `rng` | chance |
//! | `kube` | the API server: compare-and-set, late watches, lost answers, deletion, restore |
//! | `postgres`, `streaming` | logs over timelines, WAL senders and receivers, synchronous commit |
//! | `node`, `jobs` | processes, volumes, clocks, the guard, and the driver that executes actions |
//! | `faults` | what goes wrong and when |
//! | `ledger`, `oracles` | what clients were told, and the promises that must hold |
//! | `world` | time, and everything that happens in it |
//!
//! [`run`] plays one seed. [`mutation`] proves that the promises are really watched: with any single rule of
//! the machine switched off, seeds are found that break one.

#![forbid(unsafe_code)]

mod faults;
mod jobs;
mod kube;
mod ledger;
pub mod mutation;
mod node;
mod oracles;
mod postgres;
mod rng;
mod shrinking;
mod streaming;
mod world;

pub use faults::{Fault, Kind};
pub use ledger::{Oracle, Violation};
pub use shrinking::shrink;
pub use world::{Outcome, Setup, run, run_with};

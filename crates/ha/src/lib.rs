//! The high-availability decision machine: what one member of a cluster does next.
//!
//! [`machine::step`] is a pure function from a state, an event and the time to the next state and the
//! actions to execute. The agent observes, feeds events, executes actions and reports how they ended;
//! `howdah-ha-sim` does the same in a simulated world, with faults.
//!
//! No clock, no randomness, no I/O: time is an argument.

#![forbid(unsafe_code)]

mod epoch;
pub mod machine;
mod time;

pub use epoch::Epoch;
pub use time::Instant;

//! Faults for real: writers that remember every answer, what is done to a running cluster, and what was lost by it.
//!
//! A [`trial`] is one fault: writers write, the fault happens, writes come back or go on, the fault is healed, and
//! the rows of every member are compared with what the writers were told. The numbers of [`Fault`] are those of the
//! table of failures that the design of high availability was made from. Rows that need what a machine may lack say
//! so in one sentence; nothing is skipped in silence.

mod clock;
mod compare;
mod damage;
mod disk;
mod fault;
mod ledger;
mod lookout;
mod network;
mod ours;
mod pod;
mod record;
mod session;
mod side;
mod trial;
mod undo;
mod writers;

pub use compare::Verdict;
pub use fault::{Fault, Needs, Outcome as Expected};
pub use ledger::{Answered, Entry, Ledger};
pub use ours::{Mode, Ours};
pub use side::{Host, Scene, Side, kill_all, pause_all};
pub use trial::{Plan, Report, Route, trial};
pub use undo::{Injected, Undo};

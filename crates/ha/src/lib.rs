//! The high-availability decision machine: what one member of a cluster does next.
//!
//! [`step`] is a pure function from a [`State`], an [`Event`] and the time to the next state and the
//! [`Action`]s to execute. The agent observes, feeds events, executes actions and reports how they
//! ended. The machine is level-triggered: a state keeps the newest view of the control record, the
//! data directory and the postmaster, and every event makes the machine compare them anew, so a lost
//! or repeated event changes nothing for long.
//!
//! Today's policy is the smallest honest one: the member that creates the control record
//! bootstraps the cluster and stays its primary; the others follow it. There is no failover.
//! What already holds, with the numbers of the design:
//!
//! - **I1** epochs are unique and only grow: each claim is a compare-and-set of `epoch + 1`, and a
//!   record older than one already seen is refused. A missing record is unknown, never free.
//! - **I2** no record, no primary: Postgres is started writable only while the record names this
//!   very boot of this member as its holder, and is stopped when it names another.
//! - **I13** last copy: an initialised volume is never initialised again; a copy is replaced only by
//!   a clone of the recorded primary.
//!
//! [`machine`] is the whole decision machine, with seals, cohorts, grants, fencing and rejoin. It is what
//! `howdah-ha-sim` plays. No agent runs it yet: its driver has to learn the actions first.
//!
//! No clock, no randomness, no I/O: time is an argument.

#![forbid(unsafe_code)]

mod action;
mod decide;
mod event;
pub mod machine;
mod record;
mod state;
mod time;

pub use action::{Action, Standstill};
pub use decide::step;
pub use event::{DataView, Event, Outcome, PostgresView, RecordView, Role};
pub use record::{Epoch, Holder, Record, RecordVersion};
pub use state::{Member, State, Step};
pub use time::Instant;

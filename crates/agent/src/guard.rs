//! The guard: a small process beside the agent that kills Postgres when its authority ends.
//!
//! INVARIANT I3: the holder of an epoch serves only within its authority window. The agent may be
//! stopped at any instruction, so it cannot be trusted to end Postgres in time by itself. The guard is
//! told the end of the window before it begins, needs neither memory nor threads nor the agent when
//! the time has come, and kills at once when the agent dies.
//!
//! | module | owns |
//! |---|---|
//! | `watchman` | the process: waits for commands and for the deadline |
//! | `protocol` | the lines between the two |
//! | `handle` | the agent's end: starts the process, notices its death, starts it again |
//!
//! A guard cannot fence a machine whose clocks stand still; see the residual risks of the design.

mod handle;
mod protocol;
mod watchman;

pub use handle::{Guard, Unguarded};
/// The time of deadlines, on the clock that counts from the boot of the machine.
pub use howdah_ha::Instant;
pub use protocol::Fired;
pub use watchman::main;

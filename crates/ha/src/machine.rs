//! The whole decision machine of one member: control record, seal quorum, cohort with floor, grants,
//! authority window, fencing and rejoin.
//!
//! [`step`] is a pure function from a [`State`], an [`Event`] and the time to the next state and the
//! [`Action`]s to execute. It is level-triggered: every event makes the machine compare its newest
//! views anew, so a lost, late or repeated event changes nothing for long. The driver
//! - makes [`State::durable`] durable before it executes the actions of a step that changed it
//!   ([`Step::persist`]),
//! - executes at most one [`Job`] on Postgres at a time; a kill replaces the one in flight,
//! - has at most one call to the API in flight,
//! - starts a separate guard that kills Postgres when the time of [`Action::Guard`] has come.
//!
//! | module | owns |
//! |---|---|
//! | `ids`, `position` | members, boots, positions in the write-ahead log and their histories |
//! | `control` | the control record, cohorts, and which seals are enough (I6) |
//! | `event`, `action`, `message` | what comes in and what goes out |
//! | `state`, `config`, `invariant` | what a member knows; settings; the invariants by name |
//! | `step` | taking in events and running the phases |
//! | `lease`, `grants` | renewals and the authority window (I3), consent of peers |
//! | `seal` | answering canvasses and seals (I5) |
//! | `cohort` | changing the synchronous standbys (I7) |
//! | `phase` | one file per agent state |

mod action;
mod cohort;
mod config;
mod control;
mod event;
mod grants;
mod ids;
mod invariant;
mod lease;
mod message;
mod phase;
mod position;
mod seal;
mod state;
mod step;

pub use action::{Action, Asked, Job, Names, Refusal};
pub use config::{Config, Policy, Settings, Timing};
pub use control::{Cohort, Intent, Record};
pub use event::{ApiEnd, Data, Event, JobEnd, PgView, Read, Server, Version};
pub use ids::{Boot, Holder, Member};
pub use invariant::{Rule, Rules};
pub use message::{Message, Report};
pub use phase::{Candidate, Change, Fenced, Phase, Primary, Promoting, Rejoin, Restart, Stage};
pub use position::{Point, Position};
pub use state::{Call, Durable, Given, Leader, Mark, Observed, State, Step};
pub use step::step;

#[cfg(test)]
mod tests;

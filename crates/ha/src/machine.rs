//! The whole decision machine of one member: control record, seal quorum, cohort with floor, grants,
//! authority window, fencing and rejoin.
//!
//! [`step`] is a pure function from a [`State`], an [`Event`] and the time to the next state and the
//! [`Action`]s to execute. It is level-triggered: every event makes the machine compare its newest
//! views anew, so a lost, late or repeated event changes nothing for long. The driver
//! - makes [`State::durable`] durable before it executes the actions of a step that changed it
//!   ([`Step::persist`]),
//! - executes at most one [`Job`] on Postgres at a time; a kill replaces the one in flight, whose end is then
//!   never told,
//! - when a job ended, hands in [`Event::Job`], and then at once a view of Postgres that was taken after that:
//!   until such a view comes nothing is done with Postgres. Views may be late otherwise, and each says when
//!   its taking began ([`PgView::taken`]); a Postgres that does not answer has no position and no standbys,
//! - has at most one call to the API in flight,
//! - starts a separate guard that kills Postgres when the time of [`Action::Guard`] has come, and does so also
//!   when the agent stands still; it stays set until Postgres was seen stopped,
//! - keeps clients out after every start, promotion and restart until [`Job::Open`], and does not let Postgres
//!   restart itself after a crash (`restart_after_crash=off`), which would show clients a recovered tail (I10).
//!
//! People's tools change [`Record::intent`], [`Record::paused`] and [`Record::fenced`] in the stored record, by
//! compare-and-set and nothing else in it. [`Settings`] may change at any time ([`Event::Configured`]), and on
//! each member at another moment: who waits for another goes by the longer of what both count on.
//!
//! | module | owns |
//! |---|---|
//! | `ids`, `position` | members, boots, positions in the write-ahead log and their histories |
//! | `control` | the control record, cohorts, and which seals are enough (I6) |
//! | `event`, `action`, `message` | what comes in and what goes out |
//! | `state`, `config`, `invariant` | what a member knows; settings; the invariants by name |
//! | `step` | taking in events and running the phases |
//! | `work` | what was seen of Postgres, and the job in flight |
//! | `lease`, `grants` | renewals and the authority window (I3), consent of peers |
//! | `seal` | answering canvasses and seals (I5) |
//! | `cohort` | changing the synchronous standbys (I7) |
//! | `replication` | the record of a standby cluster |
//! | `phase` | one file per agent state |
//! | `request` | what people may change in the record, and how far that has come |

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
mod replication;
mod request;
mod seal;
mod state;
mod step;
mod work;

pub use action::{Action, Asked, Job, Names, Refusal};
pub use config::{Config, Policy, Settings, Timing};
pub use control::{Cohort, Intent, Record};
pub use event::{ApiEnd, Data, Event, JobEnd, PgView, Read, Server, Source, Version};
pub use ids::{Boot, Holder, Member};
pub use invariant::{Rule, Rules};
pub use message::{Message, Report};
pub use phase::{
    Candidate, Change, Fenced, Phase, Primary, Promoting, Rejoin, Replicating, Restart, Stage,
};
pub use position::{Point, Position};
pub use request::{Edit, Progress, Refused, Request, edit, progress, request};
pub use state::{Call, Durable, Given, Leader, Mark, Observed, State, Step};
pub use step::step;

#[cfg(test)]
mod tests;

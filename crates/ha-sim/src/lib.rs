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
//! | `source` | what a standby cluster streams from |
//! | `faults` | what goes wrong and when |
//! | `ledger`, `oracles` | what clients were told, and the promises that must hold |
//! | `world` | time, and everything that happens in it; `people`: what they and the operator do |
//!
//! [`run`] plays one seed. [`mutation`] proves that the promises are really watched: with any single rule of
//! the machine switched off, seeds are found that break one.
//!
//! # What is simulated
//!
//! Two to five members, one of which only follows in some runs, in the async, sync and strict modes with one or
//! two acknowledgements. The driver looks at Postgres each 20 to 250 ms, and what it saw comes up to 300 ms
//! late; jobs take milliseconds to 15 s, calls to the API run beside them, an agent that stands still finishes
//! no job, and a Postgres that does not answer shows no position. One to seven faults in a run, most of them
//! near each other: kill of Postgres, of the agent, of power; agent, Postgres, node or virtual machine standing
//! still (the last with its clock); cuts of one direction, isolation with and without the API; the API away,
//! slow, or losing answers; its record deleted, its store restored to any of twenty states before; a disk that
//! hangs, fails or is full; a volume replaced by an empty one; a standby that lags; and people, who switch over,
//! force a failover, pause, fence, reinitialise, and the operator, which changes mode, roles and members, told
//! to each member at another moment. At the end all is healed, and the cluster must be well within 45 s.
//!
//! # What is watched
//!
//! O1 one holder per epoch, O2 every acknowledged write of the sync modes is in every later primary, O3 no older
//! epoch acknowledges what a newer one lacks, O4 writable is only who holds, O5 nothing is received from below
//! a seal, O6 seals meet acknowledgements, O7 archived objects never change (which is also what I12 comes to: a
//! second content for a segment, or one past a fork, is noticed), O8 the last complete copy stays and one that
//! could run gives way only to that of a member that served, O9 the async mode loses a bounded time of its own
//! service, O10 after the faults writes succeed and all stream, O11 no more takeovers than faults, and: names
//! are set before a promotion, routes only go forward, and what people said is kept to.
//!
//! # What is not
//!
//! - Wall clocks: the machine has no way to ask for one, so a step of them cannot matter.
//! - A client that cancels while its commit waits: it is told that its write is on the primary alone, so
//!   nothing was promised, and the machine has no part in it.
//! - A restored store in the sync and async modes, or a volume replaced within a running election, can in
//!   principle not be told apart from what it looks like by a member that reaches none of those who know; the
//!   strict mode asks as many peers as must acknowledge before it believes the record.
//! - What the async mode loses while its record cannot be written: who lags cannot be left out then.
//! - A failover that people force while the old primary lives unseen on the other side of a cut: both then
//!   serve until one of them hears. What the old one acknowledged since is given up by that decision.

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
mod source;
mod streaming;
mod world;

pub use faults::{Fault, Kind};
pub use ledger::{Oracle, Violation};
pub use shrinking::shrink;
pub use world::{Outcome, Setup, has_source, run, run_with};

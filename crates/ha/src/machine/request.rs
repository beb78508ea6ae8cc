//! What people ask of a cluster, judged by its control record: the one place for the command line, the
//! REST API and `patronictl`.
//!
//! People's tools change nothing but what [`request`] changes: the intent, the pause and the fences. They
//! write by compare-and-set, so a record that changed meanwhile is judged anew.

use serde_json::Value;

use super::control::{Intent, Record};
use super::ids::Member;

/// A wish about the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// The primary hands over, in order.
    Switchover {
        /// To that member, if it is as far as any.
        to: Option<Member>,
    },
    /// That member takes over, even from a primary that is lost with too few others left.
    Failover {
        /// The next primary.
        to: Member,
    },
    /// What was asked for and has not begun yet is not wanted any longer.
    Cancel,
    /// Nobody takes over by suspicion.
    Pause,
    /// They do again.
    Resume,
    /// That member stops Postgres, and leaves it stopped.
    Fence(Member),
    /// It runs again.
    Unfence(Member),
}

/// Why a wish is not written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// There is no primary that could hand over.
    NoPrimary,
    /// The instance must not run.
    Fenced,
    /// Something else was asked for, and has not ended.
    Busy,
    /// Nothing was asked for.
    NothingAsked,
    /// The stored text is no record that this version can read.
    NoRecord,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoPrimary => {
                "the cluster has no primary at the moment that could hand over: ask for a failover to a named instance if none comes back"
            }
            Self::Fenced => "the instance is fenced: unfence it first",
            Self::Busy => "another switchover or failover is under way",
            Self::NothingAsked => "no switchover or failover is waiting",
            Self::NoRecord => {
                "the cluster's control record cannot be understood: is this program older than the cluster?"
            }
        })
    }
}

impl std::error::Error for Refused {}

/// The record as people want it; an equal one if it is so already.
pub fn request(record: &Record, request: Request) -> Result<Record, Refused> {
    let mut next = record.clone();
    match request {
        Request::Switchover { to } => {
            let intent = Intent::Switchover { to };
            let fenced = to.is_some_and(|to| record.fenced.contains(&to));
            admits(fenced, record.intent, intent)?;
            if record.released || !(record.serving || record.replicates) {
                return Err(Refused::NoPrimary);
            }
            if to != Some(record.holder.member) {
                next.intent = Some(intent);
            }
        }
        Request::Failover { to } => {
            let intent = Intent::Failover { to };
            // A switchover that nobody answers gives way: that is what a failover is for.
            let waiting = record
                .intent
                .filter(|one| matches!(one, Intent::Failover { .. }));
            admits(record.fenced.contains(&to), waiting, intent)?;
            let leads = record.serving || record.replicates;
            let holds = to == record.holder.member && leads && !record.released;
            if !holds {
                next.intent = Some(intent);
            }
        }
        Request::Cancel => {
            next.intent = record.intent.ok_or(Refused::NothingAsked).map(|_| None)?
        }
        Request::Pause => next.paused = true,
        Request::Resume => next.paused = false,
        Request::Fence(member) => {
            next.fenced.insert(member);
        }
        Request::Unfence(member) => {
            next.fenced.remove(&member);
        }
    }
    Ok(next)
}

fn admits(fenced: bool, waiting: Option<Intent>, intent: Intent) -> Result<(), Refused> {
    if fenced {
        return Err(Refused::Fenced);
    }
    match waiting {
        Some(other) if other != intent => Err(Refused::Busy),
        _ => Ok(()),
    }
}

/// A stored record, and what it becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// As it was read.
    pub before: Record,
    /// What to store; none if it is as people want it already.
    pub text: Option<String>,
}

/// Changes the stored text of a record. What this version does not know of it stays as it is.
pub fn edit(text: &str, wish: Request) -> Result<Edit, Refused> {
    let mut value: Value = serde_json::from_str(text).map_err(|_| Refused::NoRecord)?;
    let before: Record = serde_json::from_str(text).map_err(|_| Refused::NoRecord)?;
    let after = request(&before, wish)?;
    if after == before {
        return Ok(Edit { before, text: None });
    }
    let wanted = serde_json::to_value(&after).map_err(|_| Refused::NoRecord)?;
    for field in ["intent", "paused", "fenced"] {
        value[field] = wanted[field].clone();
    }
    Ok(Edit {
        before,
        text: Some(value.to_string()),
    })
}

/// How far a wish has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Not there yet; what is awaited, in words.
    Waiting(&'static str),
    /// It is so.
    Done,
    /// The primary does not hand over, or somebody took the wish back.
    Dropped,
}

/// Compares the record of now with the one that a wish was written into.
pub fn progress(before: &Record, wish: Request, now: &Record) -> Progress {
    let done = |is_so: bool, awaited| {
        if is_so {
            Progress::Done
        } else {
            Progress::Waiting(awaited)
        }
    };
    match wish {
        Request::Switchover { to } if to == Some(before.holder.member) => Progress::Done,
        Request::Failover { to }
            if to == before.holder.member
                && (before.serving || before.replicates)
                && !before.released =>
        {
            Progress::Done
        }
        Request::Switchover { .. } | Request::Failover { .. } if now.epoch > before.epoch => {
            done(now.serving || now.replicates, "the new primary to serve")
        }
        Request::Switchover { .. } | Request::Failover { .. } => match (now.intent, now.released) {
            (_, true) => Progress::Waiting("another instance to take over"),
            (Some(_), false) => Progress::Waiting("the primary to hand over"),
            (None, false) => Progress::Dropped,
        },
        Request::Cancel => done(now.intent.is_none(), "the end of the wish"),
        Request::Pause => done(now.paused, "the pause"),
        Request::Resume => done(!now.paused, "the end of the pause"),
        Request::Fence(member) => done(
            now.fenced.contains(&member) && (now.holder.member != member || now.released),
            "the fenced primary to stop",
        ),
        Request::Unfence(member) => done(!now.fenced.contains(&member), "the end of the fence"),
    }
}

#[cfg(test)]
mod tests;

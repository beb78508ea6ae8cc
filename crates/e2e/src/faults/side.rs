//! What a trial needs to know about a system: its members, its processes, and how the common faults reach it.

use anyhow::Result;
use nix::sys::signal::Signal;

use super::fault::{Fault, Outcome};
use super::undo::{Injected, Undo};
use crate::processes::Process;
use crate::sql::Target;

/// One member as clients see it.
#[derive(Debug, Clone)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// Where its Postgres is.
    pub target: Target,
}

/// The members at the moment of a fault.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The one that took writes.
    pub primary: Host,
    /// The others.
    pub standbys: Vec<Host>,
    /// The table that is written to.
    pub table: String,
}

/// A system that keeps one Postgres of several writable.
#[expect(
    async_fn_in_trait,
    reason = "the harness is generic over it and runs it on one task"
)]
pub trait Side {
    /// Its name in tables.
    fn name(&self) -> &'static str;

    /// Its members.
    async fn hosts(&self) -> Result<Vec<Host>>;

    /// The one address that always leads to the primary, when it has one.
    async fn address(&self) -> Result<Option<Target>>;

    /// Whether all members are there and stream; tells what is missing.
    async fn complete(&self) -> Result<()>;

    /// Whether each standby may take over; tells what is missing.
    async fn redundant(&self) -> Result<()> {
        Ok(())
    }

    /// Whether nothing changes any longer; tells what does. It takes as long as there is looked.
    async fn at_rest(&self) -> Result<()> {
        Ok(())
    }

    /// Makes a fault happen.
    async fn inject(&self, fault: Fault, scene: &Scene) -> Result<Injected>;

    /// What a fault does to its writers.
    fn outcome(&self, fault: Fault) -> Outcome {
        fault.outcome()
    }

    /// Does what people have to do after a fault that does not heal by itself.
    async fn repair(&self, _fault: Fault, _scene: &Scene) -> Result<()> {
        Ok(())
    }
}

/// Stops processes, all of them before any can do something about it, and heals by letting them go on.
///
/// # Errors
/// When a signal is not allowed.
pub fn pause_all(processes: Vec<Process>) -> Result<Injected> {
    let mut injected = Injected::by(|| signal_all(&processes, Signal::SIGSTOP))?;
    injected.undo = Undo::nothing().and_resume(processes);
    Ok(injected)
}

/// Kills processes, all of them before any can do something about it.
///
/// # Errors
/// When a signal is not allowed.
pub fn kill_all(processes: &[Process]) -> Result<Injected> {
    Injected::by(|| {
        signal_all(processes, Signal::SIGSTOP)?;
        signal_all(processes, Signal::SIGKILL)
    })
}

fn signal_all(processes: &[Process], signal: Signal) -> Result<()> {
    for process in processes {
        process.signal_if_same(signal)?;
    }
    Ok(())
}

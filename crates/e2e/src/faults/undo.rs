//! What takes a fault back: also when the case that injected it fails.

use anyhow::Result;
use nix::sys::signal::Signal;
use tokio::time::Instant;

use crate::processes::Process;

/// A fault that happened.
#[derive(Debug)]
pub struct Injected {
    /// The moment just before.
    pub at: Instant,
    /// What takes it back.
    pub undo: Undo,
}

/// Steps that take a fault back, the last one first. They run when this is dropped.
#[derive(Default)]
#[must_use = "dropping it heals the fault"]
pub struct Undo(Vec<Box<dyn FnOnce() + Send>>);

impl Undo {
    /// Nothing to take back.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Adds a step.
    pub fn and(mut self, step: impl FnOnce() + Send + 'static) -> Self {
        self.0.push(Box::new(step));
        self
    }

    /// Adds the wakening of processes that are stopped.
    pub fn and_resume(self, stopped: Vec<Process>) -> Self {
        self.and(move || {
            for process in stopped {
                // Those that were killed meanwhile need no wakening.
                let _ = process.signal_if_same(Signal::SIGCONT);
            }
        })
    }

    /// Takes the fault back now.
    pub fn heal(self) {
        drop(self);
    }
}

impl std::fmt::Debug for Undo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Undo({} steps)", self.0.len())
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        while let Some(step) = self.0.pop() {
            step();
        }
    }
}

impl Injected {
    /// Does something now that needs no healing.
    pub(crate) fn by(fault: impl FnOnce() -> Result<()>) -> Result<Self> {
        let at = Instant::now();
        fault()?;
        Ok(Self {
            at,
            undo: Undo::nothing(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[test]
    fn steps_are_taken_back_in_reverse_when_it_is_dropped() {
        let log = Arc::new(Mutex::new(Vec::new()));
        let note = |what| {
            let log = Arc::clone(&log);
            move || log.lock().push(what)
        };
        drop(Undo::nothing().and(note("first")).and(note("second")));
        assert_eq!(*log.lock(), ["second", "first"]);
    }
}

//! Room for the expression language: its parser and interpreter call themselves for every part of an expression.

use std::thread;

/// Only what is used of it takes memory.
const STACK: usize = 32 << 20;

/// Runs something on a large stack of its own; `None` when there is no such stack to be had.
pub(super) fn roomy<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("cel".to_owned());
        let thread = thread.stack_size(STACK).spawn_scoped(scope, work);
        thread.ok()?.join().ok()
    })
}

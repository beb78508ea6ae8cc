//! Panics end here: one that crossed into Envoy would end all connections.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs the body of a hook, and `closed` if it panics.
///
/// `closed` must not rely on what the body was changing.
pub(crate) fn guard<T>(body: impl FnOnce() -> T, closed: impl FnOnce() -> T) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(value) => value,
        Err(payload) => {
            // Dropping it could panic again.
            std::mem::forget(payload);
            closed()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_the_closed_value() {
        assert_eq!(guard(|| 1, || 2), 1);
        assert_eq!(guard(|| panic!("on purpose"), || 2), 2);
    }
}

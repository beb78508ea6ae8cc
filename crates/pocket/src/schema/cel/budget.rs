//! How much work rules may do for one object.
//!
//! The only loops of the language are comprehensions, so each is charged for the length of what it walks before it starts. Functions
//! of the `cel` crate are plain function pointers; the purse therefore is a thread-local that is filled for one validation.

use std::cell::Cell;

use ::cel::ExecutionError;
use ::cel::common::types::CelInt;
use ::cel::common::value::CowVal;

/// List elements and map entries that all rules together may visit for one object.
const ELEMENTS: i64 = 500_000;

/// The function that charges; its name cannot be written in an expression.
pub(super) const CHARGE: &str = "@charge";

thread_local! {
    static PURSE: Cell<i64> = const { Cell::new(0) };
}

/// Fills the purse for one object.
pub(super) fn refill() {
    PURSE.set(ELEMENTS);
}

/// Whether rules have used up what they may.
pub(super) fn is_spent() -> bool {
    PURSE.get() < 0
}

/// Pays for one rule.
pub(super) fn pay(amount: i64) {
    PURSE.set(PURSE.get().saturating_sub(amount));
}

/// Passes its argument on if there is enough left to walk it.
pub(super) fn charge<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let value = args
        .into_iter()
        .next()
        .ok_or_else(ExecutionError::missing_argument_or_target)?;
    let size = value
        .as_sizer()
        .map_or_else(|| CelInt::from(1), |sizer| sizer.size());
    pay((*size.inner()).max(1));
    if is_spent() {
        Err(ExecutionError::function_error(
            "charge",
            "cost limit exceeded",
        ))
    } else {
        Ok(value)
    }
}

//! How much work rules may do for one object.
//!
//! Two things cost: walking a list or map, which is charged for its length before the walk begins, and handling a value as a whole
//! (comparing, copying, joining it), which is charged for everything in it. Functions of the `cel` crate are plain function pointers;
//! the purse therefore is a thread-local that is filled for one validation.

use std::cell::Cell;

use ::cel::ExecutionError;
use ::cel::common::types::{CelBytes, CelInt, CelList, CelMap, CelOptional, CelString};
use ::cel::common::value::{CowVal, Val};

use super::semver::Version;

/// What all rules together may spend on one object.
const UNITS: i64 = 5_000_000;
/// What each element of a walk costs: an evaluation of what is done with it, at least.
const STEP: i64 = 10;
/// Characters that are handled at the cost of one value.
const CHARACTERS: usize = 10;

/// The function that charges for a walk; its name cannot be written in an expression.
pub(super) const CHARGE: &str = "@charge";
/// The function that charges for a value as a whole.
pub(super) const WEIGH: &str = "@weigh";

thread_local! {
    static PURSE: Cell<i64> = const { Cell::new(0) };
}

/// Fills the purse for one object.
pub(super) fn refill() {
    PURSE.set(UNITS);
}

/// Whether rules have used up what they may.
pub(super) fn is_spent() -> bool {
    PURSE.get() < 0
}

/// Pays for handling so many values.
pub(super) fn pay(amount: i64) {
    PURSE.set(PURSE.get().saturating_sub(amount));
}

/// As [`pay`], and fails if that was too much.
pub(super) fn spend(amount: usize) -> Result<(), ExecutionError> {
    pay(i64::try_from(amount).unwrap_or(i64::MAX));
    if is_spent() {
        return Err(ExecutionError::function_error(
            "charge",
            "cost limit exceeded",
        ));
    }
    Ok(())
}

/// Pays for looking at all of a value this many times, and fails if that was too much.
pub(super) fn spend_times(value: &dyn Val, times: usize) -> Result<(), ExecutionError> {
    let before = PURSE.get();
    pay_for(value);
    let once = before.saturating_sub(PURSE.get());
    let more = i64::try_from(times).unwrap_or(i64::MAX).saturating_sub(1);
    pay(once.saturating_mul(more.max(0)));
    spend(0)
}

fn only<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    args.into_iter()
        .next()
        .ok_or_else(ExecutionError::missing_argument_or_target)
}

/// Passes its argument on if there is enough left to walk it.
pub(super) fn charge<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let value = only(args)?;
    let size = value.as_sizer().map(|sizer| sizer.size());
    let size = size.map_or(1, |size: CelInt| (*size.inner()).max(1));
    pay(size.saturating_mul(STEP));
    spend(0)?;
    Ok(value)
}

/// Passes its argument on if there is enough left to handle all of it.
pub(super) fn weigh<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let value = only(args)?;
    pay_for(value.as_ref());
    spend(0)?;
    Ok(value)
}

/// Pays for a value and all that is in it, as far as the purse reaches.
fn pay_for(value: &dyn Val) {
    pay(1);
    if is_spent() {
        return;
    }
    if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        pay_characters(text.inner().len());
    } else if let Some(bytes) = value.downcast_ref::<CelBytes<'_>>() {
        pay_characters(bytes.inner().len());
    } else if let Some(version) = value.downcast_ref::<Version>() {
        pay_characters(version.size());
    } else if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        list.inner().iter().for_each(|item| pay_for(item.as_ref()));
    } else if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
        map.inner().values().for_each(|item| pay_for(item.as_ref()));
    } else if let Some(optional) = value.downcast_ref::<CelOptional<'_>>()
        && let Some(inner) = optional.inner()
    {
        pay_for(inner);
    }
}

fn pay_characters(count: usize) {
    pay(i64::try_from(count / CHARACTERS).unwrap_or(i64::MAX));
}

//! Lists: order, sums, extremes, positions; and lists as sets.

use std::cmp::Ordering;

use ::cel::common::types::{CelInt, DYN_TYPE, LIST_TYPE};
use ::cel::common::value::{CowVal, Val};
use ::cel::{DeclarationError, Env, ExecutionError};

use super::super::budget::spend;
use super::{Args, Outcome, bool, int, member, unexpected};

pub(super) fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    member(env, "isSorted", &LIST_TYPE, vec![], is_sorted)?;
    member(env, "sum", &LIST_TYPE, vec![], sum)?;
    member(env, "min", &LIST_TYPE, vec![], min)?;
    member(env, "max", &LIST_TYPE, vec![], max)?;
    member(env, "indexOf", &LIST_TYPE, vec![DYN_TYPE], index_of)?;
    member(
        env,
        "lastIndexOf",
        &LIST_TYPE,
        vec![DYN_TYPE],
        last_index_of,
    )?;
    for (name, function) in [
        (
            "sets.contains",
            sets_contains as ::cel::common::functions::Function,
        ),
        ("sets.equivalent", sets_equivalent),
        ("sets.intersects", sets_intersects),
    ] {
        env.add_overload(
            name,
            &format!("{name}(list,list)"),
            vec![LIST_TYPE, LIST_TYPE],
            function,
        )?;
    }
    Ok(())
}

/// The elements of an argument, paid for.
pub(super) fn elements<'a, 'v>(
    args: &'a Args<'_, 'v>,
    index: usize,
) -> Result<Vec<&'a (dyn Val + 'v)>, ExecutionError> {
    let list = args
        .get(index)
        .ok_or_else(ExecutionError::missing_argument_or_target)?;
    let mut items = list
        .as_iterable()
        .ok_or_else(|| unexpected(list.as_ref(), "list"))?
        .iter();
    let mut out = Vec::new();
    while let Some(item) = items.next() {
        out.push(item);
    }
    spend(out.len())?;
    Ok(out)
}

pub(super) fn compare(left: &dyn Val, right: &dyn Val) -> Result<Ordering, ExecutionError> {
    left.as_comparer()
        .ok_or_else(|| unexpected(left, "a value with an order"))?
        .compare(right)
}

fn is_sorted<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    for pair in elements(&args, 0)?.windows(2) {
        if let [first, second] = pair
            && compare(*first, *second)? == Ordering::Greater
        {
            return Ok(bool(false));
        }
    }
    Ok(bool(true))
}

fn sum<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let mut items = elements(&args, 0)?.into_iter();
    let Some(first) = items.next() else {
        return Ok(CowVal::owned(CelInt::from(0)));
    };
    let mut total: Box<dyn Val + 'v> = first.clone_as_boxed();
    for item in items {
        let next = total
            .as_adder()
            .ok_or_else(|| unexpected(total.as_ref(), "a number"))?
            .add(item)?
            .into_owned();
        total = next;
    }
    Ok(CowVal::Owned(total))
}

fn extreme<'b, 'v>(args: &Args<'b, 'v>, name: &str, wanted: Ordering) -> Outcome<'b, 'v> {
    let mut items = elements(args, 0)?.into_iter();
    let Some(mut best) = items.next() else {
        return Err(ExecutionError::function_error(
            name,
            format!("{name} called on empty list"),
        ));
    };
    for item in items {
        if compare(item, best)? == wanted {
            best = item;
        }
    }
    Ok(CowVal::Owned(best.clone_as_boxed()))
}

fn min<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    extreme(&args, "min", Ordering::Less)
}

fn max<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    extreme(&args, "max", Ordering::Greater)
}

fn position(args: &Args<'_, '_>, last: bool) -> Result<Option<usize>, ExecutionError> {
    let wanted = args
        .get(1)
        .ok_or_else(ExecutionError::missing_argument_or_target)?;
    let items = elements(args, 0)?;
    let is_wanted = |item: &&(dyn Val + '_)| item.equals(wanted.as_ref());
    Ok(if last {
        items.iter().rposition(is_wanted)
    } else {
        items.iter().position(is_wanted)
    })
}

fn index<'b, 'v>(position: Option<usize>) -> CowVal<'b, 'v> {
    int(position.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1))
}

fn index_of<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    position(&args, false).map(index)
}

fn last_index_of<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    position(&args, true).map(index)
}

/// Whether every element of list `inner` is in list `outer`.
fn covers(args: &Args<'_, '_>, outer: usize, inner: usize) -> Result<bool, ExecutionError> {
    let (outer, inner) = (elements(args, outer)?, elements(args, inner)?);
    spend(outer.len().saturating_mul(inner.len()))?;
    Ok(inner
        .iter()
        .all(|item| outer.iter().any(|other| other.equals(*item))))
}

fn sets_contains<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    covers(&args, 0, 1).map(bool)
}

fn sets_equivalent<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(bool(covers(&args, 0, 1)? && covers(&args, 1, 0)?))
}

fn sets_intersects<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let (left, right) = (elements(&args, 0)?, elements(&args, 1)?);
    spend(left.len().saturating_mul(right.len()))?;
    Ok(bool(
        left.iter()
            .any(|item| right.iter().any(|other| other.equals(*item))),
    ))
}

//! Lists out of lists: in order, without duplicates, counted out.

use std::cmp::Ordering;
use std::collections::HashSet;

use ::cel::common::types::{CelInt, CelList, CelOptional, CelString, INT_TYPE, LIST_TYPE};
use ::cel::common::value::{CowVal, Val};
use ::cel::{DeclarationError, Env, ExecutionError};

use super::super::budget::{spend, spend_times};
use super::lists::{compare, elements};
use super::{Args, Outcome, integer, member};

/// Stands in for `distinct`.
pub(in crate::schema::cel) const DISTINCT: &str = "@distinct";
/// Stands in for `sort`.
pub(in crate::schema::cel) const SORT: &str = "@sort";
/// Stands in for what `sortBy` calls.
pub(in crate::schema::cel) const SORT_BY: &str = "@sortBy";
/// Stands in for `range`, of `lists`.
pub(in crate::schema::cel) const RANGE: &str = "@range";

/// What an element of a range costs: it is made, and takes room.
const MADE: usize = 10;

pub(super) fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    member(env, DISTINCT, &LIST_TYPE, vec![], distinct)?;
    member(env, SORT, &LIST_TYPE, vec![], sort)?;
    member(env, SORT_BY, &LIST_TYPE, vec![LIST_TYPE], sort_by)?;
    member(env, "first", &LIST_TYPE, vec![], first)?;
    member(env, "last", &LIST_TYPE, vec![], last)?;
    env.add_overload(
        &format!("lists.{RANGE}"),
        "lists.range(int)",
        vec![INT_TYPE],
        range,
    )
}

fn copied<'b, 'v>(items: &[&(dyn Val + 'v)]) -> CowVal<'b, 'v> {
    let items: Vec<Box<dyn Val + 'v>> = items.iter().map(|item| item.clone_as_boxed()).collect();
    CowVal::owned(CelList::from(items))
}

fn range<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let count = integer(&args, 0).unwrap_or_default().max(0);
    spend(
        usize::try_from(count)
            .unwrap_or(usize::MAX)
            .saturating_mul(MADE),
    )?;
    let numbers = (0..count).map(|number| Box::new(CelInt::from(number)) as Box<dyn Val>);
    Ok(CowVal::owned(CelList::from(numbers.collect::<Vec<_>>())))
}

/// What is cheap to tell apart.
#[derive(PartialEq, Eq, Hash)]
enum Key<'a> {
    Text(&'a str),
    Number(i64),
}

fn key<'a>(value: &'a (dyn Val + '_)) -> Option<Key<'a>> {
    if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        return Some(Key::Text(text.inner()));
    }
    let number = value.downcast_ref::<CelInt>()?;
    Some(Key::Number(*number.inner()))
}

fn distinct<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let items = elements(&args, 0)?;
    let keys: Option<Vec<Key<'_>>> = items.iter().map(|item| key(*item)).collect();
    let kept: Vec<&(dyn Val + 'v)> = if let Some(keys) = keys {
        let mut seen = HashSet::with_capacity(items.len());
        let items = items.iter().zip(keys);
        items
            .filter_map(|(item, key)| seen.insert(key).then_some(*item))
            .collect()
    } else {
        // Each is compared with all that are kept.
        if let Some(list) = args.first() {
            spend_times(list.as_ref(), items.len())?;
        }
        let mut kept: Vec<&(dyn Val + 'v)> = Vec::new();
        for item in items {
            if !kept.iter().any(|other| other.equals(item)) {
                kept.push(item);
            }
        }
        kept
    };
    Ok(copied(&kept))
}

/// The positions of the elements of list `index` in ascending order; equal ones keep theirs.
fn order(args: &Args<'_, '_>, index: usize) -> Result<Vec<usize>, ExecutionError> {
    let keys = elements(args, index)?;
    if let Some(list) = args.get(index) {
        // Each is compared about as often as the number of elements has digits.
        let digits = usize::BITS - keys.len().leading_zeros();
        spend_times(list.as_ref(), digits as usize)?;
    }
    // What has no order with the first one would have the sort see contradictions.
    if let [first, rest @ ..] = keys.as_slice() {
        compare(*first, *first)?;
        for other in rest {
            if other.get_type() != first.get_type() {
                return Err(ExecutionError::function_error(
                    "sort",
                    "list elements must have the same type",
                ));
            }
            compare(*first, *other)?;
        }
    }
    let mut positions: Vec<usize> = (0..keys.len()).collect();
    positions.sort_by(|left, right| {
        let pair = keys.get(*left).zip(keys.get(*right));
        pair.and_then(|(left, right)| compare(*left, *right).ok())
            .unwrap_or(Ordering::Equal)
    });
    Ok(positions)
}

fn arranged<'b, 'v>(args: &Args<'b, 'v>, positions: &[usize]) -> Outcome<'b, 'v> {
    let items = elements(args, 0)?;
    let sorted: Vec<&(dyn Val + 'v)> = positions
        .iter()
        .filter_map(|at| items.get(*at).copied())
        .collect();
    Ok(copied(&sorted))
}

fn sort<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    arranged(&args, &order(&args, 0)?)
}

fn sort_by<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    arranged(&args, &order(&args, 1)?)
}

fn optional<'b, 'v>(item: Option<&(dyn Val + 'v)>) -> CowVal<'b, 'v> {
    CowVal::owned(CelOptional::from(item.map(Val::clone_as_boxed)))
}

fn first<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(optional(elements(&args, 0)?.first().copied()))
}

fn last<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(optional(elements(&args, 0)?.last().copied()))
}

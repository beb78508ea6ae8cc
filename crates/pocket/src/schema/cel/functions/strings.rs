//! Functions whose result can be much longer than what they are given: its length is paid for before it is made.

use ::cel::common::types::{CelString, INT_TYPE, LIST_TYPE, STRING_TYPE};
use ::cel::common::value::Val;
use ::cel::{DeclarationError, Env, ExecutionError};

use super::super::budget::spend;
use super::{Args, Outcome, integer, member, string, text, unexpected};

/// Stands in for `replace`.
pub(in crate::schema::cel) const REPLACE: &str = "@replace";
/// Stands in for `join`.
pub(in crate::schema::cel) const JOIN: &str = "@join";

pub(super) fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    for args in [
        vec![STRING_TYPE, STRING_TYPE],
        vec![STRING_TYPE, STRING_TYPE, INT_TYPE],
    ] {
        member(env, REPLACE, &STRING_TYPE, args, replace)?;
    }
    member(env, JOIN, &LIST_TYPE, vec![], join)?;
    member(env, JOIN, &LIST_TYPE, vec![STRING_TYPE], join)
}

fn replace<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let (subject, from, to) = (text(&args, 0)?, text(&args, 1)?, text(&args, 2)?);
    let most = integer(&args, 3).and_then(|most| usize::try_from(most).ok());
    let most = most.unwrap_or(usize::MAX);
    let count = subject.matches(from).take(most).count();
    spend(count.saturating_mul(to.len()) / 10)?;
    Ok(string(subject.replacen(from, to, most)))
}

fn join<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let list = args
        .first()
        .ok_or_else(ExecutionError::missing_argument_or_target)?;
    let separator = match args.get(1) {
        Some(_) => text(&args, 1)?,
        None => "",
    };
    let mut items = list
        .as_iterable()
        .ok_or_else(|| unexpected(list.as_ref(), "list"))?
        .iter();
    let mut out = String::new();
    let mut is_first = true;
    while let Some(item) = items.next() {
        let item = part(item)?;
        if !is_first {
            spend(separator.len() / 10)?;
            out.push_str(separator);
        }
        is_first = false;
        out.push_str(item);
    }
    Ok(string(out))
}

fn part<'a>(item: &'a (dyn Val + '_)) -> Result<&'a str, ExecutionError> {
    item.downcast_ref::<CelString<'_>>()
        .map(CelString::inner)
        .ok_or_else(|| unexpected(item, "string"))
}

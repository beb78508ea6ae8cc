//! Regular expressions in Go's syntax, compiled once per pattern.

use std::collections::HashMap;
use std::sync::LazyLock;

use ::cel::common::types::{CelList, CelString, INT_TYPE, STRING_TYPE};
use ::cel::common::value::Val;
use ::cel::{DeclarationError, Env, ExecutionError};

use super::{Args, Outcome, bool, integer, member, string, text};
use crate::schema::pattern;
use ::cel::common::value::CowVal;
use ::regex::Regex;
use parking_lot::Mutex;

/// Stands in for `matches`.
pub(in crate::schema::cel) const MATCHES: &str = "@matches";

/// Patterns kept; computed patterns could be endless.
const KEPT: usize = 64;

static COMPILED: LazyLock<Mutex<HashMap<String, Regex>>> = LazyLock::new(Mutex::default);

pub(super) fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_overload(
        MATCHES,
        "global matches",
        vec![STRING_TYPE, STRING_TYPE],
        matches,
    )?;
    member(env, MATCHES, &STRING_TYPE, vec![STRING_TYPE], matches)?;
    member(env, "find", &STRING_TYPE, vec![STRING_TYPE], find)?;
    member(env, "findAll", &STRING_TYPE, vec![STRING_TYPE], find_all)?;
    member(
        env,
        "findAll",
        &STRING_TYPE,
        vec![STRING_TYPE, INT_TYPE],
        find_all,
    )
}

fn with<T>(pattern: &str, use_it: impl FnOnce(&Regex) -> T) -> Result<T, ExecutionError> {
    let known = COMPILED.lock().get(pattern).cloned();
    if let Some(regex) = known {
        return Ok(use_it(&regex));
    }
    let regex = pattern::compile(pattern).map_err(|problem| {
        ExecutionError::function_error("matches", format!("error parsing regexp: {problem}"))
    })?;
    let mut compiled = COMPILED.lock();
    if compiled.len() >= KEPT {
        compiled.clear();
    }
    compiled.insert(pattern.to_owned(), regex.clone());
    drop(compiled);
    Ok(use_it(&regex))
}

fn matches<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let subject = text(&args, 0)?;
    with(text(&args, 1)?, |regex| bool(regex.is_match(subject)))
}

fn find<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let subject = text(&args, 0)?;
    with(text(&args, 1)?, |regex| {
        string(
            regex
                .find(subject)
                .map_or_else(String::new, |found| found.as_str().to_owned()),
        )
    })
}

fn find_all<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let subject = text(&args, 0)?;
    let limit = integer(&args, 2)
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(usize::MAX);
    with(text(&args, 1)?, |regex| {
        let found = regex.find_iter(subject).take(limit);
        let found =
            found.map(|found| Box::new(CelString::from(found.as_str().to_owned())) as Box<dyn Val>);
        CowVal::owned(CelList::from(found.collect::<Vec<_>>()))
    })
}

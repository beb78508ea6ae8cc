//! The functions that Kubernetes adds to the language.

mod arrange;
mod lists;
mod regex;
mod strings;

use ::cel::common::types::{CelBool, CelInt, CelString, DYN_TYPE, Type};
use ::cel::common::value::{CowVal, Val};
use ::cel::{DeclarationError, Env, ExecutionError, extensions};

use super::{budget, cidr, format, ip, quantity, semver, url};

/// Functions of the language that ours stand in for, as theirs could run or grow without bound.
pub(super) fn stand_in(name: &str) -> Option<&'static str> {
    match name {
        "matches" => Some(regex::MATCHES),
        "replace" => Some(strings::REPLACE),
        "join" => Some(strings::JOIN),
        "distinct" => Some(arrange::DISTINCT),
        "sort" => Some(arrange::SORT),
        "range" => Some(arrange::RANGE),
        "@sortByAssociatedKeys" => Some(arrange::SORT_BY),
        _ => None,
    }
}

/// Functions with a dot in their name start with one of these.
pub(super) const NAMESPACES: [&str; 6] = ["format", "ip", "lists", "optional", "sets", "strings"];

pub(super) fn is_namespace(name: &str) -> bool {
    NAMESPACES.contains(&name)
}

pub(super) type Args<'b, 'v> = Vec<CowVal<'b, 'v>>;
pub(super) type Outcome<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

/// The language with everything rules may use.
pub(super) fn environment() -> Result<Env, DeclarationError> {
    let mut env = Env::stdlib();
    env.add_extension(extensions::strings)?;
    env.add_extension(extensions::lists)?;
    env.add_overload(budget::CHARGE, "charge", vec![DYN_TYPE], budget::charge)?;
    env.add_overload(budget::WEIGH, "weigh", vec![DYN_TYPE], budget::weigh)?;
    arrange::declare(&mut env)?;
    lists::declare(&mut env)?;
    regex::declare(&mut env)?;
    strings::declare(&mut env)?;
    quantity::declare(&mut env)?;
    url::declare(&mut env)?;
    ip::declare(&mut env)?;
    cidr::declare(&mut env)?;
    format::declare(&mut env)?;
    semver::declare(&mut env)?;
    Ok(env)
}

/// A method of a type of ours or of the language.
pub(super) fn member(
    env: &mut Env,
    name: &str,
    target: &Type,
    args: Vec<Type>,
    function: ::cel::common::functions::Function,
) -> Result<(), DeclarationError> {
    let id = format!(
        "{}.{name}/{}",
        target.name(),
        args.iter().map(Type::name).collect::<Vec<_>>().join(",")
    );
    env.add_member_overload(name, &id, target.to_owned(), args, function)
}

/// The text of an argument.
pub(super) fn text<'a>(args: &'a Args<'_, '_>, index: usize) -> Result<&'a str, ExecutionError> {
    let value = args
        .get(index)
        .ok_or_else(ExecutionError::missing_argument_or_target)?;
    value
        .downcast_ref::<CelString<'_>>()
        .map(CelString::inner)
        .ok_or_else(|| unexpected(value.as_ref(), "string"))
}

/// A number among the arguments, if it is there.
pub(super) fn integer(args: &Args<'_, '_>, index: usize) -> Option<i64> {
    let value = args.get(index)?.downcast_ref::<CelInt>()?;
    Some(*value.inner())
}

pub(super) fn unexpected(value: &dyn Val, want: &str) -> ExecutionError {
    ExecutionError::UnexpectedType {
        got: value.get_type().name().to_owned(),
        want: want.to_owned(),
    }
}

pub(super) fn bool<'b, 'v>(value: bool) -> CowVal<'b, 'v> {
    CowVal::owned(CelBool::from(value))
}

pub(super) fn int<'b, 'v>(value: i64) -> CowVal<'b, 'v> {
    CowVal::owned(CelInt::from(value))
}

pub(super) fn string<'b, 'v>(value: String) -> CowVal<'b, 'v> {
    CowVal::owned(CelString::from(value))
}

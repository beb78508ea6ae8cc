//! `semver('1.2.3')`: versions and their order.

use std::cmp::Ordering;
use std::sync::Arc;

use ::cel::common::types::{BOOL_TYPE, CelBool, STRING_TYPE, Type};
use ::cel::common::value::CowVal;
use ::cel::{DeclarationError, Env, ExecutionError};

use super::functions::{Args, Outcome, bool, int, member, text};
use super::opaque::{argument, opaque};

static SEMVER: Type = Type::new_unspecified_type("kubernetes.Semver");

/// A version. What it was built from has no say in its order and is not kept.
#[derive(Clone, Debug)]
pub(super) struct Version {
    numbers: [u64; 3],
    /// Identifiers with dots between; empty for a release.
    pre: Arc<str>,
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.order(other).is_eq()
    }
}

opaque!(Version, SEMVER);

impl Version {
    fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("Version string empty");
        }
        let (rest, build) = split(text, '+');
        let (core, pre) = split(rest, '-');
        let parts: Vec<&str> = core.split('.').collect();
        let [major, minor, patch] = parts.as_slice() else {
            return Err("No Major.Minor.Patch elements found");
        };
        if let Some(build) = build
            && !build.split('.').all(is_identifier)
        {
            return Err("Invalid character(s) found in build meta data");
        }
        let pre = pre.map_or(Ok(""), |pre| {
            if !pre.split('.').all(is_identifier) {
                Err("Invalid character(s) found in prerelease")
            } else if !pre
                .split('.')
                .all(|part| !is_number(part) || number(part).is_some())
            {
                Err("Numeric PreRelease version must not contain leading zeroes")
            } else {
                Ok(pre)
            }
        })?;
        let read = |part: &str| number(part).ok_or("Invalid version number");
        Ok(Self {
            numbers: [read(major)?, read(minor)?, read(patch)?],
            pre: pre.into(),
        })
    }

    /// As much as it takes to compare it, in characters.
    pub(super) fn size(&self) -> usize {
        self.pre.len()
    }

    fn order(&self, other: &Self) -> Ordering {
        // Nothing comes before what it is a preview of.
        self.numbers.cmp(&other.numbers).then_with(|| {
            match (self.pre.is_empty(), other.pre.is_empty()) {
                (false, false) => pre_order(&self.pre, &other.pre),
                (is_release, is_other_release) => is_release.cmp(&is_other_release),
            }
        })
    }
}

fn split(text: &str, mark: char) -> (&str, Option<&str>) {
    text.split_once(mark)
        .map_or((text, None), |(before, after)| (before, Some(after)))
}

fn is_identifier(part: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !part.is_empty() && part.bytes().all(is_plain)
}

fn is_number(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
}

/// A number as versions write it.
fn number(part: &str) -> Option<u64> {
    let is_plain = is_number(part) && (part == "0" || !part.starts_with('0'));
    is_plain.then(|| part.parse().ok()).flatten()
}

fn pre_order(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.split('.'), right.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(left), Some(right)) => match (number(left), number(right)) {
                (Some(left), Some(right)) => left.cmp(&right),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => left.cmp(right),
            },
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// What people write for versions: `v1.2`, `01.2.3`.
fn normalized(text: &str) -> Result<String, &'static str> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let mut parts: Vec<String> = text.splitn(3, '.').map(without_zeroes).collect();
    if parts.len() < 3 && parts.last().is_some_and(|last| last.contains(['+', '-'])) {
        return Err("short version cannot contain PreRelease/Build meta data");
    }
    parts.resize(3, "0".to_owned());
    Ok(parts.join("."))
}

fn without_zeroes(part: &str) -> String {
    let rest = part.trim_start_matches('0');
    let needs_digit = !part.is_empty() && !rest.starts_with(|c: char| c.is_ascii_digit());
    format!("{}{rest}", if needs_digit { "0" } else { "" })
}

pub(super) fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    for (name, function) in [
        ("semver", semver as ::cel::common::functions::Function),
        ("isSemver", is_semver),
    ] {
        for args in [vec![STRING_TYPE], vec![STRING_TYPE, BOOL_TYPE]] {
            let id = format!("{name}/{}", args.len());
            env.add_overload(name, &id, args, function)?;
        }
    }
    member(env, "major", &SEMVER, vec![], major)?;
    member(env, "minor", &SEMVER, vec![], minor)?;
    member(env, "patch", &SEMVER, vec![], patch)?;
    for (name, function) in [
        ("isLessThan", is_less as ::cel::common::functions::Function),
        ("isGreaterThan", is_greater),
        ("compareTo", compare_to),
    ] {
        member(env, name, &SEMVER, vec![SEMVER.to_owned()], function)?;
    }
    Ok(())
}

/// The version that the arguments of `semver` describe.
fn read(args: &Args<'_, '_>) -> Result<Result<Version, &'static str>, ExecutionError> {
    let text = text(args, 0)?;
    let normalizes = args
        .get(1)
        .and_then(|arg| arg.downcast_ref::<CelBool>())
        .is_some_and(|flag| *flag.inner());
    Ok(if normalizes {
        normalized(text).and_then(|text| Version::parse(&text))
    } else {
        Version::parse(text)
    })
}

fn semver<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    read(&args)?
        .map(CowVal::owned)
        .map_err(|problem| ExecutionError::function_error("semver", problem))
}

fn is_semver<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(bool(read(&args)?.is_ok()))
}

fn major<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(int(argument::<Version>(&args, 0)?.numbers[0].cast_signed()))
}

fn minor<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(int(argument::<Version>(&args, 0)?.numbers[1].cast_signed()))
}

fn patch<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(int(argument::<Version>(&args, 0)?.numbers[2].cast_signed()))
}

fn order(args: &Args<'_, '_>) -> Result<Ordering, ExecutionError> {
    Ok(argument::<Version>(args, 0)?.order(argument(args, 1)?))
}

fn is_less<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(bool(order(&args)?.is_lt()))
}

fn is_greater<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(bool(order(&args)?.is_gt()))
}

fn compare_to<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(int(order(&args)? as i64))
}

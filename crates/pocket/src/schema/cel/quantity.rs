//! `quantity('5Gi')` and its methods.

use std::cmp::Ordering;

use ::cel::common::types::{CelDouble, CelInt, INT_TYPE, STRING_TYPE, Type};
use ::cel::common::value::CowVal;
use ::cel::{DeclarationError, Env, ExecutionError};

use super::functions::{Args, Outcome, bool, int, member, text};
use super::opaque::{argument, opaque};

static QUANTITY: Type = Type::new_unspecified_type("kubernetes.Quantity");

/// Units of a billionth.
const ONE: i128 = 1_000_000_000;

/// An exact amount in billionths. The language may subtract, so unlike quantities in objects it has a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Quantity(i128);

opaque!(Quantity, QUANTITY);

pub(super) fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_overload("quantity", "quantity(string)", vec![STRING_TYPE], quantity)?;
    env.add_overload(
        "isQuantity",
        "isQuantity(string)",
        vec![STRING_TYPE],
        is_quantity,
    )?;
    member(env, "sign", &QUANTITY, vec![], sign)?;
    member(env, "isInteger", &QUANTITY, vec![], is_integer)?;
    member(env, "asInteger", &QUANTITY, vec![], as_integer)?;
    member(env, "asApproximateFloat", &QUANTITY, vec![], as_float)?;
    for (name, function) in [
        ("isLessThan", is_less as ::cel::common::functions::Function),
        ("isGreaterThan", is_greater),
        ("compareTo", compare_to),
        ("add", add),
        ("sub", sub),
    ] {
        member(env, name, &QUANTITY, vec![QUANTITY.to_owned()], function)?;
    }
    member(env, "add", &QUANTITY, vec![INT_TYPE], add)?;
    member(env, "sub", &QUANTITY, vec![INT_TYPE], sub)
}

fn parse(text: &str) -> Option<Quantity> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '+' | '-'))
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let factor = factor(suffix)?;
    let (negative, digits) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty())
        || !all_digits(whole)
        || !all_digits(fraction)
        || whole.len() > 24
    {
        return None;
    }
    let mut amount = if whole.is_empty() {
        0
    } else {
        whole.parse::<i128>().ok()?.checked_mul(factor)?
    };
    let mut scale = factor;
    for digit in fraction.bytes().take(24) {
        scale /= 10;
        amount = amount.checked_add(i128::from(digit - b'0').checked_mul(scale)?)?;
    }
    Some(Quantity(if negative { -amount } else { amount }))
}

fn factor(suffix: &str) -> Option<i128> {
    const SUFFIXES: [(&str, i128); 16] = [
        ("", ONE),
        ("n", 1),
        ("u", 1_000),
        ("m", 1_000_000),
        ("k", ONE * 1_000),
        ("M", ONE * 1_000_000),
        ("G", ONE * 1_000_000_000),
        ("T", ONE * 1_000_000_000_000),
        ("P", ONE * 1_000_000_000_000_000),
        ("E", ONE * 1_000_000_000_000_000_000),
        ("Ki", ONE << 10),
        ("Mi", ONE << 20),
        ("Gi", ONE << 30),
        ("Ti", ONE << 40),
        ("Pi", ONE << 50),
        ("Ei", ONE << 60),
    ];
    if let Some((_, factor)) = SUFFIXES.iter().find(|(name, _)| *name == suffix) {
        return Some(*factor);
    }
    let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    match exponent {
        0..=18 => ONE.checked_mul(10_i128.checked_pow(exponent.unsigned_abs())?),
        -9..=-1 => Some(ONE / 10_i128.pow(exponent.unsigned_abs())),
        _ => None,
    }
}

fn receiver(args: &Args<'_, '_>) -> Result<Quantity, ExecutionError> {
    amount(args, 0)
}

/// A quantity, or a whole number of units.
fn amount(args: &Args<'_, '_>, index: usize) -> Result<Quantity, ExecutionError> {
    let units = args
        .get(index)
        .and_then(|value| value.downcast_ref::<CelInt>());
    match units {
        Some(units) => Ok(Quantity(i128::from(*units.inner()) * ONE)),
        None => argument(args, index).copied(),
    }
}

fn quantity<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let written = text(&args, 0)?;
    let problem = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
    parse(written)
        .map(CowVal::owned)
        .ok_or_else(|| ExecutionError::function_error("quantity", problem))
}

fn is_quantity<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(bool(parse(text(&args, 0)?).is_some()))
}

fn sign<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(int(match receiver(&args)?.0.signum() {
        -1 => -1,
        0 => 0,
        _ => 1,
    }))
}

fn whole(quantity: Quantity) -> Option<i64> {
    i64::try_from(quantity.0 / ONE)
        .ok()
        .filter(|_| quantity.0 % ONE == 0)
}

fn is_integer<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(bool(whole(receiver(&args)?).is_some()))
}

fn as_integer<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let problem = "cannot convert value to integer";
    whole(receiver(&args)?)
        .map(int)
        .ok_or_else(|| ExecutionError::function_error("asInteger", problem))
}

fn as_float<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let billionths = receiver(&args)?.0;
    #[expect(
        clippy::cast_precision_loss,
        reason = "the function promises an approximation"
    )]
    let float = billionths as f64 / ONE as f64;
    Ok(CowVal::owned(CelDouble::from(float)))
}

fn order(args: &Args<'_, '_>) -> Result<Ordering, ExecutionError> {
    Ok(receiver(args)?.cmp(&amount(args, 1)?))
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

fn combined<'b, 'v>(
    args: &Args<'b, 'v>,
    combine: impl Fn(i128, i128) -> Option<i128>,
) -> Outcome<'b, 'v> {
    let overflow = || ExecutionError::function_error("quantity", "quantity overflow");
    combine(receiver(args)?.0, amount(args, 1)?.0)
        .map(|sum| CowVal::owned(Quantity(sum)))
        .ok_or_else(overflow)
}

fn add<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    combined(&args, i128::checked_add)
}

fn sub<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    combined(&args, i128::checked_sub)
}

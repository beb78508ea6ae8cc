//! Quantities as the server writes them back: `1024Mi` becomes `1Gi`, `0.5` becomes `500m`.
//!
//! The canonical form of the Kubernetes API reference ("Quantity"): nothing is lost, there is no fraction, and the
//! suffix is as large as possible. It stays binary, decimal or with an exponent, as it was given.

use serde_json::Value;

use crate::api::object;
use crate::api::status::Failure;

/// Units of a billionth, the smallest that Kubernetes keeps.
const ONE: i128 = 1_000_000_000;
/// Larger numbers are no amounts of anything; Kubernetes keeps 2^63 units.
const MOST_DIGITS: usize = 20;

const BINARY: [(&str, u32); 6] = [
    ("Ki", 10),
    ("Mi", 20),
    ("Gi", 30),
    ("Ti", 40),
    ("Pi", 50),
    ("Ei", 60),
];
/// Suffixes with their power of ten, smallest first.
const DECIMAL: [(&str, i32); 10] = [
    ("n", -9),
    ("u", -6),
    ("m", -3),
    ("", 0),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Binary,
    Decimal,
    Exponent,
}

/// Rewrites the quantities of a map, such as the requests of a container.
pub(super) fn rewrite(kind: &str, holder: &mut Value, path: &[&str]) -> Result<(), Failure> {
    let mut amounts = holder;
    for step in path {
        match amounts.get_mut(*step) {
            Some(inner) => amounts = inner,
            None => return Ok(()),
        }
    }
    if !amounts.is_object() {
        return Ok(());
    }
    for amount in object::members(amounts).values_mut() {
        let text = match &*amount {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => continue,
        };
        let canonical = canonical(&text).ok_or_else(|| {
            Failure::bad_request(format!(
                "{kind} in version \"v1\" cannot be handled as a {kind}: quantities must match the regular \
                 expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
            ))
        })?;
        *amount = canonical.into();
    }
    Ok(())
}

/// Whether one quantity is more than another; what is no quantity is not.
pub(super) fn exceeds(one: &str, other: &str) -> bool {
    match (parse(one), parse(other)) {
        (Some((one, _)), Some((other, _))) => one > other,
        _ => false,
    }
}

/// The canonical form; `None` for what is no quantity.
fn canonical(text: &str) -> Option<String> {
    let (amount, form) = parse(text)?;
    Some(match form {
        // Below the first binary suffix, and between its steps, only decimal suffixes are exact.
        Form::Binary if amount.abs() < 1024 * ONE => decimal(amount),
        Form::Binary => binary(amount),
        Form::Decimal => decimal(amount),
        Form::Exponent => exponent(amount),
    })
}

fn parse(text: &str) -> Option<(i128, Form)> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let end = unsigned
        .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
        .unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || fraction.contains('.') || digits.len() > MOST_DIGITS {
        return None;
    }
    let digits: i128 = digits.parse().ok()?;
    let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let (factor, divisor, form) = unit(suffix)?;
    let top = digits.checked_mul(factor)?.checked_mul(ONE)?;
    let bottom = scale.checked_mul(divisor)?;
    // What is more precise than a billionth is rounded away from zero.
    let amount = top / bottom + i128::from(top % bottom != 0);
    Some((if negative { -amount } else { amount }, form))
}

/// A suffix as a fraction.
fn unit(suffix: &str) -> Option<(i128, i128, Form)> {
    if let Some((_, shift)) = BINARY.iter().find(|(name, _)| *name == suffix) {
        return Some((1 << shift, 1, Form::Binary));
    }
    let (power, form) = match DECIMAL.iter().find(|(name, _)| *name == suffix) {
        Some((_, power)) => (*power, Form::Decimal),
        None => {
            let digits = suffix.strip_prefix(['e', 'E'])?;
            (digits.parse().ok()?, Form::Exponent)
        }
    };
    let size = 10_i128.checked_pow(power.unsigned_abs())?;
    Some(if power < 0 {
        (1, size, form)
    } else {
        (size, 1, form)
    })
}

fn binary(amount: i128) -> String {
    let units = amount / ONE + (amount % ONE).signum();
    let fits = |shift: &u32| units % (1_i128 << shift) == 0;
    match BINARY.iter().rev().find(|(_, shift)| fits(shift)) {
        Some((suffix, shift)) => format!("{}{suffix}", units >> shift),
        None => units.to_string(),
    }
}

/// The number before the largest power of ten (of every third) that divides the amount, and the power.
fn steps(amount: i128) -> (i128, i32) {
    if amount == 0 {
        return (0, 0);
    }
    let (mut number, mut power) = (amount, -9);
    while number % 1000 == 0 && power < 18 {
        number /= 1000;
        power += 3;
    }
    (number, power)
}

fn decimal(amount: i128) -> String {
    let (number, power) = steps(amount);
    let suffix = DECIMAL.iter().find(|(_, one)| *one == power);
    format!("{number}{}", suffix.map_or("", |(name, _)| name))
}

fn exponent(amount: i128) -> String {
    match steps(amount) {
        (number, 0) => number.to_string(),
        (number, power) => format!("{number}e{power}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quantities_are_written_as_a_real_server_does() {
        for (given, written) in [
            ("1000m", "1"),
            ("0.5", "500m"),
            ("1024Mi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("100M", "100M"),
            ("1000000000", "1G"),
            ("1e3", "1e3"),
            ("1E3", "1e3"),
            ("1e2", "100"),
            ("2", "2"),
            ("0", "0"),
            ("0Gi", "0"),
            ("1Ki", "1Ki"),
            ("0.5Ki", "512"),
            ("-5m", "-5m"),
            ("0.0000000001", "1n"),
        ] {
            assert_eq!(canonical(given).as_deref(), Some(written), "{given}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for bad in [
            "", "abc", "1 Gi", "Gi", ".", "1.2.3", "1gi", "--1", "1e", "1e99", "é",
        ] {
            assert_eq!(canonical(bad), None, "{bad}");
        }
        assert_eq!(canonical(&"9".repeat(MOST_DIGITS + 1)), None);
    }

    proptest! {
        #[test]
        fn any_text_is_judged_and_the_canonical_form_is_its_own(text in "[-+]?[0-9.]{0,8}[a-zA-Zé0-9]{0,3}") {
            if let Some(written) = canonical(&text) {
                prop_assert_eq!(canonical(&written), Some(written));
            }
        }
    }
}

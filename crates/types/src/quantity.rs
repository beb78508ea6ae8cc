//! Kubernetes quantities such as `5Gi`, `500m` or `1.5`.

use std::fmt;
use std::str::FromStr;

use crate::text::serde_as_text;

/// Text that is no quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("quantity \"{0}\" must be a number with an optional unit, for example 5Gi, 500m or 2")]
pub struct ParseQuantityError(String);

/// An amount of memory, storage or CPU, kept exactly in thousandths (Kubernetes API conventions,
/// "Resource quantities"). Range: 0 to 2^63 thousandths; more precise fractions are rounded up,
/// as Kubernetes does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity {
    thousandths: u64,
}

/// Unit suffixes with their factor in thousandths.
const UNITS: [(&str, u128); 14] = [
    ("Ki", 1_000 << 10),
    ("Mi", 1_000 << 20),
    ("Gi", 1_000 << 30),
    ("Ti", 1_000 << 40),
    ("Pi", 1_000 << 50),
    ("Ei", 1_000 << 60),
    ("m", 1),
    ("k", 1_000_000),
    ("M", 1_000_000_000),
    ("G", 1_000_000_000_000),
    ("T", 1_000_000_000_000_000),
    ("P", 1_000_000_000_000_000_000),
    ("E", 1_000_000_000_000_000_000_000),
    ("", 1_000),
];

impl Quantity {
    /// That many whole units (bytes, or CPUs).
    pub fn whole(units: u32) -> Self {
        Self {
            thousandths: u64::from(units) * 1_000,
        }
    }

    /// That many thousandths, the unit of CPU requests.
    pub fn from_thousandths(thousandths: u64) -> Self {
        Self { thousandths }
    }

    /// The amount in thousandths of a unit, the unit of CPU requests.
    pub fn thousandths(self) -> u64 {
        self.thousandths
    }

    /// The amount in whole units, for example bytes, rounded down.
    pub fn units(self) -> u64 {
        self.thousandths / 1_000
    }
}

impl FromStr for Quantity {
    type Err = ParseQuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text)
            .map(|thousandths| Self { thousandths })
            .ok_or_else(|| ParseQuantityError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<u64> {
    let digits_end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits_end);
    let factor = UNITS.iter().find(|(unit, _)| *unit == suffix)?.1;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || whole.len() > 20 || fraction.len() > 12 {
        return None;
    }
    let parse_part = |part: &str| {
        if part.is_empty() {
            Some(0)
        } else {
            part.parse::<u128>().ok()
        }
    };
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let scaled = parse_part(whole)?
        .checked_mul(scale)?
        .checked_add(parse_part(fraction)?)?;
    let thousandths = scaled.checked_mul(factor)?.div_ceil(scale);
    u64::try_from(thousandths)
        .ok()
        .filter(|value| *value <= 1 << 63)
}

impl fmt::Display for Quantity {
    /// The shortest exact form: a binary unit where it divides, else plain units, else `m`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.thousandths.is_multiple_of(1_000) {
            return write!(f, "{}m", self.thousandths);
        }
        let units = self.units();
        for (suffix, shift) in [("Ti", 40), ("Gi", 30), ("Mi", 20), ("Ki", 10)] {
            if units != 0 && units.is_multiple_of(1 << shift) {
                return write!(f, "{}{suffix}", units >> shift);
            }
        }
        write!(f, "{units}")
    }
}

serde_as_text!(Quantity);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quantity(text: &str) -> Quantity {
        text.parse().unwrap()
    }

    #[test]
    fn units_are_those_of_kubernetes() {
        assert_eq!(quantity("5Gi").units(), 5 << 30);
        assert_eq!(quantity("1.5Gi").units(), 3 << 29);
        assert_eq!(quantity("250m").thousandths(), 250);
        assert_eq!(quantity("0.1").thousandths(), 100);
        assert_eq!(quantity("2k").units(), 2_000);
        assert_eq!(quantity("0.0001").thousandths(), 1, "rounded up");
    }

    #[test]
    fn malformed_quantities_are_refused() {
        for bad in [
            "",
            "Gi",
            ".",
            "-1",
            "5 Gi",
            "5gi",
            "5GB",
            "1..2",
            "1.2.3",
            "9999999Ei",
            "1e3",
            "٣",
        ] {
            assert!(bad.parse::<Quantity>().is_err(), "{bad} must be refused");
        }
    }

    #[test]
    fn quantities_are_shown_in_their_largest_exact_unit() {
        for (given, shown) in [
            ("2048Mi", "2Gi"),
            ("0.5", "500m"),
            ("1000m", "1"),
            ("1536Mi", "1536Mi"),
            ("0", "0"),
        ] {
            assert_eq!(quantity(given).to_string(), shown);
        }
    }

    proptest! {
        #[test]
        fn quantities_round_trip(thousandths in 0..=(1_u64 << 63)) {
            let value = Quantity::from_thousandths(thousandths);
            prop_assert_eq!(quantity(&value.to_string()), value);
        }
    }
}

//! ISO 8601 durations such as `PT1H` or `P7D`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::text::serde_as_text;

/// Text that is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "duration \"{0}\" must be ISO 8601 with weeks, days, hours, minutes or seconds, for example P7D or PT1H30M"
)]
pub struct ParseDurationError(String);

/// An ISO 8601 duration of fixed length: weeks, days (of 24 hours), hours, minutes and seconds.
///
/// Months and years have no fixed length and are refused. At most 100 years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IsoDuration {
    seconds: u64,
}

/// The longest duration: no field of the API has a use for more.
const MAX_SECONDS: u64 = 100 * 366 * 86_400;

impl IsoDuration {
    /// The duration for timers.
    pub fn as_duration(self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

impl FromStr for IsoDuration {
    type Err = ParseDurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text)
            .map(|seconds| Self { seconds })
            .ok_or_else(|| ParseDurationError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<u64> {
    let body = text.strip_prefix('P')?;
    let (date, time) = match body.split_once('T') {
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None => (body, ""),
    };
    if date.is_empty() && time.is_empty() {
        return None;
    }
    let total = designated(date, &[('W', 604_800), ('D', 86_400)])?
        .checked_add(designated(time, &[('H', 3_600), ('M', 60), ('S', 1)])?)?;
    (total <= MAX_SECONDS).then_some(total)
}

/// Sums `<digits><designator>` parts, each designator at most once and in the order given.
fn designated(mut text: &str, units: &[(char, u64)]) -> Option<u64> {
    let mut total: u64 = 0;
    for (designator, seconds) in units {
        let Some((digits, rest)) = text.split_once(*designator) else {
            continue;
        };
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        total = total.checked_add(digits.parse::<u64>().ok()?.checked_mul(*seconds)?)?;
        text = rest;
    }
    text.is_empty().then_some(total)
}

impl fmt::Display for IsoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, rest) = (self.seconds / 86_400, self.seconds % 86_400);
        f.write_str("P")?;
        if days > 0 {
            write!(f, "{days}D")?;
        }
        if rest == 0 {
            return f.write_str(if days > 0 { "" } else { "T0S" });
        }
        f.write_str("T")?;
        for (value, designator) in [
            (rest / 3_600, 'H'),
            (rest % 3_600 / 60, 'M'),
            (rest % 60, 'S'),
        ] {
            if value > 0 {
                write!(f, "{value}{designator}")?;
            }
        }
        Ok(())
    }
}

serde_as_text!(IsoDuration);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_of_fixed_length_are_understood() {
        let seconds = |text: &str| text.parse::<IsoDuration>().unwrap().as_duration().as_secs();
        assert_eq!(seconds("PT1H30M"), 5_400);
        assert_eq!(seconds("P7D"), 604_800);
        assert_eq!(seconds("P1W"), 604_800);
        assert_eq!(seconds("P1DT1S"), 86_401);
        assert_eq!(seconds("PT0S"), 0);
    }

    #[test]
    fn other_texts_are_refused() {
        for bad in [
            "",
            "P",
            "PT",
            "1h",
            "P1Y",
            "P6M",
            "PT1.5S",
            "PT1M1H",
            "PT-1S",
            "P1H",
            "PTH",
            "P9999999D",
            "PT1S1S",
        ] {
            assert!(bad.parse::<IsoDuration>().is_err(), "{bad} must be refused");
        }
    }

    proptest! {
        #[test]
        fn durations_round_trip(seconds in 0..=MAX_SECONDS) {
            let value = IsoDuration { seconds };
            prop_assert_eq!(value.to_string().parse::<IsoDuration>().unwrap(), value);
        }
    }
}

//! Whether a text is a value of a parameter, by the rules of the server
//! (<https://www.postgresql.org/docs/18/config-setting.html>).

use super::known::{Kind, Number};

const BOOLEANS: [&str; 6] = ["on", "off", "true", "false", "yes", "no"];

/// Units with their size in the smallest unit of their family.
const MEMORY: [(&str, f64); 6] = [
    ("B", 1.0),
    ("kB", 1024.0),
    ("8kB", 8192.0),
    ("MB", 1_048_576.0),
    ("GB", 1_073_741_824.0),
    ("TB", 1_099_511_627_776.0),
];
const TIME: [(&str, f64); 6] = [
    ("us", 1.0),
    ("ms", 1_000.0),
    ("s", 1_000_000.0),
    ("min", 60_000_000.0),
    ("h", 3_600_000_000.0),
    ("d", 86_400_000_000.0),
];

/// Checks a value; the error continues a sentence that starts with the parameter's name.
pub(super) fn check(kind: &Kind, value: &str) -> Result<(), String> {
    let why = match kind {
        Kind::Text => return Ok(()),
        Kind::Computed => return Err("is computed by Postgres and cannot be set".to_owned()),
        Kind::Bool => (!is_boolean(value)).then(|| "must be on or off".to_owned()),
        Kind::Enum(names) => {
            (!is_name(names, value)).then(|| format!("must be one of {}", names.join(", ")))
        }
        Kind::Number(number) => check_number(*number, value).err(),
    };
    why.map_or(Ok(()), |why| Err(format!("{why}, not \"{value}\"")))
}

/// Any unambiguous beginning of a word is one, as is a digit.
fn is_boolean(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let begins = |word: &&str| !lower.is_empty() && word.starts_with(&lower);
    matches!(lower.as_str(), "0" | "1") || (lower != "o" && BOOLEANS.iter().any(begins))
}

/// Where a list has on or off, the other spellings of a boolean are taken too.
fn is_name(names: &[&str], value: &str) -> bool {
    let listed = names.iter().any(|name| name.eq_ignore_ascii_case(value));
    let switch = names.contains(&"on") || names.contains(&"off");
    let boolean = BOOLEANS.iter().any(|word| word.eq_ignore_ascii_case(value));
    listed || (switch && (boolean || matches!(value, "0" | "1")))
}

fn check_number(number: Number, value: &str) -> Result<(), String> {
    let family = [&MEMORY, &TIME]
        .into_iter()
        .find(|family| family.iter().any(|(unit, _)| *unit == number.unit));
    let kind = if number.whole {
        "a whole number"
    } else {
        "a number"
    };
    let wrong = || match family {
        Some(family) => {
            let units = family.iter().filter(|(unit, _)| *unit != "8kB");
            let units: Vec<_> = units.map(|(unit, _)| *unit).collect();
            format!(
                "must be {kind} with an optional unit ({})",
                units.join(", ")
            )
        }
        None => format!("must be {kind}"),
    };
    let (amount, unit) = split(value).ok_or_else(wrong)?;
    let size = |name: &str| {
        family?
            .iter()
            .find(|(unit, _)| *unit == name)
            .map(|(_, size)| *size)
    };
    let factor = match (unit, size(number.unit)) {
        ("", _) => 1.0,
        // 8kB is the unit of a number without one; nobody can write it.
        (unit, Some(base)) if unit != "8kB" => size(unit).ok_or_else(wrong)? / base,
        _ => return Err(wrong()),
    };
    let scaled = amount * factor;
    let scaled = if number.whole { scaled.round() } else { scaled };
    if scaled < number.least || scaled > number.most {
        let unit = if number.unit.is_empty() {
            String::new()
        } else {
            format!(" (in units of {})", number.unit)
        };
        let least = number.least;
        return Err(if number.most > 1e15 {
            format!("must be {least} or more{unit}")
        } else {
            format!("must be from {least} to {}{unit}", number.most)
        });
    }
    Ok(())
}

/// A number, decimal or hexadecimal, and the unit behind it.
fn split(value: &str) -> Option<(f64, &str)> {
    if let Some(digits) = value
        .strip_prefix("0x")
        .or_else(|| value.strip_prefix("0X"))
    {
        let number = u32::from_str_radix(digits, 16).ok()?;
        return Some((f64::from(number), ""));
    }
    let is_unit = |c: char| c.is_ascii_alphabetic() && c != 'e' && c != 'E';
    let end = value.find(is_unit).unwrap_or(value.len());
    let (number, unit) = value.split_at(end);
    let number: f64 = number.trim().parse().ok()?;
    number.is_finite().then_some((number, unit.trim()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::known;

    #[rstest]
    #[case("jit", "ON", None)]
    #[case("jit", "f", None)]
    #[case("jit", "o", Some("must be on or off, not \"o\""))]
    #[case("jit", "maybe", Some("must be on or off, not \"maybe\""))]
    #[case("wal_level", "LOGICAL", None)]
    #[case(
        "wal_level",
        "full",
        Some("must be one of minimal, replica, logical, not \"full\"")
    )]
    #[case("huge_pages", "true", None)]
    #[case("synchronous_commit", "remote_apply", None)]
    #[case("shared_buffers", "128MB", None)]
    #[case("shared_buffers", "0.5 GB", None)]
    #[case("shared_buffers", "16384", None)]
    #[case("shared_buffers", "0x4000", None)]
    #[case(
        "shared_buffers",
        "128mb",
        Some("must be a whole number with an optional unit (B, kB, MB, GB, TB), not \"128mb\"")
    )]
    #[case(
        "shared_buffers",
        "64kB",
        Some("must be from 16 to 1073741823 (in units of 8kB), not \"64kB\"")
    )]
    #[case("checkpoint_timeout", "15min", None)]
    #[case(
        "checkpoint_timeout",
        "2 d",
        Some("must be from 30 to 86400 (in units of s), not \"2 d\"")
    )]
    #[case(
        "checkpoint_timeout",
        "5MB",
        Some("must be a whole number with an optional unit (us, ms, s, min, h, d), not \"5MB\"")
    )]
    #[case("autovacuum_vacuum_cost_delay", "2", None)]
    #[case("autovacuum_vacuum_cost_delay", "0.5ms", None)]
    #[case("random_page_cost", "1.1", None)]
    #[case("random_page_cost", "1e1", None)]
    #[case("random_page_cost", "-1", Some("must be 0 or more, not \"-1\""))]
    #[case(
        "max_connections",
        "banana",
        Some("must be a whole number, not \"banana\"")
    )]
    #[case(
        "max_connections",
        "100MB",
        Some("must be a whole number, not \"100MB\"")
    )]
    #[case("jit_inline_above_cost", "-1", None)]
    #[case("log_line_prefix", "%t anything", None)]
    #[case(
        "server_version",
        "18",
        Some("is computed by Postgres and cannot be set")
    )]
    #[case("pg_stat_statements.max", "anything", None)]
    fn values(#[case] name: &str, #[case] value: &str, #[case] expected: Option<&str>) {
        assert_eq!(known::check_value(name, value).err().as_deref(), expected);
    }
}

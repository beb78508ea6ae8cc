//! The string formats that a schema can ask for; unknown ones admit everything.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Whether the text has the format.
pub(super) fn admits(format: &str, text: &str) -> bool {
    match format {
        "date-time" | "datetime" => text.parse::<jiff::Timestamp>().is_ok(),
        "date" => text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok(),
        "duration" => is_duration(text),
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "cidr" => is_cidr(text),
        "uuid" | "uuid3" | "uuid4" | "uuid5" => uuid::Uuid::try_parse(text).is_ok(),
        "byte" => {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD
                .decode(text)
                .is_ok()
        }
        "email" => text
            .split_once('@')
            .is_some_and(|(user, host)| !user.is_empty() && host.contains('.')),
        "hostname" => {
            let label = |part: &str| {
                let inner = part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
                !part.is_empty() && part.len() <= 63 && inner
            };
            text.len() <= 255 && text.split('.').all(label)
        }
        "uri" => text.contains(':') || text.starts_with('/'),
        _ => true,
    }
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else {
        return false;
    };
    let Ok(bits) = bits.parse::<u8>() else {
        return false;
    };
    (address.parse::<Ipv4Addr>().is_ok() && bits <= 32)
        || (address.parse::<Ipv6Addr>().is_ok() && bits <= 128)
}

/// Go durations (`1h2m`), and the words the original accepts (`3 days`).
fn is_duration(text: &str) -> bool {
    const UNITS: [&str; 12] = [
        "ns", "us", "µs", "ms", "s", "m", "h", "d", "days", "day", "hours", "weeks",
    ];
    let mut rest = text.trim_start_matches(['-', '+']);
    if rest.is_empty() {
        return false;
    }
    if rest == "0" {
        return true;
    }
    while !rest.is_empty() {
        let unit = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        if unit.len() == rest.len() {
            return false;
        }
        let unit = unit.trim_start();
        let next = unit.trim_start_matches(|c: char| c.is_alphabetic());
        if !UNITS.contains(&&unit[..unit.len() - next.len()]) {
            return false;
        }
        rest = next.trim_start();
    }
    true
}

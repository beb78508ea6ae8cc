//! Dates, times and durations as the server's validator reads them.

/// A calendar date, `2026-11-22`.
pub(super) fn is_date(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}

/// A date, `T`, a time of day and an offset.
pub(super) fn is_date_time(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let mut parts = lower.split('t');
    let (Some(date), Some(time)) = (parts.next(), parts.next()) else {
        return false;
    };
    is_date(date) && is_time(time)
}

fn is_time(text: &str) -> bool {
    let (clock, zone) = if let Some(clock) = text.strip_suffix('z') {
        (clock, None)
    } else if let Some(at) = text.rfind(['+', '-']) {
        (&text[..at], Some(&text[at + 1..]))
    } else {
        return false;
    };
    let (clock, fraction) = match clock.split_at_checked(8) {
        Some((clock, "")) => (clock, None),
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => return false,
    };
    let fraction_is_fine = fraction.is_none_or(|text| {
        let mut rest = text.chars();
        rest.next();
        !rest.as_str().is_empty() && rest.all(|c| c.is_ascii_digit())
    });
    let digits = |pair: &str| pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_digit());
    let zone_is_fine = zone.is_none_or(|zone| {
        zone.split_once(':')
            .is_some_and(|(h, m)| digits(h) && digits(m))
    });
    let pairs: Vec<&str> = clock.split(':').collect();
    let within = |pair: &str, most: &str| digits(pair) && pair <= most;
    let clock_is_fine = matches!(pairs.as_slice(), [h, m, s] if within(h, "23") && within(m, "59") && within(s, "59"));
    clock_is_fine && fraction_is_fine && zone_is_fine
}

/// Go's notation (`1h30m`) or words (`2 days`).
pub(super) fn is_duration(text: &str) -> bool {
    is_go_duration(text) || has_worded_duration(text)
}

fn is_go_duration(text: &str) -> bool {
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return true;
    }
    if rest.is_empty() {
        return false;
    }
    while !rest.is_empty() {
        let number_end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(number_end);
        let is_number =
            number.bytes().any(|byte| byte.is_ascii_digit()) && number.matches('.').count() <= 1;
        let unit_end = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        if !is_number || !["ns", "us", "µs", "μs", "ms", "s", "m", "h"].contains(&unit) {
            return false;
        }
        rest = next;
    }
    true
}

/// A number and a unit somewhere in the text is enough for the server.
fn has_worded_duration(text: &str) -> bool {
    const EXACT: [&str; 9] = ["ns", "us", "µs", "ms", "s", "m", "h", "hr", "wk"];
    const PREFIXES: [&str; 8] = [
        "nano", "micro", "milli", "sec", "min", "hour", "day", "week",
    ];
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let after = rest[start..]
            .trim_start_matches(|c: char| c.is_ascii_digit())
            .trim_start();
        let end = after
            .find(|c: char| !c.is_ascii_alphabetic() && c != 'µ')
            .unwrap_or(after.len());
        let unit = after[..end].to_lowercase();
        if EXACT.contains(&unit.as_str())
            || matches!(unit.as_str(), "d" | "w")
            || PREFIXES.iter().any(|word| unit.starts_with(word))
        {
            return true;
        }
        rest = &after[end..];
    }
    false
}

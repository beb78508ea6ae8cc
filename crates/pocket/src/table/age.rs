//! How long ago something was, in two or three digits.

use jiff::Timestamp;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// A duration as the server writes it: `45s`, `5m3s`, `3h`, `12d`.
pub(crate) fn human_duration(seconds: i64) -> String {
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        _ if seconds < 10 * MINUTE => two(seconds, MINUTE, "m", 1, "s"),
        _ if seconds < 3 * HOUR => format!("{}m", seconds / MINUTE),
        _ if seconds < 8 * HOUR => two(seconds, HOUR, "h", MINUTE, "m"),
        _ if seconds < 2 * DAY => format!("{}h", seconds / HOUR),
        _ if seconds < 8 * DAY => two(seconds, DAY, "d", HOUR, "h"),
        _ if seconds < 2 * YEAR => format!("{}d", seconds / DAY),
        _ if seconds < 8 * YEAR => two(seconds, YEAR, "y", DAY, "d"),
        _ => format!("{}y", seconds / YEAR),
    }
}

/// The larger unit, and the smaller one where it is not zero.
fn two(seconds: i64, large: i64, large_name: &str, small: i64, small_name: &str) -> String {
    match seconds % large / small {
        0 => format!("{}{large_name}", seconds / large),
        rest => format!("{}{large_name}{rest}{small_name}", seconds / large),
    }
}

/// The age of a timestamp; `<unknown>` where there is none.
pub(super) fn since(timestamp: Option<&str>, now: Timestamp) -> String {
    match timestamp {
        None | Some("") => "<unknown>".to_owned(),
        Some(text) => text.parse::<Timestamp>().map_or_else(
            |_| "<invalid>".to_owned(),
            |then| {
                let seconds = now.duration_since(then).as_secs();
                human_duration(seconds)
            },
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_two_or_three_digits() {
        let cases = [
            (-5, "<invalid>"),
            (-1, "0s"),
            (2, "2s"),
            (119, "119s"),
            (120, "2m"),
            (303, "5m3s"),
            (601, "10m"),
            (3 * HOUR, "3h"),
            (3 * HOUR + 300, "3h5m"),
            (10 * HOUR + 300, "10h"),
            (2 * DAY, "2d"),
            (3 * DAY + 2 * HOUR, "3d2h"),
            (12 * DAY + HOUR, "12d"),
            (3 * YEAR + 2 * DAY, "3y2d"),
            (9 * YEAR, "9y"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(human_duration(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn knows_what_it_does_not_know() {
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        assert_eq!(since(None, now), "<unknown>");
        assert_eq!(since(Some("soon"), now), "<invalid>");
        assert_eq!(since(Some("2026-11-22T09:59:00.5Z"), now), "59s");
    }
}

//! How Go prints values: the server's messages quote values in Go's notation.

use std::fmt::Write as _;

use serde_json::{Number, Value};

/// A value as it appears after `Invalid value: `.
pub(super) fn bad_value(value: &Value) -> String {
    match value {
        Value::String(string) => quote(string),
        Value::Number(number) => go_number(number),
        other => go_json(other),
    }
}

/// Go's `%q`.
pub(crate) fn quote(string: &str) -> String {
    let mut out = String::with_capacity(string.len() + 2);
    out.push('"');
    for character in string.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            c if (c as u32) < 0x80 && c.is_control() => {
                push(&mut out, format_args!("\\x{:02x}", c as u32))
            }
            c if c.is_control() || is_unprintable(c) => {
                push(&mut out, format_args!("\\u{:04x}", c as u32))
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text)
        .expect("writing to a String cannot fail");
}

/// Spaces other than the ASCII one and marks that Go escapes.
fn is_unprintable(character: char) -> bool {
    matches!(character, '\u{a0}' | '\u{ad}' | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{feff}')
        || (character.is_whitespace() && character != ' ')
}

/// Go's `%v` of a decoded value: `map[a:[1 b]]`.
pub(crate) fn plain(value: &Value) -> String {
    let list = |parts: Vec<String>| parts.join(" ");
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => go_number(number),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", list(items.iter().map(plain).collect())),
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let entries = entries.into_iter();
            let shown = entries.map(|(key, value)| format!("{key}:{}", plain(value)));
            format!("map[{}]", list(shown.collect()))
        }
    }
}

/// Go's `json.Marshal`: sorted keys, and `<`, `>` and `&` escaped.
pub(super) fn go_json(value: &Value) -> String {
    let text = sorted(value).to_string();
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                push(&mut out, format_args!("\\u{:04x}", character as u32))
            }
            c => out.push(c),
        }
    }
    out
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|a, b| a.0.cmp(b.0));
            entries
                .into_iter()
                .map(|(key, value)| (key.clone(), sorted(value)))
                .collect()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

/// A number as Go's `%v` prints it after decoding: int64 where it fits, float64 otherwise.
pub(super) fn go_number(number: &Number) -> String {
    match (number.as_i64(), number.as_f64()) {
        (Some(integer), _) => integer.to_string(),
        (None, Some(float)) => go_float(float),
        (None, None) => number.to_string(),
    }
}

/// Go's `%v` of a float64: the shortest digits, with an exponent from 1e21 on and below 1e-4.
pub(super) fn go_float(float: f64) -> String {
    let magnitude = float.abs();
    if float == 0.0 || (1e-4..1e21).contains(&magnitude) || !float.is_finite() {
        return format!("{float}");
    }
    let text = format!("{float:e}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = match exponent.strip_prefix('-') {
                Some(rest) => ('-', rest),
                None => ('+', exponent),
            };
            format!("{digits}e{sign}{exponent:0>2}")
        }
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn prints_values_as_go_does() {
        assert_eq!(quote("a\"b\n\u{1}\u{85}é"), "\"a\\\"b\\n\\x01\\u0085é\"");
        assert_eq!(bad_value(&json!(99)), "99");
        assert_eq!(bad_value(&json!(1.5)), "1.5");
        assert_eq!(
            bad_value(&json!({"b": 1, "a": "<"})),
            "{\"a\":\"\\u003c\",\"b\":1}"
        );
        assert_eq!(
            plain(&json!({"b": [1, "x", null], "a": {"c": true}})),
            "map[a:map[c:true] b:[1 x <nil>]]"
        );
        assert_eq!(bad_value(&json!(null)), "null");
        assert_eq!(go_float(1e21), "1e+21");
        assert_eq!(go_float(9.0), "9");
        assert_eq!(go_float(0.000_01), "1e-05");
    }
}

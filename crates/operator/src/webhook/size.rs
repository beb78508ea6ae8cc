//! How much is taken of what comes in: anybody who reaches the port can send something.

/// The largest body: an object as it is and as it was, each of which a server keeps up to 1.5 MiB, in other words.
pub(super) const MOST_BYTES: usize = 8 << 20;

/// The most values in an object. In memory a value takes many times the room that it takes as text.
pub(super) const MOST_VALUES: usize = 20_000;

/// About how many values a text in JSON has; never less than it has.
pub(super) fn values(json: &str) -> usize {
    let (mut values, mut quoted, mut escaped) = (1_usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' | b'[' | b'{' if !quoted => values = values.saturating_add(1),
            _ => {}
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_is_one_value() {
        assert_eq!(values(r#""a,[{\",{ ,""#), 1);
        assert_eq!(values(r#"{"a,": [1, "\\", {}]}"#), 6);
        assert_eq!(values("[[[]]]"), 4);
    }
}

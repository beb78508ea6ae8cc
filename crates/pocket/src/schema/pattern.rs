//! Regular expressions of schemas: the server reads them as Go does, whose syntax differs in small ways.

use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};

/// A pattern may not compile to more than this.
const SIZE_LIMIT: usize = 1 << 20;

/// A pattern, compiled when a value is first held against it: most never are.
#[derive(Debug)]
pub(super) struct Pattern {
    /// As it stands in the schema.
    pub(super) written: Box<str>,
    regex: OnceLock<Option<Regex>>,
}

impl Pattern {
    pub(super) fn new(written: &str) -> Self {
        Self {
            written: written.into(),
            regex: OnceLock::new(),
        }
    }

    /// A pattern that cannot be read admits everything; definitions with such are refused.
    pub(super) fn admits(&self, text: &str) -> bool {
        let regex = self.regex.get_or_init(|| compile(&self.written).ok());
        regex.as_ref().is_none_or(|regex| regex.is_match(text))
    }
}

/// Compiles a pattern written for Go.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(&translate(pattern))
        .size_limit(SIZE_LIMIT)
        .dfa_size_limit(SIZE_LIMIT)
        .build()
        .map_err(|error| {
            error
                .to_string()
                .lines()
                .last()
                .unwrap_or_default()
                .trim()
                .to_owned()
        })
}

/// Rewrites what Go reads differently: Perl classes are ASCII, and in brackets `[`, `&`, `~` and `-` are plain characters, as is a
/// brace that starts no repetition.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern.chars();
    let mut in_class = false;
    while let Some(character) = rest.next() {
        match character {
            '\\' => escape(&mut out, &mut rest, in_class),
            '[' if in_class && !rest.as_str().starts_with(':') => out.push_str("\\["),
            '[' if in_class => {
                let end = rest.as_str().find(":]").map_or(0, |end| end + 2);
                out.push('[');
                out.extend(rest.by_ref().take(end));
            }
            '[' => {
                in_class = true;
                out.push('[');
                if rest.as_str().starts_with('^') {
                    out.extend(rest.next());
                }
                if rest.as_str().starts_with(']') {
                    rest.next();
                    out.push_str("\\]");
                }
            }
            ']' => {
                in_class = false;
                out.push(']');
            }
            '&' | '~' if in_class => {
                out.push('\\');
                out.push(character);
            }
            '{' if !in_class && !starts_repetition(rest.as_str()) => out.push_str("\\{"),
            other => out.push(other),
        }
    }
    out
}

fn escape(out: &mut String, rest: &mut std::str::Chars<'_>, in_class: bool) {
    let Some(escaped) = rest.next() else {
        out.push('\\');
        return;
    };
    let class = match escaped {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        's' => "[\\t\\n\\f\\r ]",
        'S' => "[^\\t\\n\\f\\r ]",
        other => {
            out.push('\\');
            out.push(other);
            return;
        }
    };
    out.push_str(class);
    if in_class && rest.as_str().starts_with('-') && !rest.as_str().starts_with("-]") {
        rest.next();
        out.push_str("\\-");
    }
}

fn starts_repetition(rest: &str) -> bool {
    let Some((inside, _)) = rest.split_once('}') else {
        return false;
    };
    let (low, high) = inside.split_once(',').unwrap_or((inside, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !low.is_empty() && is_number(low) && is_number(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_patterns_as_go_does() {
        let matches = |pattern: &str, text: &str| compile(pattern).unwrap().is_match(text);
        assert!(!matches(r"^\d$", "٣"));
        assert!(matches(r"^[\w-.]+$", "a-b.c"));
        assert!(matches(r"^[[a]+$", "[a"));
        assert!(matches(r"^[a&&b]+$", "a&b"));
        assert!(matches(r"^{x}$", "{x}"));
        assert!(matches(r"^a{2,3}$", "aaa"));
        assert!(matches(r"^[[:alpha:]_]+$", "ab_"));
        assert!(matches(r"^[]a]+$", "]a"));
        assert!(matches(r"^[^]a]+$", "b"));
        assert!(!matches(r"^[a-z]+$", "a\n"));
        assert!(compile("(").is_err());
        assert!(compile("a{1000}{1000}").is_err());
    }
}

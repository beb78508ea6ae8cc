//! The part of JSONPath that printer columns, selectable fields and `kubectl wait` conditions use.

use serde_json::Value;

/// A path that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unrecognized path {path:?} at {rest:?}")]
pub(crate) struct JsonPathError {
    path: String,
    rest: String,
}

/// A compiled path such as `.status.conditions[?(@.type=="Ready")].status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JsonPath {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(i64),
    All,
    Filter {
        path: JsonPath,
        comparison: Option<(Comparison, Value)>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Longest first: `<=` must not be read as `<`.
const COMPARISONS: [(&str, Comparison); 6] = [
    ("==", Comparison::Equal),
    ("!=", Comparison::Unequal),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

impl JsonPath {
    /// Reads a path, with or without the surrounding braces.
    pub(crate) fn parse(path: &str) -> Result<Self, JsonPathError> {
        let trimmed = path.trim();
        let inner = trimmed
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'))
            .unwrap_or(trimmed);
        let inner = inner.strip_prefix('$').unwrap_or(inner);
        steps(inner)
            .map(|steps| Self { steps })
            .map_err(|rest| JsonPathError {
                path: path.to_owned(),
                rest: rest.to_owned(),
            })
    }

    /// The values the path leads to, in order.
    pub(crate) fn find<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![value];
        for step in &self.steps {
            found = found
                .into_iter()
                .flat_map(|value| step.find(value))
                .collect();
        }
        found
    }
}

impl Step {
    fn find<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match self {
            Self::Field(name) => value.get(name).into_iter().collect(),
            Self::Index(index) => {
                let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
                let at = if *index < 0 {
                    items
                        .len()
                        .checked_sub(index.unsigned_abs().try_into().unwrap_or(usize::MAX))
                } else {
                    usize::try_from(*index).ok()
                };
                at.and_then(|at| items.get(at)).into_iter().collect()
            }
            Self::All => children(value),
            Self::Filter { path, comparison } => children(value)
                .into_iter()
                .filter(|child| {
                    let found = path.find(child);
                    match comparison {
                        None => !found.is_empty(),
                        Some((comparison, right)) => found
                            .first()
                            .is_some_and(|left| comparison.holds(left, right)),
                    }
                })
                .collect(),
        }
    }
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(map) => map.values().collect(),
        _ => Vec::new(),
    }
}

impl Comparison {
    fn holds(self, left: &Value, right: &Value) -> bool {
        let order = match (left, right) {
            (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
            (Value::Number(left), Value::Number(right)) => left
                .as_f64()
                .zip(right.as_f64())
                .and_then(|(left, right)| left.partial_cmp(&right)),
            (left, right) if left == right => Some(std::cmp::Ordering::Equal),
            _ => None,
        };
        match (self, order) {
            (Self::Unequal, order) => order.is_none_or(std::cmp::Ordering::is_ne),
            (_, None) => false,
            (Self::Equal, Some(order)) => order.is_eq(),
            (Self::Less, Some(order)) => order.is_lt(),
            (Self::LessOrEqual, Some(order)) => order.is_le(),
            (Self::Greater, Some(order)) => order.is_gt(),
            (Self::GreaterOrEqual, Some(order)) => order.is_ge(),
        }
    }
}

/// The steps of a path; the error is what could not be read.
fn steps(path: &str) -> Result<Vec<Step>, &str> {
    let mut out = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let (step, next) = if rest.starts_with('[') {
            bracket(rest)?
        } else {
            field(rest, out.is_empty())?
        };
        out.extend(step);
        rest = next;
    }
    Ok(out)
}

/// `.name`, `.*`, or a name at the start; a lone dot is the value itself.
fn field(path: &str, first: bool) -> Result<(Option<Step>, &str), &str> {
    let rest = match path.strip_prefix('.') {
        Some(rest) => rest,
        None if first => path,
        None => return Err(path),
    };
    if rest.is_empty() && first {
        return Ok((None, rest));
    }
    let mut name = String::new();
    let mut characters = rest.char_indices();
    let mut end = rest.len();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => name.extend(characters.next().map(|(_, escaped)| escaped)),
            '.' | '[' => {
                end = at;
                break;
            }
            other if other.is_whitespace() || "]{}()".contains(other) => return Err(&rest[at..]),
            other => name.push(other),
        }
    }
    match name.as_str() {
        "" if first && rest.starts_with('[') => Ok((None, rest)),
        "" => Err(path),
        "*" => Ok((Some(Step::All), &rest[end..])),
        _ => Ok((Some(Step::Field(name)), &rest[end..])),
    }
}

/// `[0]`, `['x.y']`, `[*]` or `[?(@.a=="b")]`.
fn bracket(path: &str) -> Result<(Option<Step>, &str), &str> {
    let inner = &path[1..];
    if let Some(filter) = inner.strip_prefix("?(") {
        let end = unquoted(filter, ")]").ok_or(path)?;
        let step = filter_step(&filter[..end]).ok_or(path)?;
        return Ok((Some(step), &filter[end + 2..]));
    }
    let end = unquoted(inner, "]").ok_or(path)?;
    let (content, rest) = (inner[..end].trim(), &inner[end + 1..]);
    let step = match (content, quoted(content)) {
        ("*", _) => Step::All,
        (_, Some(name)) => Step::Field(name),
        (number, None) => Step::Index(number.parse().map_err(|_| path)?),
    };
    Ok((Some(step), rest))
}

/// Where `end` first stands outside of quotes.
fn unquoted(text: &str, end: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match (quote, character) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), close) if open == close => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(character),
            (None, _) if text[at..].starts_with(end) => return Some(at),
            (None, _) => {}
        }
    }
    None
}

fn quoted(text: &str) -> Option<String> {
    let inner = ['\'', '"']
        .iter()
        .find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote))?;
    let mut out = String::new();
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        out.extend(if character == '\\' {
            characters.next()
        } else {
            Some(character)
        });
    }
    Some(out)
}

fn filter_step(text: &str) -> Option<Step> {
    let found = COMPARISONS
        .iter()
        .filter_map(|(sign, comparison)| unquoted(text, sign).map(|at| (at, *sign, *comparison)));
    let first = found.min_by_key(|(at, sign, _)| (*at, std::cmp::Reverse(sign.len())));
    let (left, comparison) = match first {
        Some((at, sign, comparison)) => (
            &text[..at],
            Some((comparison, literal(text[at + sign.len()..].trim())?)),
        ),
        None => (text, None),
    };
    let path = left.trim().strip_prefix('@')?;
    Some(Step::Filter {
        path: JsonPath {
            steps: steps(path).ok()?,
        },
        comparison,
    })
}

fn literal(text: &str) -> Option<Value> {
    quoted(text)
        .map(Value::String)
        .or_else(|| serde_json::from_str(text).ok())
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    #[test]
    fn finds_what_a_path_leads_to() {
        let object = json!({
            "spec": {"a": {"b": 1}, "x.y": "dotted", "list": [1, 2, 3]},
            "status": {"conditions": [{"type": "A", "status": "False"}, {"type": "Ready", "status": "True", "n": 5}]},
            "metadata": {"annotations": {"a.b/c": "v"}}
        });
        let cases = [
            (".spec.a.b", json!([1])),
            ("{.spec.a.b}", json!([1])),
            ("spec.a.b", json!([1])),
            ("$.spec.a.b", json!([1])),
            (".spec['x.y']", json!(["dotted"])),
            (".spec.x\\.y", json!(["dotted"])),
            (".spec.list[0]", json!([1])),
            (".spec.list[-1]", json!([3])),
            (".spec.list[*]", json!([1, 2, 3])),
            (".spec.list[9]", json!([])),
            (".spec.missing.b", json!([])),
            (
                r#".status.conditions[?(@.type=="Ready")].status"#,
                json!(["True"]),
            ),
            (
                ".status.conditions[?(@.type=='Ready')].status",
                json!(["True"]),
            ),
            (".status.conditions[?(@.n)].type", json!(["Ready"])),
            (".status.conditions[?(@.n > 4)].type", json!(["Ready"])),
            (
                ".status.conditions[?(@.type != 'Ready')].type",
                json!(["A"]),
            ),
            (".status.conditions[*].type", json!(["A", "Ready"])),
            (".metadata.annotations['a\\.b/c']", json!(["v"])),
            (".metadata.annotations.a\\.b/c", json!(["v"])),
        ];
        for (path, expected) in cases {
            let found = JsonPath::parse(path)
                .unwrap()
                .find(&object)
                .into_iter()
                .cloned()
                .collect::<Vec<_>>();
            assert_eq!(Value::from(found), expected, "{path}");
        }
        assert_eq!(JsonPath::parse(".").unwrap().find(&object), [&object]);
    }

    #[test]
    fn refuses_what_it_cannot_read() {
        for path in [
            ".a[",
            ".a[x]",
            ".a[?(@.b==)]",
            ".a..b",
            ".a b",
            ".a[?(b)]",
            "{.a",
            ".a.]",
        ] {
            assert!(JsonPath::parse(path).is_err(), "{path}");
        }
    }
}

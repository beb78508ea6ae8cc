//! Label selectors: `app in (a,b),!gone,tier=3`.
//!
//! The grammar of "Labels and Selectors" in the Kubernetes documentation, with the original's words for what is wrong.

use std::iter::Peekable;
use std::vec::IntoIter;

use serde_json::Value;

use crate::api::status::Failure;
use crate::api::{names, object};

/// A parsed `labelSelector`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Labels(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq)]
struct Requirement {
    key: String,
    rule: Rule,
}

#[derive(Clone, Debug, PartialEq)]
enum Rule {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Absent,
    Above(i64),
    Below(i64),
}

impl Labels {
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let mut tokens = Tokens(tokens(text).into_iter().peekable());
        let mut requirements = Vec::new();
        while let Some(token) = tokens.peek() {
            if token.is_sign() && token.0 != "!" {
                return Err(unexpected(
                    &token.0,
                    ", expected: !, identifier, or 'end of string'",
                ));
            }
            let one = tokens
                .requirement()
                .map_err(|problem| format!("unable to parse requirement: {problem}"))
                .map_err(Failure::bad_request)?;
            requirements.push(one);
            tokens.comma()?;
        }
        Ok(Self(requirements))
    }

    /// Reads a `LabelSelector`, the form in which objects carry selectors.
    pub(crate) fn of(selector: &Value) -> Result<Self, Failure> {
        let texts = |value: &Value| value.as_str().map(str::to_owned);
        let labels = selector["matchLabels"].as_object().into_iter().flatten();
        let mut requirements: Vec<Requirement> = labels
            .map(|(key, value)| Requirement {
                key: key.clone(),
                rule: Rule::In(texts(value).into_iter().collect()),
            })
            .collect();
        for one in object::list(selector, &["matchExpressions"]) {
            let values = object::list(one, &["values"]).iter();
            let values = values.filter_map(texts).collect();
            let rule = match object::text(one, &["operator"]) {
                "In" => Rule::In(values),
                "NotIn" => Rule::NotIn(values),
                "Exists" => Rule::Exists,
                "DoesNotExist" => Rule::Absent,
                other => {
                    return Err(Failure::bad_request(format!(
                        "{other:?} is not a valid label selector operator"
                    )));
                }
            };
            let key = object::text(one, &["key"]).to_owned();
            requirements.push(Requirement { key, rule });
        }
        Ok(Self(requirements))
    }

    /// Selects no object at all.
    pub(crate) fn nothing() -> Self {
        Self(vec![Requirement {
            key: String::new(),
            rule: Rule::In(Vec::new()),
        }])
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A text that the JSON of every selected object holds, if one is known: the longest value that a label must have.
    pub(crate) fn telling(&self) -> Option<String> {
        let values = self.0.iter().filter_map(|one| match &one.rule {
            Rule::In(values) => match values.as_slice() {
                [value] => Some(value),
                _ => None,
            },
            _ => None,
        });
        // Any other letter could be written in more than one way.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let value = values
            .filter(|value| !value.is_empty() && value.bytes().all(plain))
            .max_by_key(|value| value.len())?;
        Some(format!("\"{value}\""))
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.hold_for(object::at(object, &["metadata", "labels"]))
    }

    /// Whether an object with these labels is selected.
    pub(crate) fn hold_for(&self, labels: &Value) -> bool {
        self.0
            .iter()
            .all(|one| one.rule.holds(labels.get(&one.key).and_then(Value::as_str)))
    }
}

impl Rule {
    fn holds(&self, value: Option<&str>) -> bool {
        let number = || value.and_then(|text| text.parse::<i64>().ok());
        match self {
            Self::In(allowed) => value.is_some_and(|v| allowed.iter().any(|a| a == v)),
            Self::NotIn(denied) => value.is_none_or(|v| denied.iter().all(|d| d != v)),
            Self::Exists => value.is_some(),
            Self::Absent => value.is_none(),
            Self::Above(bound) => number().is_some_and(|n| n > *bound),
            Self::Below(bound) => number().is_some_and(|n| n < *bound),
        }
    }
}

fn unexpected(found: &str, expected: &str) -> Failure {
    Failure::bad_request(format!("found '{found}'{expected}"))
}

/// A sign such as `!=`, or a word: keys, values and the operators `in` and `notin` look alike.
#[derive(Debug, PartialEq)]
struct Token(String);

const SIGNS: [&str; 9] = ["==", "!=", "=", "!", ">", "<", "(", ")", ","];

impl Token {
    fn is_sign(&self) -> bool {
        SIGNS.contains(&self.0.as_str())
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let mut rest = text.trim_start();
    let mut tokens = Vec::new();
    while !rest.is_empty() {
        let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
        let ends = |letter: char| letter.is_whitespace() || "=!><(),".contains(letter);
        let length = match sign {
            Some(sign) => sign.len(),
            None => rest.find(ends).unwrap_or(rest.len()),
        };
        let (token, tail) = rest.split_at(length);
        tokens.push(Token(token.to_owned()));
        rest = tail.trim_start();
    }
    tokens
}

struct Tokens(Peekable<IntoIter<Token>>);

impl Tokens {
    fn peek(&mut self) -> Option<&Token> {
        self.0.peek()
    }

    /// The next token; empty at the end.
    fn next(&mut self) -> String {
        self.0.next().map(|token| token.0).unwrap_or_default()
    }

    /// Whether a requirement is over here.
    fn at_end(&mut self) -> bool {
        self.peek().is_none_or(|token| token.0 == ",")
    }

    fn comma(&mut self) -> Result<(), Failure> {
        match self.next().as_str() {
            "" => Ok(()),
            "," => match self.peek() {
                Some(token) if !token.is_sign() || token.0 == "!" => Ok(()),
                other => {
                    let found = other.map_or("", |token| token.0.as_str());
                    Err(unexpected(found, ", expected: identifier after ','"))
                }
            },
            found => Err(unexpected(found, ", expected: ',' or 'end of string'")),
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let absent = self.0.next_if(|token| token.0 == "!").is_some();
        let key = self.word(", expected: identifier")?;
        if let Some(problem) = names::key_problem(&key) {
            return Err(format!("<nil>: {problem}"));
        }
        let rule = if absent {
            Rule::Absent
        } else if self.at_end() {
            Rule::Exists
        } else {
            self.rule(&key)?
        };
        Ok(Requirement { key, rule })
    }

    fn rule(&mut self, key: &str) -> Result<Rule, String> {
        match self.next().as_str() {
            "in" => Ok(Rule::In(self.values(key)?)),
            "notin" => Ok(Rule::NotIn(self.values(key)?)),
            "=" | "==" => Ok(Rule::In(vec![self.value(key)?])),
            "!=" => Ok(Rule::NotIn(vec![self.value(key)?])),
            ">" => Ok(Rule::Above(self.number()?)),
            "<" => Ok(Rule::Below(self.number()?)),
            found => Err(format!(
                "found '{found}', expected: in, notin, =, ==, !=, gt, lt"
            )),
        }
    }

    fn word(&mut self, expected: &str) -> Result<String, String> {
        match self.0.next() {
            Some(token) if !token.is_sign() => Ok(token.0),
            other => {
                let found = other.map(|token| token.0).unwrap_or_default();
                Err(format!("found '{found}'{expected}"))
            }
        }
    }

    /// The value after `=`, which may be left out.
    fn value(&mut self, key: &str) -> Result<String, String> {
        if self.at_end() {
            return Ok(String::new());
        }
        let value = self.word(", expected: identifier")?;
        checked(key, value)
    }

    fn number(&mut self) -> Result<i64, String> {
        let text = self.word(", expected: identifier")?;
        let bad = |_| "for 'Gt', 'Lt' operators, the value must be an integer".to_owned();
        text.parse().map_err(bad)
    }

    /// The list after `in`; nothing between commas is the empty value.
    fn values(&mut self, key: &str) -> Result<Vec<String>, String> {
        let open = self.next();
        if open != "(" {
            return Err(format!("found '{open}' expected: '('"));
        }
        let mut values = Vec::new();
        loop {
            let value = match self.peek() {
                Some(token) if token.0 == "," || token.0 == ")" => String::new(),
                _ => checked(key, self.word(", expected: ',', ')' or identifier")?)?,
            };
            values.push(value);
            match self.next().as_str() {
                "," => {}
                ")" => return Ok(values),
                found => return Err(format!("found '{found}', expected: ',' or ')'")),
            }
        }
    }
}

fn checked(key: &str, value: String) -> Result<String, String> {
    match names::label_problem(&value) {
        Some(problem) => Err(format!("values[0][{key}]: {problem}")),
        None => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn selects(selector: &str, labels: &Value) -> bool {
        let object = json!({"metadata": {"labels": labels}});
        Labels::parse(selector).unwrap().matches(&object)
    }

    #[test]
    fn the_longest_value_that_must_be_there_tells_most() {
        let telling = |text: &str| Labels::parse(text).unwrap().telling();
        assert_eq!(
            telling("a=b,c=long-1.x_y").as_deref(),
            Some("\"long-1.x_y\"")
        );
        for none in [
            "",
            "a",
            "!a",
            "a!=b",
            "a in (b,c)",
            "a notin (b)",
            "a=",
            "a>1",
        ] {
            assert_eq!(telling(none), None, "{none}");
        }
        let hostile = json!({"matchLabels": {"a": "quote\"", "b": "slash\\", "c": "\u{e9}"}});
        assert_eq!(Labels::of(&hostile).unwrap().telling(), None);
        assert_eq!(Labels::nothing().telling(), None);
    }

    #[test]
    fn label_requirements_are_all_needed() {
        let labels = json!({"app": "a", "tier": "3", "in": "x", "none": ""});
        for yes in [
            "",
            "app=a",
            "app==a,tier",
            "app in (a, b),!gone",
            "tier>2,tier<4",
            "x!=y",
            "in=x",
            "in in (in,x)",
            "none=",
            "none in (a,)",
            "none=,app",
        ] {
            assert!(selects(yes, &labels), "{yes}");
        }
        for no in [
            "app!=a",
            "gone",
            "!app",
            "app notin (a)",
            "tier>3",
            "app=a,gone=x",
            "app=",
        ] {
            assert!(!selects(no, &labels), "{no}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_in_the_words_of_a_real_server() {
        for (selector, told) in [
            (
                "a b",
                "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
            ),
            (
                "=",
                "found '=', expected: !, identifier, or 'end of string'",
            ),
            (
                "a in b",
                "unable to parse requirement: found 'b' expected: '('",
            ),
            (
                "a in (b",
                "unable to parse requirement: found '', expected: ',' or ')'",
            ),
            ("a=b=c", "found '=', expected: ',' or 'end of string'"),
            ("a,", "found '', expected: identifier after ','"),
        ] {
            assert_eq!(Labels::parse(selector).unwrap_err().message, told);
        }
        for bad in [
            "(", "a>x", "!", "é=1", "a_=1", "a=b c", "a=_b", "a in ()x", "a,,b",
        ] {
            assert!(Labels::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn selectors_of_objects_mean_the_same() {
        let labels = json!({"app": "a", "tier": "db"});
        let holds = |source: Value| Labels::of(&source).unwrap().hold_for(&labels);
        assert!(holds(json!({})));
        assert!(holds(json!({"matchLabels": {"app": "a"}})));
        assert!(!holds(json!({"matchLabels": {"app": "b"}})));
        for (operator, values, expected) in [
            ("In", json!(["x", "db"]), true),
            ("In", json!(["x"]), false),
            ("NotIn", json!(["x"]), true),
            ("Exists", json!([]), true),
            ("DoesNotExist", json!([]), false),
        ] {
            let one = json!({"key": "tier", "operator": operator, "values": values});
            assert_eq!(
                holds(json!({"matchExpressions": [one]})),
                expected,
                "{operator}"
            );
        }
        let unknown =
            json!({"matchExpressions": [{"key": "tier", "operator": "Like", "values": ["db"]}]});
        assert!(Labels::of(&unknown).is_err());
        assert!(!Labels::nothing().hold_for(&labels));
    }
}

//! One problem of one field, worded as the API server words it.

use std::fmt;

use serde_json::Value;

use super::text;

/// The machine-readable part of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reason {
    /// A malformed value.
    Invalid,
    /// A missing value.
    Required,
    /// A value outside an enumeration.
    NotSupported,
    /// A value of the wrong JSON type.
    TypeInvalid,
    /// A value that must be unique and is not.
    Duplicate,
    /// A string that is too long.
    TooLong,
    /// A list or map with too many entries.
    TooMany,
    /// A value that is not allowed here.
    Forbidden,
}

impl Reason {
    /// The name in a Status.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Invalid => "FieldValueInvalid",
            Self::Required => "FieldValueRequired",
            Self::NotSupported => "FieldValueNotSupported",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::Duplicate => "FieldValueDuplicate",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::Forbidden => "FieldValueForbidden",
        }
    }

    /// The words at the start of the message.
    fn words(self) -> &'static str {
        match self {
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::Required => "Required value",
            Self::NotSupported => "Unsupported value",
            Self::Duplicate => "Duplicate value",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
            Self::Forbidden => "Forbidden",
        }
    }

    /// Whether rules are left out because the object has this kind of problem.
    pub(super) fn blocks_rules(self) -> bool {
        matches!(
            self,
            Self::NotSupported | Self::Required | Self::TooLong | Self::TooMany | Self::TypeInvalid
        )
    }
}

/// One entry of a Status's `details.causes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    /// What kind of problem.
    pub(crate) reason: Reason,
    /// The problem in words, without the field.
    pub(crate) message: String,
    /// The field, as in `spec.list[0].name`; `<nil>` for the object itself.
    pub(crate) field: String,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// Problems as they are found, up to as many as a client can be told: each names its field, and both can be long.
#[derive(Debug, Default)]
pub(super) struct Causes {
    pub(super) list: Vec<Cause>,
    size: usize,
}

impl Causes {
    /// The texts together may be this long; the first problem is told whatever its length.
    const MOST: usize = 1 << 20;

    pub(super) fn push(&mut self, cause: Cause) {
        if !self.is_full() {
            self.size += cause.message.len() + cause.field.len();
            self.list.push(cause);
        }
    }

    /// Whether looking for more is of no use.
    pub(super) fn is_full(&self) -> bool {
        self.size > Self::MOST
    }

    pub(super) fn extend(&mut self, causes: impl IntoIterator<Item = Cause>) {
        causes.into_iter().for_each(|cause| self.push(cause));
    }
}

/// The problems in one line, as in the `message` of a Status: `a: ...` or `[a: ..., b: ...]`.
pub(crate) fn summary(causes: &[Cause]) -> String {
    let mut lines: Vec<String> = Vec::with_capacity(causes.len());
    for cause in causes {
        let line = cause.to_string();
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    match lines.as_slice() {
        [only] => only.clone(),
        _ => format!("[{}]", lines.join(", ")),
    }
}

impl Cause {
    fn new(reason: Reason, path: &str, value: Option<String>, detail: &str) -> Self {
        let mut message = reason.words().to_owned();
        for part in [value.as_deref(), Some(detail)].into_iter().flatten() {
            if !part.is_empty() {
                message.push_str(": ");
                message.push_str(part);
            }
        }
        let path = path.trim_start_matches('.');
        let field = if path.is_empty() { "<nil>" } else { path };
        Self {
            reason,
            message,
            field: field.to_owned(),
        }
    }

    pub(super) fn invalid(path: &str, value: &Value, detail: impl AsRef<str>) -> Self {
        let value = text::bad_value(value);
        Self::new(Reason::Invalid, path, Some(value), detail.as_ref())
    }

    /// An invalid value whose text is already made.
    pub(super) fn invalid_shown(path: &str, shown: &str, detail: &str) -> Self {
        Self::new(Reason::Invalid, path, Some(shown.to_owned()), detail)
    }

    /// An invalid value that is too big to print.
    pub(super) fn invalid_omitted(path: &str, detail: &str) -> Self {
        Self::new(Reason::Invalid, path, None, detail)
    }

    pub(super) fn type_invalid(path: &str, value: &str, detail: &str) -> Self {
        Self::new(Reason::TypeInvalid, path, Some(text::quote(value)), detail)
    }

    pub(super) fn required(path: &str, detail: &str) -> Self {
        Self::new(Reason::Required, path, None, detail)
    }

    pub(super) fn forbidden(path: &str, detail: &str) -> Self {
        Self::new(Reason::Forbidden, path, None, detail)
    }

    pub(super) fn duplicate(path: &str, value: &Value) -> Self {
        Self::new(Reason::Duplicate, path, Some(text::bad_value(value)), "")
    }

    pub(super) fn duplicate_omitted(path: &str) -> Self {
        Self::new(Reason::Duplicate, path, None, "")
    }

    pub(super) fn not_supported(path: &str, value: &Value, supported: &[Value]) -> Self {
        let supported: Vec<String> = supported
            .iter()
            .map(|value| match value {
                Value::String(string) => text::quote(string),
                other => text::quote(&text::go_json(other)),
            })
            .collect();
        let detail = match supported.as_slice() {
            [] => String::new(),
            values => format!("supported values: {}", values.join(", ")),
        };
        Self::new(
            Reason::NotSupported,
            path,
            Some(text::bad_value(value)),
            &detail,
        )
    }

    pub(super) fn too_long(path: &str, max: u64) -> Self {
        let unit = if max == 1 { "byte" } else { "bytes" };
        let detail = format!("may not be more than {max} {unit}");
        Self::new(Reason::TooLong, path, None, &detail)
    }

    pub(super) fn too_many(path: &str, actual: usize, max: u64) -> Self {
        let unit = if max == 1 { "item" } else { "items" };
        let detail = format!("must have at most {max} {unit}");
        Self::new(Reason::TooMany, path, Some(actual.to_string()), &detail)
    }

    /// The note that stands in for rules that were not run.
    pub(super) fn rules_not_checked() -> Self {
        let detail = "some validation rules were not checked because the object was invalid; \
                      correct the existing errors to complete validation";
        Self::invalid("", &Value::Null, detail)
    }
}

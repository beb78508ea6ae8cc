//! How a value's parts are merged and owned: which lists are keyed, which maps are one piece.

use serde_json::Value;

use super::builtin::{Builtin, Rule};
use crate::schema::{Cursor, Schema};

pub(crate) use crate::schema::ListKind;

/// The type of one place in an object, as far as merging and ownership need it.
#[derive(Clone, Debug)]
pub(crate) enum Shape<'a> {
    /// A place in a built-in kind; lists not in the rules are atomic.
    Builtin {
        rules: &'static [(&'static str, Rule)],
        bare: &'static [&'static str],
        path: String,
        /// An element of the list at the path, not the list.
        element: bool,
    },
    /// A place in a custom kind; one that its schema does not know is a granular map or an
    /// atomic list.
    Custom {
        place: Cursor<'a>,
        /// A whole object, whose metadata the schema does not describe.
        object: bool,
    },
}

impl<'a> Shape<'a> {
    pub(crate) fn builtin(builtin: &'static Builtin) -> Self {
        Self::Builtin {
            rules: builtin.rules,
            bare: builtin.bare,
            path: String::new(),
            element: false,
        }
    }

    pub(crate) fn schema(schema: &'a Schema) -> Self {
        Self::Custom {
            place: schema.root(),
            object: true,
        }
    }

    /// The shape of a member.
    pub(crate) fn member(&self, name: &str) -> Self {
        match self {
            Self::Builtin {
                rules, bare, path, ..
            } => {
                // Where no rule leads there is no path to remember: names can be long, and many.
                let rules_here = rules.iter().chain(super::builtin::METADATA);
                let mut places = rules_here.map(|(at, _)| *at).chain(bare.iter().copied());
                if !places.any(|at| leads_to(at, path, name)) {
                    return Self::custom(Cursor::NOWHERE);
                }
                let path = if path.is_empty() {
                    name.to_owned()
                } else {
                    format!("{path}.{name}")
                };
                Self::Builtin {
                    rules,
                    bare,
                    path,
                    element: false,
                }
            }
            // The schema of a CRD does not describe metadata; every kind has the same.
            Self::Custom { object: true, .. } if name == "metadata" => Self::metadata(),
            Self::Custom { place, .. } => Self::custom(place.child(name)),
        }
    }

    /// The shape of a list's elements.
    pub(crate) fn element(&self) -> Self {
        match self {
            // Inside an element nothing exists before it is written.
            Self::Builtin { rules, path, .. } => Self::Builtin {
                rules,
                bare: &[],
                path: path.clone(),
                element: true,
            },
            Self::Custom { place, .. } => Self::custom(place.item()),
        }
    }

    pub(crate) fn list_kind(&self) -> ListKind {
        match self {
            Self::Builtin { .. } => match self.rule() {
                Some(Rule::Keyed(keys) | Rule::KeyedWhole(keys)) => {
                    ListKind::Map(keys.iter().map(|key| (*key).to_owned()).collect())
                }
                Some(Rule::Set) => ListKind::Set,
                Some(Rule::AtomicMap) | None => ListKind::Atomic,
            },
            Self::Custom { place, .. } => place.list_kind(),
        }
    }

    pub(crate) fn is_atomic_map(&self) -> bool {
        match self {
            Self::Builtin { element: true, .. } => {
                matches!(self.rule(), Some(Rule::KeyedWhole(_)))
            }
            Self::Builtin { .. } => self.rule() == Some(Rule::AtomicMap),
            Self::Custom { place, .. } => place.is_atomic_map(),
        }
    }

    /// Whether the empty object of this kind has this member already, so that nobody comes to
    /// own the member itself by filling it.
    pub(crate) fn is_bare(&self) -> bool {
        match self {
            Self::Builtin { bare, path, .. } => bare.contains(&path.as_str()),
            _ => false,
        }
    }

    /// What a key of the list's elements is where it is left out.
    pub(crate) fn key_default(&self, key: &str) -> Option<Value> {
        match self {
            Self::Builtin { .. } => (key == "protocol").then(|| Value::from("TCP")),
            Self::Custom { place, .. } => place.item().child(key).default().cloned(),
        }
    }

    fn custom(place: Cursor<'a>) -> Self {
        Self::Custom {
            place,
            object: place.is_embedded(),
        }
    }

    fn metadata() -> Self {
        Self::Builtin {
            rules: super::builtin::METADATA,
            bare: &[],
            path: "metadata".into(),
            element: false,
        }
    }

    fn rule(&self) -> Option<Rule> {
        let Self::Builtin { rules, path, .. } = self else {
            return None;
        };
        let common = super::builtin::METADATA.iter();
        rules
            .iter()
            .chain(common)
            .find(|(at, _)| at == path)
            .map(|(_, rule)| *rule)
    }
}

/// Whether a place is that of a member of `path`, or below it.
fn leads_to(place: &str, path: &str, name: &str) -> bool {
    let below = match path {
        "" => Some(place),
        path => place
            .strip_prefix(path)
            .and_then(|rest| rest.strip_prefix('.')),
    };
    let below = below.and_then(|below| below.strip_prefix(name));
    below.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

//! How a value's parts are merged and owned: which lists are keyed, which maps are one piece.

use super::builtin::{Builtin, Rule};
use super::schema::Schema;

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
    /// A place in a custom kind.
    Schema(&'a Schema),
    /// Nothing known: maps are granular and lists atomic.
    Unknown,
}

/// How the elements of a list are told apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum ListKind {
    /// The list is one piece.
    #[default]
    Atomic,
    /// Scalars, each at most once.
    Set,
    /// Objects identified by these members.
    Keyed(Vec<String>),
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
        Self::Schema(schema)
    }

    /// The shape of a member.
    pub(crate) fn member(&self, name: &str) -> Self {
        match self {
            Self::Builtin {
                rules, bare, path, ..
            } => {
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
            Self::Schema(schema) if schema.root && name == "metadata" => Self::metadata(),
            Self::Schema(schema) => schema.member(name).map_or(Self::Unknown, Self::Schema),
            Self::Unknown => Self::Unknown,
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
            Self::Schema(schema) => schema.items.as_deref().map_or(Self::Unknown, Self::Schema),
            Self::Unknown => Self::Unknown,
        }
    }

    pub(crate) fn list_kind(&self) -> ListKind {
        match self {
            Self::Builtin { .. } => match self.rule() {
                Some(Rule::Keyed(keys) | Rule::KeyedWhole(keys)) => {
                    ListKind::Keyed(keys.iter().map(|key| (*key).to_owned()).collect())
                }
                Some(Rule::Set) => ListKind::Set,
                Some(Rule::AtomicMap) | None => ListKind::Atomic,
            },
            Self::Schema(schema) => schema.list.clone(),
            Self::Unknown => ListKind::Atomic,
        }
    }

    pub(crate) fn is_atomic_map(&self) -> bool {
        match self {
            Self::Builtin { element: true, .. } => {
                matches!(self.rule(), Some(Rule::KeyedWhole(_)))
            }
            Self::Builtin { .. } => self.rule() == Some(Rule::AtomicMap),
            Self::Schema(schema) => schema.atomic_map,
            Self::Unknown => false,
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

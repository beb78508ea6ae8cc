//! One place of a schema, compiled.

use std::sync::Arc;

use serde_json::Value;

use super::cel::Rule;
use super::format::Format;
use super::pattern::Pattern;

/// The JSON types a schema can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonType {
    /// A map or an object with fields.
    Object,
    /// A list.
    Array,
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// True or false.
    Boolean,
}

impl JsonType {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        [
            Self::Object,
            Self::Array,
            Self::String,
            Self::Integer,
            Self::Number,
            Self::Boolean,
        ]
        .into_iter()
        .find(|kind| kind.name() == name)
    }
}

/// How the entries of a list are told apart when two lists merge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum ListKind {
    /// Replaced as a whole.
    #[default]
    Atomic,
    /// By their value.
    Set,
    /// By these fields.
    Map(Vec<String>),
}

/// What `additionalProperties` says.
#[derive(Debug, Default)]
pub(super) enum Additional {
    #[default]
    Absent,
    Anything,
    Schema(Box<Node>),
}

/// A compiled schema node. Rare parts are boxed: most nodes are plain fields.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) kind: Option<JsonType>,
    pub(super) nullable: bool,
    pub(super) int_or_string: bool,
    pub(super) preserve: bool,
    pub(super) embedded: bool,
    pub(super) map_atomic: bool,
    /// Whether this node or one below it has rules.
    pub(super) has_rules: bool,
    pub(super) properties: Properties,
    pub(super) items: Option<Box<Node>>,
    pub(super) additional: Additional,
    pub(super) list: ListKind,
    pub(super) default: Option<Box<Value>>,
    pub(super) limits: Option<Box<Limits>>,
    pub(super) rules: Box<[Rule]>,
}

/// The fields of an object by name; a sorted list, as there are thousands of these and most are small.
#[derive(Debug, Default)]
pub(super) struct Properties(Box<[(Box<str>, Node)]>);

impl Properties {
    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        let at = self.0.binary_search_by(|(known, _)| (**known).cmp(name));
        at.ok().and_then(|at| self.0.get(at)).map(|(_, node)| node)
    }

    pub(super) fn contains_key(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.0.iter().map(|(name, node)| (&**name, node))
    }
}

impl FromIterator<(Box<str>, Node)> for Properties {
    fn from_iter<T: IntoIterator<Item = (Box<str>, Node)>>(entries: T) -> Self {
        let mut entries: Box<[_]> = entries.into_iter().collect();
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        Self(entries)
    }
}

impl Node {
    /// The schema of the value below `key`, where the schema knows it.
    pub(super) fn child(&self, key: &str) -> Option<&Node> {
        match (self.properties.get(key), &self.additional) {
            (Some(node), _) => Some(node),
            (None, Additional::Schema(node)) => Some(node),
            (None, _) => None,
        }
    }

    /// The schema of the values of a map.
    pub(super) fn values(&self) -> Option<&Node> {
        match &self.additional {
            Additional::Schema(node) => Some(node),
            _ => None,
        }
    }
}

/// The value validations of a node.
#[derive(Debug, Default)]
pub(super) struct Limits {
    /// The format as written, for messages; absent where the server ignores it.
    pub(super) format: Option<(String, Format)>,
    pub(super) choices: Vec<Value>,
    pub(super) minimum: Option<Bound>,
    pub(super) maximum: Option<Bound>,
    pub(super) multiple_of: Option<f64>,
    pub(super) min_length: Option<u64>,
    pub(super) max_length: Option<u64>,
    pub(super) pattern: Option<Arc<Pattern>>,
    pub(super) min_items: Option<u64>,
    pub(super) max_items: Option<u64>,
    pub(super) min_properties: Option<u64>,
    pub(super) max_properties: Option<u64>,
    pub(super) required: Vec<String>,
    pub(super) all_of: Vec<Node>,
    pub(super) any_of: Vec<Node>,
    pub(super) one_of: Vec<Node>,
    pub(super) not: Option<Node>,
}

/// One end of a range.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    pub(super) value: f64,
    pub(super) exclusive: bool,
}

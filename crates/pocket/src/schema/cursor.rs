//! Walking a schema beside an object, for server-side apply.

use super::node::{ListKind, Node};

/// A place in a schema; places the schema does not describe are atomic lists and granular maps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    node: Option<&'a Node>,
}

impl<'a> Cursor<'a> {
    /// A place that no schema describes.
    pub(crate) const NOWHERE: Self = Self { node: None };

    pub(super) fn at(node: Option<&'a Node>) -> Self {
        Self { node }
    }

    /// The place of a field of an object or of a value of a map.
    pub(crate) fn child(self, key: &str) -> Self {
        Self::at(self.node.and_then(|node| node.child(key)))
    }

    /// The place of the items of a list.
    pub(crate) fn item(self) -> Self {
        Self::at(self.node.and_then(|node| node.items.as_deref()))
    }

    /// Whether a whole object with a kind and metadata of its own stands here.
    pub(crate) fn is_embedded(self) -> bool {
        self.node.is_some_and(|node| node.embedded)
    }

    /// How a list here merges.
    pub(crate) fn list_kind(self) -> ListKind {
        self.node.map(|node| node.list.clone()).unwrap_or_default()
    }

    /// Whether a map here is replaced as a whole instead of field by field.
    pub(crate) fn is_atomic_map(self) -> bool {
        self.node.is_some_and(|node| node.map_atomic)
    }

    /// The default of the value here.
    pub(crate) fn default(self) -> Option<&'a serde_json::Value> {
        self.node.and_then(|node| node.default.as_deref())
    }
}

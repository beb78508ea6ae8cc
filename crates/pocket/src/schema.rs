//! The schema of a custom resource: what a CustomResourceDefinition's `openAPIV3Schema` means for an object.
//!
//! A [`Schema`] is compiled once (regular expressions, rules, defaults) and shared. It prunes unknown fields, fills in
//! defaults, validates, and tells server-side apply how lists and maps merge. Everything here is pure: no clock, no
//! I/O. It does not know metadata: names, labels and the like are the API's business. It keeps no descriptions: `kubectl explain`
//! reads them from the definition itself.

mod cause;
mod cel;
mod cursor;
mod default;
mod format;
pub(crate) mod names;
mod node;
mod parse;
mod pattern;
mod prune;
mod replicas;
mod structural;
mod text;
mod unique;
mod validate;

#[cfg(test)]
mod tests;

use serde_json::Value;

pub(crate) use cause::{Cause, summary};
pub(crate) use cursor::Cursor;
pub(crate) use node::ListKind;
pub(crate) use text::{plain, quote};

use node::Node;

/// A compiled structural schema.
#[derive(Debug)]
pub(crate) struct Schema {
    root: Node,
    /// Where the number of replicas is, of a kind that can be scaled.
    replicas: Option<Vec<String>>,
}

impl Schema {
    /// Why the `openAPIV3Schema` of a definition may not be used; the fields named start with `path`.
    pub(crate) fn check(path: &str, schema: &Value) -> Vec<Cause> {
        parse::check(path, schema)
    }

    /// As [`Schema::check`], of its structure alone: rules and defaults are not looked at.
    pub(crate) fn check_structure(path: &str, schema: &Value) -> Vec<Cause> {
        structural::check(path, schema)
    }

    /// Compiles the schema of a definition that was checked before. What is wrong with it all the same says nothing.
    pub(crate) fn load(schema: &Value) -> Self {
        let root = parse::root(schema);
        Self {
            root,
            replicas: None,
        }
    }

    /// The same for a kind whose number of replicas is at that path.
    pub(crate) fn scaled_at(mut self, replicas: Option<Vec<String>>) -> Self {
        self.replicas = replicas;
        self
    }

    /// A place in this schema, for those who walk it beside an object.
    pub(crate) fn root(&self) -> Cursor<'_> {
        Cursor::at(Some(&self.root))
    }

    /// Drops the fields the schema does not know and returns their paths, sorted, as they appear in warnings.
    ///
    /// `apiVersion`, `kind` and `metadata` of the object itself are always kept.
    pub(crate) fn prune(&self, object: &mut Value) -> Vec<String> {
        prune::prune(&self.root, object)
    }

    /// Fills in defaults. Nulls of fields that may not be null are replaced by the default, or dropped where there is none.
    pub(crate) fn apply_defaults(&self, object: &mut Value) {
        default::apply(&self.root, object);
    }

    /// Everything wrong with `new`, in the server's words; `old` is what it replaces. Both have their kind and version.
    ///
    /// Problems of parts that did not change are forgiven on an update.
    pub(crate) fn validate(&self, new: &Value, old: Option<&Value>) -> Vec<Cause> {
        validate::object(&self.root, self.replicas.as_deref(), new, old)
    }

    /// As [`Schema::validate`], for a write through the status subresource: only `status` is checked against the schema, rules are
    /// checked everywhere.
    pub(crate) fn validate_status(&self, new: &Value, old: &Value) -> Vec<Cause> {
        validate::status(&self.root, new, old)
    }
}

//! The rules of a schema (`x-kubernetes-validations`): checked and compiled with it, run when an object is validated.
//!
//! The expression language itself is the `cel` crate's; this module adds what Kubernetes adds: types from the schema, the extra
//! functions, `oldSelf`, messages, and a bound on the work a rule may do.

mod budget;
mod check;
mod cidr;
mod compile;
mod field_path;
mod format;
mod functions;
mod guard;
mod ip;
mod names;
mod opaque;
mod quantity;
mod run;
mod semver;
mod source;
mod stack;
mod url;
mod value;

use std::sync::OnceLock;

use ::cel::IdedExpr;
use serde_json::Value;

use super::cause::{Cause, Reason};
use super::node::Node;
use super::structural::Document;

/// What is wrong with the rules of a schema.
pub(super) fn check(path: &str, document: &Document, root: &Node) -> Vec<Cause> {
    if !root.has_rules {
        return Vec::new();
    }
    stack::roomy(|| compile::check(path, document, root)).unwrap_or_else(no_room)
}

/// What cannot be checked is not accepted.
fn no_room() -> Vec<Cause> {
    let detail = "the server has no room to check validation rules";
    vec![Cause::invalid("", &Value::Null, detail)]
}

/// One rule. It is compiled when an object is first held against it: a rule takes many times the room of its text.
#[derive(Debug)]
pub(super) struct Rule {
    /// The entry of `x-kubernetes-validations`, as JSON.
    text: Box<str>,
    program: OnceLock<Result<Box<Program>, String>>,
}

impl Rule {
    pub(super) fn new(entry: &Value) -> Self {
        Self {
            text: entry.to_string().into(),
            program: OnceLock::new(),
        }
    }

    /// The rule, ready to run on values of `node`; the error says why it cannot be.
    fn program(&self, node: &Node, is_object: bool) -> Result<&Program, &str> {
        let compiled = self
            .program
            .get_or_init(|| compile::rule(&self.text, node, is_object));
        compiled.as_deref().map_err(String::as_str)
    }
}

/// One rule, ready to run.
#[derive(Debug)]
struct Program {
    expression: IdedExpr,
    /// Computes the message; `message` stands in where it fails.
    message_expression: Option<IdedExpr>,
    message: String,
    /// How problems of the rule itself name it.
    name: String,
    reason: Reason,
    /// Below the value the rule is about, in the notation of messages.
    field_path: String,
    uses_old_self: bool,
    optional_old_self: bool,
}

/// Runs all rules of a value and below it. `is_object`: the value has a kind and metadata of its own.
pub(super) fn run(
    node: &Node,
    path: &str,
    new: &Value,
    old: Option<&Value>,
    is_object: bool,
) -> Vec<Cause> {
    if !node.has_rules {
        return Vec::new();
    }
    stack::roomy(|| run::Run::new(path).all(node, new, old, is_object)).unwrap_or_else(no_room)
}

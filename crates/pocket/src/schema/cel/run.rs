//! Running rules beside the object they are about.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ::cel::common::types::{CelBool, CelOptional, CelString};
use ::cel::{Context, ExecutionError, IdedExpr};
use serde_json::Value;

use super::source::environment;
use super::{Program, budget, value};
use crate::schema::cause::{Cause, Causes, Reason};
use crate::schema::node::{JsonType, Node};
use crate::schema::validate::OldItems;

/// A computed message may not be longer.
const MAX_MESSAGE: usize = 5 * 1024;

/// A value and what it replaces; `None` where that is not known.
type Replaced<'a> = Option<(&'a Value, &'a Value)>;

/// The state of one pass over an object.
pub(super) struct Run {
    path: String,
    causes: Causes,
    spent: bool,
}

impl Run {
    pub(super) fn new(path: &str) -> Self {
        budget::refill();
        Self {
            path: path.to_owned(),
            causes: Causes::default(),
            spent: false,
        }
    }

    pub(super) fn all(
        mut self,
        node: &Node,
        new: &Value,
        old: Option<&Value>,
        is_object: bool,
    ) -> Vec<Cause> {
        self.value(node, new, old, old.map(|old| (new, old)), is_object);
        self.causes.list
    }

    /// `nearest`: this value or the closest one above it that is known to replace something. Problems of what did not change are
    /// forgiven.
    fn value(
        &mut self,
        node: &Node,
        new: &Value,
        old: Option<&Value>,
        nearest: Replaced<'_>,
        is_object: bool,
    ) {
        if !node.has_rules || self.spent || self.causes.is_full() || new.is_null() {
            return;
        }
        let nearest = old.map(|old| (new, old)).or(nearest);
        if !node.rules.is_empty() {
            self.rules(
                node,
                new,
                old.filter(|old| !old.is_null()),
                nearest,
                is_object,
            );
        }
        match new {
            Value::Object(map) => {
                let old = old.and_then(Value::as_object);
                for (key, value) in map {
                    let old = old.and_then(|old| old.get(key));
                    if let Some(schema) = node.properties.get(key) {
                        let dot = if self.path.is_empty() { "" } else { "." };
                        self.below(&format!("{dot}{key}"), schema, value, old, nearest);
                    } else if let Some(schema) = node.values() {
                        self.below(&format!("[{key}]"), schema, value, old, nearest);
                    }
                }
            }
            Value::Array(items) => {
                let Some(schema) = node.items.as_deref() else {
                    return;
                };
                let old = OldItems::new(&node.list, old);
                for (index, item) in items.iter().enumerate() {
                    self.below(
                        &format!("[{index}]"),
                        schema,
                        item,
                        old.matching(item),
                        nearest,
                    );
                }
            }
            _ => {}
        }
    }

    fn below(
        &mut self,
        step: &str,
        node: &Node,
        new: &Value,
        old: Option<&Value>,
        nearest: Replaced<'_>,
    ) {
        let mark = self.path.len();
        self.path.push_str(step);
        self.value(node, new, old, nearest, node.embedded);
        self.path.truncate(mark);
    }

    fn rules(
        &mut self,
        node: &Node,
        new: &Value,
        old: Option<&Value>,
        nearest: Replaced<'_>,
        is_object: bool,
    ) {
        let env = environment();
        let is_unchanged = nearest.is_some_and(|(new, old)| new == old);
        let mut context = Context::with_env(Arc::clone(env));
        context.add_variable_as_val("self", value::convert(env, node, new, is_object));
        for rule in &*node.rules {
            if self.spent {
                return;
            }
            let rule = match rule.program(node, is_object) {
                Ok(program) => program,
                Err(problem) => {
                    let detail = format!("rule compile error: {problem}");
                    let kind = Value::from(node.kind.map_or("", JsonType::name));
                    self.causes.push(Cause::invalid(&self.path, &kind, detail));
                    continue;
                }
            };
            // What did not change is forgiven, whatever a rule that knows nothing else would say.
            if !rule.uses_old_self && is_unchanged {
                continue;
            }
            if rule.uses_old_self {
                if old.is_none() && !rule.optional_old_self {
                    continue;
                }
                let converted = old.map(|old| value::convert(env, node, old, is_object));
                match (converted, rule.optional_old_self) {
                    (old, true) => {
                        context.add_variable_as_val("oldSelf", Box::new(CelOptional::from(old)))
                    }
                    (Some(old), false) => context.add_variable_as_val("oldSelf", old),
                    (None, false) => {}
                }
            }
            budget::pay(10);
            self.rule(rule, node, new, &context);
        }
    }

    fn rule(&mut self, rule: &Program, node: &Node, new: &Value, context: &Context<'_, '_>) {
        let outcome = evaluate(&rule.expression, context, |value| {
            value
                .downcast_ref::<CelBool>()
                .is_some_and(|value| *value.inner())
        });
        let kind = Value::from(node.kind.map_or("", JsonType::name));
        if budget::is_spent() {
            self.spent = true;
            let detail = "validation failed due to running out of cost budget, no further validation rules will be run";
            self.causes.push(Cause::invalid(&self.path, &kind, detail));
            return;
        }
        match outcome {
            Ok(true) => {}
            Ok(false) => {
                let cause = self.failure(rule, node, new, context);
                self.causes.push(cause);
            }
            Err(error) => {
                let detail = match error {
                    ExecutionError::NoSuchOverload(_) => format!(
                        "'no such overload': call arguments did not match a supported operator, function or macro \
                         signature for rule: {}",
                        rule.name
                    ),
                    other => format!("{} evaluating rule: {}", words(&other), rule.name),
                };
                self.causes.push(Cause::invalid(&self.path, &kind, detail));
            }
        }
    }

    fn failure(
        &self,
        rule: &Program,
        node: &Node,
        new: &Value,
        context: &Context<'_, '_>,
    ) -> Cause {
        let path = match rule.field_path.as_str() {
            "" => self.path.clone(),
            below if self.path.is_empty() || below.starts_with('[') => {
                format!("{}{below}", self.path)
            }
            below => format!("{}.{below}", self.path),
        };
        let message = message(rule, context);
        let is_big = matches!(node.kind, Some(JsonType::Object | JsonType::Array));
        match rule.reason {
            Reason::Forbidden => Cause::forbidden(&path, &message),
            Reason::Required => Cause::required(&path, &message),
            Reason::Duplicate if is_big => Cause::duplicate_omitted(&path),
            Reason::Duplicate => Cause::duplicate(&path, new),
            _ if is_big => Cause::invalid_omitted(&path, &message),
            _ => Cause::invalid(&path, new, message),
        }
    }
}

/// The computed message if it is usable, the fixed one otherwise.
fn message(rule: &Program, context: &Context<'_, '_>) -> String {
    let computed = rule.message_expression.as_ref().and_then(|program| {
        evaluate(program, context, |value| {
            value
                .downcast_ref::<CelString<'_>>()
                .map(|text| text.inner().trim().to_owned())
        })
        .ok()
        .flatten()
    });
    computed
        .filter(|text| !text.is_empty() && text.len() <= MAX_MESSAGE && !text.contains('\n'))
        .unwrap_or_else(|| rule.message.clone())
}

/// Runs a program. The interpreter is somebody else's code on somebody else's input: should it panic, one rule fails, not the server.
fn evaluate<T>(
    program: &IdedExpr,
    context: &Context<'_, '_>,
    read: impl FnOnce(&dyn ::cel::common::value::Val) -> T,
) -> Result<T, ExecutionError> {
    let run = || ::cel::Value::resolve_val(program, context).map(|value| read(value.as_ref()));
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
        Err(ExecutionError::function_error(
            "rule",
            "the interpreter failed",
        ))
    })
}

/// A failure as the server words it.
fn words(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(key) => format!("no such key: {key}"),
        ExecutionError::IndexOutOfBounds(::cel::Value::Int(index)) => {
            format!("index out of bounds: {index}")
        }
        ExecutionError::DivisionByZero(_) => "division by zero".to_owned(),
        ExecutionError::RemainderByZero(_) => "modulus by zero".to_owned(),
        ExecutionError::Overflow(..) => "integer overflow".to_owned(),
        ExecutionError::FunctionError { message, .. } => message.clone(),
        other => other.to_string(),
    }
}

//! From the rules of a schema document to programs.

use serde_json::Value;

use super::check::{self, Checked, Kind};
use super::guard::guard;
use super::source::parse;
use super::{Program, field_path};
use crate::schema::cause::{Cause, Reason};
use crate::schema::node::{Additional, ListKind, Node};
use crate::schema::structural::{Document, flag, list_of, present, text_of};
use crate::schema::text;

/// What is wrong with the rules of a schema.
pub(super) fn check(path: &str, document: &Document, root: &Node) -> Vec<Cause> {
    let mut pass = Pass { causes: Vec::new() };
    pass.node(path, document, root, true, None);
    pass.causes
}

/// Compiles the rule in this text; the error is the first thing wrong with it.
pub(super) fn rule(text: &str, node: &Node, is_object: bool) -> Result<Box<Program>, String> {
    let rule: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let rule = rule.as_object().ok_or("must be a rule")?;
    let mut pass = Pass { causes: Vec::new() };
    let program = pass.rule("", rule, node, is_object, None);
    match pass.causes.first() {
        None => program.map(Box::new).ok_or_else(String::new),
        Some(cause) => Err(cause.message.clone()),
    }
}

struct Pass {
    causes: Vec<Cause>,
}

impl Pass {
    /// `uncorrelated`: the list above whose items cannot be matched with what they replace.
    fn node(
        &mut self,
        path: &str,
        document: &Document,
        node: &Node,
        is_object: bool,
        uncorrelated: Option<&str>,
    ) {
        if !node.has_rules {
            return;
        }
        self.own(path, document, node, is_object, uncorrelated);
        if let (Some(items), Some(document)) = (node.items.as_deref(), child(document, "items")) {
            let is_matched = matches!(node.list, ListKind::Map(_));
            let uncorrelated = uncorrelated.or((!is_matched).then_some(path));
            let at = format!("{path}.items");
            self.node(&at, document, items, items.embedded, uncorrelated);
        }
        for (name, property) in node.properties.iter() {
            let document = child(document, "properties").and_then(|all| child(all, name));
            if let Some(document) = document {
                let at = format!("{path}.properties[{name}]");
                self.node(&at, document, property, property.embedded, uncorrelated);
            }
        }
        if let Additional::Schema(values) = &node.additional
            && let Some(document) = child(document, "additionalProperties")
        {
            let at = format!("{path}.additionalProperties");
            self.node(&at, document, values, values.embedded, uncorrelated);
        }
    }

    /// The rules of the node itself.
    fn own(
        &mut self,
        path: &str,
        document: &Document,
        node: &Node,
        is_object: bool,
        uncorrelated: Option<&str>,
    ) {
        let rules = list_of(document, "x-kubernetes-validations");
        for (index, rule) in rules.iter().enumerate() {
            let at = format!("{path}.x-kubernetes-validations[{index}]");
            match rule.as_object() {
                Some(rule) => {
                    self.rule(&at, rule, node, is_object, uncorrelated);
                }
                None => self
                    .causes
                    .push(Cause::invalid(&at, rule, "must be a rule")),
            }
        }
    }

    fn rule(
        &mut self,
        at: &str,
        rule: &Document,
        node: &Node,
        is_object: bool,
        uncorrelated: Option<&str>,
    ) -> Option<Program> {
        let before = self.causes.len();
        let source = text_of(rule, "rule");
        let message = text_of(rule, "message").trim();
        self.texts(at, rule);
        let field_path = self.field_path(at, text_of(rule, "fieldPath"), node);
        let reason = self.reason(at, rule);
        if self.causes.len() > before {
            return None;
        }
        let optional_old_self = flag(rule, "optionalOldSelf");
        let context = check::Context {
            node,
            is_object,
            optional_old_self,
        };
        let program = self.expression(&format!("{at}.rule"), rule, source, &context, Kind::Bool)?;
        if program.uses_old_self {
            if let Some(list) = uncorrelated {
                let detail = format!(
                    "oldSelf cannot be used on the uncorrelatable portion of the schema within {list}"
                );
                self.causes.push(Cause::invalid(
                    &format!("{at}.rule"),
                    &Value::from(source),
                    detail,
                ));
            }
        } else if let Some(set) = present(rule, "optionalOldSelf") {
            let detail = "may not be set if oldSelf is not used in rule";
            self.causes.push(Cause::invalid(
                &format!("{at}.optionalOldSelf"),
                set,
                detail,
            ));
        }
        let message_source = text_of(rule, "messageExpression");
        let message_program = match message_source {
            "" => None,
            source => self.expression(
                &format!("{at}.messageExpression"),
                rule,
                source,
                &context,
                Kind::Text,
            ),
        };
        let name = if message.is_empty() {
            source.trim()
        } else {
            message
        };
        Some(Program {
            expression: program.expression,
            message_expression: message_program.map(|program| program.expression),
            message: if message.is_empty() {
                format!("failed rule: {name}")
            } else {
                message.to_owned()
            },
            name: name.to_owned(),
            reason,
            field_path,
            uses_old_self: program.uses_old_self,
            optional_old_self,
        })
    }

    fn texts(&mut self, at: &str, rule: &Document) {
        let (source, message) = (text_of(rule, "rule").trim(), text_of(rule, "message"));
        let trimmed = message.trim();
        let mut invalid = |detail: &str| {
            self.causes.push(Cause::invalid(
                &format!("{at}.message"),
                &Value::from(message),
                detail,
            ));
        };
        if source.is_empty() {
            self.causes.push(Cause::required(
                &format!("{at}.rule"),
                "rule is not specified",
            ));
        } else if !message.is_empty() && trimmed.is_empty() {
            invalid("must be non-empty if specified");
        } else if trimmed.contains('\n') {
            invalid("must not contain line breaks");
        } else if source.contains('\n') && trimmed.is_empty() {
            let detail = "message must be specified if rule contains line breaks";
            self.causes
                .push(Cause::required(&format!("{at}.message"), detail));
        }
        let expression = text_of(rule, "messageExpression");
        if !expression.is_empty() && expression.trim().is_empty() {
            let detail = "messageExpression must be non-empty if specified";
            self.causes
                .push(Cause::required(&format!("{at}.messageExpression"), detail));
        }
    }

    fn field_path(&mut self, at: &str, written: &str, node: &Node) -> String {
        if written.is_empty() {
            return String::new();
        }
        let at = format!("{at}.fieldPath");
        if written.trim().is_empty() {
            self.causes.push(Cause::invalid(
                &at,
                &Value::from(written),
                "must be non-empty if specified",
            ));
        }
        field_path::normalize(written, node).unwrap_or_else(|| {
            self.causes.push(Cause::invalid(
                &at,
                &Value::from(written),
                "must be a valid path",
            ));
            String::new()
        })
    }

    fn reason(&mut self, at: &str, rule: &Document) -> Reason {
        const REASONS: [(&str, Reason); 4] = [
            ("FieldValueDuplicate", Reason::Duplicate),
            ("FieldValueForbidden", Reason::Forbidden),
            ("FieldValueInvalid", Reason::Invalid),
            ("FieldValueRequired", Reason::Required),
        ];
        let Some(written) = present(rule, "reason") else {
            return Reason::Invalid;
        };
        if let Some((_, reason)) = REASONS.iter().find(|(name, _)| written == name) {
            return *reason;
        }
        let supported: Vec<Value> = REASONS.iter().map(|(name, _)| Value::from(*name)).collect();
        self.causes.push(Cause::not_supported(
            &format!("{at}.reason"),
            written,
            &supported,
        ));
        Reason::Invalid
    }

    fn expression(
        &mut self,
        at: &str,
        rule: &Document,
        source: &str,
        context: &check::Context<'_>,
        wanted: Kind,
    ) -> Option<Checked> {
        let compiled =
            parse(source).and_then(|program| check::check(source, program, context, wanted));
        match compiled {
            Ok(mut checked) => {
                guard(&mut checked.expression);
                Some(checked)
            }
            Err(problem) => {
                let detail = match wanted {
                    Kind::Bool => problem.to_string(),
                    _ => format!(
                        "messageExpression {}",
                        problem.to_string().trim_start_matches("cel expression ")
                    ),
                };
                self.causes
                    .push(Cause::invalid_shown(at, &shown(rule), &detail));
                None
            }
        }
    }
}

fn child<'a>(document: &'a Document, keyword: &str) -> Option<&'a Document> {
    document.get(keyword).and_then(Value::as_object)
}

/// A rule as the server's messages show it.
fn shown(rule: &Document) -> String {
    let string = |key: &str| text::go_json(&Value::from(text_of(rule, key)));
    let or_null = |key: &str| text::go_json(rule.get(key).unwrap_or(&Value::Null));
    format!(
        "{{\"Rule\":{},\"Message\":{},\"MessageExpression\":{},\"Reason\":{},\"FieldPath\":{},\"OptionalOldSelf\":{}}}",
        string("rule"),
        string("message"),
        string("messageExpression"),
        or_null("reason"),
        string("fieldPath"),
        or_null("optionalOldSelf"),
    )
}

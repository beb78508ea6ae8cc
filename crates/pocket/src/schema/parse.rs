//! From the schema document to compiled nodes.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::cause::Cause;
use super::cel::Rule;
use super::format::Format;
use super::node::{Additional, Bound, JsonType, Limits, ListKind, Node};
use super::pattern::Pattern;
use super::structural::{self, Document, flag, list_of, present, text_of};
use super::{cel, prune, validate};

/// Compiles a schema, whatever is wrong with it: what cannot be understood says nothing.
pub(super) fn root(schema: &Value) -> Node {
    let mut parser = Parser {
        patterns: HashMap::new(),
    };
    schema
        .as_object()
        .map(|document| parser.node(document))
        .unwrap_or_default()
}

/// Why a schema may not be used: first its structure, then its rules, then its defaults, each only if all before was right.
pub(super) fn check(path: &str, schema: &Value) -> Vec<Cause> {
    let mut causes = structural::check(path, schema);
    if let (true, Some(document)) = (causes.is_empty(), schema.as_object()) {
        let root = root(schema);
        causes = cel::check(path, document, &root);
        if causes.is_empty() {
            check_defaults(&mut causes, path, &root, true);
        }
    }
    causes.sort_by_cached_key(Cause::to_string);
    causes
}

/// A default must be a value that the schema itself lets pass.
fn check_defaults(causes: &mut Vec<Cause>, path: &str, node: &Node, at_root: bool) {
    if let Some(default) = node.default.as_deref() {
        let at = format!("{path}.default");
        if prune::would_drop(node, default) {
            causes.push(Cause::invalid(&at, default, "must not have unknown fields"));
        }
        causes.extend(validate::default_value(node, &at, default));
    }
    if let Some(items) = node.items.as_deref() {
        check_defaults(causes, &format!("{path}.items"), items, false);
    }
    for (name, property) in node.properties.iter() {
        let at = format!("{path}.properties[{name}]");
        if at_root && prune::is_meta_field(name) && property.default.is_some() {
            causes.push(Cause::forbidden(
                &format!("{at}.default"),
                &format!("must not be set in top-level {name}"),
            ));
            continue;
        }
        check_defaults(causes, &at, property, false);
    }
    if let Some(values) = node.values() {
        check_defaults(
            causes,
            &format!("{path}.additionalProperties"),
            values,
            false,
        );
    }
}

/// Holds what nodes can share: one pattern is often used in many places.
struct Parser {
    patterns: HashMap<String, Arc<Pattern>>,
}

impl Parser {
    fn node(&mut self, schema: &Document) -> Node {
        let mut node = Node {
            kind: JsonType::from_name(text_of(schema, "type")),
            nullable: flag(schema, "nullable"),
            int_or_string: flag(schema, "x-kubernetes-int-or-string"),
            preserve: flag(schema, "x-kubernetes-preserve-unknown-fields"),
            embedded: flag(schema, "x-kubernetes-embedded-resource"),
            map_atomic: text_of(schema, "x-kubernetes-map-type") == "atomic",
            list: list_kind(schema),
            default: present(schema, "default").cloned().map(Box::new),
            ..Node::default()
        };
        let properties = schema.get("properties").and_then(Value::as_object);
        let properties = properties.into_iter().flatten().map(|(name, property)| {
            let property = property.as_object().map(|document| self.node(document));
            (name.as_str().into(), property.unwrap_or_default())
        });
        node.properties = properties.collect();
        node.items = self.boxed(schema, "items");
        node.additional = match (
            self.boxed(schema, "additionalProperties"),
            schema.get("additionalProperties"),
        ) {
            (Some(values), _) => Additional::Schema(values),
            (None, Some(Value::Bool(true))) => Additional::Anything,
            (None, _) => Additional::Absent,
        };
        node.limits = self.limits(schema, node.kind, node.int_or_string);
        let rules = list_of(schema, "x-kubernetes-validations");
        node.rules = rules.iter().map(Rule::new).collect();
        let below = |part: Option<&Node>| part.is_some_and(|part| part.has_rules);
        node.has_rules = !node.rules.is_empty()
            || node.properties.iter().any(|(_, part)| part.has_rules)
            || below(node.items.as_deref())
            || below(node.values());
        node
    }

    fn boxed(&mut self, schema: &Document, keyword: &str) -> Option<Box<Node>> {
        let document = schema.get(keyword)?.as_object()?;
        Some(Box::new(self.node(document)))
    }

    fn nested(&mut self, schema: &Document, keyword: &str) -> Vec<Node> {
        list_of(schema, keyword)
            .iter()
            .filter_map(Value::as_object)
            .map(|document| self.node(document))
            .collect()
    }

    fn limits(
        &mut self,
        schema: &Document,
        kind: Option<JsonType>,
        int_or_string: bool,
    ) -> Option<Box<Limits>> {
        const KEYWORDS: [&str; 18] = [
            "format",
            "enum",
            "minimum",
            "maximum",
            "multipleOf",
            "minLength",
            "maxLength",
            "pattern",
            "minItems",
            "maxItems",
            "minProperties",
            "maxProperties",
            "required",
            "allOf",
            "anyOf",
            "oneOf",
            "not",
            "x-kubernetes-int-or-string",
        ];
        if !KEYWORDS
            .iter()
            .any(|keyword| present(schema, keyword).is_some())
        {
            return None;
        }
        let number = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
        let count = |keyword: &str| schema.get(keyword).and_then(Value::as_u64);
        let bound = |keyword: &str, exclusive: &str| {
            number(keyword).map(|value| Bound {
                value,
                exclusive: flag(schema, exclusive),
            })
        };
        let format = text_of(schema, "format");
        Some(Box::new(Limits {
            format: Format::supported(format, kind, int_or_string)
                .map(|known| (format.to_owned(), known)),
            choices: list_of(schema, "enum").to_vec(),
            minimum: bound("minimum", "exclusiveMinimum"),
            maximum: bound("maximum", "exclusiveMaximum"),
            multiple_of: number("multipleOf"),
            min_length: count("minLength"),
            max_length: count("maxLength"),
            pattern: self.pattern(text_of(schema, "pattern")),
            min_items: count("minItems"),
            max_items: count("maxItems"),
            min_properties: count("minProperties"),
            max_properties: count("maxProperties"),
            required: strings(schema, "required"),
            all_of: self.nested(schema, "allOf"),
            any_of: self.nested(schema, "anyOf"),
            one_of: self.nested(schema, "oneOf"),
            not: self.boxed(schema, "not").map(|node| *node),
        }))
    }

    fn pattern(&mut self, written: &str) -> Option<Arc<Pattern>> {
        if written.is_empty() {
            return None;
        }
        let pattern = self.patterns.entry(written.to_owned());
        let pattern = pattern.or_insert_with(|| Arc::new(Pattern::new(written)));
        Some(Arc::clone(pattern))
    }
}

fn strings(schema: &Document, keyword: &str) -> Vec<String> {
    list_of(schema, keyword)
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn list_kind(schema: &Document) -> ListKind {
    match text_of(schema, "x-kubernetes-list-type") {
        "set" => ListKind::Set,
        "map" => ListKind::Map(strings(schema, "x-kubernetes-list-map-keys")),
        _ => ListKind::Atomic,
    }
}

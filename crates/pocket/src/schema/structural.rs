//! Whether a schema may be used at all: the rules for structural schemas, checked on the document itself.

mod keywords;
mod lists;

use serde_json::{Map, Value};

use super::cause::Cause;

/// Schemas nest no deeper than the JSON decoder allows documents to.
const MAX_DEPTH: usize = 64;

/// A schema document.
pub(super) type Document = Map<String, Value>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Root,
    Item,
    Field,
}

/// Every reason to refuse this schema.
pub(super) fn check(path: &str, schema: &Value) -> Vec<Cause> {
    let mut pass = Pass {
        causes: Vec::new(),
        walked: 0,
    };
    pass.node(path, schema, Level::Root, MAX_DEPTH);
    pass.causes
}

pub(super) fn text_of<'a>(schema: &'a Document, key: &str) -> &'a str {
    schema.get(key).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn flag(schema: &Document, key: &str) -> bool {
    schema.get(key).and_then(Value::as_bool).unwrap_or_default()
}

/// A keyword's value; an explicit null is as good as none.
pub(super) fn present<'a>(schema: &'a Document, key: &str) -> Option<&'a Value> {
    schema.get(key).filter(|value| !value.is_null())
}

pub(super) fn list_of<'a>(schema: &'a Document, key: &str) -> &'a [Value] {
    schema
        .get(key)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

struct Pass {
    causes: Vec<Cause>,
    /// The length of all paths so far; every pass over the schema makes them again.
    walked: usize,
}

/// A schema with longer paths than these together is not worth the work.
const MAX_WALK: usize = 64 << 20;

impl Pass {
    fn required(&mut self, path: String, detail: &str) {
        self.causes.push(Cause::required(&path, detail));
    }

    fn forbidden(&mut self, path: String, detail: &str) {
        self.causes.push(Cause::forbidden(&path, detail));
    }

    fn invalid(&mut self, path: String, value: &Value, detail: &str) {
        self.causes.push(Cause::invalid(&path, value, detail));
    }

    fn node(&mut self, path: &str, schema: &Value, level: Level, depth: usize) {
        let Some(document) = self.document(path, schema, depth) else {
            return;
        };
        keywords::check(self, path, document);
        lists::check(self, path, document);
        self.typed(path, document, level);
        self.meta_fields(path, document, level);
        self.children(path, document, level, depth - 1);
        self.alternatives(path, document, document, depth - 1);
    }

    fn document<'a>(
        &mut self,
        path: &str,
        schema: &'a Value,
        depth: usize,
    ) -> Option<&'a Document> {
        if depth == 0 {
            self.forbidden(
                path.to_owned(),
                &format!("must not nest more than {MAX_DEPTH} schemas"),
            );
            return None;
        }
        self.walked = self.walked.saturating_add(path.len());
        if self.walked > MAX_WALK {
            if self.causes.is_empty() {
                let detail = "must not have so many fields with so long names";
                self.forbidden(String::new(), detail);
            }
            return None;
        }
        let document = schema.as_object();
        if document.is_none() {
            self.invalid(path.to_owned(), schema, "must be a schema");
        }
        document
    }

    fn typed(&mut self, path: &str, schema: &Document, level: Level) {
        let kind = text_of(schema, "type");
        let untyped_is_fine = flag(schema, "x-kubernetes-int-or-string")
            || flag(schema, "x-kubernetes-preserve-unknown-fields");
        let at = format!("{path}.type");
        if flag(schema, "x-kubernetes-embedded-resource") && kind != "object" {
            let detail = "must be object if x-kubernetes-embedded-resource is true";
            match kind {
                "" => self.required(at, detail),
                _ => self.invalid(at, &Value::from(kind), detail),
            }
        } else if kind.is_empty() && !untyped_is_fine {
            self.required(
                at,
                match level {
                    Level::Root => "must not be empty at the root",
                    Level::Item => "must not be empty for specified array items",
                    Level::Field => "must not be empty for specified object fields",
                },
            );
        } else if level == Level::Root && !kind.is_empty() && kind != "object" {
            self.invalid(at, &Value::from(kind), "must be object at the root");
        }
        if kind == "array" && present(schema, "items").is_none() {
            self.required(format!("{path}.items"), "must be specified");
        }
    }

    /// `apiVersion`, `kind` and `metadata` of objects have a meaning of their own.
    fn meta_fields(&mut self, path: &str, schema: &Document, level: Level) {
        let embedded = flag(schema, "x-kubernetes-embedded-resource");
        let properties = schema.get("properties").and_then(Value::as_object);
        let property = |name: &str| {
            properties
                .and_then(|map| map.get(name))
                .and_then(Value::as_object)
        };
        if embedded
            && !flag(schema, "x-kubernetes-preserve-unknown-fields")
            && properties.is_none_or(Map::is_empty)
        {
            self.required(
                format!("{path}.properties"),
                "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields",
            );
        }
        if level != Level::Root && !embedded {
            return;
        }
        for name in ["kind", "apiVersion"] {
            if let Some(kind) = property(name)
                .map(|field| text_of(field, "type"))
                .filter(|kind| *kind != "string")
            {
                self.invalid(
                    format!("{path}.properties[{name}].type"),
                    &Value::from(kind),
                    "must be string",
                );
            }
        }
        let Some(metadata) = property("metadata") else {
            return;
        };
        let at = format!("{path}.properties[metadata]");
        if text_of(metadata, "type") != "object" {
            self.invalid(
                format!("{at}.type"),
                &Value::from(text_of(metadata, "type")),
                "must be object",
            );
        }
        let names_only = metadata.iter().all(|(key, value)| match key.as_str() {
            "type" | "description" => true,
            "properties" => value.as_object().is_some_and(|fields| {
                fields
                    .keys()
                    .all(|key| matches!(key.as_str(), "name" | "generateName"))
            }),
            _ => value.is_null(),
        });
        if level == Level::Root && !names_only {
            self.forbidden(
                at,
                "must not specify anything other than name and generateName, but metadata is implicitly specified",
            );
        }
    }

    fn children(&mut self, path: &str, schema: &Document, level: Level, depth: usize) {
        match present(schema, "items") {
            Some(Value::Array(_)) | None => {}
            Some(items) => self.node(&format!("{path}.items"), items, Level::Item, depth),
        }
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            for (name, property) in properties {
                if self.walked > MAX_WALK {
                    return;
                }
                self.node(
                    &format!("{path}.properties[{name}]"),
                    property,
                    Level::Field,
                    depth,
                );
            }
        }
        if let Some(additional) = present(schema, "additionalProperties") {
            let at = format!("{path}.additionalProperties");
            if level == Level::Root {
                self.forbidden(at.clone(), "must not be used at the root");
            }
            if flag(schema, "x-kubernetes-embedded-resource") {
                self.forbidden(
                    at.clone(),
                    "must not be used if x-kubernetes-embedded-resource is set",
                );
            }
            if additional.is_object() {
                self.node(&at, additional, Level::Field, depth);
            }
        }
    }

    /// `allOf` and its kin may only restrict values, and only those that `structure` describes.
    fn alternatives(&mut self, path: &str, schema: &Document, structure: &Document, depth: usize) {
        let int_or_string = is_int_or_string(list_of(schema, "anyOf"));
        for keyword in ["allOf", "anyOf", "oneOf"] {
            if keyword == "anyOf" && int_or_string {
                continue;
            }
            for (index, nested) in list_of(schema, keyword).iter().enumerate() {
                self.nested(
                    &format!("{path}.{keyword}[{index}]"),
                    nested,
                    Some(structure),
                    depth,
                );
            }
        }
        if let Some(nested) = present(schema, "not") {
            self.nested(&format!("{path}.not"), nested, Some(structure), depth);
        }
    }

    fn nested(&mut self, path: &str, schema: &Value, structure: Option<&Document>, depth: usize) {
        let Some(document) = self.document(path, schema, depth) else {
            return;
        };
        keywords::check(self, path, document);
        keywords::check_nested(self, path, document);
        if let Some(items) = present(document, "items").filter(|items| items.is_object()) {
            let counterpart = structure
                .and_then(|schema| schema.get("items"))
                .and_then(Value::as_object);
            self.counterpart(path, "items", "items", counterpart, items, depth);
        }
        if let Some(properties) = document.get("properties").and_then(Value::as_object) {
            let known = structure
                .and_then(|schema| schema.get("properties"))
                .and_then(Value::as_object);
            for (name, property) in properties {
                if self.walked > MAX_WALK {
                    return;
                }
                let counterpart = known
                    .and_then(|map| map.get(name))
                    .and_then(Value::as_object);
                self.counterpart(
                    path,
                    &format!("properties[{name}]"),
                    name,
                    counterpart,
                    property,
                    depth,
                );
            }
        }
        if let Some(structure) = structure {
            self.alternatives(path, document, structure, depth - 1);
        }
    }

    fn counterpart(
        &mut self,
        path: &str,
        step: &str,
        name: &str,
        counterpart: Option<&Document>,
        nested: &Value,
        depth: usize,
    ) {
        let at = format!("{path}.{step}");
        if name == "metadata" {
            self.forbidden(at.clone(), "must not be specified in a nested context");
        }
        if counterpart.is_none() {
            let missing = structural_path(&at);
            self.required(missing, &format!("because it is defined in {at}"));
        }
        self.nested(&at, nested, counterpart, depth - 1);
    }
}

/// The same place without the steps through `allOf` and its kin.
fn structural_path(path: &str) -> String {
    let is_alternative = |step: &&str| {
        !["allOf[", "anyOf[", "oneOf["]
            .iter()
            .any(|kind| step.starts_with(kind))
            && *step != "not"
    };
    path.split('.')
        .filter(is_alternative)
        .collect::<Vec<_>>()
        .join(".")
}

/// The one alternative with types that is allowed: integer or string.
fn is_int_or_string(any_of: &[Value]) -> bool {
    let only_type = |value: &Value, kind: &str| {
        value
            .as_object()
            .is_some_and(|schema| schema.len() == 1 && text_of(schema, "type") == kind)
    };
    matches!(any_of, [first, second] if only_type(first, "integer") && only_type(second, "string"))
}

impl Pass {
    fn not_supported(&mut self, path: &str, value: &Value, supported: &[&str]) {
        let supported: Vec<Value> = supported.iter().map(|name| Value::from(*name)).collect();
        self.causes
            .push(Cause::not_supported(path, value, &supported));
    }

    fn pattern(&mut self, path: &str, pattern: &str) {
        if let Err(problem) = super::pattern::compile(pattern) {
            let detail = format!("must be a valid regular expression, but isn't: {problem}");
            self.causes.push(Cause::invalid(
                &format!("{path}.pattern"),
                &Value::from(pattern),
                &detail,
            ));
        }
    }
}

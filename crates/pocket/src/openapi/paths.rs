//! The operations of a document.

use serde_json::{Map, Value, json};

use super::components::{DELETE_OPTIONS, PATCH, SCALE, STATUS, name_of};
use super::refs::{KIND_EXTENSION, kind_of, reference};
use super::{Kind, path_of};

/// Query parameters with their type and what they mean.
type Parameters = &'static [(&'static str, &'static str, &'static str)];

const LIST: Parameters = &[
    (
        "allowWatchBookmarks",
        "boolean",
        "Asks for watch events of type BOOKMARK.",
    ),
    (
        "continue",
        "string",
        "Where to go on, as the answer with the previous part said.",
    ),
    (
        "fieldSelector",
        "string",
        "Restricts the list to objects with these field values.",
    ),
    (
        "labelSelector",
        "string",
        "Restricts the list to objects with these labels.",
    ),
    (
        "limit",
        "integer",
        "The most objects to answer with at once.",
    ),
    (
        "resourceVersion",
        "string",
        "Which version of the data may answer.",
    ),
    (
        "resourceVersionMatch",
        "string",
        "How resourceVersion is meant.",
    ),
    (
        "sendInitialEvents",
        "boolean",
        "Starts a watch with the objects that exist.",
    ),
    (
        "timeoutSeconds",
        "integer",
        "Ends the call after this time.",
    ),
    (
        "watch",
        "boolean",
        "Watches for changes instead of listing.",
    ),
];

const WRITE: Parameters = &[
    ("dryRun", "string", "With the value All, nothing is stored."),
    (
        "fieldManager",
        "string",
        "Who makes the change, for the record of who owns which field.",
    ),
    (
        "fieldValidation",
        "string",
        "What becomes of unknown and duplicate fields: Ignore drops them, Warn warns, Strict refuses the request.",
    ),
];

const FORCE: Parameters = &[(
    "force",
    "boolean",
    "Takes fields over from other managers when applying.",
)];

const DELETE: Parameters = &[
    (
        "dryRun",
        "string",
        "With the value All, nothing is deleted.",
    ),
    (
        "gracePeriodSeconds",
        "integer",
        "How long the object may take to end.",
    ),
    (
        "orphanDependents",
        "boolean",
        "Deprecated: use propagationPolicy.",
    ),
    (
        "propagationPolicy",
        "string",
        "What becomes of objects that this one owns: Orphan, Background or Foreground.",
    ),
];

/// One operation before it is written down.
struct Operation<'a> {
    /// What it does, as `x-kubernetes-action` names it.
    action: &'static str,
    /// Its id: a verb and what it is about.
    id: String,
    parameters: Vec<Parameters>,
    body: Option<&'a Value>,
    answer: &'a str,
}

/// Adds the operations of a kind.
pub(super) fn add(paths: &mut Map<String, Value>, kind: &Kind<'_>) {
    let root = format!("/{}", path_of(kind.group, kind.version));
    let resource = Resource::new(kind);
    let everywhere = format!("{root}/{}", kind.plural);
    let collection = if kind.namespaced {
        let list = resource.list(format!("list{}ForAllNamespaces", kind.kind));
        paths.insert(everywhere, item(&[], [("get", list)]));
        format!("{root}/namespaces/{{namespace}}/{}", kind.plural)
    } else {
        everywhere
    };
    paths.insert(collection.clone(), resource.collection());
    paths.insert(format!("{collection}/{{name}}"), resource.object());
    let parts = [
        ("status", resource.object.as_str(), kind.status),
        ("scale", SCALE, kind.scale),
    ];
    for (part, schema, _) in parts.into_iter().filter(|(_, _, exists)| *exists) {
        let path = format!("{collection}/{{name}}/{part}");
        paths.insert(path, resource.part(part, schema));
    }
}

/// A kind with the names of its schemas and of the variables in its paths.
struct Resource<'a> {
    kind: &'a Kind<'a>,
    object: String,
    list: String,
    place: &'static [&'static str],
    name: &'static [&'static str],
}

impl<'a> Resource<'a> {
    fn new(kind: &'a Kind<'a>) -> Self {
        let (place, name): (&[&str], &[&str]) = match kind.namespaced {
            true => (&["namespace"], &["namespace", "name"]),
            false => (&[], &["name"]),
        };
        Self {
            kind,
            object: name_of(kind, kind.kind),
            list: name_of(kind, kind.list_kind),
            place,
            name,
        }
    }

    /// The id of an operation.
    fn id(&self, verb: &str) -> String {
        let scope = if self.kind.namespaced {
            "Namespaced"
        } else {
            ""
        };
        format!("{verb}{scope}{}", self.kind.kind)
    }

    fn list(&self, id: String) -> Value {
        let list = Operation {
            action: "list",
            id,
            parameters: vec![LIST],
            body: None,
            answer: &self.list,
        };
        written(self.kind, list)
    }

    fn collection(&self) -> Value {
        let body = json_body(&self.object, true);
        let options = json_body(DELETE_OPTIONS, false);
        let post = Operation {
            action: "post",
            id: self.id("create"),
            parameters: vec![WRITE],
            body: Some(&body),
            answer: &self.object,
        };
        let clear = Operation {
            action: "deletecollection",
            id: self.id("deleteCollection"),
            parameters: vec![LIST, DELETE],
            body: Some(&options),
            answer: STATUS,
        };
        let operations = [
            ("get", self.list(self.id("list"))),
            ("post", written(self.kind, post)),
            ("delete", written(self.kind, clear)),
        ];
        item(self.place, operations)
    }

    fn object(&self) -> Value {
        let options = json_body(DELETE_OPTIONS, false);
        let delete = Operation {
            action: "delete",
            id: self.id("delete"),
            parameters: vec![DELETE],
            body: Some(&options),
            answer: STATUS,
        };
        let mut operations = object_operations(self.kind, &self.object, &self.id(""), "");
        operations.push(("delete", written(self.kind, delete)));
        item(self.name, operations)
    }

    fn part(&self, part: &str, schema: &str) -> Value {
        item(
            self.name,
            object_operations(self.kind, schema, &self.id(""), part),
        )
    }
}

/// Reading, replacing and patching an object or a part of it.
fn object_operations(
    kind: &Kind<'_>,
    schema: &str,
    about: &str,
    subresource: &str,
) -> Vec<(&'static str, Value)> {
    let id = |verb: &str| match subresource.split_at_checked(1) {
        Some((first, rest)) => format!("{verb}{about}{}{rest}", first.to_uppercase()),
        None => format!("{verb}{about}"),
    };
    let body = json_body(schema, true);
    let patch_body = patch_body();
    let read = Operation {
        action: "get",
        id: id("read"),
        parameters: vec![],
        body: None,
        answer: schema,
    };
    let put = Operation {
        action: "put",
        id: id("replace"),
        parameters: vec![WRITE],
        body: Some(&body),
        answer: schema,
    };
    let patch = Operation {
        action: "patch",
        id: id("patch"),
        parameters: vec![WRITE, FORCE],
        body: Some(&patch_body),
        answer: schema,
    };
    vec![
        ("get", written(kind, read)),
        ("put", written(kind, put)),
        ("patch", written(kind, patch)),
    ]
}

fn json_body(schema: &str, required: bool) -> Value {
    json!({"content": {"*/*": {"schema": reference(schema)}}, "required": required})
}

fn patch_body() -> Value {
    let types = [
        "application/apply-patch+yaml",
        "application/json-patch+json",
        "application/merge-patch+json",
    ];
    let content: Map<String, Value> = types
        .iter()
        .map(|kind| ((*kind).to_owned(), json!({"schema": reference(PATCH)})))
        .collect();
    json!({"content": content, "required": true})
}

/// Writes an operation down.
fn written(kind: &Kind<'_>, operation: Operation<'_>) -> Value {
    let parameters: Vec<Value> = operation
        .parameters
        .into_iter()
        .flatten()
        .map(query_parameter)
        .collect();
    let answer = json!({"description": "OK", "content": {"application/json": {"schema": reference(operation.answer)}}});
    let mut responses = json!({"200": answer, "401": {"description": "Unauthorized"}});
    if matches!(operation.action, "post" | "put" | "patch") {
        responses["201"] = answer_named(&answer, "Created");
    }
    let mut document = json!({
        "description": description(operation.action, kind.kind),
        "operationId": operation.id,
        "parameters": parameters,
        "responses": responses,
        "x-kubernetes-action": operation.action,
        KIND_EXTENSION: kind_of(kind.group, kind.version, kind.kind),
    });
    if let Some(body) = operation.body {
        document["requestBody"] = body.clone();
    }
    document
}

fn answer_named(answer: &Value, description: &str) -> Value {
    let mut answer = answer.clone();
    answer["description"] = json!(description);
    answer
}

fn description(action: &str, kind: &str) -> String {
    match action {
        "get" => format!("read the specified {kind}"),
        "list" => format!("list objects of kind {kind}"),
        "post" => format!("create a {kind}"),
        "put" => format!("replace the specified {kind}"),
        "patch" => format!("partially update the specified {kind}"),
        "deletecollection" => format!("delete collection of {kind}"),
        _ => format!("delete a {kind}"),
    }
}

fn query_parameter((name, kind, description): &(&str, &str, &str)) -> Value {
    json!({"name": name, "in": "query", "description": description, "schema": {"type": kind, "uniqueItems": true}})
}

/// A path with its variables and operations.
fn item(variables: &[&str], operations: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let mut item: Map<String, Value> = operations
        .into_iter()
        .map(|(verb, operation)| (verb.to_owned(), operation))
        .collect();
    let variables = variables.iter().map(|name| {
        let description = format!("the {name} of the object");
        let schema = json!({"type": "string", "uniqueItems": true});
        json!({"name": name, "in": "path", "required": true, "description": description, "schema": schema})
    });
    let pretty = query_parameter(&("pretty", "string", "Asks for indented output."));
    item.insert("parameters".to_owned(), variables.chain([pretty]).collect());
    Value::Object(item)
}

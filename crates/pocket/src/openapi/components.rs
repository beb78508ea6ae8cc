//! The schemas of a document.

use serde_json::{Map, Value, json};

use super::built_in::BuiltIn;
use super::refs::{KIND_EXTENSION, described, kind_of, normalize, reference};
use super::{Kind, KindSchema};

const API_VERSION: &str = "APIVersion defines the versioned schema of this representation of an object. Servers should convert \
recognized schemas to the latest internal value, and may reject unrecognized values. More info: \
https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources";

const KIND: &str = "Kind is a string value representing the REST resource this object represents. Servers may infer this from the \
endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: \
https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds";

const METADATA: &str = "Standard object's metadata. More info: \
https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

const LIST_METADATA: &str = "Standard list metadata. More info: \
https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds";

pub(super) const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
pub(super) const LIST_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";
pub(super) const STATUS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Status";
pub(super) const DELETE_OPTIONS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";
pub(super) const PATCH: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch";
pub(super) const SCALE: &str = "io.k8s.api.autoscaling.v1.Scale";

/// The name of a kind's schema.
pub(super) fn name_of(kind: &Kind<'_>, name: &str) -> String {
    match kind.schema {
        KindSchema::BuiltIn => {
            let built_in =
                BuiltIn::find(kind.group, kind.version, kind.kind).map(|found| found.name());
            let of_kind = built_in.unwrap_or_else(|| custom_name(kind, kind.kind));
            match of_kind.strip_suffix(kind.kind) {
                Some(package) => format!("{package}{name}"),
                None => of_kind,
            }
        }
        KindSchema::Custom(_) => custom_name(kind, name),
    }
}

/// The group backwards, as Java packages are named.
fn custom_name(kind: &Kind<'_>, name: &str) -> String {
    let mut parts: Vec<&str> = kind.group.split('.').collect();
    parts.reverse();
    format!("{}.{}.{name}", parts.join("."), kind.version)
}

/// Every schema that the operations of these kinds need.
pub(super) fn schemas(kinds: &[Kind<'_>]) -> Map<String, Value> {
    let mut generator = BuiltIn::generator();
    BuiltIn::add_common(&mut generator);
    if kinds.iter().any(|kind| kind.scale) {
        BuiltIn::add_scale(&mut generator);
    }
    for kind in kinds {
        if let (KindSchema::BuiltIn, Some(built_in)) = (
            kind.schema,
            BuiltIn::find(kind.group, kind.version, kind.kind),
        ) {
            built_in.add(&mut generator);
        }
    }
    let mut schemas = generator.take_definitions(false);
    schemas.values_mut().for_each(normalize);
    schemas.insert(
        PATCH.to_owned(),
        json!({
            "description": "Patch is provided to give a concrete name and type to the Kubernetes PATCH request body.",
            "type": "object"
        }),
    );
    for kind in kinds {
        add(&mut schemas, kind);
    }
    schemas
}

/// The schemas of a kind and of its list.
fn add(schemas: &mut Map<String, Value>, kind: &Kind<'_>) {
    let name = name_of(kind, kind.kind);
    let extension = json!([kind_of(kind.group, kind.version, kind.kind)]);
    match kind.schema {
        KindSchema::Custom(schema) => {
            schemas.insert(name.clone(), custom(schema, extension));
        }
        KindSchema::BuiltIn => {
            let schema = schemas
                .entry(name.clone())
                .or_insert_with(|| json!({"type": "object"}));
            if let Some(schema) = schema.as_object_mut() {
                let required = schema.get_mut("required").and_then(Value::as_array_mut);
                // The types require it for their own sake; the API does not.
                if let Some(required) = required {
                    required.retain(|field| field != "metadata");
                }
                schema.retain(|keyword, value| keyword != "required" || value != &json!([]));
                schema.insert(KIND_EXTENSION.to_owned(), extension);
            }
        }
    }
    schemas.insert(name_of(kind, kind.list_kind), list(kind, &name));
}

fn custom(schema: &Value, extension: Value) -> Value {
    let mut schema = schema.as_object().cloned().unwrap_or_default();
    schema.entry("type").or_insert_with(|| json!("object"));
    let properties = schema.entry("properties").or_insert_with(|| json!({}));
    if let Some(properties) = properties.as_object_mut() {
        type_fields(properties);
        properties.insert("metadata".to_owned(), described(OBJECT_META, METADATA));
    }
    schema.insert(KIND_EXTENSION.to_owned(), extension);
    let mut schema = Value::Object(schema);
    embedded(&mut schema);
    schema
}

fn type_fields(properties: &mut Map<String, Value>) {
    properties.insert(
        "apiVersion".to_owned(),
        json!({"description": API_VERSION, "type": "string"}),
    );
    properties.insert(
        "kind".to_owned(),
        json!({"description": KIND, "type": "string"}),
    );
}

/// Embedded objects have a type and metadata too.
fn embedded(schema: &mut Value) {
    let Value::Object(map) = schema else { return };
    let is_embedded = map.get("x-kubernetes-embedded-resource") == Some(&Value::Bool(true));
    if let Some(Value::Object(properties)) = map.get_mut("properties") {
        properties.values_mut().for_each(embedded);
    }
    for keyword in ["items", "additionalProperties"] {
        if let Some(nested) = map.get_mut(keyword) {
            embedded(nested);
        }
    }
    if is_embedded
        && let Some(properties) = map
            .entry("properties")
            .or_insert_with(|| json!({}))
            .as_object_mut()
    {
        type_fields(properties);
        properties.insert("metadata".to_owned(), described(OBJECT_META, METADATA));
    }
}

fn list(kind: &Kind<'_>, name: &str) -> Value {
    let mut properties = Map::new();
    type_fields(&mut properties);
    properties.insert("metadata".to_owned(), described(LIST_META, LIST_METADATA));
    let description = format!(
        "List of {}. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md",
        kind.plural
    );
    properties.insert(
        "items".to_owned(),
        json!({"description": description, "type": "array", "items": reference(name)}),
    );
    json!({
        "description": format!("{} is a list of {}", kind.list_kind, kind.kind),
        "type": "object",
        "required": ["items"],
        "properties": properties,
        KIND_EXTENSION: [kind_of(kind.group, kind.version, kind.list_kind)],
    })
}

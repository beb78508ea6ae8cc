//! What is wrong with a definition.

use serde_json::Value;

use crate::api::object;
use crate::api::status::Cause;
use crate::schema::Schema;

/// Everything wrong with a definition; `old` is what it replaces. Schemas that did not change are not looked at again.
pub(crate) fn validate(definition: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = Vec::new();
    names(definition, &mut causes);
    versions(definition, &mut causes);
    schemas(definition, old, &mut causes);
    if let Some(old) = old {
        unchanged(definition, old, &mut causes);
    }
    causes
}

fn names(definition: &Value, causes: &mut Vec<Cause>) {
    let spec = &definition["spec"];
    for (field, path) in [
        ("spec.group", &["group"][..]),
        ("spec.scope", &["scope"]),
        ("spec.names.plural", &["names", "plural"]),
        ("spec.names.kind", &["names", "kind"]),
    ] {
        if object::text(spec, path).is_empty() {
            causes.push(Cause::required(field, ""));
        }
    }
    let scope = &spec["scope"];
    if scope != "Cluster" && scope != "Namespaced" && !object::text(spec, &["scope"]).is_empty() {
        let known = ["\"Cluster\"", "\"Namespaced\""].map(str::to_owned);
        causes.push(Cause::unsupported("spec.scope", scope, &known));
    }
    let (group, plural) = (
        object::text(spec, &["group"]),
        object::text(spec, &["names", "plural"]),
    );
    let name = object::meta(definition, "name");
    if causes.is_empty() && name != format!("{plural}.{group}") {
        let detail = "must be spec.names.plural+\".\"+spec.group";
        causes.push(Cause::invalid("metadata.name", &Value::from(name), detail));
    }
}

fn versions(definition: &Value, causes: &mut Vec<Cause>) {
    let versions = object::list(definition, &["spec", "versions"]);
    let stored = versions.iter().filter(|version| version["storage"] == true);
    if stored.count() != 1 {
        let detail = "must have exactly one version marked as storage version";
        causes.push(Cause {
            reason: "FieldValueInvalid",
            message: format!("Invalid value: {detail}"),
            field: "spec.versions".into(),
        });
    }
    for (at, version) in versions.iter().enumerate() {
        let before = versions.iter().take(at);
        if before.clone().any(|one| one["name"] == version["name"]) {
            let field = format!("spec.versions[{at}].name");
            causes.push(Cause {
                reason: "FieldValueDuplicate",
                message: format!("Duplicate value: {}", version["name"]),
                field,
            });
        }
        if !schema_of(version).is_object() {
            let field = format!("spec.versions[{at}].schema.openAPIV3Schema");
            causes.push(Cause::required(field, "schemas are required"));
        }
    }
}

fn schema_of(version: &Value) -> &Value {
    &version["schema"]["openAPIV3Schema"]
}

/// A schema that all versions share is named as if it stood beside them, as the original does.
fn schemas(definition: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    let versions = object::list(definition, &["spec", "versions"]);
    let before = old.map_or(&[][..], |old| object::list(old, &["spec", "versions"]));
    let is_new = |version: &Value| {
        let same = |one: &&Value| one["name"] == version["name"];
        let before = before.iter().find(same).map(schema_of);
        schema_of(version).is_object() && before != Some(schema_of(version))
    };
    let shared = versions.windows(2).all(|pair| match pair {
        [a, b] => schema_of(a) == schema_of(b),
        _ => true,
    });
    let most = if shared { 1 } else { versions.len() };
    for (at, version) in versions.iter().enumerate().take(most) {
        if !is_new(version) {
            continue;
        }
        let path = match shared {
            true => "spec.validation.openAPIV3Schema".to_owned(),
            false => format!("spec.versions[{at}].schema.openAPIV3Schema"),
        };
        let found = Schema::check(&path, schema_of(version));
        causes.extend(found.into_iter().map(Cause::from));
    }
}

/// What objects are stored by cannot change any more.
fn unchanged(definition: &Value, old: &Value, causes: &mut Vec<Cause>) {
    for (field, path) in [
        ("spec.scope", &["spec", "scope"][..]),
        ("spec.names.kind", &["spec", "names", "kind"]),
        ("spec.group", &["spec", "group"]),
        ("spec.names.plural", &["spec", "names", "plural"]),
    ] {
        let value = object::at(definition, path);
        if value != object::at(old, path) {
            causes.push(Cause::invalid(field, value, "field is immutable"));
        }
    }
}

//! The status of a definition: whether its names are accepted, and what is wrong with its schemas.

use serde_json::{Value, json};

use crate::api::object;
use crate::api::resource::Resource;
use crate::schema::{Schema, summary};

/// The status of a new definition, before its names are accepted.
pub(crate) fn initial_status(definition: &mut Value) {
    definition["status"] = json!({
        "conditions": null, "acceptedNames": {"plural": "", "kind": ""},
        "storedVersions": [storage_version(definition)],
    });
}

fn storage_version(definition: &Value) -> Value {
    let versions = object::list(definition, &["spec", "versions"]);
    let stored = versions.iter().find(|version| version["storage"] == true);
    stored.map_or(Value::Null, |version| version["name"].clone())
}

/// Whether objects of the definition are served.
pub(crate) fn is_established(definition: &Value) -> bool {
    let conditions = object::list(definition, &["status", "conditions"]);
    let established = |one: &&Value| one["type"] == "Established" && one["status"] == "True";
    conditions.iter().any(|one| established(&one))
}

/// Accepts the names of a definition that no other kind of its group has, and tells of the rest.
pub(crate) fn accept<'a>(
    definition: &mut Value,
    served: impl Iterator<Item = &'a Resource>,
    now: &str,
) {
    let names = definition["spec"]["names"].clone();
    let own = object::meta(definition, "name").to_owned();
    let group = object::text(definition, &["spec", "group"]).to_owned();
    let others: Vec<&Resource> = served
        .filter(|one| one.group == group && *one.key != *own)
        .collect();
    let conflict = conflict(&names, &others);
    let established = conflict.is_none() || is_established(definition);
    if conflict.is_none() {
        definition["status"]["acceptedNames"] = names;
    }
    let (reason, message) = conflict.clone().unwrap_or_else(|| {
        let message = "no conflicts found".to_owned();
        ("NoConflicts", message)
    });
    set(
        definition,
        "NamesAccepted",
        conflict.is_none(),
        reason,
        &message,
        now,
    );
    let (reason, message) = match established {
        true => (
            "InitialNamesAccepted",
            "the initial names have been accepted",
        ),
        false => ("NotAccepted", "not all names are accepted"),
    };
    set(definition, "Established", established, reason, message, now);
    describe_schemas(definition, now);
    let storage = storage_version(definition);
    if let Some(stored) = definition["status"]["storedVersions"].as_array_mut()
        && !stored.contains(&storage)
    {
        stored.push(storage);
    }
}

/// The last name that is taken: each later one overwrites what was said before it.
fn conflict(names: &Value, others: &[&Resource]) -> Option<(&'static str, String)> {
    let is_resource = |name: &str| {
        others.iter().any(|one| {
            one.plural == name
                || one.singular == name
                || one.short_names.iter().any(|short| short == name)
        })
    };
    let is_kind = |name: &str| {
        let mut others = others.iter();
        others.any(|one| one.kind == name || one.list_kind == name)
    };
    let in_use = |name: &str| format!("{name:?} is already in use");
    let text = |field: &str| object::text(names, &[field]);
    let mut found = None;
    for (field, reason) in [
        ("plural", "PluralConflict"),
        ("singular", "SingularConflict"),
    ] {
        if is_resource(text(field)) {
            found = Some((reason, in_use(text(field))));
        }
    }
    let short = object::list(names, &["shortNames"]).iter();
    let taken = short.filter_map(Value::as_str).find(|one| is_resource(one));
    if let Some(taken) = taken {
        found = Some(("ShortNamesConflict", in_use(taken)));
    }
    for (field, reason) in [("kind", "KindConflict"), ("listKind", "ListKindConflict")] {
        if is_kind(text(field)) {
            found = Some((reason, in_use(text(field))));
        }
    }
    found
}

/// Schemas from before they were checked stay, with a word about what is wrong with them.
fn describe_schemas(definition: &mut Value, now: &str) {
    let versions = object::list(definition, &["spec", "versions"]);
    let mut causes = Vec::new();
    for (at, version) in versions.iter().enumerate() {
        let path = format!("spec.versions[{at}].schema.openAPIV3Schema");
        let schema = &version["schema"]["openAPIV3Schema"];
        causes.extend(Schema::check_structure(&path, schema));
    }
    const KIND: &str = "NonStructuralSchema";
    if causes.is_empty() {
        remove(definition, KIND);
    } else {
        set(definition, KIND, true, "Violations", &summary(&causes), now);
    }
}

/// Marks a definition whose objects are being deleted.
pub(crate) fn terminating(definition: &mut Value, now: &str) {
    remove(definition, "Terminating");
    let message =
        "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon";
    set(
        definition,
        "Terminating",
        true,
        "InstanceDeletionPending",
        message,
        now,
    );
}

/// Sets a condition; the time is that of the last change of its status.
fn set(definition: &mut Value, kind: &str, holds: bool, reason: &str, message: &str, now: &str) {
    let status = if holds { "True" } else { "False" };
    let mut condition = json!({"type": kind, "status": status, "lastTransitionTime": now,
        "reason": reason, "message": message});
    let conditions = &mut definition["status"]["conditions"];
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    let Some(list) = conditions.as_array_mut() else {
        return;
    };
    match list.iter_mut().find(|one| one["type"] == kind) {
        Some(before) => {
            if before["status"] == status {
                condition["lastTransitionTime"] = before["lastTransitionTime"].take();
            }
            *before = condition;
        }
        None => list.push(condition),
    }
}

fn remove(definition: &mut Value, kind: &str) {
    if let Some(list) = definition["status"]["conditions"].as_array_mut() {
        list.retain(|one| one["type"] != kind);
    }
}

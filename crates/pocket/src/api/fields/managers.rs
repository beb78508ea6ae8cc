//! The `managedFields` entries of an object and how writes change them.

use serde_json::{Map, Value, json};

use super::set::Set;
use super::typed::{self, compare};
use crate::api::object;
use crate::api::resource::Resource;
use crate::api::status::Cause;

/// Who writes, as far as ownership goes.
#[derive(Clone, Debug)]
pub(crate) struct Writer<'a> {
    pub(crate) manager: &'a str,
    pub(crate) subresource: &'a str,
    pub(crate) time: &'a str,
    /// The version of the API the writer used.
    pub(crate) api_version: &'a str,
}

/// Fields that other managers own with other values.
#[derive(Debug)]
pub(crate) struct Conflict(pub(crate) Vec<Cause>);

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    manager: String,
    operation: String,
    api_version: String,
    subresource: String,
    time: String,
    set: Set,
}

/// Metadata that nobody owns because the server sets it.
const OURS: [&str; 9] = [
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "clusterName",
    "generation",
    "managedFields",
    "resourceVersion",
];

impl Entry {
    fn new(writer: &Writer<'_>, operation: &str, set: Set) -> Self {
        Self {
            manager: writer.manager.to_owned(),
            operation: operation.to_owned(),
            api_version: writer.api_version.to_owned(),
            subresource: writer.subresource.to_owned(),
            time: writer.time.to_owned(),
            set,
        }
    }

    fn is_of(&self, writer: &Writer<'_>, operation: &str) -> bool {
        // An apply belongs to its manager whatever version it was written in.
        let version = operation == "Apply" || self.api_version == writer.api_version;
        self.manager == writer.manager
            && self.operation == operation
            && self.subresource == writer.subresource
            && version
    }

    fn decode(value: &Value) -> Self {
        let text = |name: &str| object::text(value, &[name]).to_owned();
        Self {
            manager: text("manager"),
            operation: text("operation"),
            api_version: text("apiVersion"),
            subresource: text("subresource"),
            time: text("time"),
            set: Set::decode(&value["fieldsV1"]),
        }
    }

    fn encode(&self) -> Value {
        let mut entry = json!({
            "manager": self.manager, "operation": self.operation, "apiVersion": self.api_version,
            "time": self.time, "fieldsType": "FieldsV1", "fieldsV1": self.set.encode(),
        });
        if !self.subresource.is_empty() {
            entry["subresource"] = Value::from(self.subresource.as_str());
        }
        entry
    }

    /// How a conflict message names this manager.
    fn described(&self, path: &str) -> Cause {
        let mut who = format!("conflict with \"{}\"", self.manager);
        if !self.subresource.is_empty() {
            who.push_str(&format!(" with subresource \"{}\"", self.subresource));
        }
        if self.operation == "Update" {
            who.push_str(&format!(" using {}", self.api_version));
        }
        Cause {
            reason: "FieldManagerConflict",
            message: who,
            field: path.to_owned(),
        }
    }
}

fn entries(object: &Value) -> Vec<Entry> {
    object::list(object, &["metadata", "managedFields"])
        .iter()
        .map(Entry::decode)
        .collect()
}

fn put_entries(object: &mut Value, mut list: Vec<Entry>) {
    list.retain(|entry| !entry.set.is_empty());
    let order = |entry: &Entry| {
        let Entry {
            operation,
            time,
            manager,
            api_version,
            subresource,
            ..
        } = entry;
        [operation, time, manager, api_version, subresource].map(String::clone)
    };
    list.sort_by_cached_key(order);
    let metadata = object::metadata_mut(object);
    if list.is_empty() {
        metadata.remove("managedFields");
    } else {
        let list = list.iter().map(Entry::encode).collect();
        metadata.insert("managedFields".into(), list);
    }
}

/// Takes away what the server owns, and what this endpoint does not write.
fn strip(mut set: Set, resource: &Resource, subresource: &str) -> Set {
    set.member = false;
    for name in ["f:apiVersion", "f:kind"] {
        set.forget(name);
    }
    match subresource {
        "status" => set.forget("f:spec"),
        _ if resource.status => set.forget("f:status"),
        _ => {}
    }
    if let Some(metadata) = set.children.get_mut("f:metadata") {
        metadata.member = false;
        for name in OURS {
            metadata.forget(&format!("f:{name}"));
        }
        if metadata.is_empty() {
            set.forget("f:metadata");
        }
    }
    set
}

/// Records a create, update or patch: the writer owns what it changed.
pub(crate) fn update(
    resource: &Resource,
    live: Option<&Value>,
    object: &mut Value,
    writer: &Writer<'_>,
) {
    let skeleton = json!({"metadata": {}});
    let old = live.unwrap_or(&skeleton);
    let mut list = entries(old);
    // What the client sends of ownership counts where it can be understood, as with `kubectl`
    // when it hands the fields of a client-side apply over; one blank entry clears all.
    let sent = object::list(object, &["metadata", "managedFields"]);
    if live.is_some() && writer.subresource.is_empty() && !sent.is_empty() {
        if sent.iter().all(is_blank) {
            list.clear();
        } else if sent.iter().all(is_understood) {
            list = entries(object);
        }
    }
    let changes = compare(&resource.shape(), Some(old), Some(object));
    let changed = changes.added.union(changes.modified);
    let changed = strip(changed, resource, writer.subresource);
    let removed = changes.removed;
    for entry in &mut list {
        entry.set = entry.set.difference(&removed);
        if !entry.is_of(writer, "Update") {
            entry.set = entry.set.difference(&changed);
        }
    }
    if !changed.is_empty() {
        match list.iter_mut().find(|entry| entry.is_of(writer, "Update")) {
            Some(mine) => {
                let grown = mine.set.clone().union(changed);
                if grown != mine.set {
                    mine.set = grown;
                }
                mine.time = writer.time.to_owned();
            }
            None => list.push(Entry::new(writer, "Update", changed)),
        }
    }
    put_entries(object, list);
}

fn is_understood(entry: &Value) -> bool {
    let operation = object::text(entry, &["operation"]);
    ["Apply", "Update"].contains(&operation) && entry["fieldsType"] == "FieldsV1"
}

fn is_blank(entry: &Value) -> bool {
    entry.as_object().is_none_or(Map::is_empty)
}

/// Carries out a server-side apply over the live object.
pub(crate) fn apply(
    resource: &Resource,
    live: &Value,
    applied: &Value,
    writer: &Writer<'_>,
    force: bool,
) -> Result<Value, Conflict> {
    let shape = resource.shape();
    let mut list = entries(live);
    let mine = strip(typed::fields(&shape, applied), resource, writer.subresource);
    let before = list.iter().position(|entry| entry.is_of(writer, "Apply"));
    let before = before.map(|at| list.remove(at));
    let mut merged = typed::merge(&shape, live, applied);
    if let Some(before) = &before {
        let others = list.iter().map(|entry| entry.set.clone());
        let owned = others.fold(mine.clone(), Set::union);
        typed::remove(&shape, &mut merged, &before.set, &owned);
    }
    let changes = compare(&shape, Some(live), Some(&merged));
    let touched = strip(
        changes.added.union(changes.modified),
        resource,
        writer.subresource,
    );
    let mut causes = Vec::new();
    for entry in &mut list {
        let contested = entry.set.intersection(&touched);
        causes.extend(contested.paths().iter().map(|path| entry.described(path)));
        entry.set = entry
            .set
            .difference(&contested)
            .difference(&changes.removed);
    }
    if !force && !causes.is_empty() {
        return Err(Conflict(causes));
    }
    let mut entry = Entry::new(writer, "Apply", mine);
    if let Some(before) = before.filter(|before| before.set == entry.set && live == &merged) {
        entry.time = before.time;
    }
    list.push(entry);
    put_entries(&mut merged, list);
    Ok(merged)
}

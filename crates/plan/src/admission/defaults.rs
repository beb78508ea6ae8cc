//! What is filled in.

use howdah_api::{SGCluster, labels};
use howdah_types::{ClusterName, PgMajor, PgVersion};
use serde_json::{Map, Value, json};

use super::Kind;
use crate::defaults;
use crate::references::{wanted_pooling_config, wanted_postgres_config, wanted_profile};

/// The object with everything filled in that its writer left to Howdah. `old` is what it was, if it was there;
/// `version` is the Postgres that a new cluster would run, if that is known.
#[must_use]
pub fn defaulted(
    kind: Kind,
    object: &Value,
    old: Option<&Value>,
    version: Option<PgVersion>,
    operator_version: &str,
) -> Value {
    let mut object = object.clone();
    if !object["metadata"].is_object() || !object["spec"].is_object() {
        return object;
    }
    if old.is_none() {
        let key = labels::OPERATOR_VERSION;
        if let Some(annotations) = member(&mut object["metadata"], "annotations") {
            annotations.entry(key).or_insert(operator_version.into());
        }
    }
    match kind {
        Kind::Cluster if old.is_none() => cluster(&mut object, version),
        Kind::DbOps if old.is_none() => {
            // What was exported with an operation that is over would make the new one look over, too.
            object.as_object_mut().and_then(|map| map.remove("status"));
        }
        Kind::PoolingConfig => {
            let made = defaults::pooling_config("").status;
            let made = made.and_then(|made| made.pg_bouncer);
            shown(&mut object, "pgBouncer", json!(made));
        }
        Kind::PostgresConfig => postgres_config(&mut object),
        Kind::Script => script(&mut object["spec"], old.map(|old| &old["spec"])),
        _ => {}
    }
    object
}

/// The names of the objects that are made for the cluster.
fn cluster(object: &mut Value, version: Option<PgVersion>) {
    let Ok(read) = serde_json::from_value::<SGCluster>(object.clone()) else {
        return;
    };
    let name = read.metadata.name.as_deref().unwrap_or_default();
    let Ok(name) = name.parse::<ClusterName>() else {
        return;
    };
    let spec = &mut object["spec"];
    set(
        spec,
        "sgInstanceProfile",
        wanted_profile(&name, &read.spec).name,
    );
    let pooling = wanted_pooling_config(&name, &read.spec).name;
    let Some(configurations) = member(spec, "configurations") else {
        return;
    };
    configurations
        .entry("sgPoolingConfig")
        .or_insert(pooling.into());
    if let Some(version) = version {
        let wanted = wanted_postgres_config(&name, &read.spec, version.major());
        configurations
            .entry("sgPostgresConfig")
            .or_insert(wanted.name.into());
    }
}

/// What is in force where nothing is set, for people who look.
fn postgres_config(object: &mut Value) {
    let major = object["spec"]["postgresVersion"].as_str();
    let Some(major) = major.and_then(|text| text.parse::<PgMajor>().ok()) else {
        return;
    };
    let made = defaults::postgres_config("", major).status;
    let made = made.map(|made| made.default_parameters);
    shown(object, "defaultParameters", json!(made.unwrap_or_default()));
}

/// Entries get an id that none had, and a version that goes up with every change of their SQL.
fn script(spec: &mut Value, old: Option<&Value>) {
    let versions = spec["managedVersions"] != json!(false);
    let before = old.and_then(|old| old["scripts"].as_array());
    let mut last = before
        .into_iter()
        .flatten()
        .chain(spec["scripts"].as_array().into_iter().flatten())
        .filter_map(id)
        .max()
        .unwrap_or(-1);
    let entries = spec.get_mut("scripts").and_then(Value::as_array_mut);
    for entry in entries
        .into_iter()
        .flatten()
        .filter(|entry| entry.is_object())
    {
        if id(entry).is_none() {
            last = last.saturating_add(1);
            entry["id"] = last.into();
        }
        if versions {
            let known = before.into_iter().flatten();
            let known = known.into_iter().find(|known| id(known) == id(entry));
            entry["version"] = version(entry, known).into();
        }
    }
}

/// The id of an entry, if it has been given one.
fn id(entry: &Value) -> Option<i64> {
    let id = entry["id"].as_i64()?;
    (0..i64::from(i32::MAX)).contains(&id).then_some(id)
}

fn version(entry: &Value, before: Option<&Value>) -> i64 {
    let of = |entry: &Value| entry["version"].as_i64().unwrap_or(0);
    match before {
        None => of(entry),
        Some(before) if sql(entry) == sql(before) => of(entry).max(of(before)),
        Some(before) => of(entry).max(of(before).saturating_add(1)),
    }
}

fn sql(entry: &Value) -> [&Value; 2] {
    [&entry["script"], &entry["scriptFrom"]]
}

/// Sets a member of the status.
fn shown(object: &mut Value, name: &str, value: Value) {
    if let Some(status) = member(object, "status") {
        status.insert(name.to_owned(), value);
    }
}

fn set(object: &mut Value, name: &str, value: String) {
    if let Some(object) = object.as_object_mut() {
        object.entry(name).or_insert(value.into());
    }
}

/// A member that is an object, made where there is none.
fn member<'a>(object: &'a mut Value, name: &str) -> Option<&'a mut Map<String, Value>> {
    let member = object.as_object_mut()?.entry(name).or_insert(json!({}));
    if member.is_null() {
        *member = json!({});
    }
    member.as_object_mut()
}

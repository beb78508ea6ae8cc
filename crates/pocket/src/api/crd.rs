//! CustomResourceDefinitions: what they define, their defaults, their conditions.

use serde_json::{Value, json};

use super::object;
use super::resource::{Body, Custom, Resource, ScalePaths};
use super::schema::Schema;
use super::status::Cause;

/// The storage key of the definitions themselves.
pub(crate) const KEY: &str = "customresourcedefinitions.apiextensions.k8s.io";
/// The finalizer that keeps a definition until its objects are gone.
pub(crate) const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// One descriptor for each served version, newest (preferred) first.
pub(crate) fn resources(definition: &Value) -> Vec<Resource> {
    let spec = &definition["spec"];
    let versions = object::list(spec, &["versions"]);
    let stored = versions.iter().find(|version| version["storage"] == true);
    let stored = stored.map_or("", |version| object::text(version, &["name"]));
    let mut served: Vec<&Value> = versions
        .iter()
        .filter(|one| one["served"] == true)
        .collect();
    served.sort_by_key(|version| std::cmp::Reverse(priority(object::text(version, &["name"]))));
    served
        .into_iter()
        .map(|version| resource(definition, version, stored))
        .collect()
}

fn resource(definition: &Value, version: &Value, stored: &str) -> Resource {
    let spec = &definition["spec"];
    let names = &spec["names"];
    let text = |value: &Value, name: &str| object::text(value, &[name]).to_owned();
    let words = |name: &str| {
        let list = object::list(names, &[name])
            .iter()
            .filter_map(Value::as_str);
        list.map(str::to_owned).collect()
    };
    let group = text(spec, "group");
    let plural = text(names, "plural");
    let schema = match &version["schema"]["openAPIV3Schema"] {
        Value::Null => Schema::open(),
        source => Schema::compile(source),
    };
    let columns = object::list(version, &["additionalPrinterColumns"]);
    Resource {
        key: format!("{plural}.{group}").into(),
        version: text(version, "name"),
        singular: text(names, "singular"),
        kind: text(names, "kind"),
        list_kind: text(names, "listKind"),
        short_names: words("shortNames"),
        categories: words("categories"),
        namespaced: spec["scope"] == "Namespaced",
        status: version["subresources"]["status"].is_object(),
        scale: scale(&version["subresources"]["scale"]),
        body: Body::Custom(Box::new(Custom {
            schema,
            columns: columns.to_vec(),
            storage_version: stored.to_owned(),
        })),
        group,
        plural,
    }
}

fn scale(source: &Value) -> Option<ScalePaths> {
    let path = |name: &str| -> Option<Vec<String>> {
        let path = source[name].as_str()?.trim_start_matches('.');
        Some(path.split('.').map(str::to_owned).collect())
    };
    let (spec, status) = (path("specReplicasPath")?, path("statusReplicasPath")?);
    Some(ScalePaths {
        spec,
        status,
        selector: path("labelSelectorPath"),
    })
}

/// Orders versions as Kubernetes prefers them: v2, v1, v1beta1, v1alpha1, others.
pub(crate) fn priority(version: &str) -> (u8, u32, u32) {
    let parse = || {
        let rest = version.strip_prefix('v')?;
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let major: u32 = rest[..digits].parse().ok()?;
        let (stage, minor) = match &rest[digits..] {
            "" => (3, 0),
            stage if stage.starts_with("beta") => (2, stage[4..].parse().ok()?),
            stage if stage.starts_with("alpha") => (1, stage[5..].parse().ok()?),
            _ => return None,
        };
        Some((stage, major, minor))
    };
    parse().unwrap_or((0, 0, 0))
}

/// Fills in what a definition may leave out.
pub(crate) fn default(definition: &mut Value) {
    let spec = object::members_mut(definition, "spec");
    let conversion = spec.entry("conversion").or_insert_with(|| json!({}));
    object::default_to(object::members(conversion), "strategy", "None");
    let names = spec.entry("names").or_insert_with(|| json!({}));
    let names = object::members(names);
    if let Some(kind) = names.get("kind").and_then(Value::as_str).map(str::to_owned) {
        object::default_to(names, "singular", kind.to_lowercase());
        object::default_to(names, "listKind", format!("{kind}List"));
    }
}

/// The status of a new definition, before its names are accepted.
pub(crate) fn initial_status(definition: &mut Value) {
    let versions = object::list(definition, &["spec", "versions"]);
    let stored = versions.iter().filter(|version| version["storage"] == true);
    let stored: Vec<Value> = stored.map(|version| version["name"].clone()).collect();
    definition["status"] = json!({
        "conditions": null, "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": stored,
    });
}

/// The status of a definition whose names are accepted.
pub(crate) fn establish(definition: &mut Value, now: &str) {
    let condition = |kind: &str, reason: &str, message: &str| {
        json!({"type": kind, "status": "True", "lastTransitionTime": now,
            "reason": reason, "message": message})
    };
    definition["status"]["acceptedNames"] = definition["spec"]["names"].clone();
    definition["status"]["conditions"] = json!([
        condition("NamesAccepted", "NoConflicts", "no conflicts found"),
        condition(
            "Established",
            "InitialNamesAccepted",
            "the initial names have been accepted"
        ),
    ]);
}

/// Marks a definition whose objects are being deleted.
pub(crate) fn terminating(definition: &mut Value, now: &str) {
    let condition = json!({"type": "Terminating", "status": "True", "lastTransitionTime": now,
        "reason": "InstanceDeletionPending",
        "message": "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon"});
    let conditions = &mut definition["status"]["conditions"];
    match conditions.as_array_mut() {
        Some(list) => {
            list.retain(|one| one["type"] != "Terminating");
            list.push(condition);
        }
        None => *conditions = json!([condition]),
    }
}

/// What is wrong with a definition.
pub(crate) fn validate(definition: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let spec = &definition["spec"];
    let (group, plural) = (
        object::text(spec, &["group"]),
        object::text(spec, &["names", "plural"]),
    );
    let expected = format!("{plural}.{group}");
    let name = object::meta(definition, "name");
    for (field, path) in [
        ("spec.group", ["group", ""]),
        ("spec.scope", ["scope", ""]),
        ("spec.names.plural", ["names", "plural"]),
        ("spec.names.kind", ["names", "kind"]),
    ] {
        let path: Vec<&str> = path.into_iter().filter(|part| !part.is_empty()).collect();
        if object::text(spec, &path).is_empty() {
            causes.push(Cause::required(field, ""));
        }
    }
    if causes.is_empty() && name != expected {
        let detail = "must be spec.names.plural+\".\"+spec.group";
        causes.push(Cause::invalid("metadata.name", &Value::from(name), detail));
    }
    let versions = object::list(spec, &["versions"]);
    if versions
        .iter()
        .filter(|version| version["storage"] == true)
        .count()
        != 1
    {
        let detail = "must have exactly one version marked as storage version";
        causes.push(Cause {
            reason: "FieldValueInvalid",
            message: format!("Invalid value: {detail}"),
            field: "spec.versions".into(),
        });
    }
    for (at, version) in versions.iter().enumerate() {
        if !version["schema"]["openAPIV3Schema"].is_object() {
            let field = format!("spec.versions[{at}].schema.openAPIV3Schema");
            causes.push(Cause::required(field, "schemas are required"));
        }
    }
    causes
}

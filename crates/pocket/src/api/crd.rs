//! CustomResourceDefinitions: what they define, their defaults, their conditions.

mod status;
mod validate;

use serde_json::{Value, json};

use super::object;
use super::resource::{Body, Custom, Resource, ScalePaths};
use crate::schema::Schema;
use crate::table::Printer;

pub(crate) use status::{accept, initial_status, is_established, terminating};
pub(crate) use validate::validate;

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

/// Which state of a definition something was made from: changes of metadata and status do not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edition {
    uid: String,
    generation: i64,
}

impl Edition {
    pub(crate) fn of(definition: &Value) -> Self {
        let generation = object::at(definition, &["metadata", "generation"]).as_i64();
        Self {
            uid: object::meta(definition, "uid").to_owned(),
            generation: generation.unwrap_or_default(),
        }
    }
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
    let columns = object::list(version, &["additionalPrinterColumns"]);
    let scale = scale(&version["subresources"]["scale"]);
    let replicas = scale.as_ref().map(|paths| paths.spec.clone());
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
        scale,
        body: Body::Custom(Box::new(Custom {
            schema: Schema::load(&version["schema"]["openAPIV3Schema"]).scaled_at(replicas),
            printer: Printer::custom(columns),
            storage_version: stored.to_owned(),
            edition: Edition::of(definition),
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

//! Objects by kind, namespace and name, of the chart and of the manifest.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

/// Labels that Helm adds to say whose the objects are.
const OF_HELM: [&str; 2] = ["app.kubernetes.io/managed-by", "app.kubernetes.io/instance"];

/// What the manifest has and a chart has not: Helm installs definitions itself, and people choose the namespace.
const NOT_OF_CHART: [&str; 2] = ["CustomResourceDefinition", "Namespace"];

/// By names such as `Role a/howdah-operator`.
#[derive(Debug, Default)]
pub(super) struct Objects(BTreeMap<String, Value>);

impl Objects {
    /// What templates became.
    pub(super) fn of_chart(templates: &BTreeMap<String, String>) -> Result<Self> {
        let mut objects = Self::default();
        for (template, text) in templates {
            objects.add(text, |_| true).context(template.clone())?;
        }
        Ok(objects)
    }

    /// What a manifest has that a chart should have too.
    pub(super) fn of_manifest(text: &str) -> Result<Self> {
        let mut objects = Self::default();
        objects.add(text, |kind| !NOT_OF_CHART.contains(&kind))?;
        Ok(objects)
    }

    fn add(&mut self, text: &str, wanted: impl Fn(&str) -> bool) -> Result<()> {
        for document in text.split("\n---\n") {
            let document = document.trim_start_matches("---\n");
            let is_empty = |line: &str| line.trim().is_empty() || line.starts_with('#');
            if document.lines().all(is_empty) {
                continue;
            }
            let object: Value = serde_saphyr::from_str(document).context("read as YAML")?;
            let word = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
            let (Some(kind), Some(name)) = (word("/kind"), word("/metadata/name")) else {
                bail!("an object has no kind or no name");
            };
            ensure!(
                word("/apiVersion").is_some(),
                "{kind} {name} has no version"
            );
            if wanted(kind) {
                let name = match word("/metadata/namespace") {
                    Some(namespace) => format!("{kind} {namespace}/{name}"),
                    None => format!("{kind} {name}"),
                };
                ensure!(!self.0.contains_key(&name), "{name} is there twice");
                self.0.insert(name, object);
            }
        }
        Ok(())
    }

    /// Fails with the first difference to the manifest that is not one of taste.
    pub(super) fn equals(&self, manifest: &Self) -> Result<()> {
        let differs = manifest.names_differ(self);
        ensure!(
            differs.is_empty(),
            "the chart and howdah.yaml differ in {differs:?}"
        );
        for (name, expected) in &manifest.0 {
            let mut found = self.0.get(name).cloned().unwrap_or_default();
            let labels = found.pointer_mut("/metadata/labels");
            if let Some(labels) = labels.and_then(Value::as_object_mut) {
                labels.retain(|label, _| !OF_HELM.contains(&label.as_str()));
            }
            if let Some(container) = found.pointer_mut("/spec/template/spec/containers/0") {
                // Both are what a program or a server takes where nothing is said.
                ensure!(container["imagePullPolicy"] == "IfNotPresent", "{name}");
                ensure!(
                    container["args"] == json!(["operator", "--log-format", "text"]),
                    "{name}"
                );
                container["args"] = json!(["operator"]);
                container
                    .as_object_mut()
                    .map(|it| it.remove("imagePullPolicy"));
            }
            let (found, expected) = (normal(found), normal(expected.clone()));
            ensure!(
                found == expected,
                "{name} of the chart is\n{found:#}\nand of howdah.yaml\n{expected:#}"
            );
        }
        Ok(())
    }

    /// Names that only one of them has, with `+` those that the other one has.
    pub(super) fn names_differ(&self, other: &Self) -> BTreeSet<String> {
        let gone = self.0.keys().filter(|name| !other.0.contains_key(*name));
        let come = other.0.keys().filter(|name| !self.0.contains_key(*name));
        gone.map(|name| format!("-{name}"))
            .chain(come.map(|name| format!("+{name}")))
            .collect()
    }

    /// Fails unless this text stands in this place: the name of an object, `#`, a pointer.
    pub(super) fn says(&self, place: &str, text: &str) -> Result<()> {
        let (name, pointer) = place.split_once('#').context("a place has no pointer")?;
        let object = self.0.get(name).with_context(|| format!("no {name}"))?;
        let found = match object.pointer(pointer) {
            Some(Value::String(found)) => found.clone(),
            found => found.unwrap_or(&Value::Null).to_string(),
        };
        ensure!(found == text, "{place} is {found:?} instead of {text:?}");
        Ok(())
    }
}

/// A text in YAML that holds YAML may be written in several ways.
fn normal(mut object: Value) -> Value {
    if let Some(text) = object.pointer_mut("/data/catalogue.yaml")
        && let Some(inner) = text
            .as_str()
            .and_then(|text| serde_saphyr::from_str(text).ok())
    {
        *text = inner;
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "---\n# nothing\n---\nkind: A\napiVersion: v1\nmetadata: {name: a}\n---\n\
                       kind: B\napiVersion: v1\nmetadata: {name: b, namespace: there}\nx: [1]\n";

    #[test]
    fn documents_become_objects_by_name() {
        let objects = Objects::of_manifest(TWO).unwrap();
        let names: Vec<_> = objects.0.keys().collect();
        assert_eq!(names, ["A a", "B there/b"]);
        objects.says("B there/b#/x/0", "1").unwrap();
        objects.says("B there/b#/x/1", "null").unwrap();
        assert!(objects.says("B there/b#/x/0", "2").is_err());
        assert!(objects.says("C c#/x", "null").is_err());
        let fewer = Objects::of_manifest("kind: A\napiVersion: v1\nmetadata: {name: a}").unwrap();
        assert_eq!(
            objects.names_differ(&fewer),
            ["-B there/b".to_owned()].into()
        );
        assert_eq!(
            fewer.names_differ(&objects),
            ["+B there/b".to_owned()].into()
        );
    }

    #[test]
    fn what_is_no_object_or_there_twice_is_refused() {
        for text in [
            "a: 1",
            "kind: A\nmetadata: {name: a}",
            "[",
            &format!("{TWO}---\nkind: A\napiVersion: v2\nmetadata: {{name: a}}\n"),
        ] {
            assert!(Objects::of_manifest(text).is_err(), "{text}");
        }
    }
}

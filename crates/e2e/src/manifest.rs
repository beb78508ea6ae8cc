//! Manifests of clusters, from the nine lines of the example to what a test changes in them.

use serde_json::{Value, json};

/// The example that everybody starts with, as it is shipped.
pub const NINE_LINES: &str = include_str!("../../../examples/simple.yaml");

/// A cluster's manifest, built up step by step.
#[derive(Debug, Clone)]
pub struct Manifest(Value);

impl Manifest {
    /// A cluster of the version's newest release with so many instances.
    #[must_use]
    pub fn new(name: &str, version: &str, instances: u32) -> Self {
        Self(json!({
            "apiVersion": "stackgres.io/v1",
            "kind": "SGCluster",
            "metadata": {"name": name},
            "spec": {
                "instances": instances,
                "postgres": {"version": version},
                "pods": {"persistentVolume": {"size": "1Gi"}},
            },
        }))
    }

    /// Sets a field by its path, such as `/spec/instances`; parents are created as needed.
    #[must_use]
    pub fn set(mut self, path: &str, value: impl Into<Value>) -> Self {
        let mut place = &mut self.0;
        for key in path.trim_start_matches('/').split('/') {
            place = &mut place[key];
        }
        *place = value.into();
        self
    }

    /// Removes a field by its path.
    #[must_use]
    pub fn without(mut self, path: &str) -> Self {
        if let Some((parent, key)) = path.rsplit_once('/')
            && let Some(Value::Object(map)) = self.0.pointer_mut(parent)
        {
            map.remove(key);
        }
        self
    }

    /// The manifest as JSON, which is YAML too.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_has_nine_lines() {
        assert_eq!(NINE_LINES.lines().count(), 9);
    }

    #[test]
    fn fields_are_set_and_removed_by_path() {
        let manifest = Manifest::new("a", "18", 1)
            .set("/spec/a/b", 2)
            .without("/spec/pods/persistentVolume/size");
        let value: Value = serde_json::from_str(&manifest.text()).unwrap();
        assert_eq!(value["spec"]["a"]["b"], 2);
        assert_eq!(value["spec"]["pods"]["persistentVolume"], json!({}));
    }
}

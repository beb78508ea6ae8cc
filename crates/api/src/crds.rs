//! The CRDs, generated from the structs and made fit for a real API server.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, ValidationRule,
};
use kube::CustomResourceExt;

use crate::structural;
use crate::{
    SGBackup, SGCluster, SGDbOps, SGInstanceProfile, SGObjectStorage, SGPoolingConfig,
    SGPostgresConfig, SGScript,
};

/// Category under which `kubectl get stackgres` lists every kind.
const CATEGORY: &str = "stackgres";

/// Every CRD, sorted by name.
///
/// None has a status subresource: status travels in the main object, as existing programs expect.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    let mut crds = vec![
        finish(SGBackup::crd(), Some(56)),
        finish(SGCluster::crd(), Some(44)),
        finish(SGDbOps::crd(), Some(57)),
        finish(SGInstanceProfile::crd(), None),
        finish(SGObjectStorage::crd(), None),
        finish(SGPoolingConfig::crd(), None),
        finish(SGPostgresConfig::crd(), None),
        finish(SGScript::crd(), Some(52)),
    ];
    crds.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    crds
}

fn finish(mut crd: CustomResourceDefinition, longest_name: Option<u8>) -> CustomResourceDefinition {
    crd.spec.names.categories = Some(vec![CATEGORY.to_owned()]);
    for version in &mut crd.spec.versions {
        if let Some(subresources) = &mut version.subresources {
            subresources.status = None;
        }
        version
            .subresources
            .take_if(|subresources| subresources.scale.is_none());
        let root = version
            .schema
            .as_mut()
            .and_then(|schema| schema.open_api_v3_schema.as_mut());
        if let Some(root) = root {
            structural::tidy(root);
            if let Some(status) = property(root, "status") {
                structural::relax_status(status);
            }
            root.x_kubernetes_validations = longest_name.map(name_rules);
        }
    }
    crd
}

fn property<'a>(schema: &'a mut JSONSchemaProps, name: &str) -> Option<&'a mut JSONSchemaProps> {
    schema.properties.as_mut()?.get_mut(name)
}

/// Names become parts of other objects' names and of host names, so they are short and plain.
fn name_rules(longest: u8) -> Vec<ValidationRule> {
    let rule = |rule: String, message: String| ValidationRule {
        rule,
        message: Some(message),
        ..ValidationRule::default()
    };
    vec![
        rule(
            format!("self.metadata.name.size() <= {longest}"),
            format!("metadata.name must have at most {longest} characters, because names of other objects are made from it"),
        ),
        rule(
            "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')".to_owned(),
            "metadata.name must start with a letter, contain lower case letters, digits and hyphens only, and not end with a hyphen".to_owned(),
        ),
    ]
}

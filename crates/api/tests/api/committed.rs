//! The committed manifests are the generated ones.

use std::fs;
use std::path::Path;

use howdah_api::crds;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

#[test]
fn committed_crds_are_those_generated() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/crds");
    let mut expected = Vec::new();
    for crd in crds() {
        let file = format!("{}.yaml", crd.metadata.name.clone().unwrap());
        let text = fs::read_to_string(folder.join(&file)).unwrap_or_default();
        let committed: Option<CustomResourceDefinition> = serde_saphyr::from_str(&text).ok();
        assert!(
            committed.as_ref() == Some(&crd),
            "{file} is out of date; run `cargo xtask gen`"
        );
        expected.push(file);
    }
    let mut found: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert_eq!(
        found, expected,
        "files without a CRD, or CRDs without a file"
    );
}

//! The definitions that Howdah itself installs must work here of all places.

use serde_json::Value;

use super::super::Schema;
use super::lines;

#[test]
fn every_definition_of_our_own_is_accepted() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/crds");
    let mut schemas = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let definition: Value = serde_saphyr::from_str(&text).unwrap();
        for version in definition["spec"]["versions"].as_array().unwrap() {
            let schema = &version["schema"]["openAPIV3Schema"];
            let found = Schema::check("schema", schema);
            assert_eq!(lines(&found), [""; 0], "{}", definition["metadata"]["name"]);
            schemas += 1;
        }
    }
    assert!(schemas > 5, "{schemas} schemas found");
}

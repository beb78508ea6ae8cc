//! Names, subresources and printer columns.

use howdah_api::crds;
use pretty_assertions::assert_eq;
use serde_json::Value;

use crate::admission::schemas;

#[test]
fn names_are_those_that_programs_use() {
    let names: Vec<_> = crds()
        .into_iter()
        .map(|crd| {
            let names = crd.spec.names;
            let version = crd.spec.versions[0].name.clone();
            let short = names.short_names.unwrap_or_default().join(",");
            format!(
                "{} {version} {} {} {short}",
                names.kind,
                names.plural,
                names.singular.unwrap()
            )
        })
        .collect();
    assert_eq!(
        names,
        [
            "SGBackup v1 sgbackups sgbackup sgbkp",
            "SGCluster v1 sgclusters sgcluster sgclu",
            "SGDbOps v1 sgdbops sgdbops sgdo",
            "SGInstanceProfile v1 sginstanceprofiles sginstanceprofile sginp",
            "SGObjectStorage v1beta1 sgobjectstorages sgobjectstorage sgobjs",
            "SGPostgresConfig v1 sgpgconfigs sgpgconfig sgpgc,sgpostgresconfig,sgpostgresconfigs",
            "SGPoolingConfig v1 sgpoolconfigs sgpoolconfig sgpoc,sgpoolingconfig,sgpoolingconfigs",
            "SGScript v1 sgscripts sgscript sgscr",
        ]
    );
}

#[test]
fn only_clusters_have_a_subresource_and_it_is_scale() {
    for crd in crds() {
        let subresources = crd.spec.versions[0].subresources.clone();
        if crd.spec.names.kind == "SGCluster" {
            let subresources = subresources.unwrap();
            assert_eq!(subresources.status, None);
            assert_eq!(
                subresources.scale.unwrap().spec_replicas_path,
                ".spec.instances"
            );
        } else {
            assert_eq!(subresources, None, "{}", crd.spec.names.kind);
        }
    }
}

#[test]
fn every_column_reads_a_field_that_exists() {
    let schemas = schemas();
    for crd in crds() {
        let kind = crd.spec.names.kind;
        for column in crd.spec.versions[0]
            .additional_printer_columns
            .clone()
            .unwrap()
        {
            let path = column.json_path;
            if path.starts_with(".metadata.") {
                continue;
            }
            let field = descend(&schemas[&kind], &path);
            let type_ = field["type"]
                .as_str()
                .unwrap_or_else(|| panic!("{kind} has no {path}"));
            assert_eq!(type_, column.type_, "{kind} {path}");
        }
    }
}

fn descend<'a>(schema: &'a Value, path: &str) -> &'a Value {
    let mut place = schema;
    let mut rest = path;
    while let Some(step) = rest.strip_prefix('.') {
        let end = step.find(['.', '[']).unwrap_or(step.len());
        place = &place["properties"][&step[..end]];
        rest = &step[end..];
        if rest.starts_with('[') {
            place = &place["items"];
            rest = rest.split_once(']').unwrap().1;
        }
    }
    place
}

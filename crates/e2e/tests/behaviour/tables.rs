//! What `kubectl get` reads: tables and objects without their content.

use anyhow::{Result, ensure};
use howdah_e2e::{Answer, Rest, on_any_cluster};
use serde_json::json;

use crate::{MAPS, map, map_path};

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
const PARTIAL: &str = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
const PARTIAL_LIST: &str = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";

/// What the tables of kinds show.
const COLUMNS: &[(&str, &[&str])] = &[
    (
        "/api/v1/namespaces/{ns}/services",
        &[
            "Name",
            "Type",
            "Cluster-IP",
            "External-IP",
            "Port(s)",
            "Age",
            "Selector",
        ],
    ),
    (
        "/api/v1/namespaces/{ns}/secrets",
        &["Name", "Type", "Data", "Age"],
    ),
    ("/api/v1/namespaces/{ns}/serviceaccounts", &["Name", "Age"]),
    (
        "/apis/coordination.k8s.io/v1/namespaces/{ns}/leases",
        &["Name", "Holder", "Age"],
    ),
    ("/api/v1/namespaces", &["Name", "Status", "Age"]),
    (
        "/api/v1/namespaces/{ns}/pods",
        &[
            "Name",
            "Ready",
            "Status",
            "Restarts",
            "Age",
            "IP",
            "Node",
            "Nominated Node",
            "Readiness Gates",
        ],
    ),
    (
        "/api/v1/namespaces/{ns}/persistentvolumeclaims",
        &[
            "Name",
            "Status",
            "Volume",
            "Capacity",
            "Access Modes",
            "StorageClass",
            "VolumeAttributesClass",
            "Age",
            "VolumeMode",
        ],
    ),
    (
        "/apis/discovery.k8s.io/v1/namespaces/{ns}/endpointslices",
        &["Name", "AddressType", "Ports", "Endpoints", "Age"],
    ),
    (
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        &["Name", "Created At"],
    ),
];

#[tokio::test]
async fn objects_are_shown_as_tables_and_without_content() -> Result<()> {
    on_any_cluster(async |world| {
        let rest = world.rest().await?;
        rest.post(MAPS, &map("a", "1")).await?.is(201)?;
        tables(&rest).await?;
        partial(&rest).await?;
        refusals(&rest).await
    })
    .await
}

fn columns(table: &Answer) -> Vec<&str> {
    let columns = table.body["columnDefinitions"]
        .as_array()
        .into_iter()
        .flatten();
    columns
        .filter_map(|column| column["name"].as_str())
        .collect()
}

async fn tables(rest: &Rest) -> Result<()> {
    let query = format!("{MAPS}?fieldSelector=metadata.name%3Da");
    let list = rest.get_as(&query, TABLE).await?.is(200)?;
    ensure!(columns(&list) == ["Name", "Data", "Age"], "{list:?}");
    let list = list.has(
        &json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "rows": [{
        "object": {"kind": "PartialObjectMetadata", "metadata": {"name": "a"}}}]}),
    )?;
    let cells = &list.body["rows"][0]["cells"];
    ensure!(cells[0] == "a" && cells[1] == 1, "{cells}");
    let one = rest.get_as(&map_path("a"), TABLE).await?.is(200)?;
    one.has(&json!({"kind": "Table", "rows": [{"object": {"metadata": {"name": "a"}}}]}))?;
    let full = rest
        .get_as(&format!("{query}&includeObject=Object"), TABLE)
        .await?
        .is(200)?;
    full.has(&json!({"rows": [{"object": {"kind": "ConfigMap", "data": {"k": "1"}}}]}))?;
    let none = rest
        .get_as(&format!("{query}&includeObject=None"), TABLE)
        .await?
        .is(200)?;
    none.has(&json!({"rows": [{"object": null}]}))?;
    for (kind, expected) in COLUMNS {
        let table = rest.get_as(kind, TABLE).await?.is(200)?;
        ensure!(
            columns(&table) == *expected,
            "{kind}: {:?}",
            columns(&table)
        );
    }
    Ok(())
}

async fn partial(rest: &Rest) -> Result<()> {
    let one = rest.get_as(&map_path("a"), PARTIAL).await?.is(200)?;
    one.has(&json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "a"},
        "data": null}))?;
    let query = format!("{MAPS}?fieldSelector=metadata.name%3Da");
    let list = rest.get_as(&query, PARTIAL_LIST).await?.is(200)?;
    list.has(
        &json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
        "items": [{"metadata": {"name": "a"}, "data": null}]}),
    )?;
    Ok(())
}

async fn refusals(rest: &Rest) -> Result<()> {
    rest.get_as(&map_path("a"), "text/html")
        .await?
        .is(406)?
        .has(&json!({"reason": "NotAcceptable"}))?;
    let absent = rest.get_as(&map_path("absent"), TABLE).await?.is(404)?;
    absent.has(&json!({"kind": "Status", "reason": "NotFound"}))?;
    Ok(())
}

//! How objects end: finalizers, owners, collections.

use anyhow::{Result, ensure};
use howdah_e2e::{PatchType, Rest, eventually, on_any_cluster};
use serde_json::{Value, json};

use crate::{MAPS, map, map_path};

#[tokio::test]
async fn objects_end_as_their_finalizers_and_owners_say() -> Result<()> {
    on_any_cluster(async |world| {
        let rest = world.rest().await?;
        finalizers(&rest).await?;
        background(&rest).await?;
        orphans(&rest).await?;
        foreground(&rest).await?;
        collections(&rest).await
    })
    .await
}

async fn finalizers(rest: &Rest) -> Result<()> {
    let mut object = map("f", "1");
    object["metadata"]["finalizers"] = json!(["howdah.io/hold"]);
    rest.post(MAPS, &object).await?.is(201)?;
    let path = map_path("f");
    let ending = rest.delete(&path, &json!(null)).await?.is(200)?;
    ensure!(
        ending.body["metadata"]["deletionTimestamp"].is_string(),
        "{ending:?}"
    );
    ending.has(&json!({"kind": "ConfigMap", "metadata": {"deletionGracePeriodSeconds": 0}}))?;
    let again = rest.delete(&path, &json!(null)).await?.is(200)?;
    let patch = json!({"metadata": {"finalizers": ["howdah.io/hold", "howdah.io/more"]}});
    rest.patch(&path, PatchType::Merge, &patch)
        .await?
        .is(422)?
        .has(&json!({"reason": "Invalid"}))?;
    let patch = json!({"data": {"k": "2"}});
    rest.patch(&path, PatchType::Merge, &patch).await?.is(200)?;
    let patch = json!({"metadata": {"finalizers": null}});
    let last = rest.patch(&path, PatchType::Merge, &patch).await?.is(200)?;
    last.has(
        &json!({"metadata": {"deletionTimestamp": again.body["metadata"]["deletionTimestamp"]}}),
    )?;
    rest.get(&path).await?.is(404)?;
    Ok(())
}

/// A map that belongs to another.
async fn owned(rest: &Rest, name: &str, owner: &Value) -> Result<()> {
    let mut object = map(name, "1");
    object["metadata"]["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "ConfigMap",
        "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"], "blockOwnerDeletion": true}]);
    rest.post(MAPS, &object).await?.is(201).map(drop)
}

async fn owner(rest: &Rest, name: &str) -> Result<Value> {
    Ok(rest.post(MAPS, &map(name, "1")).await?.is(201)?.body)
}

async fn goes(rest: &Rest, name: &str) -> Result<()> {
    eventually(&format!("{name} to go"), async || {
        rest.get(&map_path(name)).await?.is(404).map(drop)
    })
    .await
}

async fn background(rest: &Rest) -> Result<()> {
    let parent = owner(rest, "b-parent").await?;
    owned(rest, "b-child", &parent).await?;
    let options = json!({"propagationPolicy": "Background"});
    rest.delete(&map_path("b-parent"), &options)
        .await?
        .is(200)?;
    rest.get(&map_path("b-parent")).await?.is(404)?;
    goes(rest, "b-child").await?;
    // An owner that never was is no owner.
    let mut stranger = parent;
    stranger["metadata"]["uid"] = json!("11111111-1111-1111-1111-111111111111");
    owned(rest, "b-stray", &stranger).await?;
    goes(rest, "b-stray").await
}

async fn orphans(rest: &Rest) -> Result<()> {
    let parent = owner(rest, "o-parent").await?;
    owned(rest, "o-child", &parent).await?;
    let options = json!({"propagationPolicy": "Orphan"});
    rest.delete(&map_path("o-parent"), &options)
        .await?
        .is(200)?;
    goes(rest, "o-parent").await?;
    let child = rest.get(&map_path("o-child")).await?.is(200)?;
    child.has(&json!({"metadata": {"ownerReferences": null, "deletionTimestamp": null}}))?;
    Ok(())
}

async fn foreground(rest: &Rest) -> Result<()> {
    let parent = owner(rest, "g-parent").await?;
    owned(rest, "g-child", &parent).await?;
    let hold = json!({"metadata": {"finalizers": ["howdah.io/hold"]}});
    let child = map_path("g-child");
    rest.patch(&child, PatchType::Merge, &hold).await?.is(200)?;
    let options = json!({"propagationPolicy": "Foreground"});
    let ending = rest
        .delete(&map_path("g-parent"), &options)
        .await?
        .is(200)?;
    ending.has(&json!({"metadata": {"finalizers": ["foregroundDeletion"]}}))?;
    eventually("the child to be told", async || {
        let child = rest.get(&child).await?.is(200)?;
        ensure!(
            child.body["metadata"]["deletionTimestamp"].is_string(),
            "{child:?}"
        );
        Ok(())
    })
    .await?;
    rest.get(&map_path("g-parent")).await?.is(200)?;
    let free = json!([{"op": "remove", "path": "/metadata/finalizers"}]);
    rest.patch(&child, PatchType::Json, &free).await?.is(200)?;
    goes(rest, "g-child").await?;
    goes(rest, "g-parent").await
}

async fn collections(rest: &Rest) -> Result<()> {
    for (name, colour) in [("c1", "red"), ("c2", "red"), ("c3", "blue")] {
        let mut object = map(name, "1");
        object["metadata"]["labels"] = json!({"colour": colour});
        rest.post(MAPS, &object).await?.is(201)?;
    }
    let red = format!("{MAPS}?labelSelector=colour%3Dred");
    rest.delete(&format!("{red}&dryRun=All"), &json!(null))
        .await?
        .is(200)?;
    rest.get(&map_path("c1")).await?.is(200)?;
    let list = rest.delete(&red, &json!(null)).await?.is(200)?;
    ensure!(list.body["kind"] == "ConfigMapList", "{list:?}");
    goes(rest, "c1").await?;
    goes(rest, "c2").await?;
    rest.get(&map_path("c3")).await?.is(200)?;
    Ok(())
}

//! Namespaces: what comes with them, and how they end.

use anyhow::Result;
use howdah_e2e::{PatchType, Rest, eventually, on_any_cluster};
use serde_json::json;

use crate::map;

#[tokio::test]
async fn a_namespace_comes_with_an_account_and_goes_with_its_objects() -> Result<()> {
    on_any_cluster(async |world| {
        let rest = world.rest().await?;
        let path = "/api/v1/namespaces/{ns}-life";
        let name = format!("{}-life", rest.namespace());
        let made = rest
            .post("/api/v1/namespaces", &json!({"metadata": {"name": name}}))
            .await?;
        made.is(201)?.has(
            &json!({"metadata": {"labels": {"kubernetes.io/metadata.name": name}},
            "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}),
        )?;
        for part in ["serviceaccounts/default", "configmaps/kube-root-ca.crt"] {
            eventually(part, async || {
                rest.get(&format!("{path}/{part}")).await?.is(200).map(drop)
            })
            .await?;
        }
        absent(&rest).await?;
        ending(&rest, path, &name).await
    })
    .await
}

async fn absent(rest: &Rest) -> Result<()> {
    rest.post("/api/v1/namespaces/{ns}-absent/configmaps", &map("a", "1"))
        .await?
        .refuses(
            404,
            "NotFound",
            &format!("namespaces \"{}-absent\" not found", rest.namespace()),
        )?;
    let list = rest
        .get("/api/v1/namespaces/{ns}-absent/configmaps")
        .await?;
    list.is(200)?.has(&json!({"items": []}))?;
    Ok(())
}

async fn ending(rest: &Rest, path: &str, name: &str) -> Result<()> {
    let maps = format!("{path}/configmaps");
    let mut held = map("held", "1");
    held["metadata"]["finalizers"] = json!(["howdah.io/hold"]);
    rest.post(&maps, &held).await?.is(201)?;
    rest.post(&maps, &map("free", "1")).await?.is(201)?;
    let ending = rest.delete(path, &json!(null)).await?.is(200)?;
    ending.has(&json!({"kind": "Namespace", "status": {"phase": "Terminating"}}))?;
    let late = rest.post(&maps, &map("late", "1")).await?;
    late.refuses(
        403,
        "Forbidden",
        &format!(
            "configmaps \"late\" is forbidden: unable to create new content in namespace {name} because it is being \
             terminated"
        ),
    )?
    .has(&json!({"details": {"causes": [{"reason": "NamespaceTerminating", "field": "metadata.namespace",
        "message": format!("namespace {name} is being terminated")}]}}))?;
    eventually("what is free to go", async || {
        rest.get(&format!("{maps}/free")).await?.is(404).map(drop)
    })
    .await?;
    rest.get(path).await?.is(200)?;
    let free = json!({"metadata": {"finalizers": null}});
    rest.patch(&format!("{maps}/held"), PatchType::Merge, &free)
        .await?
        .is(200)?;
    eventually("the namespace to go", async || {
        rest.get(path).await?.is(404).map(drop)
    })
    .await
}

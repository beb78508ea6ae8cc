//! Patches of the three kinds that change an object in place.

use anyhow::{Result, ensure};
use howdah_e2e::{PatchType, Rest, on_any_cluster};
use http::Method;
use serde_json::{Value, json};

use crate::{MAPS, map, map_path};

const SERVICES: &str = "/api/v1/namespaces/{ns}/services";

#[tokio::test]
async fn patches_change_what_they_say() -> Result<()> {
    on_any_cluster(async |world| {
        let rest = world.rest().await?;
        rest.post(MAPS, &map("a", "1")).await?.is(201)?;
        merge(&rest).await?;
        operations(&rest).await?;
        refusals(&rest).await?;
        strategic(&rest).await
    })
    .await
}

async fn merge(rest: &Rest) -> Result<()> {
    let path = map_path("a");
    let patch = json!({"data": {"k": null, "n": "2"}, "metadata": {"labels": {"l": "v"}}});
    let patched = rest.patch(&path, PatchType::Merge, &patch).await?.is(200)?;
    let patched =
        patched.has(&json!({"data": {"k": null, "n": "2"}, "metadata": {"labels": {"l": "v"}}}))?;
    let again = rest.patch(&path, PatchType::Merge, &patch).await?.is(200)?;
    ensure!(again.version()? == patched.version()?, "nothing changed");
    let stale = json!({"metadata": {"resourceVersion": "1"}, "data": {"n": "3"}});
    rest.patch(&path, PatchType::Merge, &stale)
        .await?
        .is(409)?
        .has(&json!({"reason": "Conflict"}))?;
    let name = json!({"metadata": {"name": "b"}});
    rest.patch(&path, PatchType::Merge, &name).await?.is(400)?;
    Ok(())
}

async fn operations(rest: &Rest) -> Result<()> {
    let path = map_path("a");
    let patch = json!([
        {"op": "test", "path": "/data/n", "value": "2"},
        {"op": "add", "path": "/metadata/annotations", "value": {}},
        {"op": "add", "path": "/metadata/annotations/a~1b", "value": "slash"},
        {"op": "copy", "from": "/data/n", "path": "/data/copied"},
        {"op": "move", "from": "/data/n", "path": "/data/moved"},
    ]);
    rest.patch(&path, PatchType::Json, &patch)
        .await?
        .is(200)?
        .has(&json!({"metadata": {"annotations": {"a/b": "slash"}}, "data": {"copied": "2", "moved": "2", "n": null}}))?;
    let test = json!([{"op": "test", "path": "/data/moved", "value": "9"}, {"op": "remove", "path": "/data"}]);
    rest.patch(&path, PatchType::Json, &test)
        .await?
        .is(422)?
        .has(&json!({"reason": "Invalid"}))?;
    let absent = json!([{"op": "remove", "path": "/data/absent"}]);
    rest.patch(&path, PatchType::Json, &absent).await?.is(422)?;
    rest.get(&path)
        .await?
        .is(200)?
        .has(&json!({"data": {"moved": "2"}}))?;
    Ok(())
}

async fn refusals(rest: &Rest) -> Result<()> {
    let patch = json!({"data": {"k": "1"}});
    rest.patch(&map_path("absent"), PatchType::Merge, &patch)
        .await?
        .refuses(404, "NotFound", "configmaps \"absent\" not found")?;
    rest.send_text(Method::PATCH, &map_path("a"), "application/json", "{}")
        .await?
        .is(415)?
        .has(&json!({"reason": "UnsupportedMediaType"}))?;
    rest.send_text(
        Method::PATCH,
        &map_path("a"),
        "application/merge-patch+json",
        "{",
    )
    .await?
    .is(400)?
    .has(&json!({"reason": "BadRequest"}))?;
    let number = json!({"data": {"k": {"not": "text"}}});
    let answer = rest
        .patch(&map_path("a"), PatchType::Merge, &number)
        .await?;
    ensure!((400..500).contains(&answer.status), "{answer:?}");
    let strict = format!("{}?fieldValidation=Strict", map_path("a"));
    let unknown = json!({"dada": {"k": "1"}});
    rest.patch(&strict, PatchType::Merge, &unknown)
        .await?
        .is(422)?
        .has(&json!({"reason": "Invalid"}))?;
    Ok(())
}

fn port(name: &str, number: u16) -> Value {
    json!({"name": name, "port": number, "protocol": "TCP"})
}

async fn strategic(rest: &Rest) -> Result<()> {
    let service = json!({"metadata": {"name": "s", "finalizers": ["howdah.io/one"]},
        "spec": {"selector": {"a": "b"}, "ports": [port("x", 1), port("y", 2)]}});
    rest.post(SERVICES, &service).await?.is(201)?;
    let path = format!("{SERVICES}/s");
    // Ports merge by their number, finalizers as a set.
    let patch = json!({"metadata": {"finalizers": ["howdah.io/two"]},
        "spec": {"ports": [{"port": 2, "name": "why"}, port("z", 3)]}});
    rest.patch(&path, PatchType::Strategic, &patch)
        .await?
        .is(200)?
        .has(&json!({"spec": {"selector": {"a": "b"}}}))?;
    let found = rest.get(&path).await?.is(200)?;
    let mut ports: Vec<_> = found.body["spec"]["ports"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    ports.sort_by_key(|port| port["port"].as_u64());
    let names: Vec<_> = ports.iter().map(|port| &port["name"]).collect();
    ensure!(names == ["x", "why", "z"], "{names:?}");
    let finalizers = found.body["metadata"]["finalizers"]
        .as_array()
        .map_or(0, Vec::len);
    ensure!(finalizers == 2, "{}", found.body["metadata"]);
    let patch = json!({"spec": {"ports": [{"port": 1, "$patch": "delete"}, {"port": 3, "$patch": "delete"}]}});
    rest.patch(&path, PatchType::Strategic, &patch)
        .await?
        .is(200)?
        .has(&json!({"spec": {"ports": [{"port": 2}]}}))?;
    let patch = json!({"spec": {"selector": {"$patch": "replace", "c": "d"}}, "metadata": {"finalizers": null}});
    rest.patch(&path, PatchType::Strategic, &patch)
        .await?
        .is(200)?
        .has(
            &json!({"spec": {"selector": {"a": null, "c": "d"}}, "metadata": {"finalizers": null}}),
        )?;
    // The same as a merge patch replaces the list.
    let patch = json!({"spec": {"ports": [port("only", 9)]}});
    rest.patch(&path, PatchType::Merge, &patch)
        .await?
        .is(200)?
        .has(&json!({"spec": {"ports": [{"name": "only"}]}}))?;
    rest.delete(&path, &json!(null)).await?.is(200)?;
    Ok(())
}

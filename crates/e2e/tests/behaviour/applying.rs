//! Server-side apply: who owns which field, conflicts, and what happens to fields that nobody wants any more.

use anyhow::{Context, Result, ensure};
use howdah_e2e::{Answer, PatchType, Rest, on_any_cluster};
use http::Method;
use serde_json::{Value, json};

use crate::{map, map_path};

#[tokio::test]
async fn appliers_own_the_fields_they_name() -> Result<()> {
    on_any_cluster(async |world| {
        let rest = world.rest().await?;
        ownership(&rest).await?;
        conflicts(&rest).await?;
        removal(&rest).await?;
        lists(&rest).await?;
        other_writers(&rest).await?;
        refusals(&rest).await
    })
    .await
}

async fn apply(rest: &Rest, manager: &str, object: &Value) -> Result<Answer> {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let path = format!("{}?fieldManager={manager}", map_path(name));
    rest.patch(&path, PatchType::Apply, object).await
}

fn with(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

/// The fields that a manager owns.
fn owned<'a>(answer: &'a Answer, manager: &str) -> Option<&'a Value> {
    let all = answer.body["metadata"]["managedFields"].as_array()?;
    let one = all.iter().find(|entry| entry["manager"] == manager)?;
    Some(&one["fieldsV1"])
}

async fn ownership(rest: &Rest) -> Result<()> {
    let made = apply(rest, "one", &map("a", "1")).await?.is(201)?;
    ensure!(
        owned(&made, "one") == Some(&json!({"f:data": {"f:k": {}}})),
        "{made:?}"
    );
    made.clone().has(
        &json!({"metadata": {"managedFields": [{"operation": "Apply", "apiVersion": "v1"}]}}),
    )?;
    let again = apply(rest, "one", &map("a", "1")).await?.is(200)?;
    ensure!(again.version()? == made.version()?, "nothing changed");
    let shared = apply(rest, "two", &with("a", json!({"k": "1", "m": "2"})))
        .await?
        .is(200)?;
    ensure!(
        owned(&shared, "two") == Some(&json!({"f:data": {"f:k": {}, "f:m": {}}})),
        "{shared:?}"
    );
    // One leaves the field to the other, who still wants it.
    let left = apply(rest, "one", &with("a", json!({}))).await?.is(200)?;
    let left = left.has(&json!({"data": {"k": "1", "m": "2"}}))?;
    ensure!(
        owned(&left, "one")
            .and_then(|all| all["f:data"].get("f:k"))
            .is_none(),
        "{left:?}"
    );
    Ok(())
}

async fn conflicts(rest: &Rest) -> Result<()> {
    let refused = apply(rest, "three", &with("a", json!({"k": "9", "m": "9"}))).await?;
    refused
        .refuses(
            409,
            "Conflict",
            "Apply failed with 2 conflicts: conflicts with \"two\":\n- .data.k\n- .data.m",
        )?
        .has(&json!({"details": {"causes": [
            {"reason": "FieldManagerConflict", "message": "conflict with \"two\"", "field": ".data.k"},
            {"reason": "FieldManagerConflict", "message": "conflict with \"two\"", "field": ".data.m"}]}}))?;
    let one = apply(rest, "three", &with("a", json!({"k": "9"}))).await?;
    one.refuses(
        409,
        "Conflict",
        "Apply failed with 1 conflict: conflict with \"two\": .data.k",
    )?;
    let forced = format!("{}?fieldManager=three&force=true", map_path("a"));
    let forced = rest
        .patch(&forced, PatchType::Apply, &with("a", json!({"k": "9"})))
        .await?;
    let forced = forced
        .is(200)?
        .has(&json!({"data": {"k": "9", "m": "2"}}))?;
    ensure!(
        owned(&forced, "two") == Some(&json!({"f:data": {"f:m": {}}})),
        "{forced:?}"
    );
    ensure!(
        owned(&forced, "three") == Some(&json!({"f:data": {"f:k": {}}})),
        "{forced:?}"
    );
    Ok(())
}

async fn removal(rest: &Rest) -> Result<()> {
    let removed = apply(rest, "two", &with("a", json!({"other": "3"})))
        .await?
        .is(200)?;
    removed.has(&json!({"data": {"k": "9", "m": null, "other": "3"}}))?;
    let mut labelled = with("a", json!({"other": "3"}));
    labelled["metadata"]["labels"] = json!({"x": "y"});
    apply(rest, "two", &labelled)
        .await?
        .is(200)?
        .has(&json!({"metadata": {"labels": {"x": "y"}}}))?;
    let bare = apply(rest, "two", &with("a", json!({"other": "3"})))
        .await?
        .is(200)?;
    bare.has(&json!({"metadata": {"labels": null}}))?;
    Ok(())
}

/// Ports of a Service are one object each, by number and protocol.
async fn lists(rest: &Rest) -> Result<()> {
    let service = |ports: Value| json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": ports}});
    let path =
        |manager: &str| format!("/api/v1/namespaces/{{ns}}/services/s?fieldManager={manager}");
    let first = service(json!([{"name": "x", "port": 1, "protocol": "TCP"}]));
    let first = rest
        .patch(&path("one"), PatchType::Apply, &first)
        .await?
        .is(201)?;
    let fields = owned(&first, "one").context("one owns nothing")?;
    let key = r#"k:{"port":1,"protocol":"TCP"}"#;
    let port = &fields["f:spec"]["f:ports"][key];
    ensure!(
        port["f:name"].is_object() && port["f:targetPort"].is_null(),
        "{fields}"
    );
    let second = service(json!([{"name": "y", "port": 2, "protocol": "TCP"}]));
    let second = rest
        .patch(&path("two"), PatchType::Apply, &second)
        .await?
        .is(200)?;
    second.has(&json!({"spec": {"ports": [{"name": "x"}, {"name": "y"}]}}))?;
    let third = service(json!([{"name": "z", "port": 3, "protocol": "TCP"}]));
    let third = rest
        .patch(&path("one"), PatchType::Apply, &third)
        .await?
        .is(200)?;
    let ports = third.body["spec"]["ports"].as_array().into_iter().flatten();
    let mut names: Vec<_> = ports.filter_map(|port| port["name"].as_str()).collect();
    names.sort_unstable();
    ensure!(names == ["y", "z"], "{names:?}");
    Ok(())
}

/// A PUT or a patch takes the fields it changes from an applier, who keeps the others.
async fn other_writers(rest: &Rest) -> Result<()> {
    apply(rest, "one", &with("w", json!({"k": "1", "m": "1"})))
        .await?
        .is(201)?;
    let path = format!("{}?fieldManager=editor", map_path("w"));
    let patch = json!({"data": {"k": "2"}});
    let edited = rest.patch(&path, PatchType::Merge, &patch).await?.is(200)?;
    ensure!(
        owned(&edited, "one") == Some(&json!({"f:data": {"f:m": {}}})),
        "{edited:?}"
    );
    ensure!(
        owned(&edited, "editor") == Some(&json!({"f:data": {"f:k": {}}})),
        "{edited:?}"
    );
    let again = apply(rest, "one", &with("w", json!({"k": "1", "m": "1"}))).await?;
    again.refuses(
        409,
        "Conflict",
        "Apply failed with 1 conflict: conflict with \"editor\" using v1: .data.k",
    )?;
    Ok(())
}

async fn refusals(rest: &Rest) -> Result<()> {
    rest.patch(&map_path("r"), PatchType::Apply, &map("r", "1"))
        .await?
        .refuses(
            422,
            "Invalid",
            "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
        )?;
    let mut managed = map("r", "1");
    managed["metadata"]["managedFields"] = json!([{"manager": "x"}]);
    apply(rest, "one", &managed).await?.refuses(
        400,
        "BadRequest",
        "metadata.managedFields must be nil",
    )?;
    let path = format!("{}?fieldManager=one&force=true", map_path("r"));
    rest.patch(&path, PatchType::Merge, &json!({"data": {}}))
        .await?
        .is(422)?
        .has(&json!({"reason": "Invalid"}))?;
    let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: r\ndata:\n  k: text\n";
    rest.send_text(Method::PATCH, &path, "application/apply-patch+yaml", yaml)
        .await?
        .is(201)?
        .has(&json!({"data": {"k": "text"}}))?;
    Ok(())
}

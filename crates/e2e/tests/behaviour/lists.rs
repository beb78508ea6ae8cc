//! Lists: pages, selectors, versions.

use anyhow::{Context, Result, ensure};
use howdah_e2e::{Answer, Rest, on_any_cluster};
use serde_json::json;

use crate::{MAPS, map, map_path};

#[tokio::test]
async fn lists_come_in_pages_by_selectors_and_versions() -> Result<()> {
    on_any_cluster(async |world| {
        let rest = world.rest().await?;
        for (name, app, tier) in [
            ("a", "web", "front"),
            ("b", "web", "back"),
            ("c", "db", "back"),
            ("d", "", ""),
        ] {
            let mut object = map(name, "1");
            object["metadata"]["labels"] = json!({"ours": "yes", "app": app, "tier": tier});
            if app.is_empty() {
                object["metadata"]["labels"] = json!({"ours": "yes"});
            }
            rest.post(MAPS, &object).await?.is(201)?;
        }
        selectors(&rest).await?;
        pages(&rest).await?;
        versions(&rest).await
    })
    .await
}

fn names(list: &Answer) -> Vec<&str> {
    let items = list.body["items"].as_array().into_iter().flatten();
    items
        .filter_map(|item| item["metadata"]["name"].as_str())
        .collect()
}

async fn selectors(rest: &Rest) -> Result<()> {
    for (selector, expected) in [
        ("ours%3Dyes", &["a", "b", "c", "d"][..]),
        ("app%3Dweb", &["a", "b"]),
        ("app%3D%3Dweb,tier%3Dback", &["b"]),
        ("ours%3Dyes,app!%3Dweb", &["c", "d"]),
        ("tier%20in%20(front,back),app!%3Ddb", &["a", "b"]),
        ("ours%3Dyes,tier%20notin%20(front)", &["b", "c", "d"]),
        ("app,ours", &["a", "b", "c"]),
        ("!app,ours", &["d"]),
    ] {
        let list = rest
            .get(&format!("{MAPS}?labelSelector={selector}"))
            .await?;
        let list = list
            .is(200)?
            .has(&json!({"kind": "ConfigMapList", "apiVersion": "v1"}))?;
        ensure!(names(&list) == expected, "{selector}: {:?}", names(&list));
    }
    let one = rest
        .get(&format!("{MAPS}?fieldSelector=metadata.name%3Db"))
        .await?;
    ensure!(names(&one.is(200)?) == ["b"], "by name");
    let others = format!("{MAPS}?labelSelector=ours&fieldSelector=metadata.name!%3Db");
    ensure!(
        names(&rest.get(&others).await?.is(200)?) == ["a", "c", "d"],
        "but one"
    );
    for bad in [
        "labelSelector=a%20b",
        "labelSelector=%3D",
        "labelSelector=a%20in%20b",
    ] {
        let answer = rest.get(&format!("{MAPS}?{bad}")).await?;
        answer.is(400)?.has(&json!({"reason": "BadRequest"}))?;
    }
    rest.get(&format!("{MAPS}?fieldSelector=data.k%3D1")).await?.refuses(
        400,
        "BadRequest",
        "\"data.k\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
    )?;
    Ok(())
}

async fn pages(rest: &Rest) -> Result<()> {
    let query = format!("{MAPS}?labelSelector=ours&limit=3");
    let first = rest.get(&query).await?.is(200)?;
    ensure!(names(&first) == ["a", "b", "c"], "{:?}", names(&first));
    let token = first.body["metadata"]["continue"].as_str();
    let token = token.context("there is more")?.replace('=', "%3D");
    // What comes between the pages is not part of the list.
    let mut late = map("late", "1");
    late["metadata"]["labels"] = json!({"ours": "yes"});
    rest.post(MAPS, &late).await?.is(201)?;
    let second = rest
        .get(&format!("{query}&continue={token}"))
        .await?
        .is(200)?;
    ensure!(names(&second) == ["d"], "{:?}", names(&second));
    ensure!(
        first.version()? == second.version()?,
        "one version for all pages"
    );
    second.has(&json!({"metadata": {"continue": null, "remainingItemCount": null}}))?;
    rest.delete(&map_path("late"), &json!(null))
        .await?
        .is(200)?;
    let unselected = rest.get(&format!("{MAPS}?limit=2")).await?.is(200)?;
    let all = rest.get(MAPS).await?.is(200)?;
    unselected.has(&json!({"metadata": {"remainingItemCount": names(&all).len() - 2}}))?;
    rest.get(&format!("{query}&continue=nonsense"))
        .await?
        .is(400)?
        .has(&json!({"reason": "BadRequest"}))?;
    Ok(())
}

async fn versions(rest: &Rest) -> Result<()> {
    let list = rest.get(MAPS).await?.is(200)?;
    let version = list.version()?;
    for query in [
        "resourceVersion=0".to_owned(),
        format!("resourceVersion={version}"),
        format!("resourceVersion={version}&resourceVersionMatch=NotOlderThan"),
    ] {
        let again = rest.get(&format!("{MAPS}?{query}")).await?.is(200)?;
        ensure!(
            names(&again) == names(&list),
            "{query}: {:?}",
            names(&again)
        );
    }
    let exact = format!("{MAPS}?resourceVersion={version}&resourceVersionMatch=Exact");
    rest.post(MAPS, &map("later", "1")).await?.is(201)?;
    let old = rest.get(&exact).await?.is(200)?;
    ensure!(
        names(&old) == names(&list) && old.version()? == version,
        "the list of then"
    );
    for bad in [
        "resourceVersionMatch=Exact",
        "resourceVersion=0&resourceVersionMatch=Exact",
        "resourceVersion=1&resourceVersionMatch=Sometimes",
    ] {
        let answer = rest.get(&format!("{MAPS}?{bad}")).await?;
        answer.is(422)?.has(&json!({"reason": "Invalid"}))?;
    }
    rest.get(&format!("{MAPS}?resourceVersion=99999999999"))
        .await?
        .is(504)?
        .has(&json!({"reason": "Timeout", "details": {"retryAfterSeconds": 1,
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]}}))?;
    rest.get(&format!("{MAPS}?resourceVersion=abc"))
        .await?
        .is(400)?;
    Ok(())
}

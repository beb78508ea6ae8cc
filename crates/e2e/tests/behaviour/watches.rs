//! Watches: where they begin, what they tell, and how they end.

use anyhow::{Result, bail, ensure};
use howdah_e2e::{PatchType, Rest, on_any_cluster};
use serde_json::{Value, json};

use crate::{MAPS, map, map_path};

#[tokio::test]
async fn a_watch_tells_every_change_once_and_in_order() -> Result<()> {
    on_any_cluster(async |world| {
        let rest = world.rest().await?;
        changes(&rest).await?;
        selection(&rest).await?;
        initial_events(&rest).await?;
        ends(&rest).await
    })
    .await
}

fn labelled(name: &str, colour: &str) -> Value {
    let mut object = map(name, "1");
    object["metadata"]["labels"] = json!({"colour": colour});
    object
}

async fn changes(rest: &Rest) -> Result<()> {
    let list = rest.get(MAPS).await?.is(200)?;
    let from = list.version()?;
    let path = format!("{MAPS}?watch=1&resourceVersion={from}&fieldSelector=metadata.name%3Dw");
    let mut early = rest.watch(&path).await?;
    let made = rest.post(MAPS, &map("w", "1")).await?.is(201)?;
    rest.post(MAPS, &map("unrelated", "1")).await?.is(201)?;
    let patch = json!({"data": {"k": "2"}});
    let path_of_w = map_path("w");
    let changed = rest
        .patch(&path_of_w, PatchType::Merge, &patch)
        .await?
        .is(200)?;
    rest.delete(&path_of_w, &json!(null)).await?.is(200)?;
    // A watch from a version of the past tells the same as the one that was there.
    for watch in [&mut early, &mut rest.watch(&path).await?] {
        watch
            .gives(&json!({"type": "ADDED", "object": made.body}))
            .await?;
        watch
            .gives(&json!({"type": "MODIFIED", "object": changed.body}))
            .await?;
        let deleted = json!({"type": "DELETED", "object": {"kind": "ConfigMap", "metadata": {"name": "w"},
            "data": {"k": "2"}}});
        let deleted = watch.gives(&deleted).await?;
        ensure!(
            deleted["object"]["metadata"]["resourceVersion"]
                != changed.body["metadata"]["resourceVersion"],
            "the end is a change of its own"
        );
    }
    Ok(())
}

/// What leaves the selection is gone for the watcher.
async fn selection(rest: &Rest) -> Result<()> {
    rest.post(MAPS, &labelled("s", "red")).await?.is(201)?;
    let list = rest.get(MAPS).await?.is(200)?;
    let from = list.version()?;
    let path = format!("{MAPS}?watch=true&resourceVersion={from}&labelSelector=colour%3Dblue");
    let mut blue = rest.watch(&path).await?;
    for colour in ["blue", "green", "blue"] {
        let patch = json!({"metadata": {"labels": {"colour": colour}}});
        rest.patch(&map_path("s"), PatchType::Merge, &patch)
            .await?
            .is(200)?;
    }
    for (event, colour) in [("ADDED", "blue"), ("DELETED", "blue"), ("ADDED", "blue")] {
        let labels = json!({"colour": colour});
        blue.gives(
            &json!({"type": event, "object": {"metadata": {"name": "s", "labels": labels}}}),
        )
        .await?;
    }
    Ok(())
}

async fn initial_events(rest: &Rest) -> Result<()> {
    for name in ["i1", "i2"] {
        rest.post(MAPS, &labelled(name, "white")).await?.is(201)?;
    }
    let mut watch = rest
        .watch(&format!(
            "{MAPS}?watch=1&labelSelector=colour%3Dwhite&allowWatchBookmarks=true&sendInitialEvents=true\
             &resourceVersionMatch=NotOlderThan"
        ))
        .await?;
    let mut names = Vec::new();
    loop {
        let Some(event) = watch.next().await? else {
            bail!("the watch ended after {names:?}");
        };
        let meta = &event["object"]["metadata"];
        if event["type"] == "BOOKMARK" {
            ensure!(
                meta["annotations"]["k8s.io/initial-events-end"] == "true",
                "{event}"
            );
            ensure!(meta["resourceVersion"].is_string(), "{event}");
            ensure!(event["object"]["kind"] == "ConfigMap", "{event}");
            break;
        }
        ensure!(event["type"] == "ADDED", "{event}");
        names.push(meta["name"].as_str().unwrap_or_default().to_owned());
    }
    names.sort();
    ensure!(names == ["i1", "i2"], "{names:?}");
    rest.post(MAPS, &labelled("i3", "white")).await?.is(201)?;
    watch
        .gives(&json!({"type": "ADDED", "object": {"metadata": {"name": "i3"}}}))
        .await?;
    let bad = format!("{MAPS}?watch=1&sendInitialEvents=true");
    rest.get(&bad)
        .await?
        .is(422)?
        .has(&json!({"reason": "Invalid"}))?;
    // Without a version a watch begins with what is there.
    let mut any = rest
        .watch(&format!("{MAPS}?watch=1&fieldSelector=metadata.name%3Di3"))
        .await?;
    any.gives(&json!({"type": "ADDED", "object": {"metadata": {"name": "i3"}}}))
        .await?;
    Ok(())
}

async fn ends(rest: &Rest) -> Result<()> {
    let path = format!(
        "{MAPS}?watch=1&resourceVersion=0&fieldSelector=metadata.name%3Dnone&timeoutSeconds=1"
    );
    let mut short = rest.watch(&path).await?;
    ensure!(short.next().await?.is_none(), "nothing happened");
    let path = format!("{MAPS}?watch=1&resourceVersion=99999999999&timeoutSeconds=5");
    let future = rest.get(&path).await?;
    ensure!(
        future.status != 500,
        "a version of the future is no fault of the server"
    );
    Ok(())
}

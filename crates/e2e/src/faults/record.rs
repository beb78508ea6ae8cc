//! What people do to the control record, an annotation of the cluster's Lease.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::api::text;
use crate::rest::{PatchType, Rest};
use crate::world::World;

const ANNOTATION: &str = "howdah.io/record";
/// The same as a JSON pointer.
const POINTER: &str = "/metadata/annotations/howdah.io~1record";
/// So long nothing changes where all is well.
const REST: Duration = Duration::from_secs(1);
/// Compare-and-set is tried again when somebody else was faster.
const TRIES: u32 = 20;

/// Asks for a switchover to any member that can.
pub(super) async fn switchover(world: &World, cluster: &str) -> Result<()> {
    edit(world, cluster, |record| {
        record["intent"] = json!({"Switchover": {"to": null}});
    })
    .await
}

/// Checks that so many standbys are in the cohort: only they may take over.
pub(super) async fn check_cohort(world: &World, cluster: &str, standbys: usize) -> Result<()> {
    let Some(record) = read(world, cluster).await? else {
        return Ok(());
    };
    let cohort = record["cohort"]["standbys"].as_array();
    let found = cohort.context("a record has a cohort")?.len();
    ensure!(found == standbys, "{found} standbys may take over");
    Ok(())
}

/// Checks that nobody changes the record for a while. Renewals are no change.
pub(super) async fn check_rest(world: &World, cluster: &str) -> Result<()> {
    let before = read(world, cluster).await?;
    sleep(REST).await;
    let after = read(world, cluster).await?;
    let revision =
        |record: &Option<Value>| record.as_ref().map(|record| record["revision"].clone());
    let (before, after) = (revision(&before), revision(&after));
    ensure!(
        before == after,
        "its revision went from {before:?} to {after:?}"
    );
    Ok(())
}

/// The record; none if a fault took it away.
async fn read(world: &World, cluster: &str) -> Result<Option<Value>> {
    let rest = world.rest().await?;
    let lease = rest.get(&path(cluster)).await?.is(200)?.body;
    let text = text(&lease, POINTER);
    if text.is_empty() {
        return Ok(None);
    }
    serde_json::from_str(text).context("the record")
}

/// Deletes the Lease.
pub(super) async fn delete(world: &World, cluster: &str) -> Result<()> {
    let rest = world.rest().await?;
    let answer = rest.delete(&path(cluster), &Value::Null).await?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(())
}

/// Makes the Lease look as if it were free and without a record.
pub(super) async fn strip(world: &World, cluster: &str) -> Result<()> {
    let rest = world.rest().await?;
    let patch = json!({
        "metadata": {"annotations": {ANNOTATION: null, "howdah.io/epoch": null}},
        "spec": {"holderIdentity": null},
    });
    let path = path(cluster);
    let answer = rest.patch(&path, PatchType::Merge, &patch).await?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(())
}

/// Asks a member to replace its copy by a new one.
pub(super) async fn reinitialise(world: &World, cluster: &str, pod: &str) -> Result<()> {
    let rest = world.rest().await?;
    // Each time that is new is a new wish, and the holder renews once a second.
    let lease = rest.get(&path(cluster)).await?.body;
    let time = text(&lease, "/spec/renewTime");
    let patch = json!({"metadata": {"annotations": {"howdah.io/reinitialise": time}}});
    let path = format!("/api/v1/namespaces/{{ns}}/pods/{pod}");
    let answer = rest.patch(&path, PatchType::Merge, &patch).await?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(())
}

async fn edit(world: &World, cluster: &str, change: impl Fn(&mut Value)) -> Result<()> {
    let rest = world.rest().await?;
    for _ in 0..TRIES {
        if try_edit(&rest, cluster, &change).await? {
            return Ok(());
        }
    }
    bail!("the record changed {TRIES} times meanwhile")
}

/// False when somebody else was faster.
async fn try_edit(rest: &Rest, cluster: &str, change: &impl Fn(&mut Value)) -> Result<bool> {
    let path = path(cluster);
    let mut lease = rest.get(&path).await?.body;
    let annotations = &mut lease["metadata"]["annotations"];
    let text = annotations[ANNOTATION]
        .as_str()
        .context("the Lease has no record")?;
    let mut record: Value = serde_json::from_str(text).context("the record is JSON")?;
    change(&mut record);
    annotations[ANNOTATION] = record.to_string().into();
    let answer = rest.put(&path, &lease).await?;
    match answer.status {
        200 => Ok(true),
        409 => Ok(false),
        _ => bail!("{answer:?}"),
    }
}

fn path(cluster: &str) -> String {
    format!("/apis/coordination.k8s.io/v1/namespaces/{{ns}}/leases/{cluster}")
}

//! Changes of specs, and how soon the operator has acted on them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use howdah_e2e::{Rest, Watch, eventually};
use howdah_testkit::bench::rank;
use parking_lot::Mutex;
use serde_json::json;

use crate::group::Group;

/// An annotation that the operator is told to put on the Services of a cluster.
const KEY: &str = "bench.howdah.io/change";
/// The last Service of the last change comes within it.
const SETTLE: Duration = Duration::from_secs(2);

/// By the number of a change: when it was sent, and how long it took until the newest of its Services was written.
type Seen = Arc<Mutex<BTreeMap<String, (Instant, Option<Duration>)>>>;

/// Makes changes at a pace, cluster after cluster. A change is over when the watcher has seen the last of the Services.
pub(crate) async fn make(
    rest: &Rest,
    group: &Group<'_>,
    count: usize,
    pace: Duration,
) -> Result<Vec<Duration>> {
    let seen = Seen::default();
    let watching = tokio::spawn(watch(open(rest).await?, Arc::clone(&seen)));
    let mut ticks = tokio::time::interval(pace);
    // Far apart, so that no change of a cluster meets the one before.
    for number in 0..count {
        ticks.tick().await;
        let value = number.to_string();
        let change = json!({"spec": {"metadata": {"annotations": {"services": {KEY: value}}}}});
        seen.lock().insert(value, (Instant::now(), None));
        group.patch(number, &change).await?;
    }
    eventually("the Services to have the changes", async || {
        let missing = missing(&seen, group.count);
        ensure!(missing == 0, "{missing} have no effect");
        Ok(())
    })
    .await?;
    tokio::time::sleep(SETTLE).await;
    watching.abort();
    let seen = seen.lock();
    let mut times: Vec<_> = seen.values().filter_map(|(_, time)| *time).collect();
    times.sort_unstable();
    Ok(times)
}

/// Changes without an effect; one that a later change of the same cluster overtook needs none.
fn missing(seen: &Seen, clusters: usize) -> usize {
    let seen = seen.lock();
    let last = seen.len().saturating_sub(clusters);
    let is_last = |number: &str| number.parse().is_ok_and(|number: usize| number >= last);
    let missing = seen
        .iter()
        .filter(|(number, (_, time))| time.is_none() && is_last(number));
    missing.count()
}

async fn open(rest: &Rest) -> Result<Watch> {
    let services = "/api/v1/namespaces/{ns}/services";
    let list = rest.get(&format!("{services}?limit=1")).await?.is(200)?;
    let version = list.version()?.to_owned();
    rest.watch(&format!("{services}?watch=1&resourceVersion={version}"))
        .await
}

async fn watch(mut watch: Watch, seen: Seen) -> Result<()> {
    loop {
        let event = watch.next().await?.context("the watch ended")?;
        let now = Instant::now();
        let Some(value) = event["object"]["metadata"]["annotations"][KEY].as_str() else {
            continue;
        };
        if let Some((sent, time)) = seen.lock().get_mut(value) {
            *time = Some(now - *sent);
        }
    }
}

/// The median, the 99th of a hundred and the longest.
pub(crate) fn show(sorted: Vec<Duration>) -> String {
    let part = |percent: usize| {
        let time = rank(&sorted, percent).unwrap_or_default();
        time.as_secs_f64() * 1e3
    };
    format!(
        "p50 {:.0} ms, p99 {:.0} ms, longest {:.0} ms",
        part(50),
        part(99),
        part(100)
    )
}

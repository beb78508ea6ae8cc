//! Clusters of one size.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use howdah_e2e::{Manifest, PatchType, Rest};
use howdah_testkit::wait_until;
use serde_json::{Value, json};
use tokio::task::JoinSet;

const CLUSTERS: &str = "/apis/stackgres.io/v1/namespaces/{ns}/sgclusters";
/// Concurrent writers.
const WRITERS: usize = 8;
/// Every instance is made by `initdb` or by a copy, two cores for all.
const PATIENCE: Duration = Duration::from_secs(1800);

pub(crate) struct Group<'a> {
    rest: &'a Rest,
    name: &'static str,
    /// Of each cluster.
    pub(crate) instances: u32,
    pub(crate) count: usize,
}

impl<'a> Group<'a> {
    pub(crate) const fn new(
        rest: &'a Rest,
        name: &'static str,
        instances: u32,
        count: usize,
    ) -> Self {
        Self {
            rest,
            name,
            instances,
            count,
        }
    }

    pub(crate) fn title(&self) -> String {
        let instances = match self.instances {
            0 => "without instances".to_owned(),
            1 => "of one instance".to_owned(),
            more => format!("of {more} instances"),
        };
        format!("{} clusters {instances}", self.count)
    }

    /// The name of a cluster; numbers beyond the last begin again.
    pub(crate) fn cluster(&self, at: usize) -> String {
        format!("{}-{}", self.name, at % self.count)
    }

    pub(crate) async fn create(&self) -> Result<()> {
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let rest = self.rest.clone();
            let wanted = (writer..self.count).step_by(WRITERS);
            let manifests: Vec<_> = wanted
                .map(|at| Manifest::new(&self.cluster(at), "18", self.instances).text())
                .collect();
            writers.spawn(async move {
                for manifest in manifests {
                    let object: Value = serde_json::from_str(&manifest)?;
                    rest.post(CLUSTERS, &object).await?.is(201)?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(done) = writers.join_next().await {
            done.context("a writer")??;
        }
        Ok(())
    }

    /// Waits until every cluster has its Services and all its instances are ready.
    pub(crate) async fn wait(&self) -> Result<()> {
        wait_until(PATIENCE, &self.title(), async || {
            let complete = self.complete().await;
            complete.map_err(|error| format!("{error:#}"))
        })
        .await
    }

    async fn complete(&self) -> Result<()> {
        let services = self.items("services").await?;
        let own = |name: &str| name.starts_with(self.name) && name.ends_with("-replicas");
        let found = services.iter().filter(|it| own(name(it))).count();
        ensure!(found == self.count, "{found} clusters have Services");
        if self.instances == 0 {
            return Ok(());
        }
        let pods = self.items("pods").await?;
        let ready = pods
            .iter()
            .filter(|pod| name(pod).starts_with(self.name) && is_ready(pod))
            .count();
        let wanted = self.count * self.instances as usize;
        ensure!(ready == wanted, "{ready} of {wanted} instances are ready");
        Ok(())
    }

    async fn items(&self, plural: &str) -> Result<Vec<Value>> {
        let path = format!("/api/v1/namespaces/{{ns}}/{plural}");
        let mut list = self.rest.get(&path).await?.is(200)?.body;
        match list["items"].take() {
            Value::Array(items) => Ok(items),
            other => anyhow::bail!("{plural}: {other}"),
        }
    }

    pub(crate) async fn set_ttl(&self, ttl: u32) -> Result<()> {
        let patch =
            json!({"spec": {"configurations": {"patroni": {"dynamicConfig": {"ttl": ttl}}}}});
        for at in 0..self.count {
            self.patch(at, &patch).await?;
        }
        Ok(())
    }

    pub(crate) async fn patch(&self, at: usize, patch: &Value) -> Result<()> {
        let path = format!("{CLUSTERS}/{}", self.cluster(at));
        let answer = self.rest.patch(&path, PatchType::Merge, patch).await?;
        answer.is(200).map(drop)
    }
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    let ready = |it: &Value| it["type"] == "Ready" && it["status"] == "True";
    conditions.is_some_and(|all| all.iter().any(ready))
}

//! When a cluster is complete: every instance is ready, one is primary, and all others stream from it.

use anyhow::{Result, ensure};
use serde_json::Value;

use super::Cluster;
use crate::api::text;
use crate::wait::eventually;

impl Cluster<'_> {
    /// Waits until the cluster has so many instances, one of them primary, the others streaming from it, all ready,
    /// and until the Service leads to the primary.
    ///
    /// # Errors
    /// When it is not so in time; tells what is missing.
    pub async fn wait_until_streaming(&self, instances: usize) -> Result<()> {
        let what = format!("{instances} streaming instances of {}", self.name());
        eventually(&what, async || self.check_streaming(instances).await).await
    }

    /// Waits until no Pod is left.
    ///
    /// # Errors
    /// When some are after a long time.
    pub async fn wait_until_empty(&self) -> Result<()> {
        let what = format!("the last instance of {} to go", self.name());
        eventually(&what, async || {
            let pods = self.instances().await?;
            ensure!(pods.is_empty(), "{pods:?} are there");
            Ok(())
        })
        .await
    }

    /// Whether it is so now.
    ///
    /// # Errors
    /// Tells what is missing.
    pub async fn check_streaming(&self, instances: usize) -> Result<()> {
        let pods = self.pods().await?;
        ensure!(pods.len() == instances, "{} instances", pods.len());
        for pod in &pods {
            ensure!(
                is_ready(pod),
                "{} is not ready",
                text(pod, "/metadata/name")
            );
        }
        let with_role = |role: &str| {
            let has = |pod: &&Value| text(pod, "/metadata/labels/role") == role;
            pods.iter().filter(has).count()
        };
        let (primaries, replicas) = (with_role("primary"), with_role("replica"));
        ensure!(
            primaries == 1 && replicas == instances - 1,
            "{primaries} primaries and {replicas} replicas"
        );
        let sql = self.service("").await?;
        let streaming = sql
            .values("SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'")
            .await?;
        ensure!(
            streaming.len() == instances - 1,
            "only {streaming:?} stream"
        );
        Ok(())
    }
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    let ready = |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
    conditions.is_some_and(|conditions| conditions.iter().any(ready))
        && pod["metadata"]["deletionTimestamp"].is_null()
}

/// A condition of an object, by its type.
#[must_use]
pub fn condition<'v>(object: &'v Value, kind: &str) -> Option<&'v Value> {
    let conditions = object["status"]["conditions"].as_array()?;
    conditions.iter().find(|found| found["type"] == kind)
}

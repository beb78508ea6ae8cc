//! How a Pod leaves: its last status, its folder and its object, in this order, each until it works.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube::api::{DeleteParams, Preconditions};
use kube::{Api, ResourceExt};
use tracing::{info, warn};

use super::actor::Actor;
use super::report;
use crate::node::procfs;

impl Actor {
    /// Takes away all that the Pod has on this machine, then the Pod.
    pub(super) async fn leave(mut self) {
        self.tasks.shutdown().await;
        self.reporter.abort();
        let status = self.statuses.borrow().clone();
        if let Some(status) = status.filter(|_| !self.is_gone) {
            self.write_last(&status).await;
        }
        let (namespace, name) = (&self.record.namespace, &self.record.name);
        self.context.handle.remove(namespace, name, &self.dir);
        self.kill_rest().await;
        self.remove_folder().await;
        if !self.is_gone {
            self.delete_object().await;
        }
        info!(namespace, pod = name, "pod has left");
    }

    async fn write_last(&self, status: &PodStatus) {
        let mut patience = Patience::default();
        loop {
            match report::write(&self.api, &self.pod, status).await {
                Ok(()) => return,
                Err(error) if report::is_gone(&error) => return,
                Err(error) => {
                    patience
                        .wait("write the last status", &self.pod, &error)
                        .await
                }
            }
        }
    }

    /// Also what a shim may have let slip, or a hook has left behind.
    async fn kill_rest(&self) {
        let mut patience = Patience::default();
        let mark = format!("{}/", self.record.uid);
        let uid = self.context.uid;
        while let Err(pids) = procfs::kill_marked(mark.clone(), uid, Duration::from_secs(10)).await
        {
            let error = format!("{pids:?} survive SIGKILL");
            patience.wait("kill the rest", &self.pod, &error).await;
        }
    }

    async fn remove_folder(&self) {
        let mut patience = Patience::default();
        loop {
            let dir = self.dir.clone();
            match tokio::task::spawn_blocking(move || dir.remove()).await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => patience.wait("remove the folder", &self.pod, &error).await,
                Err(error) => patience.wait("remove the folder", &self.pod, &error).await,
            }
        }
    }

    async fn delete_object(&self) {
        let mut patience = Patience::default();
        loop {
            match delete(&self.api, &self.pod).await {
                Ok(()) => return,
                Err(error) if report::is_gone(&error) => return,
                Err(error) => patience.wait("delete the object", &self.pod, &error).await,
            }
        }
    }
}

/// Growing pauses between attempts that must succeed in the end.
struct Patience(Duration);

impl Default for Patience {
    fn default() -> Self {
        Self(Duration::from_millis(100))
    }
}

impl Patience {
    async fn wait(&mut self, what: &str, pod: &Pod, error: &(dyn std::fmt::Display + Sync)) {
        warn!(pod = %pod.name_any(), what, %error, "pod cannot leave yet");
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(Duration::from_secs(10));
    }
}

/// Deletes exactly this Pod for good.
async fn delete(api: &Api<Pod>, pod: &Pod) -> Result<(), kube::Error> {
    let parameters = DeleteParams {
        grace_period_seconds: Some(0),
        preconditions: Some(Preconditions {
            uid: pod.metadata.uid.clone(),
            resource_version: None,
        }),
        ..DeleteParams::default()
    };
    api.delete(&pod.name_any(), &parameters).await.map(drop)
}

//! One Pod as an actor: it takes in the wanted Pod and news of its containers, decides with the pure [`machine`],
//! acts, and reports.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use tokio::sync::watch;
use tracing::warn;

use self::actor::Actor;
use super::addresses::Lease;
use super::context::Context;
use super::events::About;
use super::plan::spec;

mod actor;
mod claim;
mod launch;
mod leave;
pub(super) mod machine;
mod news;
mod report;
mod status;
mod takeover;
mod watching;

/// A Pod that the API holds, or held.
pub(super) struct Assignment {
    /// As the API showed it last.
    pub(super) pod: Arc<Pod>,
    /// How the API shows it from now on; `None` when it is gone.
    pub(super) wanted: watch::Receiver<Option<Arc<Pod>>>,
    /// The address that it had under an earlier node.
    pub(super) lease: Option<Lease>,
}

/// Runs a Pod until it has left the API and this machine.
pub(super) async fn run(context: Arc<Context>, mut assignment: Assignment) {
    let pod = Arc::clone(&assignment.pod);
    let namespace = pod.namespace().unwrap_or_default();
    let _name = context.take_name(&namespace, &pod.name_any()).await;
    let mut actor = loop {
        match Box::pin(Actor::begin(Arc::clone(&context), &mut assignment)).await {
            Ok(actor) => break actor,
            Err(problem) => {
                warn!(namespace, pod = %pod.name_any(), error = %problem, "pod cannot begin");
                context
                    .events
                    .warning(about(&pod, None), "FailedCreatePodSandBox", problem);
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
        }
    };
    actor.live().await;
    if actor.is_leaving() {
        actor.leave().await;
    }
}

fn about(pod: &Pod, container: Option<&str>) -> About {
    About {
        kind: "Pod",
        namespace: pod.namespace().unwrap_or_default(),
        name: pod.name_any(),
        uid: pod.uid().unwrap_or_default(),
        field: container.map(|name| format!("spec.containers{{{name}}}")),
    }
}

/// How long a Pod that is being deleted may take.
fn grace_seconds(pod: &Pod) -> i64 {
    pod.metadata
        .deletion_grace_period_seconds
        .unwrap_or_else(|| pod_grace_seconds(pod))
}

fn pod_grace_seconds(pod: &Pod) -> i64 {
    spec(pod).termination_grace_period_seconds.unwrap_or(30)
}

fn seconds(count: i64) -> Duration {
    Duration::from_secs(u64::try_from(count).unwrap_or_default())
}

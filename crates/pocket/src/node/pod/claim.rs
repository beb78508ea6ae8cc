//! Taking a Pod that has no node: there is one node and no scheduler.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use tracing::warn;

use super::{about, report};
use crate::node::context::Context;

/// Writes the node's name into the Pod.
pub(super) async fn claim(context: Arc<Context>, api: Api<Pod>, pod: Arc<Pod>) {
    let patch = Patch::Merge(serde_json::json!({
        "metadata": {"uid": pod.metadata.uid},
        "spec": {"nodeName": context.facts.name},
    }));
    let name = pod.name_any();
    let mut wait = Duration::from_millis(100);
    loop {
        let parameters = PatchParams::default();
        let patched = api.patch(&name, &parameters, &patch).await;
        match patched {
            Ok(_) => break,
            Err(error) if report::is_gone(&error) => return,
            Err(error) => {
                warn!(pod = %pod.name_any(), %error, "pod not claimed");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(Duration::from_secs(10));
            }
        }
    }
    let text = format!(
        "Successfully assigned {}/{} to {}",
        pod.namespace().unwrap_or_default(),
        pod.name_any(),
        context.facts.name
    );
    context.events.normal(about(&pod, None), "Scheduled", text);
}

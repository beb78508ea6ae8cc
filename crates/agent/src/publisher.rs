//! This member's role and state, written to its own Pod: on change only.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tracing::warn;

use crate::chain::Complaint;
use crate::cluster;
use crate::member::Member;
use crate::peers::{Peer, ROLE, STATUS};

/// The pause after a write that did not work.
const AGAIN: Duration = Duration::from_secs(2);

/// What the Pod shall say.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    role: Option<&'static str>,
    status: String,
}

impl Wanted {
    fn is_on(&self, pod: &Peer) -> bool {
        let role = self
            .role
            .is_none_or(|role| pod.role.as_deref() == Some(role));
        role && pod.status.as_ref() == Some(&self.status)
    }
}

/// Keeps the Pod up to date.
pub(crate) async fn publish(member: Arc<Member>) {
    let mut view = member.view.subscribe();
    let mut peers = member.peers.subscribe();
    let mut complaint = Complaint::default();
    loop {
        view.mark_unchanged();
        peers.mark_unchanged();
        match bring_up_to_date(&member).await {
            Ok(()) => {
                complaint.clear();
                // Either side may change: what is wanted, or what somebody made of the Pod.
                tokio::select! {
                    changed = view.changed() => if changed.is_err() { return },
                    changed = peers.changed() => if changed.is_err() { return },
                }
            }
            Err(error) => {
                if let Some(error) = complaint.new_one(&error) {
                    warn!(error, "role and state not written to the Pod");
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

async fn bring_up_to_date(member: &Member) -> Result<(), cluster::Error> {
    let Some(own) = member.own_pod() else {
        return Ok(());
    };
    let wanted = wanted(member);
    if wanted.is_on(&own) {
        return Ok(());
    }
    let mut metadata = json!({"annotations": {STATUS: wanted.status}});
    if let Some(role) = wanted.role {
        metadata["labels"] = json!({ROLE: role});
    }
    member.patch_own_pod("patch the Pod", metadata).await
}

fn wanted(member: &Member) -> Wanted {
    let view = member.view.borrow();
    Wanted {
        role: view.role.map(crate::view::Role::label),
        status: view.annotation(&member.config.pod_ip),
    }
}

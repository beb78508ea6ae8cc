//! The cluster's Pods, this one among them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use howdah_types::InstanceName;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde::{Deserialize, Serialize};

/// The label that says what a member is.
pub(crate) const ROLE: &str = "role";
/// The annotation with a member's state.
pub(crate) const STATUS: &str = "status";
/// How the cluster replicates; the mounted file says the same, but may take a minute to change.
const REPLICATION: &str = "howdah.io/ha";
/// When people last asked for a restart of Postgres, and which of these was done.
pub(crate) const RESTART: &str = "howdah.io/restart";
pub(crate) const RESTARTED: &str = "howdah.io/restarted";
/// When people last asked for a new copy, and which of these was made.
pub(crate) const REINITIALISE: &str = "howdah.io/reinitialise";
pub(crate) const REINITIALISED: &str = "howdah.io/reinitialised";

/// Between a wish and why it was refused, in an answer.
const REFUSED: &str = " refused: ";

/// What is used of a member's Pod.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Peer {
    pub(crate) uid: String,
    pub(crate) address: Option<IpAddr>,
    pub(crate) role: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) noloadbalance: bool,
    pub(crate) nofailover: bool,
    pub(crate) nosync: bool,
    /// How the cluster replicates, as the operator wrote it last.
    pub(crate) replication: Option<String>,
    /// When people last asked for a restart, and for a new copy.
    pub(crate) restart: Option<String>,
    pub(crate) reinitialise: Option<String>,
    /// The labels that every object of the cluster has.
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) owners: Vec<OwnerReference>,
    pub(crate) node: Option<String>,
}

/// The members that have a Pod. None until the API was asked for the first time.
pub(crate) type Peers = Option<BTreeMap<InstanceName, Peer>>;

const CLUSTER_LABELS: [&str; 3] = [
    "app",
    "stackgres.io/cluster-name",
    "stackgres.io/cluster-uid",
];

/// Reads a Pod; none if it is no instance.
pub(crate) fn read(pod: &Pod) -> Option<(InstanceName, Peer)> {
    let name = pod.metadata.name.as_ref()?.parse().ok()?;
    let label = |key: &str| pod.metadata.labels.as_ref()?.get(key).cloned();
    let annotation = |key: &str| pod.metadata.annotations.as_ref()?.get(key).cloned();
    let tagged = |key: &str| label(key).as_deref() == Some("true");
    let status = pod.status.as_ref();
    let ended = matches!(
        status.and_then(|status| status.phase.as_deref()),
        Some("Failed" | "Succeeded")
    );
    let address = status.and_then(|status| status.pod_ip.as_ref()?.parse().ok());
    let peer = Peer {
        uid: pod.metadata.uid.clone().unwrap_or_default(),
        address: address.filter(|_| !ended),
        role: label(ROLE),
        status: annotation(STATUS),
        noloadbalance: tagged("stackgres.io/noloadbalance"),
        nofailover: tagged("stackgres.io/nofailover"),
        nosync: tagged("stackgres.io/nosync"),
        replication: annotation(REPLICATION),
        restart: waiting(annotation(RESTART), annotation(RESTARTED)),
        reinitialise: waiting(annotation(REINITIALISE), annotation(REINITIALISED)),
        labels: CLUSTER_LABELS
            .iter()
            .filter_map(|key| Some(((*key).to_owned(), label(key)?)))
            .collect(),
        owners: pod.metadata.owner_references.clone().unwrap_or_default(),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
    };
    Some((name, peer))
}

/// The answer to a wish that could not be fulfilled.
pub(crate) fn refused(wish: &str, why: &str) -> String {
    format!("{wish}{REFUSED}{why}")
}

/// A wish that has no answer yet. A refusal is one, too: what was refused is not tried again.
fn waiting(wish: Option<String>, answer: Option<String>) -> Option<String> {
    wish.filter(|wish| {
        let rest = answer.as_ref().and_then(|answer| answer.strip_prefix(wish));
        !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(REFUSED))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wish(annotations: &serde_json::Value) -> (Option<String>, Option<String>) {
        let pod = json!({"metadata": {"name": "simple-1", "annotations": annotations}});
        let (_, peer) = read(&serde_json::from_value(pod).unwrap()).unwrap();
        (peer.restart, peer.reinitialise)
    }

    #[test]
    fn a_wish_waits_until_it_is_answered_either_way() {
        let time = "2026-01-01T00:00:00Z";
        let waits = Some(time.to_owned());
        for (answer, restart) in [
            (String::new(), waits.clone()),
            (time.to_owned(), None),
            (refused(time, "Postgres does not run"), None),
            ("2025-01-01T00:00:00Z".to_owned(), waits.clone()),
            (refused("2025-01-01T00:00:00Z", "no"), waits.clone()),
            // Another wish that begins alike.
            (format!("{time}1"), waits.clone()),
        ] {
            let annotations = json!({RESTART: time, RESTARTED: answer, REINITIALISE: "1"});
            assert_eq!(
                wish(&annotations),
                (restart, Some("1".to_owned())),
                "{answer}"
            );
        }
        assert_eq!(wish(&json!({RESTART: time})), (waits, None));
        assert_eq!(wish(&json!({RESTARTED: time})), (None, None));
    }
}

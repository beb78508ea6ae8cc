//! The EndpointSlice of the cluster's primary Service, which has no selector: it follows the record.

use std::sync::Arc;
use std::time::Duration;

use howdah_ha::Epoch;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};
use kube::api::{ObjectMeta, PostParams};
use tracing::{info, warn};

use crate::chain::Complaint;
use crate::cluster::{self, MANAGER, call};
use crate::member::Member;
use crate::peers::Peer;
use crate::record;

/// Why clients are not sent here.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("route clients to this instance")]
    Api(#[source] cluster::Error),
    #[error("the API does not know this Pod")]
    NoPod,
    #[error("clients are routed under the newer epoch {0}")]
    Newer(Epoch),
}

/// The pause before the route is tried again.
const AGAIN: Duration = Duration::from_millis(250);

/// Makes the primary Service lead here, however long that takes.
pub(crate) async fn keep_trying(member: Arc<Member>, epoch: Epoch) {
    let mut complaint = Complaint::default();
    loop {
        match ensure(&member, epoch).await {
            Ok(written) => {
                if written {
                    info!(epoch = epoch.number(), "clients are routed here");
                }
                member.show(|view| view.routed = true);
                member.look.notify_one();
                return;
            }
            Err(error) => {
                if let Some(error) = complaint.new_one(&error) {
                    warn!(error, "clients are not routed here yet");
                }
                if matches!(error, Error::Newer(_)) {
                    return;
                }
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Makes the primary Service lead here; tells whether something had to be written. The route of a
/// newer epoch is never overwritten: the write replaces exactly what was read.
async fn ensure(member: &Member, epoch: Epoch) -> Result<bool, Error> {
    let own = member.await_own_pod().await.ok_or(Error::NoPod)?;
    let name = member.cluster.name.as_str();
    let slices = &member.cluster.slices;
    let wanted = slice(member, &own, epoch);
    let parameters = PostParams {
        field_manager: Some(MANAGER.to_owned()),
        ..PostParams::default()
    };
    let stored = call("read the EndpointSlice", slices.get_opt(name)).await;
    let Some(mut stored) = stored.map_err(Error::Api)? else {
        let created = slices.create(&parameters, &wanted);
        call("create the EndpointSlice", created)
            .await
            .map_err(Error::Api)?;
        return Ok(true);
    };
    if let Some(newer) =
        record::routed_epoch(stored.metadata.annotations.as_ref()).filter(|stored| *stored > epoch)
    {
        return Err(Error::Newer(newer));
    }
    if !update(&mut stored, wanted) {
        return Ok(false);
    }
    let replaced = slices.replace(name, &parameters, &stored);
    call("replace the EndpointSlice", replaced)
        .await
        .map_err(Error::Api)?;
    Ok(true)
}

/// Brings what is stored to what is wanted; tells whether that changed it.
fn update(stored: &mut EndpointSlice, wanted: EndpointSlice) -> bool {
    let before = stored.clone();
    stored.endpoints = wanted.endpoints;
    stored.ports = wanted.ports;
    let labels = stored.metadata.labels.get_or_insert_default();
    labels.extend(wanted.metadata.labels.unwrap_or_default());
    let annotations = stored.metadata.annotations.get_or_insert_default();
    annotations.extend(wanted.metadata.annotations.unwrap_or_default());
    *stored != before
}

fn slice(member: &Member, own: &Peer, epoch: Epoch) -> EndpointSlice {
    let address = member.config.pod_ip;
    let mut labels = own.labels.clone();
    labels.insert(
        "kubernetes.io/service-name".to_owned(),
        member.cluster.name.to_string(),
    );
    labels.insert(
        "endpointslice.kubernetes.io/managed-by".to_owned(),
        MANAGER.to_owned(),
    );
    let endpoint = Endpoint {
        addresses: vec![address.to_string()],
        conditions: Some(EndpointConditions {
            ready: Some(true),
            serving: Some(true),
            terminating: Some(false),
        }),
        node_name: own.node.clone(),
        target_ref: Some(ObjectReference {
            kind: Some("Pod".to_owned()),
            name: Some(member.config.instance.to_string()),
            namespace: Some(member.config.namespace.clone()),
            uid: Some(member.config.pod_uid.clone()),
            ..ObjectReference::default()
        }),
        ..Endpoint::default()
    };
    let port = |name: &str, number: i32| EndpointPort {
        name: Some(name.to_owned()),
        port: Some(number),
        protocol: Some("TCP".to_owned()),
        ..EndpointPort::default()
    };
    EndpointSlice {
        address_type: if address.is_ipv4() { "IPv4" } else { "IPv6" }.to_owned(),
        metadata: ObjectMeta {
            name: Some(member.cluster.name.to_string()),
            labels: Some(labels),
            annotations: Some([record::epoch_annotation(epoch)].into()),
            owner_references: Some(own.owners.clone()),
            ..ObjectMeta::default()
        },
        endpoints: Some(vec![endpoint]),
        ports: Some(vec![
            port("pgport", i32::from(member.config.pgport)),
            port("pgreplication", i32::from(member.config.direct_port)),
        ]),
    }
}

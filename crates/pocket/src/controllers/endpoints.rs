//! EndpointSlices of Services with a selector: the ready Pods that it selects.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{ObjectReference, Pod, Service, ServicePort};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams};
use kube::runtime::controller::Action;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::{Controller, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::{Error, again, found};

const MANAGER: &str = "endpointslice-controller";
const SERVICE_NAME: &str = "kubernetes.io/service-name";
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const MANAGED_BY_US: &str = "endpointslice-controller.k8s.io";

/// The Pods that each Service's slice holds, so that one whose labels changed leaves it.
type Members = Mutex<HashMap<ObjectRef<Service>, BTreeSet<String>>>;

struct Context {
    client: Client,
    members: Arc<Members>,
}

pub(super) async fn run(client: Client, shutdown: CancellationToken) {
    let everything = watcher::Config::default;
    let controller = Controller::new(Api::<Service>::all(client.clone()), everything());
    let services = controller.store();
    let members = Arc::new(Members::default());
    let known_members = members.clone();
    let slices = everything().labels(&format!("{MANAGED_BY}={MANAGED_BY_US}"));
    controller
        .owns(Api::<EndpointSlice>::all(client.clone()), slices)
        .watches(Api::<Pod>::all(client.clone()), everything(), move |pod| {
            services_of(&services, &known_members, &pod)
        })
        .graceful_shutdown_on(shutdown.cancelled_owned())
        .run(
            reconcile,
            |_, error, _| again("endpointslices", error),
            Arc::new(Context { client, members }),
        )
        .for_each(|_| std::future::ready(()))
        .await;
}

/// The Services that select the Pod, or did.
fn services_of(services: &Store<Service>, members: &Members, pod: &Pod) -> Vec<ObjectRef<Service>> {
    let name = pod.name_any();
    let members = members.lock();
    services
        .state()
        .iter()
        .filter(|service| service.namespace() == pod.namespace())
        .filter_map(|service| {
            let reference = ObjectRef::from_obj(service.as_ref());
            let selects = selector(service).is_some_and(|selector| selected(selector, pod));
            let held = members
                .get(&reference)
                .is_some_and(|pods| pods.contains(&name));
            (selects || held).then_some(reference)
        })
        .collect()
}

fn selected(selector: &BTreeMap<String, String>, pod: &Pod) -> bool {
    selector
        .iter()
        .all(|(key, value)| pod.labels().get(key) == Some(value))
}

fn selector(service: &Service) -> Option<&BTreeMap<String, String>> {
    service
        .spec
        .as_ref()?
        .selector
        .as_ref()
        .filter(|selector| !selector.is_empty())
}

async fn reconcile(service: Arc<Service>, context: Arc<Context>) -> Result<Action, Error> {
    let namespace = service.namespace().unwrap_or_default();
    let slices = Api::<EndpointSlice>::namespaced(context.client.clone(), &namespace);
    let name = format!("{}-{MANAGER}", service.name_any());
    let Some(selector) = selector(&service) else {
        context
            .members
            .lock()
            .remove(&ObjectRef::from_obj(service.as_ref()));
        if found(slices.get_metadata(&name).await)?.is_some() {
            found(slices.delete(&name, &DeleteParams::default()).await)?;
        }
        return Ok(Action::await_change());
    };
    let labels: Vec<_> = selector
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let mut pods = Api::<Pod>::namespaced(context.client.clone(), &namespace)
        .list(&ListParams::default().labels(&labels.join(",")))
        .await?
        .items;
    pods.sort_by_key(ResourceExt::name_any);
    let names = pods.iter().map(ResourceExt::name_any).collect();
    context
        .members
        .lock()
        .insert(ObjectRef::from_obj(service.as_ref()), names);
    let wanted = slice(name.clone(), &service, &pods);
    let existing = found(slices.get(&name).await)?;
    let same = existing
        .is_some_and(|slice| slice.endpoints == wanted.endpoints && slice.ports == wanted.ports);
    if !same {
        slices
            .patch(
                &name,
                &PatchParams::apply(MANAGER).force(),
                &Patch::Apply(&wanted),
            )
            .await?;
    }
    Ok(Action::await_change())
}

fn slice(name: String, service: &Service, pods: &[Pod]) -> EndpointSlice {
    let spec = service.spec.as_ref();
    let ports = spec
        .and_then(|spec| spec.ports.as_ref())
        .into_iter()
        .flatten();
    let unready = spec.and_then(|spec| spec.publish_not_ready_addresses) == Some(true);
    let labels = [
        (SERVICE_NAME, service.name_any()),
        (MANAGED_BY, MANAGED_BY_US.to_owned()),
    ];
    EndpointSlice {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: service.namespace(),
            labels: Some(
                labels
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect(),
            ),
            owner_references: service.controller_owner_ref(&()).map(|owner| vec![owner]),
            ..Default::default()
        },
        address_type: "IPv4".to_owned(),
        endpoints: Some(
            pods.iter()
                .filter_map(|pod| endpoint(pod, unready))
                .collect::<Vec<_>>(),
        ),
        ports: Some(ports.filter_map(|port| endpoint_port(port, pods)).collect()),
    }
}

/// A Pod's endpoint; none while it has no address or has ended.
fn endpoint(pod: &Pod, publish_unready: bool) -> Option<Endpoint> {
    let status = pod.status.as_ref()?;
    if matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")) {
        return None;
    }
    let ready = status
        .conditions
        .iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True");
    let terminating = pod.metadata.deletion_timestamp.is_some();
    Some(Endpoint {
        addresses: vec![status.pod_ip.clone()?],
        conditions: Some(EndpointConditions {
            ready: Some(publish_unready || ready && !terminating),
            serving: Some(publish_unready || ready),
            terminating: Some(terminating),
        }),
        node_name: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        target_ref: Some(ObjectReference {
            kind: Some("Pod".to_owned()),
            name: pod.metadata.name.clone(),
            namespace: pod.metadata.namespace.clone(),
            uid: pod.metadata.uid.clone(),
            ..Default::default()
        }),
        ..Default::default()
    })
}

/// The port of the endpoints behind a Service's port; none if no Pod has a port of that name.
fn endpoint_port(port: &ServicePort, pods: &[Pod]) -> Option<EndpointPort> {
    let protocol = port.protocol.clone().unwrap_or_else(|| "TCP".to_owned());
    let number = match port.target_port.as_ref() {
        None => port.port,
        Some(IntOrString::Int(number)) => *number,
        Some(IntOrString::String(name)) => pods
            .iter()
            .find_map(|pod| container_port(pod, name, &protocol))?,
    };
    Some(EndpointPort {
        name: Some(port.name.clone().unwrap_or_default()),
        port: Some(number),
        protocol: Some(protocol),
        app_protocol: port.app_protocol.clone(),
    })
}

fn container_port(pod: &Pod, name: &str, protocol: &str) -> Option<i32> {
    let containers = pod.spec.as_ref()?.containers.iter();
    let mut ports = containers.flat_map(|container| container.ports.iter().flatten());
    ports
        .find(|port| {
            port.name.as_deref() == Some(name)
                && port.protocol.as_deref().unwrap_or("TCP") == protocol
        })
        .map(|port| port.container_port)
}

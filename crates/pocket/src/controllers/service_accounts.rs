//! What every namespace has: the ServiceAccount `default` and the ConfigMap `kube-root-ca.crt`.

use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use kube::api::{ObjectMeta, PostParams};
use kube::runtime::controller::Action;
use kube::runtime::{Controller, watcher};
use kube::{Api, Client, ResourceExt};
use tokio_util::sync::CancellationToken;

use super::{Error, again, found};

const ROOT_CA: &str = "kube-root-ca.crt";
const DESCRIPTION: (&str, &str) = (
    "kubernetes.io/description",
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the \
     internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes \
     clusters.",
);

struct Context {
    client: Client,
    ca_certificate: String,
}

pub(super) async fn run(client: Client, ca_certificate: String, shutdown: CancellationToken) {
    let context = Arc::new(Context {
        client: client.clone(),
        ca_certificate,
    });
    let namespaces = Api::<Namespace>::all(client);
    Controller::new(namespaces, watcher::Config::default())
        .graceful_shutdown_on(shutdown.cancelled_owned())
        .run(
            reconcile,
            |_, error, _| again("service-accounts", error),
            context,
        )
        .for_each(|_| std::future::ready(()))
        .await;
}

async fn reconcile(namespace: Arc<Namespace>, context: Arc<Context>) -> Result<Action, Error> {
    if namespace.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let name = namespace.name_any();
    let accounts = Api::<ServiceAccount>::namespaced(context.client.clone(), &name);
    if found(accounts.get("default").await)?.is_none() {
        let account = ServiceAccount {
            metadata: named("default"),
            ..Default::default()
        };
        accounts.create(&PostParams::default(), &account).await?;
    }
    let config_maps = Api::<ConfigMap>::namespaced(context.client.clone(), &name);
    let data = Some([("ca.crt".to_owned(), context.ca_certificate.clone())].into());
    match found(config_maps.get(ROOT_CA).await)? {
        Some(existing) if existing.data == data => {}
        Some(existing) => {
            let renewed = ConfigMap { data, ..existing };
            config_maps
                .replace(ROOT_CA, &PostParams::default(), &renewed)
                .await?;
        }
        None => {
            let (key, text) = DESCRIPTION;
            let root = ConfigMap {
                metadata: ObjectMeta {
                    annotations: Some([(key.to_owned(), text.to_owned())].into()),
                    ..named(ROOT_CA)
                },
                data,
                ..Default::default()
            };
            config_maps.create(&PostParams::default(), &root).await?;
        }
    }
    Ok(Action::await_change())
}

fn named(name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        ..Default::default()
    }
}

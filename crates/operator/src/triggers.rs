//! What causes a pass: changes of anything that a pass looks at.
//!
//! A trigger only names the cluster. Those of control records come from the one watch of them, in `records`.

use futures::{Stream, StreamExt as _, future};
use howdah_api::{SGCluster, labels};
use howdah_plan::references::wanted_secret_keys;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, PartialObjectMeta};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Client, Resource, ResourceExt as _};

use crate::Config;
use crate::cluster::Guarded;
use crate::scope::Scope;

/// Clusters as the controller's own watch knows them.
pub(crate) type Clusters = Store<Guarded>;

/// Label selector of the objects that belong to clusters.
pub(crate) fn owned_objects() -> watcher::Config {
    watcher::Config::default().labels(&format!("{}={}", labels::APP, labels::APP_CLUSTER))
}

/// The clusters that own a Secret or refer to it. Secrets are watched without their contents.
pub(crate) fn secrets(
    scope: &Scope,
    client: &Client,
    clusters: Clusters,
) -> impl Stream<Item = ObjectRef<Guarded>> + use<> {
    watcher(
        scope.api::<PartialObjectMeta<Secret>>(client),
        watcher::Config::default(),
    )
    .default_backoff()
    .touched_objects()
    .filter_map(|secret| future::ready(secret.ok()))
    .flat_map(move |secret| {
        let mut touched = referring(&clusters, &secret, |cluster, name| {
            wanted_secret_keys(&cluster.spec)
                .iter()
                .any(|key| key.selector.name == name)
        });
        touched.extend(owning_cluster(&secret));
        futures::stream::iter(touched)
    })
}

/// Changes of the catalogue, which concern every cluster.
pub(crate) fn catalogue(client: Client, config: &Config) -> impl Stream<Item = ()> + use<> {
    let named = watcher::Config::default().fields(&format!("metadata.name={}", config.catalogue));
    let name = config.catalogue.clone();
    watcher(
        Api::<ConfigMap>::namespaced(client, &config.namespace),
        named,
    )
    .default_backoff()
    .touched_objects()
    .filter_map(move |map| {
        let ours = map.is_ok_and(|map| map.name_any() == name);
        future::ready(ours.then_some(()))
    })
}

/// The clusters of an object's namespace that refer to it by name.
///
/// Objects that were generated for a cluster start with its name, and are not named in it.
pub(crate) fn referring<K: Resource>(
    clusters: &Clusters,
    object: &K,
    refers: impl Fn(&SGCluster, &str) -> bool,
) -> Vec<ObjectRef<Guarded>> {
    let namespace = object.namespace();
    let name = object.name_any();
    clusters
        .state()
        .iter()
        .filter(|cluster| cluster.namespace() == namespace)
        .filter(|cluster| match &cluster.0 {
            Ok(readable) => {
                refers(readable, &name) || name.starts_with(&format!("{}-", readable.name_any()))
            }
            Err(_) => false,
        })
        .map(|cluster| ObjectRef::from_obj(&**cluster))
        .collect()
}

/// The cluster that an object belongs to by its labels.
pub(crate) fn labelled_cluster(object: &impl Resource) -> Option<ObjectRef<Guarded>> {
    let name = object.meta().labels.as_ref()?.get(labels::CLUSTER_NAME)?;
    Some(ObjectRef::new(name).within(object.meta().namespace.as_deref()?))
}

fn owning_cluster(secret: &PartialObjectMeta<Secret>) -> Option<ObjectRef<Guarded>> {
    let owners = secret.owner_references().iter();
    let owner = owners
        .into_iter()
        .find(|owner| owner.kind == SGCluster::kind(&()))?;
    Some(ObjectRef::new(&owner.name).within(&secret.namespace()?))
}

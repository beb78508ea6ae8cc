//! One API server with one operator, and what tests ask of it.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use anyhow::{Context as _, Result};
use howdah_api::{Condition, SGCluster, conditions};
use howdah_operator::{Config, install_crds, run};
use howdah_testkit::{TempWorld, wait_until};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Namespace, Pod};
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use kube::core::ObjectMeta;
use kube::{Client, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::suite::{account, actor};

pub(crate) const NAMESPACE: &str = "default";

/// Far longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

const CATALOGUE: &str = "
components:
- {component: postgres, version: '18.6', image: test/postgres-18}
- {component: postgres, version: '17.9', image: test/postgres-17}
- {component: postgres-util, version: '18.6', image: test/postgres-util}
- {component: pgbouncer, version: '1.26.1', image: test/pgbouncer}
- {component: envoy, version: '1.40.0', image: test/envoy}
";

/// Kinds that a test can read and write.
pub(crate) trait Object:
    Resource<Scope = NamespaceResourceScope, DynamicType = ()>
    + Clone
    + Debug
    + Serialize
    + DeserializeOwned
    + 'static
{
}

impl<K> Object for K where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned
        + 'static
{
}

pub(crate) struct World {
    pub(crate) client: Client,
    pocket: howdah_pocket::Running,
    shutdown: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
    /// Those that run, and who they are.
    operators: Vec<JoinHandle<()>>,
    operating: CancellationToken,
    account: Option<Client>,
    _folder: TempWorld,
}

impl World {
    /// A world with the catalogue, the operator and the actor.
    pub(crate) async fn start() -> Result<Self> {
        let mut world = Self::without_operator().await?;
        world.operate(Config::default()).await?;
        Ok(world)
    }

    /// A world with the catalogue and the actor.
    pub(crate) async fn without_operator() -> Result<Self> {
        let folder = TempWorld::new()?;
        let mut config =
            howdah_pocket::Config::new(folder.path().join("state"), folder.path().join("none"));
        config.port = 0;
        let pocket = howdah_pocket::start(config).await?;
        let client = pocket.client();
        install_crds(&client).await?;
        let mut world = Self {
            client,
            pocket,
            shutdown: CancellationToken::new(),
            tasks: Vec::new(),
            operators: Vec::new(),
            operating: CancellationToken::new(),
            account: None,
            _folder: folder,
        };
        world.ensure_namespace(&Config::default().namespace).await?;
        world.set_catalogue(CATALOGUE).await?;
        let play = actor::play(world.client.clone(), world.shutdown.clone());
        world.tasks.push(tokio::spawn(play));
        Ok(world)
    }

    /// Starts the operator.
    pub(crate) async fn operate(&mut self, config: Config) -> Result<()> {
        let client = match &self.account {
            Some(client) => client.clone(),
            None => {
                let kubeconfig = self.pocket.kubeconfig_path();
                account::client(&self.client, &config, kubeconfig).await?
            }
        };
        self.account = Some(client.clone());
        let shutdown = self.operating.clone();
        self.operators.push(tokio::spawn(async move {
            if let Err(error) = run(client, config, shutdown).await {
                panic!("operator ended: {error:#}");
            }
        }));
        Ok(())
    }

    /// The API as the operator that was started may use it.
    pub(crate) fn operator(&self) -> Client {
        self.account.clone().unwrap_or_else(|| self.client.clone())
    }

    /// Ends the operators in order; others can be started after.
    pub(crate) async fn stop_operators(&mut self) -> Result<()> {
        self.operating.cancel();
        for operator in self.operators.drain(..) {
            operator.await?;
        }
        self.operating = CancellationToken::new();
        Ok(())
    }

    pub(crate) async fn end(mut self) -> Result<()> {
        self.stop_operators().await?;
        self.shutdown.cancel();
        for task in self.tasks {
            task.await?;
        }
        self.pocket.shutdown().await;
        Ok(())
    }

    pub(crate) fn api<K: Object>(&self) -> Api<K> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    pub(crate) async fn set_catalogue(&self, text: &str) -> Result<()> {
        let config = Config::default();
        let map = ConfigMap {
            metadata: ObjectMeta {
                name: Some(config.catalogue.clone()),
                ..ObjectMeta::default()
            },
            data: Some(BTreeMap::from([(
                "catalogue.yaml".to_owned(),
                text.to_owned(),
            )])),
            ..ConfigMap::default()
        };
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), &config.namespace);
        let params = PatchParams::apply("test").force();
        api.patch(&config.catalogue, &params, &Patch::Apply(&map))
            .await?;
        Ok(())
    }

    pub(crate) async fn ensure_namespace(&self, name: &str) -> Result<()> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        if api.get_opt(name).await?.is_none() {
            let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": name}}))?;
            api.create(&PostParams::default(), &namespace).await?;
        }
        Ok(())
    }

    /// Creates a nine-line cluster called `a`, with further fields of the specification.
    pub(crate) async fn create_cluster(&self, more: Value) -> Result<()> {
        let mut cluster = json!({
            "apiVersion": "stackgres.io/v1",
            "kind": "SGCluster",
            "metadata": {"name": "a"},
            "spec": {
                "instances": 3,
                "postgres": {"version": "latest"},
                "pods": {"persistentVolume": {"size": "5Gi"}},
            },
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            cluster["spec"][key] = value.clone();
        }
        let cluster: SGCluster = serde_json::from_value(cluster)?;
        self.api().create(&PostParams::default(), &cluster).await?;
        Ok(())
    }

    pub(crate) async fn patch<K: Object>(&self, name: &str, patch: Value) -> Result<K> {
        let patched = self
            .api()
            .patch(name, &PatchParams::default(), &Patch::Merge(patch))
            .await;
        patched.with_context(|| format!("patch {name}"))
    }

    pub(crate) async fn cluster(&self) -> Result<SGCluster> {
        Ok(self.api().get("a").await?)
    }

    /// Names of all objects of a kind in the namespace, in order.
    pub(crate) async fn names<K: Object>(&self) -> Result<Vec<String>> {
        let list = self.api::<K>().list(&ListParams::default()).await?;
        let mut names: Vec<_> = list.items.iter().map(kube::ResourceExt::name_any).collect();
        names.sort();
        Ok(names)
    }

    /// Names of all objects of a kind that an owner with this UID does not take along.
    pub(crate) async fn strangers<K: Object>(&self, uid: &str) -> Result<Vec<String>> {
        let list = self.api::<K>().list(&ListParams::default()).await?;
        let owned = |object: &&K| {
            object
                .owner_references()
                .iter()
                .any(|owner| owner.uid == uid)
        };
        Ok(list
            .items
            .iter()
            .filter(|object| !owned(object))
            .map(kube::ResourceExt::name_any)
            .collect())
    }

    /// Resource versions of all objects of a kind, by name.
    pub(crate) async fn versions<K: Object>(&self) -> Result<BTreeMap<String, String>> {
        let list = self.api::<K>().list(&ListParams::default()).await?;
        let version = |object: &K| object.resource_version().unwrap_or_default();
        Ok(list
            .items
            .iter()
            .map(|object| (object.name_any(), version(object)))
            .collect())
    }

    /// Waits until exactly these Pods exist and are ready.
    pub(crate) async fn await_pods(&self, expected: &[&str]) -> Result<()> {
        wait_until(PATIENCE, "Pods", async || {
            let pods = self.api::<Pod>().list(&ListParams::default()).await;
            let pods = pods.map_err(|error| error.to_string())?;
            let mut ready: Vec<_> = pods
                .items
                .iter()
                .filter(|pod| actor::is_ready(pod))
                .collect();
            ready.sort_by_key(|pod| pod.name_any());
            let names: Vec<_> = ready.iter().map(|pod| pod.name_any()).collect();
            if pods.items.len() == ready.len() && names == expected {
                Ok(())
            } else {
                Err(format!("{} Pods, ready: {names:?}", pods.items.len()))
            }
        })
        .await
    }

    /// Waits until a condition of the cluster has this status.
    pub(crate) async fn await_condition(&self, type_: &str, status: &str) -> Result<Condition> {
        wait_until(PATIENCE, &format!("{type_}={status}"), async || {
            let cluster = self.cluster().await.map_err(|error| format!("{error:#}"))?;
            let conditions = cluster.status.unwrap_or_default().conditions;
            match conditions::find(&conditions, type_) {
                Some(condition) if condition.status == status => Ok(condition.clone()),
                _ => Err(format!("{conditions:?}")),
            }
        })
        .await
    }

    /// Waits until a question about an object has an answer.
    pub(crate) async fn await_object<K: Object, T>(
        &self,
        name: &str,
        what: &str,
        question: impl Fn(&K) -> Option<T>,
    ) -> Result<T> {
        wait_until(PATIENCE, what, async || {
            let found = self
                .api::<K>()
                .get_opt(name)
                .await
                .map_err(|error| error.to_string())?;
            let answer = found.as_ref().and_then(&question);
            answer.ok_or_else(|| serde_json::to_string(&found).unwrap_or_default())
        })
        .await
    }

    /// Waits until an Event with this reason was published, and returns its message.
    pub(crate) async fn await_event(&self, reason: &str) -> Result<String> {
        wait_until(PATIENCE, &format!("Event {reason}"), async || {
            let events = self.api::<Event>().list(&ListParams::default()).await;
            let events = events.map_err(|error| error.to_string())?.items;
            let found = events
                .iter()
                .find(|event| event.reason.as_deref() == Some(reason));
            let reasons: Vec<_> = events
                .iter()
                .filter_map(|event| event.reason.clone())
                .collect();
            found
                .map(|event| event.message.clone().unwrap_or_default())
                .ok_or(reasons.join(", "))
        })
        .await
    }
}

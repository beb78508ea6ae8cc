//! A pocket in a temporary folder, with a node that a test can take away and bring back.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use camino::Utf8PathBuf;
use futures::StreamExt;
use howdah_pocket::node::{self, ApiAccess, Handle, LogOptions, PodLogs, ProcessUser};
use howdah_pocket::{Running, net};
use howdah_types::catalogue::{Catalogue, Component, ComponentName};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Client};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{eventually, shim_program};

pub(crate) const IMAGE: &str = "test/shell";

pub(crate) struct World {
    _guard: tempfile::TempDir,
    pub(crate) dir: Utf8PathBuf,
    pub(crate) user: Option<ProcessUser>,
    running: Option<Running>,
    node: Option<Node>,
}

struct Node {
    task: JoinHandle<Result<(), node::Error>>,
    net: JoinHandle<()>,
    shutdown: CancellationToken,
    handle: Handle,
}

impl World {
    /// A pocket with its node.
    pub(crate) async fn new() -> Result<Self> {
        Self::with_user(None).await
    }

    pub(crate) async fn with_user(user: Option<ProcessUser>) -> Result<Self> {
        let guard = tempfile::Builder::new().prefix("pocket-").tempdir()?;
        let dir = Utf8PathBuf::try_from(guard.path().to_owned())?;
        let components = dir.join("components");
        std::fs::create_dir(&components)?;
        let mut config = howdah_pocket::Config::new(dir.join("state"), components);
        config.port = 0;
        let running = howdah_pocket::start(config).await?;
        let mut world = Self {
            _guard: guard,
            dir,
            user,
            running: Some(running),
            node: None,
        };
        world.start_node()?;
        Ok(world)
    }

    pub(crate) fn client(&self) -> Result<Client> {
        Ok(self.running()?.client())
    }

    /// A client over HTTPS with the admin's certificate, as `kubectl` is one.
    pub(crate) async fn https(&self) -> Result<Client> {
        let config = kube::config::Kubeconfig::read_from(self.running()?.kubeconfig_path())?;
        let options = kube::config::KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(config, &options).await?;
        Ok(Client::try_from(config)?)
    }

    fn running(&self) -> Result<&Running> {
        self.running.as_ref().context("the pocket has been stopped")
    }

    pub(crate) fn api<K>(&self) -> Result<Api<K>>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Ok(Api::namespaced(self.client()?, "default"))
    }

    pub(crate) fn node_address(&self) -> Result<Ipv4Addr> {
        match self.running()?.address().ip() {
            IpAddr::V4(address) => Ok(address),
            IpAddr::V6(address) => bail!("{address} is not IPv4"),
        }
    }

    pub(crate) fn start_node(&mut self) -> Result<()> {
        let address = self.node_address()?;
        let [a, b, ..] = address.octets();
        let handle = Handle::default();
        let config = node::Config {
            state_dir: self.dir.join("state"),
            node_name: "pocket".to_owned(),
            node_address: address,
            pod_network: (Ipv4Addr::new(a, b, 1, 0), Ipv4Addr::new(a, b, 127, 255)),
            catalogue: catalogue(&[IMAGE]),
            components_dir: self.dir.join("components"),
            program: self.program()?,
            user: self.user.clone(),
            api: ApiAccess {
                server: format!("https://{}", self.running()?.address()),
                ca_pem: self.ca_pem()?,
            },
            handle: handle.clone(),
        };
        self.running()?.server().set_node(handle.clone());
        let shutdown = CancellationToken::new();
        let network = net::Config {
            node_address: address,
            node_name: "pocket".to_owned(),
        };
        self.node = Some(Node {
            task: tokio::spawn(node::run(self.client()?, config, shutdown.clone())),
            net: tokio::spawn(net::run(self.client()?, network, shutdown.clone())),
            shutdown,
            handle,
        });
        Ok(())
    }

    fn ca_pem(&self) -> Result<String> {
        let kubeconfig = kube::config::Kubeconfig::read_from(self.running()?.kubeconfig_path())?;
        let cluster = kubeconfig
            .clusters
            .into_iter()
            .next()
            .and_then(|named| named.cluster);
        let data = cluster.and_then(|cluster| cluster.certificate_authority_data);
        let data = data.context("the kubeconfig has no certificate")?;
        Ok(String::from_utf8(
            base64::engine::general_purpose::STANDARD.decode(data)?,
        )?)
    }

    /// The shim, where also another account can reach it.
    fn program(&self) -> Result<Utf8PathBuf> {
        let program = self.dir.join("bin/pocket_shim");
        if !program.exists() {
            std::fs::create_dir(self.dir.join("bin"))?;
            std::fs::copy(shim_program()?, &program)?;
        }
        Ok(program)
    }

    /// Ends the node as its process would end; the Pods' processes go on.
    pub(crate) async fn stop_node(&mut self) -> Result<()> {
        let node = self.node.take().context("there is no node")?;
        node.shutdown.cancel();
        node.task.await??;
        node.net.await?;
        Ok(())
    }

    pub(crate) fn handle(&self) -> Result<&Handle> {
        Ok(&self.node.as_ref().context("there is no node")?.handle)
    }

    /// Stops everything and makes sure that nothing is left.
    pub(crate) async fn finish(mut self) -> Result<()> {
        if self.node.is_some() {
            let left = self.handle()?.stop_all(Duration::from_secs(1)).await;
            anyhow::ensure!(left == 0, "{left} pods did not stop");
            self.stop_node().await?;
        }
        if let Some(running) = self.running.take() {
            running.shutdown().await;
        }
        let left = processes_of(&self.dir);
        anyhow::ensure!(left.is_empty(), "processes are left: {left:?}");
        Ok(())
    }

    pub(crate) async fn create<K>(&self, object: Value) -> Result<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope>
            + DeserializeOwned
            + serde::Serialize
            + Clone
            + std::fmt::Debug,
        K::DynamicType: Default,
    {
        let object: K = serde_json::from_value(object)?;
        Ok(self
            .api::<K>()?
            .create(&PostParams::default(), &object)
            .await?)
    }

    /// A Pod `p` with one container `c` that runs a shell script; `change` makes it special.
    pub(crate) async fn pod(&self, script: &str, change: impl FnOnce(&mut Value)) -> Result<Pod> {
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "p"},
            "spec": {
                "automountServiceAccountToken": false,
                "terminationGracePeriodSeconds": 5,
                "containers": [{"name": "c", "image": IMAGE, "command": ["sh", "-c", script]}],
            },
        });
        change(&mut pod);
        self.create(pod).await
    }

    pub(crate) async fn get(&self) -> Result<Pod> {
        Ok(self.api::<Pod>()?.get("p").await?)
    }

    /// Waits until the Pod `p` looks as wanted.
    pub(crate) async fn pod_when(
        &self,
        what: &str,
        is_wanted: impl Fn(&Pod) -> bool,
    ) -> Result<Pod> {
        let mut last = None;
        let found = eventually(what, async || {
            let pod = self.get().await?;
            last = pod.status.clone();
            Ok(Some(pod).filter(&is_wanted))
        })
        .await;
        found.with_context(|| {
            format!(
                "last status: {}",
                serde_json::to_string(&last).unwrap_or_default()
            )
        })
    }

    pub(crate) async fn ready(&self) -> Result<Pod> {
        self.pod_when("ready", is_ready).await
    }

    /// Waits until the Pod `p` is gone.
    pub(crate) async fn gone(&self) -> Result<()> {
        eventually("pod gone", async || {
            Ok(self
                .api::<Pod>()?
                .get_opt("p")
                .await?
                .is_none()
                .then_some(()))
        })
        .await
    }

    pub(crate) async fn delete(&self, grace: Option<u32>) -> Result<()> {
        let parameters = DeleteParams {
            grace_period_seconds: grace,
            ..DeleteParams::default()
        };
        self.api::<Pod>()?.delete("p", &parameters).await?;
        Ok(())
    }

    pub(crate) async fn logs(&self, options: LogOptions) -> Result<String> {
        let mut stream = self.handle()?.logs("default", "p", None, options).await?;
        let mut text = Vec::new();
        while let Some(piece) = stream.next().await {
            text.extend_from_slice(&piece?);
        }
        Ok(String::from_utf8(text)?)
    }

    /// Waits until the container has printed this.
    pub(crate) async fn printed(&self, text: &str) -> Result<String> {
        let found = eventually(&format!("{text:?} in the log"), async || {
            let log = self.logs(LogOptions::default()).await?;
            Ok(Some(log).filter(|log| log.contains(text)))
        })
        .await;
        match found {
            Ok(log) => Ok(log),
            Err(error) => {
                let log = self.logs(LogOptions::default()).await;
                let status = self.get().await?.status;
                Err(error.context(format!(
                    "log {log:?}, status {}",
                    serde_json::to_string(&status)?
                )))
            }
        }
    }

    /// The folder of a Pod.
    pub(crate) fn pod_dir(&self, pod: &Pod) -> Result<Utf8PathBuf> {
        let uid = pod.metadata.uid.as_deref().context("no uid")?;
        Ok(self.dir.join("state/pods").join(&uid[..8]))
    }

    /// A pid that the shim of the Pod's container has recorded: `shim` or `main`.
    pub(crate) fn pid(&self, pod: &Pod, attempt: u32, which: &str) -> Result<i32> {
        let file = format!("containers/c/{attempt}/state.json");
        let text = std::fs::read_to_string(self.pod_dir(pod)?.join(file))?;
        let state: Value = serde_json::from_str(&text)?;
        let pid = state[which]["pid"].as_i64().context("no pid")?;
        Ok(i32::try_from(pid)?)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // A failed test leaves its node in the middle of something, which may still begin a process.
        for _ in 0..100 {
            for pid in processes_of(&self.dir) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    }
}

/// Processes that have the folder in their arguments or environment.
pub(crate) fn processes_of(dir: &Utf8PathBuf) -> Vec<i32> {
    let is_of = |pid: &i32| {
        ["cmdline", "environ"].iter().any(|file| {
            std::fs::read(format!("/proc/{pid}/{file}"))
                .is_ok_and(|text| String::from_utf8_lossy(&text).contains(dir.as_str()))
        })
    };
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(is_of)
        .collect()
}

pub(crate) fn catalogue(images: &[&str]) -> Catalogue {
    let component = |image: &&str| Component {
        component: ComponentName::PostgresUtil,
        version: "1.0".to_owned(),
        image: (*image).to_owned(),
        programs: Vec::new(),
        env: std::collections::BTreeMap::new(),
    };
    Catalogue {
        components: images.iter().map(component).collect(),
    }
}

pub(crate) fn is_ready(pod: &Pod) -> bool {
    condition(pod, "Ready").as_deref() == Some("True")
}

pub(crate) fn condition(pod: &Pod, name: &str) -> Option<String> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let found = conditions
        .iter()
        .find(|condition| condition.type_ == name)?;
    Some(found.status.clone())
}

pub(crate) fn phase(pod: &Pod) -> &str {
    let status = pod.status.as_ref();
    status
        .and_then(|status| status.phase.as_deref())
        .unwrap_or_default()
}

pub(crate) fn container(pod: &Pod) -> Option<&ContainerStatus> {
    pod.status.as_ref()?.container_statuses.as_ref()?.first()
}

pub(crate) fn waiting(pod: &Pod) -> Option<(&str, &str)> {
    let waiting = container(pod)?.state.as_ref()?.waiting.as_ref()?;
    Some((
        waiting.reason.as_deref().unwrap_or_default(),
        waiting.message.as_deref().unwrap_or_default(),
    ))
}

pub(crate) fn restarts(pod: &Pod) -> i32 {
    container(pod).map_or(0, |container| container.restart_count)
}

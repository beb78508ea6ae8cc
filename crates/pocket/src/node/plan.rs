//! From a Pod to what must be done on this machine: pure, so that all of it is tested without a process.
//!
//! The inputs are the Pod, facts about the node and the objects that the Pod refers to. Not here: anything that
//! looks at the file system or at time.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use camino::{Utf8Path, Utf8PathBuf};
use howdah_types::catalogue::Component;
use k8s_openapi::api::core::v1::{
    ConfigMap, Container, PersistentVolumeClaim, Pod, PodSpec, Secret,
};

pub(crate) mod env;
mod expand;
pub(crate) mod fields;
pub(crate) mod files;
pub(crate) mod mounts;
pub(crate) mod probes;
pub(crate) mod references;
#[cfg(test)]
mod tests;
pub(crate) mod volumes;

/// Why a container cannot be started as things are; shown as the `reason` and `message` of a waiting container.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Problem {
    /// The kubelet's word for it.
    pub(crate) reason: &'static str,
    /// What a person needs to know.
    pub(crate) message: String,
}

impl Problem {
    /// The container's configuration refers to something that is not there.
    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self {
            reason: "CreateContainerConfigError",
            message: message.into(),
        }
    }

    /// A volume is not available.
    pub(crate) fn mount(volume: &str, message: impl std::fmt::Display) -> Self {
        Self {
            reason: "FailedMount",
            message: format!("MountVolume.SetUp failed for volume {volume:?} : {message}"),
        }
    }
}

/// What is the same for all Pods of a node.
#[derive(Clone, Debug)]
pub(crate) struct NodeFacts {
    /// The node's name.
    pub(crate) name: String,
    /// Its address.
    pub(crate) address: Ipv4Addr,
    /// The folder with the `howdah` program.
    pub(crate) program_dir: Utf8PathBuf,
    /// The folder that the catalogue's paths are relative to.
    pub(crate) components_dir: Utf8PathBuf,
    /// Thousandths of a CPU.
    pub(crate) cpu_thousandths: u64,
    /// Bytes of memory.
    pub(crate) memory_bytes: u64,
}

/// What is the same for all containers of a Pod.
#[derive(Clone, Debug)]
pub(crate) struct PodFacts<'a> {
    /// The Pod.
    pub(crate) pod: &'a Pod,
    /// Its address.
    pub(crate) ip: Ipv4Addr,
    /// The folder that stands for the file system root.
    pub(crate) root: Utf8PathBuf,
    /// The kubeconfig file for the Pod's ServiceAccount, unless it wants none.
    pub(crate) kubeconfig: Option<Utf8PathBuf>,
    /// The node.
    pub(crate) node: &'a NodeFacts,
}

impl PodFacts<'_> {
    pub(crate) fn spec(&self) -> &PodSpec {
        spec(self.pod)
    }
}

/// The specification of a Pod, which the API guarantees to be there.
pub(crate) fn spec(pod: &Pod) -> &PodSpec {
    static EMPTY: std::sync::LazyLock<PodSpec> = std::sync::LazyLock::new(PodSpec::default);
    pod.spec.as_ref().unwrap_or(&EMPTY)
}

/// The objects of the Pod's namespace that it refers to; `None` for one that is known not to exist.
#[derive(Clone, Debug, Default)]
pub(crate) struct Objects {
    /// ConfigMaps by name.
    pub(crate) config_maps: BTreeMap<String, Option<ConfigMap>>,
    /// Secrets by name.
    pub(crate) secrets: BTreeMap<String, Option<Secret>>,
    /// PersistentVolumeClaims by name.
    pub(crate) claims: BTreeMap<String, Option<PersistentVolumeClaim>>,
}

impl Objects {
    pub(crate) fn config_map(&self, name: &str) -> Option<&ConfigMap> {
        self.config_maps.get(name)?.as_ref()
    }

    pub(crate) fn secret(&self, name: &str) -> Option<&Secret> {
        self.secrets.get(name)?.as_ref()
    }
}

/// One container ready to be launched, but for finding the program on `PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ContainerPlan {
    /// The program, as written, and its arguments.
    pub(crate) argv: Vec<String>,
    /// The whole environment.
    pub(crate) env: BTreeMap<String, String>,
    /// Where to look for the program, in order.
    pub(crate) path: Vec<Utf8PathBuf>,
    /// Where it starts.
    pub(crate) working_dir: Utf8PathBuf,
}

/// Plans one container of a Pod that runs programs of `component`.
pub(crate) fn container(
    facts: &PodFacts<'_>,
    container: &Container,
    component: &Component,
    objects: &Objects,
) -> Result<ContainerPlan, Problem> {
    let env = env::environment(facts, container, component, objects)?;
    let written = container.command.iter().chain(&container.args).flatten();
    let argv: Vec<_> = written.map(|word| expand::expand(word, &env)).collect();
    if argv.is_empty() {
        return Err(Problem {
            reason: "CreateContainerError",
            message: format!(
                "container {:?} names no command, and images have none of their own on this platform",
                container.name
            ),
        });
    }
    let path = env.get("PATH").map(String::as_str).unwrap_or_default();
    Ok(ContainerPlan {
        argv,
        path: path.split(':').map(Utf8PathBuf::from).collect(),
        working_dir: below_root(
            &facts.root,
            container.working_dir.as_deref().unwrap_or_default(),
        ),
        env,
    })
}

/// Where an absolute path of the container lies on this machine.
pub(crate) fn below_root(root: &Utf8Path, container_path: &str) -> Utf8PathBuf {
    let relative = container_path.trim_matches('/');
    if relative.is_empty() {
        root.to_owned()
    } else {
        root.join(relative)
    }
}

/// The mark in the environment of the processes of all attempts to run a container.
pub(crate) fn mark_prefix(uid: &str, container: &str) -> String {
    format!("{uid}/{container}/")
}

/// The mark of one attempt.
pub(crate) fn mark(uid: &str, container: &str, attempt: u32) -> String {
    format!("{}{attempt}", mark_prefix(uid, container))
}

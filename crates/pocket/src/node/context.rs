//! What all Pods of a node share.

use std::collections::BTreeMap;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use howdah_types::catalogue::{Catalogue, Component, FILE_NAME};
use kube::Client;
use parking_lot::{Mutex, RwLock};

use super::addresses::Addresses;
use super::events::EventSink;
use super::layout::{PodDir, folder_name};
use super::plan::{NodeFacts, Problem};
use super::{ApiAccess, Config, Handle, ProcessUser};

/// A Pod's place among those of its name: a new Pod waits here until its predecessor has left nothing behind.
pub(super) type NameGuard = tokio::sync::OwnedMutexGuard<()>;

type NameLock = Arc<tokio::sync::Mutex<()>>;

pub(super) struct Context {
    pub(super) client: Client,
    pub(super) api: ApiAccess,
    pub(super) facts: NodeFacts,
    pub(super) program: Utf8PathBuf,
    pub(super) user: Option<ProcessUser>,
    /// The account number that processes of Pods have.
    pub(super) uid: u32,
    pub(super) addresses: Addresses,
    pub(super) events: EventSink,
    pub(super) handle: Handle,
    pods_dir: Utf8PathBuf,
    catalogue: RwLock<Catalogue>,
    names: Mutex<BTreeMap<(String, String), NameLock>>,
}

impl Context {
    pub(super) fn new(client: Client, config: Config) -> Self {
        let program_dir = config.program.parent().unwrap_or(Utf8Path::new("/"));
        let facts = NodeFacts {
            name: config.node_name.clone(),
            address: config.node_address,
            program_dir: program_dir.to_owned(),
            components_dir: config.components_dir,
            cpu_thousandths: machine_cpus() * 1000,
            memory_bytes: machine_memory(),
        };
        let uid = config
            .user
            .as_ref()
            .map_or_else(|| nix::unistd::geteuid().as_raw(), |user| user.uid);
        Self {
            events: EventSink::start(client.clone(), "kubelet", config.node_name),
            client,
            api: config.api,
            facts,
            program: config.program,
            user: config.user,
            uid,
            addresses: Addresses::new(config.pod_network),
            handle: config.handle,
            pods_dir: pods_dir(&config.state_dir),
            catalogue: RwLock::new(config.catalogue),
            names: Mutex::default(),
        }
    }

    pub(super) fn pod_dir(&self, uid: &str) -> PodDir {
        PodDir::new(self.pods_dir.join(folder_name(uid)), self.user.clone())
    }

    /// The folders of all Pods that were ever here.
    pub(super) fn all_pod_dirs(&self) -> std::io::Result<Vec<PodDir>> {
        let mut found = Vec::new();
        for entry in self.pods_dir.read_dir_utf8()? {
            let path = entry?.into_path();
            found.push(PodDir::new(path, self.user.clone()));
        }
        Ok(found)
    }

    /// What an image is. A catalogue that does not know it is read again: it may have been extended.
    pub(super) fn component(&self, image: &str) -> Result<Component, Problem> {
        if let Some(found) = self.catalogue.read().by_image(image) {
            return Ok(found.clone());
        }
        let file = self.facts.components_dir.join(FILE_NAME);
        let fresh = std::fs::read_to_string(&file)
            .ok()
            .and_then(|text| serde_saphyr::from_str::<Catalogue>(&text).ok());
        if let Some(fresh) = fresh {
            *self.catalogue.write() = fresh;
        }
        let catalogue = self.catalogue.read();
        catalogue.by_image(image).cloned().ok_or_else(|| Problem {
            reason: "ErrImagePull",
            message: format!("image {image:?} is not in the catalogue {file}"),
        })
    }

    /// The identity of an image, if it is known.
    pub(super) fn image_id(&self, image: &str) -> String {
        let catalogue = self.catalogue.read();
        catalogue
            .by_image(image)
            .map(|found| format!("{}@{}", found.component, found.version))
            .unwrap_or_default()
    }

    /// Waits until no earlier Pod of this name is left.
    pub(super) async fn take_name(&self, namespace: &str, name: &str) -> NameGuard {
        let key = (namespace.to_owned(), name.to_owned());
        let lock = {
            let mut names = self.names.lock();
            names.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(names.entry(key).or_default())
        };
        lock.lock_owned().await
    }
}

/// Where the folders of Pods lie.
pub(super) fn pods_dir(state_dir: &Utf8Path) -> Utf8PathBuf {
    state_dir.join("pods")
}

fn machine_cpus() -> u64 {
    std::thread::available_parallelism().map_or(1, |count| count.get() as u64)
}

fn machine_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kibibytes = total.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kibibytes.unwrap_or_default() * 1024
}

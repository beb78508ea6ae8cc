//! A cluster of ours on pocket, and how each fault reaches it.

mod inject;

use std::net::Ipv4Addr;

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use parking_lot::Mutex;
use serde_json::Value;

use super::clock;
use super::disk::Disks;
use super::fault::{Fault, Needs, Outcome};
use super::pod::Pod;
use super::record;
use super::side::{Host, Scene, Side};
use super::undo::Injected;
use crate::api::{Kind, text};
use crate::cluster::Cluster;
use crate::manifest::Manifest;
use crate::processes::Process;
use crate::sql::Target;
use crate::world::{Tool, World};

/// From so many restarts on the pauses are long against a trial.
const WORN: u64 = 2;

/// The members of every cluster that faults are tried on.
const MEMBERS: usize = 3;

/// When a commit is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Once the primary has it.
    Async,
    /// Once a standby has it, too, as long as there is one.
    Sync,
    /// Once a standby has it, too.
    StrictSync,
}

impl Mode {
    /// As it is written in a manifest.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Async => "async",
            Self::Sync => "sync",
            Self::StrictSync => "strict-sync",
        }
    }

    /// By its name in a manifest.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        let all = [Self::Async, Self::Sync, Self::StrictSync];
        all.into_iter().find(|mode| mode.name() == name)
    }

    /// Whether acknowledged rows may be lost with the member that wrote them.
    #[must_use]
    pub const fn may_lose(self) -> bool {
        matches!(self, Self::Async)
    }
}

/// A cluster of three in a world with a pocket.
pub struct Ours<'w> {
    world: &'w World,
    cluster: Cluster<'w>,
    mode: Mode,
    disks: Mutex<Option<Disks>>,
}

impl<'w> Ours<'w> {
    /// Makes a cluster and waits until it is complete.
    ///
    /// # Errors
    /// When it does not become so.
    pub async fn start(world: &'w World, name: &'w str, version: &str, mode: Mode) -> Result<Self> {
        Self::of(world, name, mode, manifest(name, version, mode)).await
    }

    /// The same with what a fault needs: disks and clocks of its own. Disks need root.
    ///
    /// # Errors
    /// When the machine cannot do it, or the cluster does not become complete.
    pub async fn start_with(
        world: &'w World,
        name: &'w str,
        version: &str,
        mode: Mode,
        needs: Needs,
    ) -> Result<Self> {
        match needs {
            Needs::Nothing => Self::start(world, name, version, mode).await,
            Needs::Disks => {
                let ours = Self::start(world, name, version, mode).await?;
                ours.with_disks().await
            }
            Needs::Clocks => {
                let manifest = manifest(name, version, mode)
                    .set("/spec/pods/customEnv/patroni", clock::variables()?);
                Self::of(world, name, mode, manifest).await
            }
        }
    }

    /// Deletes the Pods whose containers died often, for those who do many trials: Kubernetes makes ever longer pauses
    /// before it starts such containers again, which nobody measures, and none for their successors.
    ///
    /// # Errors
    /// When Pods cannot be listed or deleted.
    pub async fn replace_worn(&self) -> Result<()> {
        for pod in self.cluster.pods().await? {
            let containers = pod.pointer("/status/containerStatuses");
            let mut containers = containers.and_then(Value::as_array).into_iter().flatten();
            if containers.any(|container| container["restartCount"].as_u64() >= Some(WORN)) {
                let name = text(&pod, "/metadata/name");
                self.world.howdah(&["delete", "pod", name]).await?.ok()?;
            }
        }
        Ok(())
    }

    async fn of(world: &'w World, name: &'w str, mode: Mode, manifest: Manifest) -> Result<Self> {
        let cluster = world.cluster(name);
        cluster.apply(Tool::Howdah, &manifest).await?;
        cluster.wait_until_streaming(MEMBERS).await?;
        Ok(Self {
            world,
            cluster,
            mode,
            disks: Mutex::default(),
        })
    }

    /// The cluster.
    #[must_use]
    pub const fn cluster(&self) -> &Cluster<'w> {
        &self.cluster
    }

    /// When it acknowledges commits.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Puts every volume on a small file system of its own. They last as long as this value, and the pocket has to be
    /// down before it is dropped.
    async fn with_disks(self) -> Result<Self> {
        self.world.down().await?;
        let disks = Disks::below(&self.world.state())?;
        *self.disks.lock() = Some(disks);
        self.world.up().await?;
        self.cluster.wait_until_streaming(MEMBERS).await?;
        Ok(self)
    }

    async fn pod(&self, name: &str) -> Result<Pod> {
        let api = self.world.api().await?;
        let object = api.get(Kind::PODS, name).await?;
        let ip: Ipv4Addr = text(&object, "/status/podIP").parse()?;
        let uid = text(&object, "/metadata/uid");
        Ok(Pod::new(self.world.path(), uid, ip))
    }

    fn postmaster(&self, pod: &str) -> Result<Process> {
        self.world.processes()?.postmaster(pod)
    }

    fn data_folder(&self, pod: &str) -> Result<Utf8PathBuf> {
        let folder = self.postmaster(pod)?.working_folder();
        Ok(Utf8PathBuf::try_from(
            folder.context("it works somewhere")?,
        )?)
    }

    /// The `howdah up` in the background.
    fn daemon(&self) -> Result<Process> {
        let path = self.world.state().join("howdah.pid");
        let number = std::fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        Process::of(number.trim().parse()?).context("howdah runs")
    }
}

fn manifest(name: &str, version: &str, mode: Mode) -> Manifest {
    let mode = mode.name().to_owned();
    Manifest::new(name, version, 3).set("/spec/replication/mode", mode)
}

impl Side for Ours<'_> {
    fn name(&self) -> &'static str {
        "howdah"
    }

    async fn hosts(&self) -> Result<Vec<Host>> {
        let mut names = self.cluster.instances().await?;
        names.sort();
        let mut hosts = Vec::new();
        for name in names {
            let target = self.cluster.instance_target(&name).await?;
            hosts.push(Host { name, target });
        }
        Ok(hosts)
    }

    async fn address(&self) -> Result<Option<Target>> {
        Ok(Some(self.cluster.service_target("").await?))
    }

    async fn complete(&self) -> Result<()> {
        self.cluster.check_streaming(MEMBERS).await
    }

    async fn redundant(&self) -> Result<()> {
        record::check_cohort(self.world, self.cluster.name(), MEMBERS - 1).await
    }

    async fn at_rest(&self) -> Result<()> {
        record::check_rest(self.world, self.cluster.name()).await
    }

    async fn inject(&self, fault: Fault, scene: &Scene) -> Result<Injected> {
        inject::inject(self, fault, scene).await
    }

    /// In the async mode a primary that reaches the API needs no standby.
    fn outcome(&self, fault: Fault) -> Outcome {
        match fault {
            Fault::StandbysCut | Fault::DeafStandbys | Fault::DeafPrimary
                if self.mode == Mode::Async =>
            {
                Outcome::Steady
            }
            _ => fault.outcome(),
        }
    }

    /// A damaged copy is kept for people to look at, until they ask for a new one; so is one that was removed while
    /// its server wrote to it.
    async fn repair(&self, fault: Fault, scene: &Scene) -> Result<()> {
        if matches!(fault, Fault::DataCorrupted | Fault::DataRemoved) {
            record::reinitialise(self.world, self.cluster.name(), &scene.primary.name).await?;
        }
        Ok(())
    }
}

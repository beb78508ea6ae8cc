//! A world of its own for each test: folders, a pocket in it or a namespace elsewhere, and the commands people type.

mod run;

use std::cell::{Cell, RefCell};
use std::fs;
use std::net::SocketAddrV4;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use howdah_testkit::{Components, RunAs, TempWorld, components, unprivileged_user, wait_until};
use howdah_types::catalogue::ComponentName;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::process::Command;

use crate::api::{Api, Kind};
use crate::cluster::Cluster;
use crate::leftovers;
use crate::outcome::Outcome;
use crate::processes::Processes;
use crate::rest::Rest;
use crate::wait::PATIENCE;

pub use run::{on_any_cluster, on_pocket};

/// Which program a case uses to change things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// Our own.
    Howdah,
    /// The one that everybody has.
    Kubectl,
}

/// The Kubernetes that a world uses.
#[derive(Debug)]
enum Platform {
    /// Our own pocket, in this world's folder.
    Pocket,
    /// A cluster that was there before, by its kubeconfig.
    Existing(Utf8PathBuf),
}

/// A pocket with its own state folder or a namespace in another cluster, and everything that is needed to use it.
pub struct World {
    folder: TempWorld,
    program: Utf8PathBuf,
    components: Components,
    user: Option<RunAs>,
    platform: Platform,
    namespace: String,
    client: RefCell<Option<Client>>,
    files: Cell<u32>,
}

impl World {
    /// A world for a pocket; nothing is started.
    ///
    /// # Errors
    /// When the program or the components are not there.
    pub fn pocket() -> Result<Self> {
        Self::make(Platform::Pocket, "default".to_owned(), None)
    }

    /// As [`World::pocket`], with everything run as an ordinary user, also when the tests run as root.
    ///
    /// # Errors
    /// As [`World::pocket`].
    pub fn of_ordinary_user() -> Result<Self> {
        let user = unprivileged_user()?;
        Self::make(Platform::Pocket, "default".to_owned(), user)
    }

    /// A world in the cluster that `HOWDAH_E2E_KUBECONFIG` names, or with a pocket when it names none.
    ///
    /// # Errors
    /// As [`World::pocket`].
    pub fn any() -> Result<Self> {
        match std::env::var("HOWDAH_E2E_KUBECONFIG") {
            Ok(path) if !path.is_empty() => {
                let namespace = format!("howdah-e2e-{}", std::process::id());
                Self::make(Platform::Existing(path.into()), namespace, None)
            }
            _ => Self::pocket(),
        }
    }

    fn make(platform: Platform, namespace: String, user: Option<RunAs>) -> Result<Self> {
        // Fails when another test of this process was first.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = TempWorld::new()?;
        for name in ["home", "tmp"] {
            folder.folder(name)?;
        }
        let mut program = run::program_under_test()?;
        if user.is_some() {
            // The user may not be able to reach the folder where it was built.
            let copy = |name: &str| {
                let (from, to) = (program.with_file_name(name), folder.path().join(name));
                let copied = fs::copy(&from, &to).with_context(|| format!("copy {from}"));
                copied.map(|_| to)
            };
            copy("libhowdah_envoy_filter.so")?;
            program = copy("howdah")?;
        }
        Ok(Self {
            folder,
            program,
            components: components()?,
            user,
            platform,
            namespace,
            client: RefCell::default(),
            files: Cell::default(),
        })
    }

    /// The folder that holds everything.
    #[must_use]
    pub fn path(&self) -> &Utf8Path {
        self.folder.path()
    }

    /// The state folder of the pocket.
    #[must_use]
    pub fn state(&self) -> Utf8PathBuf {
        self.path().join("s")
    }

    /// The components that everything runs with.
    #[must_use]
    pub const fn components(&self) -> &Components {
        &self.components
    }

    /// Whether this world has a pocket of its own.
    #[must_use]
    pub const fn is_pocket(&self) -> bool {
        matches!(self.platform, Platform::Pocket)
    }

    /// The namespace of this world's clusters.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// A cluster by its name.
    #[must_use]
    pub const fn cluster<'a>(&'a self, name: &'a str) -> Cluster<'a> {
        Cluster::new(self, name)
    }

    fn kubeconfig(&self) -> Utf8PathBuf {
        match &self.platform {
            Platform::Pocket => self.state().join("kubeconfig"),
            Platform::Existing(path) => path.clone(),
        }
    }

    fn prepared(&self, program: &Utf8Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path())
            .stdin(Stdio::null())
            .env_remove("KUBECONFIG")
            .env_remove("XDG_DATA_HOME")
            .env_remove("HOWDAH_STATE_DIR")
            .env_remove("HOWDAH_COMPONENTS")
            .env_remove("HOWDAH_LOG")
            .env("HOME", self.path().join("home"))
            .env("TMPDIR", self.path().join("tmp"));
        if let Some(user) = &self.user {
            // The standard library clears the groups of root itself when a user is set.
            command.uid(user.uid).gid(user.gid);
        }
        command
    }

    /// Runs `howdah` with these arguments.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn howdah(&self, arguments: &[&str]) -> Result<Outcome> {
        Outcome::of(self.howdah_command(arguments)).await
    }

    /// A `howdah` with these arguments that has not been started, for a case that lets it run.
    #[must_use]
    pub fn howdah_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.prepared(&self.program);
        command
            .env("HOWDAH_STATE_DIR", self.state())
            .env("HOWDAH_COMPONENTS", self.components.folder());
        if let Platform::Existing(path) = &self.platform {
            command.env("KUBECONFIG", path);
            command.arg("--namespace").arg(&self.namespace);
        }
        command.args(arguments);
        command
    }

    /// Runs `kubectl` with these arguments.
    ///
    /// # Errors
    /// When the component is missing.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<Outcome> {
        Outcome::of(self.kubectl_command(arguments)?).await
    }

    /// A `kubectl` with these arguments that has not been started, for a case that talks with it.
    ///
    /// # Errors
    /// When the component is missing.
    pub fn kubectl_command(&self, arguments: &[&str]) -> Result<Command> {
        let found = self.components.newest(ComponentName::Kubectl)?;
        let mut command = self.prepared(&found.bin.join("kubectl"));
        command
            .envs(found.env)
            .env("KUBECONFIG", self.kubeconfig())
            .arg(format!("--namespace={}", self.namespace))
            .args(arguments);
        Ok(command)
    }

    /// Runs one of them.
    ///
    /// # Errors
    /// As [`World::howdah`] and [`World::kubectl`].
    pub async fn with(&self, tool: Tool, arguments: &[&str]) -> Result<Outcome> {
        match tool {
            Tool::Howdah => self.howdah(arguments).await,
            Tool::Kubectl => self.kubectl(arguments).await,
        }
    }

    /// `apply` of a text; returns what it printed.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn apply(&self, tool: Tool, manifest: &str) -> Result<String> {
        let file = self.file(manifest)?;
        self.with(tool, &["apply", "-f", &file]).await?.ok()
    }

    /// `howdah up` with everything said on the command line, or a namespace of its own in another cluster.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn up(&self) -> Result<()> {
        if let Platform::Existing(_) = &self.platform {
            let arguments = ["create", "namespace", &self.namespace];
            return self.kubectl(&arguments).await?.ok().map(drop);
        }
        let (state, components) = (self.state(), self.components.folder());
        let arguments = [
            "up",
            "--state-dir",
            state.as_str(),
            "--components",
            components.as_str(),
        ];
        self.howdah(&arguments).await?.ok()?;
        *self.client.borrow_mut() = None;
        Ok(())
    }

    /// `howdah down`, or the end of the namespace.
    ///
    /// # Errors
    /// When something does not stop.
    pub async fn down(&self) -> Result<()> {
        if let Platform::Existing(_) = &self.platform {
            let arguments = ["delete", "namespace", &self.namespace];
            return self.kubectl(&arguments).await?.ok().map(drop);
        }
        let state = self.state();
        let arguments = ["down", "--state-dir", state.as_str()];
        self.howdah(&arguments).await?.ok().map(drop)
    }

    /// Tells a foreign cluster to remove the namespace, without waiting for what a failed case holds there.
    async fn abandon(&self) -> Result<()> {
        let arguments = ["delete", "namespace", &self.namespace, "--wait=false"];
        self.kubectl(&arguments).await?.ok().map(drop)
    }

    /// Stops everything and proves that nothing is left: no process, no port, no temporary file.
    ///
    /// # Errors
    /// With a list of what is left.
    pub async fn finish(&self) -> Result<()> {
        self.down().await?;
        self.check_that_nothing_is_left().await
    }

    /// Checks that nothing is left of what ran: no process, no port, no temporary file.
    ///
    /// # Errors
    /// With a list of what is left.
    pub async fn check_that_nothing_is_left(&self) -> Result<()> {
        if self.is_pocket() {
            // `down` returns when the lock is free, which is a moment before the process that held it is gone.
            wait_until(PATIENCE / 15, "the last process to end", async || {
                leftovers::no_process(self.path())
            })
            .await?;
            leftovers::no_listener(self.network()?)?;
            leftovers::nothing_of_running(&self.state())?;
        }
        leftovers::empty(&self.path().join("tmp"))
    }

    /// The API, as the world's kubeconfig describes it.
    ///
    /// # Errors
    /// When there is no usable kubeconfig.
    pub async fn api(&self) -> Result<Api> {
        Ok(Api::new(self.client().await?, self.namespace.clone()))
    }

    async fn client(&self) -> Result<Client> {
        if let Some(client) = self.client.borrow().clone() {
            return Ok(client);
        }
        let client = Client::try_from(self.config().await?)?;
        *self.client.borrow_mut() = Some(client.clone());
        Ok(client)
    }

    async fn config(&self) -> Result<Config> {
        let path = self.kubeconfig();
        let kubeconfig = Kubeconfig::read_from(&path).with_context(|| format!("read {path}"))?;
        let options = KubeConfigOptions::default();
        Ok(Config::from_custom_kubeconfig(kubeconfig, &options).await?)
    }

    /// The same API, request by request.
    ///
    /// # Errors
    /// As [`World::api`].
    pub async fn rest(&self) -> Result<Rest> {
        let config = self.config().await?;
        self.rest_by(config)
    }

    /// The same API for somebody who has nothing but this token; an empty one is nobody's.
    ///
    /// # Errors
    /// As [`World::api`].
    pub async fn rest_with_token(&self, token: &str) -> Result<Rest> {
        let mut config = self.config().await?;
        config.auth_info = kube::config::AuthInfo {
            token: (!token.is_empty()).then(|| token.to_owned().into()),
            ..Default::default()
        };
        self.rest_by(config)
    }

    fn rest_by(&self, mut config: Config) -> Result<Rest> {
        // What the server answers is what is looked at, also when it asks to try again.
        config.default_retry = false;
        Ok(Rest::new(Client::try_from(config)?, self.namespace.clone()))
    }

    /// Writes a new file and returns its path.
    ///
    /// # Errors
    /// When the folder is full or gone.
    pub fn file(&self, text: &str) -> Result<String> {
        self.files.set(self.files.get() + 1);
        let path = self.path().join(format!("{}.yaml", self.files.get()));
        fs::write(&path, text).with_context(|| format!("write {path}"))?;
        self.folder.give(&path)?;
        Ok(path.into_string())
    }

    /// The processes that belong to this world.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub fn processes(&self) -> Result<Processes> {
        Processes::of(self.path())
    }

    /// The address of the pocket's API.
    ///
    /// # Errors
    /// Before the first `up`.
    pub fn address(&self) -> Result<SocketAddrV4> {
        let path = self.kubeconfig();
        let kubeconfig = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        let (_, rest) = kubeconfig
            .split_once("https://")
            .with_context(|| format!("{path} names no server"))?;
        let end = rest
            .find(|letter: char| !letter.is_ascii_digit() && !".:".contains(letter))
            .unwrap_or(rest.len());
        rest[..end].parse().context("the server has an address")
    }

    /// The second number of the loopback addresses that the pocket took.
    ///
    /// # Errors
    /// Before the first `up`.
    pub fn network(&self) -> Result<u8> {
        Ok(self.address()?.ip().octets()[1])
    }

    /// Checks that a cluster and everything that was made for it is gone.
    ///
    /// # Errors
    /// With what is left.
    pub async fn check_that_cluster_is_gone(&self, name: &str) -> Result<()> {
        let api = self.api().await?;
        let labels = format!("stackgres.io/cluster-name={name}");
        for kind in [
            Kind::PODS,
            Kind::CLAIMS,
            Kind::SECRETS,
            Kind::CONFIG_MAPS,
            Kind::SERVICES,
            Kind::ENDPOINT_SLICES,
            Kind::LEASES,
            Kind::SERVICE_ACCOUNTS,
            Kind::PROFILES,
            Kind::POSTGRES_CONFIGS,
            Kind::POOLING_CONFIGS,
        ] {
            let left = api.names(kind, &labels).await?;
            ensure!(left.is_empty(), "{} are left: {left:?}", kind.plural());
        }
        let cluster = api.find(Kind::CLUSTERS, name).await?;
        ensure!(cluster.is_none(), "{name} is still there");
        Ok(())
    }
}

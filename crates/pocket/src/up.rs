//! Starting and stopping a pocket: the state folder, the parts, and their order.

mod error;
mod folder;
mod machine;
mod network;
mod seed;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use howdah_types::catalogue::Catalogue;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use self::error::Error;
use self::folder::Folder;
use self::machine::Parts;
pub use self::network::Block;
use crate::api::{self, Addresses, ApiServer, Identity};
use crate::pki::{self, Authority, Pair};
use crate::store::{History, Options, Store};
use crate::{controllers, net, node};

/// The port of the API server, as on any Kubernetes node.
pub const DEFAULT_PORT: u16 = 6443;
/// Parts that do not stop on their own are left behind after this.
const STOP: Duration = Duration::from_secs(10);
/// Pods get their own grace period to stop, but no more than this.
const STOP_PODS: Duration = Duration::from_secs(60);

/// What a pocket is started with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Holds everything that is to survive; made if missing.
    pub state_dir: Utf8PathBuf,
    /// Holds the programs that Pods run, with their catalogue.
    pub components_dir: Utf8PathBuf,
    /// The API server's port; 0 takes any free one.
    pub port: u16,
    /// The `howdah` program, which Pods are run with. Without it there is an API server and its
    /// controllers, but neither node nor network.
    pub program: Option<Utf8PathBuf>,
    /// How much past the API server keeps for watches and paged lists.
    pub history: History,
}

impl Config {
    /// A pocket in this folder, with components from that one, that runs no Pods.
    #[must_use]
    pub fn new(state_dir: impl Into<Utf8PathBuf>, components_dir: impl Into<Utf8PathBuf>) -> Self {
        let (state_dir, components_dir) = (state_dir.into(), components_dir.into());
        Self {
            state_dir,
            components_dir,
            port: DEFAULT_PORT,
            program: None,
            history: History::default(),
        }
    }
}

/// A pocket that serves. Dropping it does not stop it cleanly; [`Running::shutdown`] does.
pub struct Running {
    kubeconfig: Utf8PathBuf,
    address: SocketAddr,
    server: ApiServer,
    store: Store,
    folder: Folder,
    shutdown: CancellationToken,
    tasks: Vec<(&'static str, JoinHandle<()>)>,
    node: Option<node::Handle>,
}

/// Starts a pocket and returns when it serves.
///
/// # Errors
/// When the folder, the network or the store cannot be used; each error is one sentence.
pub async fn start(config: Config) -> Result<Running, Error> {
    let folder = Folder::claim(&config.state_dir)?;
    if config.program.is_some() {
        net::raise_limits();
    }
    // What is missing is told before anything listens.
    let machine = match &config.program {
        Some(program) => Some(look_at_machine(&config, &folder, program)?),
        None => None,
    };
    let (block, listener) = network::claim(&folder, config.port).await?;
    let address = listener
        .local_addr()
        .map_err(|source| Error::Listen { block, source })?;
    let authority = Authority::open(&folder.path("pki"), jiff::Zoned::now().date())?;
    let acceptor = api::acceptor(&authority, &server_pair(&authority, block)?)?;
    let mut running = open(&config, folder, &authority, block, address).await?;
    let served = api::serve(
        running.server.clone(),
        listener,
        acceptor,
        running.shutdown.clone(),
    );
    running.spawn("api", served);
    running.start_controllers(&authority);
    if let Some((catalogue, program, user)) = machine {
        machine::publish_catalogue(&running.client(), &catalogue).await?;
        let (server, ca_pem) = (format!("https://{address}"), authority.certificate.clone());
        let parts = Parts {
            catalogue,
            program,
            user,
            server,
            ca_pem,
        };
        let node = machine::node_config(&config, &running.folder, block, parts);
        running.start_node(node);
    }
    tracing::info!(%address, state = %config.state_dir, "pocket serves");
    Ok(running)
}

/// What Pods need from the machine: the catalogue, the program, the account, and that the last reaches
/// the others.
fn look_at_machine(
    config: &Config,
    folder: &Folder,
    program: &Utf8Path,
) -> Result<(Catalogue, Utf8PathBuf, Option<node::ProcessUser>), Error> {
    let catalogue = machine::read_catalogue(&config.components_dir)?;
    let program = machine::install_program(folder, program)?;
    let user = machine::account()?;
    let paths = [
        &folder.path("pods"),
        &program,
        config.components_dir.as_path(),
    ];
    node::check_access(user.as_ref(), paths)?;
    Ok((catalogue, program, user))
}

/// Opens the store and writes what every cluster has; nothing listens yet.
async fn open(
    config: &Config,
    folder: Folder,
    authority: &Authority,
    block: Block,
    address: SocketAddr,
) -> Result<Running, Error> {
    let options = Options::with_history(config.history);
    let store = Store::open(folder.path("pocket.db").as_std_path(), &options)?;
    let shutdown = CancellationToken::new();
    let settings = api::Config {
        addresses: block.services(),
        server_address: address.to_string(),
        token_key: authority.token_key.clone(),
    };
    let server = ApiServer::new(store.clone(), settings, shutdown.clone());
    seed::seed(
        &server.client(Identity::admin("system:apiserver")),
        block,
        address.port(),
    )
    .await?;
    let kubeconfig = folder.path("kubeconfig");
    let admin = authority.client("admin", "system:masters")?;
    pki::write_secret(&kubeconfig, &kubeconfig_text(authority, &admin, address))?;
    let (tasks, node) = (Vec::new(), None);
    Ok(Running {
        kubeconfig,
        address,
        server,
        store,
        folder,
        shutdown,
        tasks,
        node,
    })
}

fn server_pair(authority: &Authority, block: Block) -> Result<Pair, Error> {
    let addresses = [
        IpAddr::V4(block.api()),
        IpAddr::V4(block.kubernetes_service()),
        IpAddr::V4(Ipv4Addr::LOCALHOST),
    ];
    let names = [
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ];
    Ok(authority.server(&addresses, &names)?)
}

impl Running {
    /// The admin's kubeconfig.
    #[must_use]
    pub fn kubeconfig_path(&self) -> &Utf8Path {
        &self.kubeconfig
    }

    /// Where the API server listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The API server, for clients inside this process.
    #[must_use]
    pub fn server(&self) -> &ApiServer {
        &self.server
    }

    /// A client inside this process that may do everything.
    #[must_use]
    pub fn client(&self) -> kube::Client {
        self.server.client(Identity::admin("system:howdah"))
    }

    /// Cancelled when the pocket stops; parts that run beside it can wait for it.
    #[must_use]
    pub fn shutdown_token(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    /// Stops the Pods, then every part, closes the store and releases the folder.
    ///
    /// The Pods stay in the API; the next start on this folder runs them again.
    pub async fn shutdown(self) {
        if let Some(node) = &self.node {
            let left = node.stop_all(STOP_PODS).await;
            if left > 0 {
                tracing::warn!(pods = left, "pods did not stop in time");
            }
        }
        self.leave().await;
    }

    /// Stops every part but leaves the processes of Pods running, for the next start to adopt.
    pub async fn leave(self) {
        self.shutdown.cancel();
        for (name, task) in self.tasks {
            match tokio::time::timeout(STOP, task).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(part = name, %error, "part ended badly"),
                Err(_) => tracing::warn!(part = name, "part did not stop in time"),
            }
        }
        self.store.close().await;
        self.folder.release();
    }

    fn start_controllers(&mut self, authority: &Authority) {
        let config = controllers::Config {
            volumes_dir: self.folder.path("volumes"),
            ca_certificate: authority.certificate.clone(),
        };
        let client = self
            .server
            .client(Identity::admin("system:kube-controller-manager"));
        self.spawn(
            "controllers",
            controllers::run(client, config, self.shutdown.clone()),
        );
    }

    fn start_node(&mut self, config: node::Config) {
        let network = net::Config {
            node_address: config.node_address,
            node_name: config.node_name.clone(),
        };
        let identity = format!("system:node:{}", config.node_name);
        self.node = Some(config.handle.clone());
        self.server.set_node(config.handle.clone());
        let client = self.server.client(Identity::admin(&identity));
        let shutdown = self.shutdown.clone();
        self.spawn("node", async move {
            if let Err(error) = node::run(client, config, shutdown).await {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(%error, source, "node stopped");
            }
        });
        let client = self.server.client(Identity::admin("system:kube-proxy"));
        self.spawn("net", net::run(client, network, self.shutdown.clone()));
    }

    fn spawn(&mut self, name: &'static str, part: impl Future<Output = ()> + Send + 'static) {
        self.tasks.push((name, tokio::spawn(part)));
    }
}

fn kubeconfig_text(authority: &Authority, admin: &Pair, address: SocketAddr) -> String {
    use base64::Engine as _;
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    format!(
        "apiVersion: v1\n\
         kind: Config\n\
         clusters:\n\
         - name: howdah\n  cluster:\n    server: https://{address}\n    \
           certificate-authority-data: {}\n\
         users:\n\
         - name: admin\n  user:\n    client-certificate-data: {}\n    client-key-data: {}\n\
         contexts:\n\
         - name: howdah\n  context:\n    cluster: howdah\n    user: admin\n    namespace: default\n\
         current-context: howdah\n",
        encode(&authority.certificate),
        encode(&admin.certificate),
        encode(&admin.key),
    )
}

impl Block {
    fn services(self) -> Addresses {
        Addresses {
            first: self.address(128, 0),
            count: 127 * 256,
        }
    }
}

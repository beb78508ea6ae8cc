//! The node: runs Pods as processes of this machine, as a kubelet runs them as containers.
//!
//! It speaks to the API only through a [`kube::Client`]. One actor per Pod holds the truth about its processes and
//! reports it as Pod status; a shim process per container makes them survive the death of `howdah up`.
//! Deliberately absent: scheduling (there is one node), isolation between Pods, resource limits, image downloads.

use std::fs::Permissions;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use howdah_types::catalogue::Catalogue;
use kube::Client;
use tokio_util::sync::CancellationToken;

pub use self::error::Error;
pub use self::handle::{Handle, LogError, LogOptions, LogStream, PodLogs};
pub use self::sessions::{
    Input, Output, PodSessions, Session, SessionError, SessionOptions, Terminal,
};

mod addresses;
mod backoff;
mod check;
mod container;
mod context;
mod dispatch;
mod error;
pub(crate) mod events;
mod handle;
mod layout;
mod logs;
mod plan;
mod pod;
mod probe;
mod process;
mod procfs;
mod program;
mod register;
mod sessions;
pub mod shim;
mod terminal;
mod volumes;

/// What a node needs to know about its machine.
#[derive(Clone, Debug)]
pub struct Config {
    /// Pods live in `pods/` below it.
    pub state_dir: Utf8PathBuf,
    /// Name of the Node object.
    pub node_name: String,
    /// The node's own address.
    pub node_address: Ipv4Addr,
    /// First and last address that Pods may get.
    pub pod_network: (Ipv4Addr, Ipv4Addr),
    /// Which image is which bundle of programs. The file in `components_dir` is read again when an image is not in it.
    pub catalogue: Catalogue,
    /// Folder of the bundles and of their catalogue file.
    pub components_dir: Utf8PathBuf,
    /// The `howdah` program; `<program> pocket-shim <file>` runs one container, and its folder is on every `PATH`.
    pub program: Utf8PathBuf,
    /// The account that Pods run as; `None` runs them as the current user.
    pub user: Option<ProcessUser>,
    /// How Pods reach the API.
    pub api: ApiAccess,
    /// Through which others ask this node for logs or tell it to stop.
    pub handle: Handle,
}

/// An account of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessUser {
    /// Its name.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// The number of its first group.
    pub gid: u32,
}

/// What a Pod needs to speak to the API, its token aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiAccess {
    /// `https://<address>:<port>`.
    pub server: String,
    /// The certificates that vouch for the server, in PEM.
    pub ca_pem: String,
}

/// Runs the node until it is told to stop. The processes of Pods go on then; the next node on the same state folder
/// takes them over. To stop them, too, call [`Handle::stop_all`] before.
///
/// # Errors
/// When the node cannot run at all: a folder is closed to the Pods' account, or the API refuses the Node object.
pub async fn run(client: Client, config: Config, shutdown: CancellationToken) -> Result<(), Error> {
    let folder = make_pods_dir(&config)?;
    let paths = [
        folder.as_path(),
        config.program.as_path(),
        config.components_dir.as_path(),
    ];
    check_access(config.user.as_ref(), paths)?;
    let context = Arc::new(context::Context::new(client.clone(), config));
    register::register(client, &context.facts)
        .await
        .map_err(|source| Error::Register {
            name: context.facts.name.clone(),
            source: Box::new(source),
        })?;
    dispatch::run(context, shutdown).await;
    Ok(())
}

fn make_pods_dir(config: &Config) -> Result<Utf8PathBuf, Error> {
    let path = context::pods_dir(&config.state_dir);
    let made = std::fs::create_dir_all(&path).and_then(|()| {
        let mode = if config.user.is_some() { 0o711 } else { 0o700 };
        std::fs::set_permissions(&path, Permissions::from_mode(mode))
    });
    match made {
        Ok(()) => Ok(path),
        Err(source) => Err(Error::Folder { path, source }),
    }
}

/// Checks that the Pods' account can reach its own folders, the programs and the bundles.
///
/// A node checks this itself; whoever starts one can do so earlier, to tell before anything runs.
///
/// # Errors
/// Names the first folder on the way that is closed to the account.
pub fn check_access(user: Option<&ProcessUser>, paths: [&Utf8Path; 3]) -> Result<(), Error> {
    let Some(user) = user else {
        return Ok(());
    };
    for path in paths {
        if let Some(folder) = layout::untraversable(path, user) {
            return Err(Error::Closed {
                folder,
                user: user.name.clone(),
            });
        }
    }
    Ok(())
}

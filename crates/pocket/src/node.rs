//! The node: runs Pods as processes of this machine, as a kubelet runs them as containers.
//!
//! It speaks to the API only through a [`kube::Client`]. One actor per Pod holds the truth about its processes and
//! reports it as Pod status; a shim process per container makes them survive the death of `howdah up`.
//! Deliberately absent: scheduling (there is one node), isolation between Pods, resource limits, image downloads.

use std::net::Ipv4Addr;

use camino::Utf8PathBuf;
use howdah_types::catalogue::Catalogue;
use kube::Client;
use tokio_util::sync::CancellationToken;

pub use self::error::Error;
pub use self::handle::{Handle, LogError, LogOptions, LogStream, PodLogs};

mod error;
mod handle;
mod layout;
mod logs;
mod process;
mod procfs;
pub mod shim;

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

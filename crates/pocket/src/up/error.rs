//! Why a pocket does not start, one sentence each.

use camino::Utf8PathBuf;

use super::network::Block;
use crate::{api, node, pki, store};

/// Why a pocket does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another `up` holds the folder.
    #[error("state folder {path} is in use by a running howdah{}", holder(*.pid))]
    Running {
        /// The folder.
        path: Utf8PathBuf,
        /// The process that holds it, if it wrote its id.
        pid: Option<u32>,
    },
    /// The folder was written by a newer howdah.
    #[error(
        "state folder {path} has format {found}, newer than this howdah understands ({known}); use a newer howdah or another folder"
    )]
    Newer {
        /// The folder.
        path: Utf8PathBuf,
        /// Its format.
        found: String,
        /// The newest format known here.
        known: u32,
    },
    /// The folder or something in it cannot be used.
    #[error("state folder: {path} cannot be used")]
    Folder {
        /// What cannot be used.
        path: Utf8PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The port is taken.
    #[error("port {port} on {address} is in use{}; stop that program or choose another state folder", by(.holder))]
    Occupied {
        /// The address.
        address: std::net::Ipv4Addr,
        /// The port.
        port: u16,
        /// The program that listens, if that could be found out.
        holder: Option<String>,
    },
    /// No loopback block is free.
    #[error("no loopback block between 127.64.0.0 and 127.250.0.0 has port {port} free")]
    NoBlock {
        /// The port that was tried.
        port: u16,
    },
    /// The address cannot be listened on.
    #[error("listen on the addresses of {block}")]
    Listen {
        /// The block.
        block: Block,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The folder of the components has no catalogue.
    #[error(
        "no components in {folder}: `make components` builds them, and `--components` names another folder"
    )]
    NoComponents {
        /// The folder.
        folder: Utf8PathBuf,
    },
    /// The catalogue cannot be understood.
    #[error("catalogue {path}: {problem}")]
    Catalogue {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A component of the catalogue is not there.
    #[error(
        "component {component} {version} is in the catalogue, but its folder {folder} is missing; `make components` builds it again"
    )]
    NoBundle {
        /// The component.
        component: String,
        /// Its version.
        version: String,
        /// Where it should be.
        folder: Utf8PathBuf,
    },
    /// Root has no account to run Pods as.
    #[error("none of the accounts howdah, postgres and nobody exists, and Pods do not run as root")]
    NoAccount,
    /// The account of the Pods cannot reach what they need.
    #[error(transparent)]
    Node(#[from] node::Error),
    /// The certificates cannot be used.
    #[error("certificates of the state folder")]
    Pki(#[from] pki::Error),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] api::TlsError),
    /// The store cannot be opened.
    #[error("open the store of the state folder")]
    Store(#[from] store::Error),
    /// The first objects could not be written.
    #[error("write the initial object {object}")]
    Seed {
        /// Which object.
        object: String,
        /// What the API server said.
        #[source]
        source: Box<kube::Error>,
    },
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (process {pid})"))
}

fn by(holder: &Option<String>) -> String {
    holder
        .as_ref()
        .map_or_else(String::new, |holder| format!(" by {holder}"))
}

//! Why a node cannot run at all; what is wrong with one Pod is told in its status instead.

use std::io;

use camino::Utf8PathBuf;

/// Why a node cannot run at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The account of the Pods cannot reach their folders.
    #[error(
        "the folder {folder} is closed to the account {user} that Pods run as; open it with `chmod a+x {folder}`"
    )]
    Closed {
        /// The first closed folder.
        folder: Utf8PathBuf,
        /// The account's name.
        user: String,
    },
    /// A folder of the node cannot be used.
    #[error("use the folder {path}")]
    Folder {
        /// The folder.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The Node object cannot be written.
    #[error("register the node {name}")]
    Register {
        /// The node's name.
        name: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
}

//! What a node and a shim say to each other over the shim's socket: one request, then what becomes of it.
//!
//! Each message is a line of JSON. With [`Reply::Begun`] come the node's ends of the streams that were asked for, in
//! the order of [`Streams`]: standard input, standard output, standard error; a terminal is one stream for all three.
//! The connection is the session: when the node hangs up, what was started for it ends.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use nix::fcntl::OFlag;
use serde::{Deserialize, Serialize};

/// Name of the socket in the folder of an attempt.
pub(crate) const SOCKET: &str = "shim.sock";
/// No request is longer; the arguments of a command make up most of it.
pub(crate) const LONGEST_REQUEST: usize = 512 * 1024;

/// Which streams are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Streams {
    /// Standard input.
    pub(crate) stdin: bool,
    /// Standard output.
    pub(crate) stdout: bool,
    /// Standard error; never with a terminal.
    pub(crate) stderr: bool,
}

/// What the node asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Request {
    /// Run a program in the container.
    Run {
        /// Its name and its arguments.
        argv: Vec<String>,
        /// Whether it gets a terminal.
        terminal: bool,
        /// What of it the node wants; the rest is nothing.
        streams: Streams,
    },
    /// Listen to the main process, and speak to it if it listens.
    Attach {
        /// What of it the node wants.
        streams: Streams,
    },
}

/// What the shim answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Reply {
    /// It runs; the streams come with this.
    Begun {
        /// Which streams come.
        streams: Streams,
        /// Whether they are those of a terminal.
        terminal: bool,
    },
    /// It cannot be done, and why.
    Refused(String),
    /// It has ended with this code; 128 and the signal's number when a signal ended it.
    Ended(i32),
}

impl Reply {
    /// The bytes of the message.
    pub(crate) fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

/// The socket of an attempt by a path that is short enough for any folder: names of sockets have at most 107 bytes.
///
/// The path is good as long as the folder is kept open.
pub(crate) fn socket(attempt: &Utf8Path) -> io::Result<(File, Utf8PathBuf)> {
    let folder = File::options()
        .read(true)
        .custom_flags((OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC).bits())
        .open(attempt)?;
    let path = format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd());
    Ok((folder, path.into()))
}

//! The files through which the node and a shim talk: what to run, what runs, and how it ended.
//!
//! They lie in the folder of one attempt to run a container. All are replaced whole, so a reader never sees half a file.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use nix::fcntl::OFlag;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::node::procfs::ProcessId;
use crate::node::program::find_program;

/// Name of the file with a [`Spec`].
pub(crate) const SPEC_FILE: &str = "spec.json";
/// Name of the file with a [`Started`].
pub(crate) const STATE_FILE: &str = "state.json";
/// Name of the file with an [`Exit`].
pub(crate) const EXIT_FILE: &str = "exit.json";
/// Name of the file with what the shim itself complains about.
pub(crate) const SHIM_LOG: &str = "shim.log";

/// What to run. It carries the environment, so the file is for its owner only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Spec {
    /// The mark that all processes of this attempt carry.
    pub(crate) mark: String,
    /// Absolute path of the program.
    pub(crate) program: Utf8PathBuf,
    /// Its name as the program itself sees it, then its arguments.
    pub(crate) argv: Vec<String>,
    /// The whole environment.
    pub(crate) env: BTreeMap<String, String>,
    /// Where it starts; created when missing.
    pub(crate) working_dir: Utf8PathBuf,
    /// Folders to create before the start.
    pub(crate) directories: Vec<Utf8PathBuf>,
    /// Mounts to materialise before the start, in this order.
    pub(crate) links: Vec<Link>,
    /// The log file.
    pub(crate) log: Utf8PathBuf,
    /// Whether visitors may write to the main process.
    #[serde(default)]
    pub(crate) stdin: bool,
    /// Whether its input ends with the first visitor who could write.
    #[serde(default)]
    pub(crate) stdin_once: bool,
    /// Whether it runs on a terminal.
    #[serde(default)]
    pub(crate) terminal: bool,
}

impl Spec {
    /// The file that a name in a command means inside the container.
    pub(crate) fn find(&self, name: &str) -> io::Result<Utf8PathBuf> {
        let path = self.env.get("PATH").map(String::as_str).unwrap_or_default();
        let folders: Vec<_> = path.split(':').map(Utf8PathBuf::from).collect();
        find_program(name, &folders, &self.working_dir).ok_or_else(|| {
            io::Error::other(format!(
                "exec: {name:?}: executable file not found in $PATH"
            ))
        })
    }
}

/// A symbolic link that stands for a mount.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Link {
    /// Where the link lies.
    pub(crate) path: Utf8PathBuf,
    /// What it points to.
    pub(crate) target: Utf8PathBuf,
    /// Whether a missing target is created as a folder, as a kubelet does for `subPath`.
    pub(crate) create_target: bool,
}

/// What runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Started {
    /// The boot in which the identities below mean something.
    pub(crate) boot_id: String,
    /// The shim.
    pub(crate) shim: ProcessId,
    /// The container's main process.
    pub(crate) main: ProcessId,
    /// When the main process was started.
    pub(crate) started_at: Timestamp,
}

/// How the container ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Exit {
    /// The exit code; 128 and the signal's number when a signal ended the process.
    pub(crate) exit_code: i32,
    /// The signal that ended the process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signal: Option<i32>,
    /// A reason other than the usual `Completed` and `Error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// More about the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    /// When the main process was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) started_at: Option<Timestamp>,
    /// When it ended.
    pub(crate) finished_at: Timestamp,
}

impl Exit {
    /// Kubernetes' word for this end.
    pub(crate) fn reason(&self) -> &str {
        match &self.reason {
            Some(reason) => reason,
            None if self.exit_code == 0 => "Completed",
            None => "Error",
        }
    }
}

/// Reads one of the files above; `None` when it does not exist.
///
/// Links are not followed: the folder belongs to the Pod's user, the reader may be root.
pub(crate) fn read<T: DeserializeOwned>(path: &Utf8Path) -> io::Result<Option<T>> {
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let value = serde_json::from_reader(io::BufReader::new(file))?;
    Ok(Some(value))
}

/// Replaces one of the files above, durably, readable by its owner alone.
pub(crate) fn write<T: Serialize>(path: &Utf8Path, value: &T) -> io::Result<()> {
    write_for(path, value, |_| Ok(()))
}

/// As [`write`], with a chance to give the file to another owner before it has a name.
pub(crate) fn write_for<T: Serialize>(
    path: &Utf8Path,
    value: &T,
    give: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    match std::fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(&serde_json::to_vec(value)?)?;
    give(&file)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

//! Where things are when no flag says so.

use std::env;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use howdah_cli::Environment;
use howdah_types::catalogue;
use nix::unistd::Uid;

use crate::args::{ComponentsArgs, StateArgs};

const NO_HOME: &str = "there is no home folder: set HOME";

impl StateArgs {
    /// The state folder, absolute.
    pub(crate) fn folder(&self) -> Result<Utf8PathBuf> {
        match &self.state_dir {
            Some(folder) => absolute(folder),
            None => {
                default_state_folder().context("there is no home folder: set HOME, or --state-dir")
            }
        }
    }
}

impl ComponentsArgs {
    /// The components folder, absolute.
    pub(crate) fn folder(&self) -> Result<Utf8PathBuf> {
        match &self.components {
            Some(folder) => absolute(folder),
            None => default_components_folder().context(NO_HOME),
        }
    }
}

/// What the verbs need to know; `howdah up` may have been given other folders, which only the
/// variables tell.
pub(crate) fn environment() -> Environment {
    let from = |name: &str| variable(name).map(Utf8PathBuf::from);
    let nowhere = || Utf8PathBuf::from("/nonexistent");
    Environment {
        pocket_kubeconfig: from("HOWDAH_STATE_DIR")
            .or_else(default_state_folder)
            .map_or_else(nowhere, |folder| kubeconfig(&folder)),
        components: from("HOWDAH_COMPONENTS")
            .or_else(default_components_folder)
            .unwrap_or_else(nowhere),
    }
}

/// The administrator's kubeconfig in a state folder.
pub(crate) fn kubeconfig(state: &Utf8Path) -> Utf8PathBuf {
    state.join("kubeconfig")
}

fn default_state_folder() -> Option<Utf8PathBuf> {
    if Uid::effective().is_root() {
        return Some("/var/lib/howdah/pocket".into());
    }
    let data = variable("XDG_DATA_HOME").filter(|data| data.starts_with('/'));
    let data = match data {
        Some(data) => Utf8PathBuf::from(data),
        None => Utf8PathBuf::from(variable("HOME")?).join(".local/share"),
    };
    Some(data.join("howdah/pocket"))
}

fn default_components_folder() -> Option<Utf8PathBuf> {
    catalogue::default_folder(
        Uid::effective().is_root(),
        variable("XDG_DATA_HOME").as_deref(),
        variable("HOME").as_deref(),
    )
    .map(Utf8PathBuf::from)
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn absolute(path: &Utf8Path) -> Result<Utf8PathBuf> {
    camino::absolute_utf8(path).with_context(|| format!("find out where {path} is"))
}

//! What `cargo metadata` says about this workspace.

use std::process::Command;

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use serde::Deserialize;

use crate::command::output_of;

/// The workspace and its packages.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    /// The folder of the root manifest.
    #[serde(rename = "workspace_root")]
    pub root: Utf8PathBuf,
    /// Where cargo puts what it builds.
    #[serde(rename = "target_directory")]
    pub target: Utf8PathBuf,
    /// The members.
    pub packages: Vec<Package>,
}

/// One member.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub name: String,
    pub dependencies: Vec<Dependency>,
}

/// One line of a member's manifest.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub name: String,
    /// Absent for normal dependencies.
    pub kind: Option<Kind>,
    /// Present for members.
    pub path: Option<Utf8PathBuf>,
}

/// Which of the special tables a dependency is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Dev,
    Build,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn load() -> Result<Self> {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
        let text = output_of(Command::new("cargo").args([
            "metadata",
            "--no-deps",
            "--format-version=1",
            "--manifest-path",
            manifest,
        ]))?;
        serde_json::from_str(&text).context("understand what cargo metadata printed")
    }
}

//! `cargo xtask gen` and `cargo xtask check`: what is generated from Rust below `deploy`, the CRDs, the manifest
//! that installs everything, and parts of the Helm chart.
//!
//! The generator is a second binary behind a feature, so that `make components` need not compile the whole API.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use camino::Utf8Path;

use crate::tree;
use crate::workspace::Workspace;

const FOLDER: &str = "deploy";
const CRDS: &str = "crds";
/// Single files; the rest of the chart is written by hand.
const FILES: [&str; 7] = [
    "helm/howdah/Chart.yaml",
    "helm/howdah/files/catalogue.yaml",
    "helm/howdah/files/rights-at-home.yaml",
    "helm/howdah/files/rights-of-cluster.yaml",
    "helm/howdah/files/rights.yaml",
    "helm/howdah/files/webhooks.yaml",
    "howdah.yaml",
];

/// Writes the files.
pub(crate) fn generate(workspace: &Workspace) -> Result<()> {
    let folder = workspace.root.join(FOLDER);
    tree::remove(&folder.join(CRDS))?;
    generate_into(workspace, &folder)
}

/// Fails with the names of files that are not what the types say; writes nothing of the project.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let fresh = workspace
        .target
        .join(format!("deploy-{}", std::process::id()));
    let stale = generate_into(workspace, &fresh)
        .and_then(|()| differences(&workspace.root.join(FOLDER), &fresh));
    tree::remove(&fresh)?;
    let stale = stale?;
    if !stale.is_empty() {
        let files: Vec<_> = stale
            .iter()
            .map(|name| format!("{FOLDER}/{name}"))
            .collect();
        bail!("out of date: {}; run `cargo xtask gen`", files.join(", "));
    }
    Ok(())
}

fn generate_into(workspace: &Workspace, folder: &Utf8Path) -> Result<()> {
    fs::create_dir_all(folder.join(CRDS)).with_context(|| format!("create {folder}"))?;
    let mut command = Command::new("cargo");
    command
        .args([
            "run",
            "--quiet",
            "--package",
            "xtask",
            "--features",
            "crds",
            "--bin",
            "xtask-crds",
        ])
        .args(["--", folder.as_str()])
        .current_dir(&workspace.root);
    let status = command.status().context("run cargo")?;
    ensure!(status.success(), "generating the CRDs ended with {status}");
    Ok(())
}

/// The names of generated files that only one of the folders has, or that differ.
fn differences(committed: &Utf8Path, fresh: &Utf8Path) -> Result<BTreeSet<String>> {
    let mut names: BTreeSet<_> = FILES.map(str::to_owned).into();
    for folder in [committed, fresh] {
        let crds = folder.join(CRDS);
        if crds.is_dir() {
            for path in tree::files(&crds)? {
                names.insert(path.strip_prefix(folder)?.to_string());
            }
        }
    }
    let read = |folder: &Utf8Path, name: &str| fs::read(folder.join(name)).ok();
    names.retain(|name| read(committed, name) != read(fresh, name));
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_missing_and_surplus_files_are_named() {
        let temporary = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(temporary.path()).unwrap();
        let (committed, fresh) = (root.join("committed"), root.join("fresh"));
        for (folder, files) in [
            (
                &committed,
                [("same", "1"), ("changed", "1"), ("surplus", "1")],
            ),
            (&fresh, [("same", "1"), ("changed", "2"), ("missing", "1")]),
        ] {
            fs::create_dir_all(folder.join(CRDS)).unwrap();
            fs::write(folder.join("howdah.yaml"), files[0].1).unwrap();
            for (name, text) in files {
                fs::write(folder.join(CRDS).join(name), text).unwrap();
            }
        }
        let stale: Vec<_> = differences(&committed, &fresh)
            .unwrap()
            .into_iter()
            .collect();
        assert_eq!(stale, ["crds/changed", "crds/missing", "crds/surplus"]);
        let all = differences(&root.join("none"), &fresh).unwrap();
        assert_eq!(all.len(), 4);
    }
}

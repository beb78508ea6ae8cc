//! Building images with the program that is there.

use std::process::Command;

use anyhow::{Context, Result, bail};
use camino::Utf8Path;

use super::bundles::DEFAULT_HOST;
use crate::command::{output_of, require};

/// The image that a base folder becomes.
const BASE: &str = "localhost/howdah-base:local";

/// A program that builds images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Builder {
    Buildah,
    Docker,
}

impl Builder {
    /// The first one on this machine.
    pub(super) fn find() -> Result<Self> {
        for builder in [Self::Buildah, Self::Docker] {
            if require(builder.program()).is_ok() {
                return Ok(builder);
            }
        }
        bail!(
            "neither buildah nor docker is here: install the Debian package buildah, \
             or use --bundles"
        )
    }

    fn program(self) -> &'static str {
        match self {
            Self::Buildah => "buildah",
            Self::Docker => "docker",
        }
    }

    fn call(self, words: &[&str]) -> Result<String> {
        output_of(Command::new(self.program()).args(words))
    }

    /// The image to build on; a folder becomes one first.
    pub(super) fn base(self, base: &str) -> Result<String> {
        if !Utf8Path::new(base).is_dir() {
            return Ok(base.to_owned());
        }
        match self {
            Self::Buildah => {
                let container = self.call(&["from", "scratch"])?;
                let container = container.trim();
                let added = self.call(&["add", "--quiet", container, base, "/"]);
                let made = added.and_then(|_| self.call(&["commit", "--quiet", container, BASE]));
                self.call(&["rm", container])?;
                made?;
            }
            Self::Docker => {
                let script = "tar --directory \"$1\" --create . | docker import - \"$2\"";
                output_of(Command::new("sh").args(["-c", script, "sh", base, BASE]))?;
            }
        }
        Ok(BASE.to_owned())
    }

    /// Builds a Containerfile and returns the image's identifier.
    pub(super) fn build(
        self,
        file: &Utf8Path,
        context: &Utf8Path,
        arguments: &[&(&str, String)],
    ) -> Result<String> {
        eprintln!("images: building {file} ...");
        let mut command = Command::new(self.program());
        command.args(["build", "--quiet", "--file", file.as_str()]);
        for (name, value) in arguments {
            command.args(["--build-arg", &format!("{name}={value}")]);
        }
        let printed = output_of(command.arg(context)).with_context(|| format!("build {file}"))?;
        let id = printed.lines().rfind(|line| !line.trim().is_empty());
        Ok(id.context("the builder names no image")?.trim().to_owned())
    }

    /// What a program in an image says about its version.
    pub(super) fn output(self, image: &str, program: &str) -> Result<String> {
        match self {
            Self::Docker => {
                let entry = ["run", "--rm", "--entrypoint", program];
                self.call(&[&entry[..], &[image, "--version"]].concat())
            }
            Self::Buildah => {
                let container = self.call(&["from", image])?;
                let container = container.trim();
                let said = self.call(&["run", container, "--", program, "--version"]);
                self.call(&["rm", container])?;
                said
            }
        }
    }

    /// Names an image and writes it to an archive.
    pub(super) fn save(self, id: &str, name: &str, archive: &Utf8Path) -> Result<()> {
        // A former archive would be added to, or refused.
        crate::tree::remove(archive)?;
        let full = format!("{DEFAULT_HOST}/{name}");
        self.call(&["tag", id, &full])?;
        match self {
            Self::Docker => self.call(&["save", "--output", archive.as_str(), &full]),
            Self::Buildah => {
                let to = format!("oci-archive:{archive}:{full}");
                self.call(&["push", "--quiet", &full, &to])
            }
        }
        .map(drop)
    }
}

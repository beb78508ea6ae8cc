//! Programs of bundles that are in no catalogue, because only the project's own tasks run them.

use std::process::Command;

use anyhow::{Context, Result};
use camino::Utf8Path;

use super::pins::Pins;
use super::{bundle, read_pins};

/// A program of a bundle that is in no catalogue, with its environment.
pub(crate) fn program(folder: &Utf8Path, name: &str, path: &str) -> Result<Command> {
    let pins = Pins::parse(&read_pins()?)?;
    let pinned = pins.bundles.iter().find(|known| known.name == name);
    let pinned = pinned.with_context(|| format!("components.toml has no bundle {name}"))?;
    let home = folder.join(pins.folder_of(pinned));
    bundle::complete_version(&home)
        .with_context(|| format!("the bundle {name} is not in {folder}: run `make components`"))?;
    let mut command = Command::new(home.join(path));
    let env = pinned.env.iter();
    command
        .envs(env.map(|(name, path)| (name, home.join(path))))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env_remove("LD_LIBRARY_PATH");
    Ok(command)
}

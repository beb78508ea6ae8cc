//! Finding the programs that `make components` built.

use std::env;
use std::ffi::OsStr;

use anyhow::{Context, Result, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use howdah_types::catalogue::{self, Catalogue, Component, ComponentName};

/// The components folder and its catalogue.
#[derive(Clone, Debug)]
pub struct Components {
    folder: Utf8PathBuf,
    catalogue: Catalogue,
}

/// The programs of one component.
#[derive(Clone, Debug)]
pub struct Programs {
    /// The version found in the bundle.
    pub version: String,
    /// The image that names the component in a catalogue.
    pub image: String,
    /// The folder of the programs.
    pub bin: Utf8PathBuf,
    /// Environment that the programs need.
    pub env: Vec<(String, String)>,
}

/// Reads the catalogue of the folder in `HOWDAH_COMPONENTS`, or of this user's default.
///
/// # Errors
/// Says which file is missing or wrong, and to run `make components`.
pub fn components() -> Result<Components> {
    let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let folder = match variable("HOWDAH_COMPONENTS") {
        Some(folder) => folder,
        None => catalogue::default_folder(
            nix::unistd::Uid::effective().is_root(),
            variable("XDG_DATA_HOME").as_deref(),
            variable("HOME").as_deref(),
        )
        .context("there is no home folder to look for components in: set HOWDAH_COMPONENTS")?,
    };
    Components::read(Utf8Path::new(&folder))
}

/// The folder of the programs of one major version of Postgres.
///
/// # Errors
/// As [`components`] and [`Components::postgres`].
pub fn postgres_bin_dir(major: u32) -> Result<Utf8PathBuf> {
    Ok(components()?.postgres(major)?.bin)
}

impl Components {
    /// Reads the catalogue of this folder.
    ///
    /// # Errors
    /// Says which file is missing or wrong, and to run `make components`.
    pub fn read(folder: &Utf8Path) -> Result<Self> {
        let path = folder.join(catalogue::FILE_NAME);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("read {path}: run `make components`"))?;
        let catalogue: Catalogue = serde_saphyr::from_str(&text)
            .with_context(|| format!("understand {path}: run `make components`"))?;
        Ok(Self {
            folder: folder.to_owned(),
            catalogue,
        })
    }

    /// The folder that the catalogue's paths are relative to.
    #[must_use]
    pub fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    /// What is on offer.
    #[must_use]
    pub const fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The newest Postgres of one major version.
    ///
    /// # Errors
    /// Says that the catalogue has none, or that its folder is gone.
    pub fn postgres(&self, major: u32) -> Result<Programs> {
        let found = self
            .catalogue
            .newest_of_major(ComponentName::Postgres, major);
        self.programs(found, &format!("postgres {major}"))
    }

    /// The newest version of one component.
    ///
    /// # Errors
    /// Says that the catalogue has none, or that its folder is gone.
    pub fn newest(&self, name: ComponentName) -> Result<Programs> {
        self.programs(self.catalogue.newest(name), name.as_str())
    }

    fn programs(&self, found: Option<&Component>, wanted: &str) -> Result<Programs> {
        let folder = self.folder.as_str();
        let component = found.with_context(|| {
            format!("{folder} has no component {wanted}: run `make components`")
        })?;
        let bin = component
            .program_dirs(folder)
            .next()
            .with_context(|| format!("{wanted} has no folder of programs in {folder}"))?;
        let bin = Utf8PathBuf::from(bin);
        ensure!(
            bin.is_dir(),
            "{bin} of component {wanted} is missing: run `make components`"
        );
        Ok(Programs {
            version: component.version.clone(),
            image: component.image.clone(),
            bin,
            env: component
                .env_vars(folder)
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        })
    }
}

impl Programs {
    /// A command that runs one of the programs in its environment.
    #[must_use]
    pub fn command(&self, program: &str) -> std::process::Command {
        let mut command = std::process::Command::new(self.bin.join(program));
        command.envs(
            self.env
                .iter()
                .map(|(name, value)| (OsStr::new(name), OsStr::new(value))),
        );
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(catalogue: Option<&str>) -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().to_owned();
        if let Some(text) = catalogue {
            std::fs::write(path.join(catalogue::FILE_NAME), text).unwrap();
        }
        (folder, path)
    }

    #[test]
    fn a_missing_or_broken_catalogue_says_what_to_run() {
        for text in [None, Some("components: 1\n")] {
            let (_folder, path) = folder_with(text);
            let error = Components::read(&path).unwrap_err().to_string();
            assert!(
                error.ends_with("catalogue.yaml: run `make components`"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_missing_component_and_a_missing_bundle_are_told_apart() {
        let (_folder, path) = folder_with(Some(
            "components:\n- component: postgres\n  version: \"18.6\"\n  image: i\n  programs: [gone/bin]\n",
        ));
        let components = Components::read(&path).unwrap();
        let error = components.postgres(17).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("{path} has no component postgres 17: run `make components`")
        );
        let error = components.postgres(18).unwrap_err().to_string();
        assert!(
            error.contains("gone/bin of component postgres 18 is missing"),
            "{error}"
        );
    }

    #[test]
    fn commands_carry_the_environment_of_their_bundle() {
        let (_folder, path) = folder_with(Some(
            "components:\n- component: kubectl\n  version: \"1.2\"\n  image: i\n  programs: [bin]\n  env: {LOCPATH: locale}\n",
        ));
        std::fs::create_dir(path.join("bin")).unwrap();
        let programs = Components::read(&path)
            .unwrap()
            .newest(ComponentName::Kubectl)
            .unwrap();
        assert_eq!(
            (programs.version.as_str(), programs.image.as_str()),
            ("1.2", "i")
        );
        let command = programs.command("kubectl");
        assert_eq!(
            command.get_program(),
            OsStr::new(path.join("bin/kubectl").as_str())
        );
        let env: Vec<_> = command.get_envs().collect();
        let locale = path.join("locale");
        assert_eq!(
            env,
            [(OsStr::new("LOCPATH"), Some(OsStr::new(locale.as_str())))]
        );
    }
}

//! `cargo xtask components`: builds the bundles that are missing and writes their catalogue.
//!
//! What to build is in `components.toml`; how pocket uses the result is in the catalogue. Nothing is installed on
//! the host, no program runs with more rights than the caller has, and a complete folder is left alone.

mod apt;
mod bundle;
mod elf;
mod folder;
mod mirror;
mod pins;
mod program;
mod relocate;
mod tool;
mod wheel;

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use howdah_types::catalogue::{self, Catalogue};

use self::apt::Apt;
use self::mirror::Mirror;
use self::pins::{Bundle, Pins, Source, Tool};
pub(crate) use self::program::program;
use self::relocate::Patchelf;
use self::wheel::Pip;
use crate::command::require;
use crate::tree;

/// Where apt keeps its private state while bundles are built.
const WORK: &str = ".work";

/// The flags of the task.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folder of the bundles and their catalogue [default: /var/lib/howdah/components for root,
    /// ~/.local/share/howdah/components otherwise]
    #[arg(long, env = "HOWDAH_COMPONENTS", value_name = "DIR")]
    components: Option<Utf8PathBuf>,

    /// Also remove the bundles of pins that are no longer in components.toml; not while `howdah up` runs
    #[arg(long)]
    prune: bool,
}

/// Runs the task.
pub(crate) fn run(args: Args) -> Result<()> {
    let Args { components, prune } = args;
    let folder = folder_for(components)?;
    let pins = Pins::parse(&read_pins()?)?;
    folder::create(&folder)?;
    if is_root() {
        folder::check_open_to_others(&folder)?;
    }
    let _lock = folder::lock(&folder)?;
    let failed = build_missing(&pins, &folder)?;
    write_catalogue(&pins, &folder)?;
    if !failed.is_empty() {
        bail!("not all components could be built\n{}", failed.join("\n"));
    }
    if prune {
        remove_outdated(&pins, &folder)?;
    }
    Ok(())
}

/// The components folder that the flag or variable names, or this user's default.
pub(crate) fn folder_for(given: Option<Utf8PathBuf>) -> Result<Utf8PathBuf> {
    folder::resolve(given, is_root())
}

fn is_root() -> bool {
    nix::unistd::Uid::effective().is_root()
}

fn read_pins() -> Result<String> {
    let path = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../components.toml");
    fs::read_to_string(&path).with_context(|| format!("read {path}"))
}

/// Builds what is not complete, and says in words what could not be built.
fn build_missing(pins: &Pins, folder: &Utf8Path) -> Result<Vec<String>> {
    let missing: Vec<_> = pins
        .bundles
        .iter()
        .filter(|bundle| bundle::complete_version(&folder.join(pins.folder_of(bundle))).is_none())
        .collect();
    if missing.is_empty() {
        eprintln!(
            "components: all {} bundles are complete in {folder}",
            pins.bundles.len()
        );
        return Ok(Vec::new());
    }
    for program in ["apt-get", "dpkg", "dpkg-deb"] {
        require(program)?;
    }
    if !Utf8Path::new("/usr/share/zoneinfo").exists() {
        eprintln!(
            "this machine has no time zones, so Postgres will know UTC alone: install the Debian package tzdata"
        );
    }
    remove_leftovers(folder)?;
    let mut builder = Builder::new(pins, folder)?;
    let mut failed = Vec::new();
    for bundle in missing {
        if let Err(error) = builder.build(bundle) {
            failed.push(format!("{}: {error:#}", bundle.name));
        }
    }
    if failed.is_empty() {
        tree::remove(&folder.join(WORK))?;
    }
    Ok(failed)
}

/// What one run needs only once: the mirror, a suite's package lists, the tools.
struct Builder<'a> {
    pins: &'a Pins,
    folder: &'a Utf8Path,
    mirror: Mirror,
    suites: BTreeMap<String, Apt>,
    patchelf: Option<Patchelf>,
    pip: Option<Pip>,
}

impl<'a> Builder<'a> {
    fn new(pins: &'a Pins, folder: &'a Utf8Path) -> Result<Self> {
        let mirror = mirror::find(std::env::var(mirror::VARIABLE).ok(), "/etc/apt".into())?;
        Ok(Self {
            pins,
            folder,
            mirror,
            suites: BTreeMap::new(),
            patchelf: None,
            pip: None,
        })
    }

    fn build(&mut self, bundle: &Bundle) -> Result<()> {
        let home = self.folder.join(self.pins.folder_of(bundle));
        match &bundle.from {
            Source::Debian { suite, packages } => {
                self.open_patchelf().context("get patchelf")?;
                self.open_suite(suite)?;
                let (Some(apt), Some(patchelf)) = (self.suites.get(suite), &self.patchelf) else {
                    bail!("the suite {suite} is not open");
                };
                let (name, remove) = (&bundle.name, &self.pins.remove);
                bundle::build(bundle, &home, |root| {
                    let folders = (root, home.as_path());
                    bundle::fill_from_debian(name, packages, remove, folders, apt, patchelf)
                })?;
            }
            Source::Wheel(wheel) => {
                eprintln!("{}: downloading a wheel", bundle.name);
                let pip = self.open_pip().context("get pip")?;
                bundle::build(bundle, &home, |root| pip.unpack(wheel, root))?;
            }
            Source::Python {
                suite,
                packages,
                wheel,
                unused,
            } => {
                self.open_patchelf().context("get patchelf")?;
                self.open_pip().context("get pip")?;
                self.open_suite(suite)?;
                let opened = (self.suites.get(suite), &self.patchelf, &self.pip);
                let (Some(apt), Some(patchelf), Some(pip)) = opened else {
                    bail!("the suite {suite} is not open");
                };
                let (name, remove) = (&bundle.name, &self.pins.remove);
                bundle::build(bundle, &home, |root| {
                    let folders = (root, home.as_path());
                    bundle::fill_from_debian(name, packages, remove, folders, apt, patchelf)?;
                    eprintln!("{name}: downloading a wheel");
                    pip.unpack(wheel, &root.join("site"))?;
                    tree::remove_matching(root, unused)
                })?;
            }
        }
        // Others may wait for this one and not for the rest.
        write_catalogue(self.pins, self.folder)
    }

    fn open_suite(&mut self, name: &str) -> Result<&Apt> {
        if !self.suites.contains_key(name) {
            let suite = self
                .pins
                .suites
                .get(name)
                .with_context(|| format!("no suite {name}"))?;
            let work = self.folder.join(WORK);
            let apt = Apt::open(&work, name, suite, &self.mirror, &self.pins.assume)?;
            self.suites.insert(name.to_owned(), apt);
        }
        self.suites
            .get(name)
            .context("the suite has just been opened")
    }

    fn open_patchelf(&mut self) -> Result<()> {
        if self.patchelf.is_none() {
            let root = self.unpack_tool("patchelf", &self.pins.patchelf)?;
            self.patchelf = Some(Patchelf::below(&root)?);
        }
        Ok(())
    }

    fn open_pip(&mut self) -> Result<&Pip> {
        let pip = match self.pip.take() {
            Some(pip) => pip,
            None => Pip::below(&self.unpack_tool("pip", &self.pins.pip)?)?,
        };
        Ok(self.pip.insert(pip))
    }

    /// Downloads a tool and returns the folder in which it then is.
    fn unpack_tool(&mut self, name: &str, pin: &Tool) -> Result<Utf8PathBuf> {
        let root = self.folder.join(WORK).join(name);
        let apt = self.open_suite(&pin.suite)?;
        let debs = apt.resolve(&pin.packages)?;
        apt.download(&pin.packages)?;
        tree::remove(&root)?;
        bundle::unpack(apt, &debs, &root)?;
        Ok(root)
    }
}

/// Removes what an interrupted build left; the lock says that no other is under way.
fn remove_leftovers(folder: &Utf8Path) -> Result<()> {
    for entry in folder.read_dir_utf8()?.flatten() {
        if entry.file_name().contains(".partial-") {
            tree::remove(entry.path())?;
        }
    }
    Ok(())
}

/// Removes folders named like a bundle's that are not the one in use.
fn remove_outdated(pins: &Pins, folder: &Utf8Path) -> Result<()> {
    let current: Vec<_> = pins
        .bundles
        .iter()
        .map(|bundle| pins.folder_of(bundle))
        .collect();
    for entry in folder.read_dir_utf8()?.flatten() {
        let name = entry.file_name();
        let of_a_bundle = name.rsplit_once('-').is_some_and(|(_, hash)| {
            hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        if of_a_bundle && !current.iter().any(|folder| folder == name) {
            eprintln!("removing {}", entry.path());
            tree::remove(entry.path())?;
        }
    }
    Ok(())
}

/// Writes the catalogue of the complete bundles, unless the file says the same already.
fn write_catalogue(pins: &Pins, folder: &Utf8Path) -> Result<()> {
    let mut catalogue = Catalogue::default();
    for bundle in &pins.bundles {
        let name = pins.folder_of(bundle);
        if let Some(version) = bundle::complete_version(&folder.join(&name)) {
            catalogue
                .components
                .extend(bundle::entries(bundle, &name, &version));
        }
    }
    let problems = catalogue.problems();
    if !problems.is_empty() {
        bail!("the catalogue would be wrong: {}", problems.join("; "));
    }
    let text = format!(
        "# Written by `make components`.\n{}",
        serde_saphyr::to_string(&catalogue).context("write the catalogue as YAML")?
    );
    let path = folder.join(catalogue::FILE_NAME);
    if fs::read_to_string(&path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    bundle::replace(&path, &text)
}

//! Makes unpacked programs use the loader and the libraries of their own folder.
//!
//! Only programs are changed. Their library path (`DT_RPATH`) is searched for every library below them, those that
//! extensions load at run time included, before `LD_LIBRARY_PATH` and before the host's folders. (ld.so(8))

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use camino::{Utf8Path, Utf8PathBuf};

use super::elf;
use super::tool::Tool;
use crate::command::output_of;
use crate::tree;

/// The program that changes where others look for their loader and libraries.
pub(crate) struct Patchelf(Tool);

impl Patchelf {
    /// Takes the patchelf that has been unpacked below `root`.
    pub(crate) fn below(root: &Utf8Path) -> Result<Self> {
        Tool::below(root, "usr/bin/patchelf").map(Self)
    }

    fn command(&self) -> Command {
        self.0.command()
    }

    /// Points every program below `root` to where its loader and libraries will be once `root` is renamed to `home`.
    pub(crate) fn relocate(&self, root: &Utf8Path, home: &Utf8Path) -> Result<()> {
        let libraries = Libraries::below(root)?;
        let mut by_loader: BTreeMap<String, Vec<Utf8PathBuf>> = BTreeMap::new();
        for file in tree::files(root)? {
            // The C library and the loader can be run too, but they are libraries first.
            if !file_name(file.as_str()).contains(".so")
                && let Some(interpreter) = elf::interpreter(&file)?
            {
                by_loader.entry(interpreter).or_default().push(file);
            }
        }
        ensure!(!by_loader.is_empty(), "the packages hold no program");
        for (interpreter, programs) in by_loader {
            let loader = home.join(libraries.find(file_name(&interpreter))?);
            output_of(
                self.command()
                    .args(["--set-interpreter", loader.as_str()])
                    .args(&programs),
            )?;
            output_of(
                self.command()
                    .args(["--force-rpath", "--set-rpath", &libraries.path(home)])
                    .args(&programs),
            )?;
        }
        self.check_closed(root, &libraries)
    }

    /// Fails when a program or library needs one that is not in the bundle: the host's would be taken, or none.
    fn check_closed(&self, root: &Utf8Path, libraries: &Libraries) -> Result<()> {
        let mut missing = BTreeSet::new();
        for file in tree::files(root)? {
            let library = file_name(file.as_str()).contains(".so");
            if !is_elf(&file)? || !(library || elf::interpreter(&file)?.is_some()) {
                continue;
            }
            let needed = output_of(self.command().args(["--print-needed", file.as_str()]))?;
            for name in needed.lines().filter(|name| libraries.find(name).is_err()) {
                missing.insert(format!("{name} (for {})", file_name(file.as_str())));
            }
        }
        ensure!(
            missing.is_empty(),
            "libraries are missing: {}; take their packages out of `assume` in components.toml, \
             or remove what needs them",
            missing.into_iter().collect::<Vec<_>>().join(", ")
        );
        Ok(())
    }
}

/// Where the shared libraries of a bundle are, relative to it.
pub(super) struct Libraries {
    by_name: BTreeMap<String, Utf8PathBuf>,
}

impl Libraries {
    /// Looks at the folders of libraries; what extensions load by path is elsewhere.
    pub(super) fn below(root: &Utf8Path) -> Result<Self> {
        let mut by_name = BTreeMap::new();
        for path in tree::walk(root)? {
            let relative = path.strip_prefix(root)?;
            let depth = relative.components().count();
            let in_libraries = relative.starts_with("usr/lib") || relative.starts_with("lib");
            if in_libraries
                && depth <= 4
                && file_name(path.as_str()).contains(".so")
                && path.is_file()
            {
                by_name.insert(file_name(path.as_str()).to_owned(), relative.to_owned());
            }
        }
        Ok(Self { by_name })
    }

    pub(super) fn find(&self, name: &str) -> Result<&Utf8Path> {
        let found = self.by_name.get(name).map(Utf8PathBuf::as_path);
        found.with_context(|| format!("no package brings {name}"))
    }

    /// The search path for a bundle at `home`.
    pub(super) fn path(&self, home: &Utf8Path) -> String {
        let folders: BTreeSet<_> = self
            .by_name
            .values()
            .filter_map(|path| path.parent())
            .collect();
        folders
            .into_iter()
            .map(|folder| home.join(folder).into_string())
            .collect::<Vec<_>>()
            .join(":")
    }
}

pub(super) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn is_elf(path: &Utf8Path) -> Result<bool> {
    use std::io::Read;
    let mut start = Vec::with_capacity(4);
    fs::File::open(path)?.take(4).read_to_end(&mut start)?;
    Ok(start == b"\x7fELF")
}

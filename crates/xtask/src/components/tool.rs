//! A tool of the build, unpacked with its libraries and run by the loader among them.
//!
//! So every host runs the same version, whatever it has installed.

use std::process::Command;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

use super::elf;
use super::relocate::{Libraries, file_name};

/// A program that has been unpacked somewhere.
pub(crate) struct Tool {
    loader: Utf8PathBuf,
    library_path: String,
    program: Utf8PathBuf,
}

impl Tool {
    /// Takes the program at this path below `root`.
    pub(crate) fn below(root: &Utf8Path, program: &str) -> Result<Self> {
        let program = root.join(program);
        let interpreter = elf::interpreter(&program)?
            .with_context(|| format!("{program} names no dynamic loader"))?;
        let libraries = Libraries::below(root)?;
        let loader = root.join(libraries.find(file_name(&interpreter))?);
        Ok(Self {
            loader,
            library_path: libraries.path(root),
            program,
        })
    }

    /// Starts a command line with it.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.loader);
        command.args(["--library-path", &self.library_path, self.program.as_str()]);
        command
    }
}

//! `cargo xtask tidy`: the rules of the workspace that the compiler and clippy do not know. It changes nothing.

mod edges;
mod files;
mod lints;

use anyhow::{Result, bail};
use camino::Utf8Path;

use crate::workspace::Workspace;

/// Something that breaks a rule: which file, and what is wrong with it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    /// Relative to the root of the workspace.
    pub file: String,
    pub what: String,
}

/// Checks every rule and prints each problem on a line of its own.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let root: &Utf8Path = &workspace.root;
    let mut problems = edges::check(&workspace.packages);
    problems.extend(lints::check(root)?);
    problems.extend(files::check(root)?);
    problems.sort();
    for Problem { file, what } in &problems {
        eprintln!("{file}: {what}");
    }
    match problems.len() {
        0 => Ok(()),
        1 => bail!("tidy found a problem"),
        count => bail!("tidy found {count} problems"),
    }
}

//! Every source file starts by saying what it owns.

use std::fs;

use anyhow::{Context, Result};
use camino::Utf8Path;

use super::Problem;
use crate::tree;

/// Looks at the Rust files of every crate's `src`.
pub(super) fn check(root: &Utf8Path) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for entry in root.join("crates").read_dir_utf8().context("list crates")? {
        let src = entry?.path().join("src");
        if !src.is_dir() {
            continue;
        }
        for path in tree::files(&src)?
            .into_iter()
            .filter(|path| path.extension() == Some("rs"))
        {
            let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
            if let Some(what) = problem_of(&text) {
                let file = path.strip_prefix(root)?.to_string();
                problems.push(Problem {
                    file,
                    what: what.to_owned(),
                });
            }
        }
    }
    Ok(problems)
}

fn problem_of(text: &str) -> Option<&'static str> {
    let first = text.lines().find(|line| !line.trim().is_empty())?;
    let words = first.strip_prefix("//!").map(str::trim);
    match words {
        Some(words) if words.len() > 5 => None,
        Some(_) => Some("starts with `//!` and no sentence after it"),
        None => Some("must start with `//!` and what the module owns"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_starts_with_its_documentation() {
        assert_eq!(problem_of("\n//! Owns the walls.\nuse a;"), None);
        assert_eq!(problem_of(""), None);
        assert!(problem_of("use a;\n//! Owns the walls.").is_some());
        assert!(problem_of("// Owns the walls.").is_some());
        assert!(problem_of("//! x\n").is_some());
    }
}

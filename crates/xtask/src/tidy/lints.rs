//! A `clippy.toml` inside a crate replaces the one of the workspace, so each copy must repeat all of its entries.

use std::fs;

use anyhow::{Context, Result};
use camino::Utf8Path;
use toml::{Table, Value};

use super::Problem;

/// Compares every copy with the root's file.
pub(super) fn check(root: &Utf8Path) -> Result<Vec<Problem>> {
    let ours = read(&root.join("clippy.toml"))?;
    let mut problems = Vec::new();
    for entry in root.join("crates").read_dir_utf8().context("list crates")? {
        let copy = entry?.path().join("clippy.toml");
        if copy.exists() {
            let file = copy.strip_prefix(root)?.to_string();
            let missing = missing_in(&read(&copy)?, &ours);
            problems.extend(missing.into_iter().map(|what| Problem {
                file: file.clone(),
                what,
            }));
        }
    }
    Ok(problems)
}

fn read(path: &Utf8Path) -> Result<Table> {
    let text = fs::read_to_string(path).with_context(|| format!("read {path}"))?;
    text.parse().with_context(|| format!("understand {path}"))
}

/// What the root has and a copy has not, in words.
fn missing_in(copy: &Table, root: &Table) -> Vec<String> {
    let mut missing = Vec::new();
    for (key, value) in root {
        let Value::Array(entries) = value else {
            if copy.get(key) != Some(value) {
                missing.push(format!(
                    "{key} must be {value} as in the root's clippy.toml"
                ));
            }
            continue;
        };
        let theirs = copy
            .get(key)
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        for entry in entries.iter().filter(|entry| !theirs.contains(entry)) {
            missing.push(format!("{key} lacks the root's entry {}", name_of(entry)));
        }
    }
    missing
}

fn name_of(entry: &Value) -> String {
    let path = entry.get("path").and_then(Value::as_str);
    path.map_or_else(|| entry.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    const ROOT: &str = r#"
        threshold = 80
        banned = [{ path = "a::b", reason = "r" }, { path = "c::d", reason = "r" }]
    "#;

    fn missing(copy: &str) -> Vec<String> {
        missing_in(&copy.parse().unwrap(), &ROOT.parse().unwrap())
    }

    #[test]
    fn a_copy_may_add_entries() {
        let more = ROOT.replace("banned = [", "own = true\nbanned = [{ path = \"x\" }, ");
        assert_eq!(missing(&more), Vec::<String>::new());
    }

    #[test]
    fn a_copy_that_lost_or_changed_an_entry_is_told_which() {
        let copy = ROOT.replace("80", "90").replace("c::d", "e::f");
        assert_eq!(
            missing(&copy),
            [
                "banned lacks the root's entry c::d",
                "threshold must be 80 as in the root's clippy.toml",
            ]
        );
        assert_eq!(missing("threshold = 80").len(), 2);
    }
}

//! One bundle: whether it is complete, and building it so that a half-built one is never taken for complete.
//!
//! A bundle is unpacked in a folder beside its own, renamed, tried, and only then stamped. The programs inside know
//! their absolute path, so the stamp records it and a bundle that has been moved does not count.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use howdah_types::catalogue::Component;
use serde::{Deserialize, Serialize};

use super::apt::{Apt, Deb};
use super::pins::Bundle;
use super::relocate::Patchelf;
use crate::command::{capture, describe, last_words, output_of};
use crate::tree;

const STAMP: &str = ".complete.json";

/// What a complete bundle says about itself.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    path: Utf8PathBuf,
    version: String,
}

/// The version of a bundle that is complete and where it was built.
pub(crate) fn complete_version(home: &Utf8Path) -> Option<String> {
    let text = fs::read_to_string(home.join(STAMP)).ok()?;
    let stamp: Stamp = serde_json::from_str(&text).ok()?;
    (stamp.path == home).then_some(stamp.version)
}

/// Builds a bundle and returns its version. `fill` puts its files into the folder that it is given.
pub(crate) fn build(
    bundle: &Bundle,
    home: &Utf8Path,
    fill: impl FnOnce(&Utf8Path) -> Result<()>,
) -> Result<String> {
    let partial = Utf8PathBuf::from(format!("{home}.partial-{}", std::process::id()));
    tree::remove(&partial)?;
    fill(&partial)?;
    tree::open_to_all(&partial)?;
    tree::remove(home)?;
    fs::rename(&partial, home).with_context(|| format!("rename {partial} to {home}"))?;
    let version = try_out(bundle, home)?;
    let stamp = Stamp {
        path: home.to_owned(),
        version: version.clone(),
    };
    replace(&home.join(STAMP), &serde_json::to_string(&stamp)?)?;
    let size = megabytes(tree::size(home)?);
    eprintln!(
        "{}: ready, {} {version}, {size} MB",
        bundle.name, bundle.title
    );
    Ok(version)
}

/// Fills `root` with packages of Debian that are to work in `home`.
pub(crate) fn fill_from_debian(
    name: &str,
    packages: &[String],
    remove: &[String],
    (root, home): (&Utf8Path, &Utf8Path),
    apt: &Apt,
    patchelf: &Patchelf,
) -> Result<()> {
    let debs = apt.resolve(packages)?;
    let bytes: u64 = debs.iter().map(|deb| deb.size).sum();
    eprintln!(
        "{name}: downloading {} packages ... {} MB",
        debs.len(),
        megabytes(bytes)
    );
    apt.download(packages)?;
    unpack(apt, &debs, root)?;
    tree::remove_matching(root, remove)?;
    patchelf.relocate(root, home)
}

/// Unpacks packages below a folder that is created for them; none of their scripts is run.
pub(crate) fn unpack(apt: &Apt, debs: &[Deb], root: &Utf8Path) -> Result<()> {
    fs::create_dir_all(root).with_context(|| format!("create {root}"))?;
    for deb in debs {
        let file = apt.archives().join(&deb.file);
        output_of(Command::new("dpkg-deb").args(["--extract", file.as_str(), root.as_str()]))?;
    }
    Ok(())
}

/// Runs the bundle's own programs and returns the version they tell.
fn try_out(bundle: &Bundle, home: &Utf8Path) -> Result<String> {
    let run = |words: &str| -> Result<String> {
        let mut words = words.split_whitespace();
        let mut command = Command::new(home.join(words.next().unwrap_or_default()));
        command.args(words).env_remove("LD_LIBRARY_PATH");
        command.envs(
            bundle
                .env
                .iter()
                .map(|(name, path)| (name, home.join(path))),
        );
        let output = capture(&mut command)?;
        anyhow::ensure!(
            output.status.success(),
            "{} ended with {}: {}",
            describe(&command),
            output.status,
            last_words(&output.stderr)
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    for words in &bundle.checks {
        run(words)?;
    }
    bundle.version_in(&run(&bundle.version_from)?)
}

/// The catalogue entries of a complete bundle in the folder of this name.
pub(crate) fn entries(bundle: &Bundle, folder: &str, version: &str) -> Vec<Component> {
    let inside = |path: &String| format!("{folder}/{path}");
    let env: BTreeMap<_, _> = bundle
        .env
        .iter()
        .map(|(name, path)| (name.clone(), inside(path)))
        .collect();
    bundle
        .offers
        .iter()
        .map(|offer| Component {
            component: offer.component,
            version: version.to_owned(),
            image: offer.image.clone(),
            programs: offer.programs.iter().map(inside).collect(),
            env: env.clone(),
        })
        .collect()
}

/// Writes a file that readers see either as it was or complete.
pub(crate) fn replace(path: &Utf8Path, text: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let partial = Utf8PathBuf::from(format!("{path}.partial-{}", std::process::id()));
    let write = || -> std::io::Result<()> {
        fs::write(&partial, text)?;
        fs::set_permissions(&partial, fs::Permissions::from_mode(0o644))?;
        fs::rename(&partial, path)
    };
    write().with_context(|| format!("write {path}"))
}

fn megabytes(bytes: u64) -> u64 {
    bytes.div_ceil(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_stamped_bundle_in_its_own_place_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        let home = root.join("postgres-18-00000000");
        fs::create_dir(&home).unwrap();
        assert_eq!(complete_version(&home), None);
        let stamp = Stamp {
            path: home.clone(),
            version: "18.6".to_owned(),
        };
        replace(&home.join(STAMP), &serde_json::to_string(&stamp).unwrap()).unwrap();
        assert_eq!(complete_version(&home).as_deref(), Some("18.6"));
        let moved = root.join("moved");
        fs::rename(&home, &moved).unwrap();
        assert_eq!(complete_version(&moved), None);
    }
}

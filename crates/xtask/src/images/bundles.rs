//! Images from the bundles that pocket uses, where nothing can build a Containerfile.
//!
//! A bundle's programs know their absolute path, so it lies in the image where it lies on this machine. Below it is a
//! small Debian for the shell and the time zones, above it the howdah program.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context, Result, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use howdah_types::catalogue::{self, Catalogue, Component, ComponentName};
use serde_json::{Value, json};

use super::oci::Image;
use super::{FILTER, Ours, VERSION, archive, entry, image};
use crate::tree;

/// Components that run in Pods.
const IN_PODS: [ComponentName; 4] = [
    ComponentName::Postgres,
    ComponentName::PostgresUtil,
    ComponentName::Pgbouncer,
    ComponentName::Envoy,
];

/// The containerd of a node adds this to names without a host; an archive has to say it.
pub(super) const DEFAULT_HOST: &str = "docker.io";

/// Where Envoy finds the filter.
const MODULES: &str = "usr/lib/howdah";

/// Folders of a base that only its own package manager needs.
const NOT_OF_BASE: [&str; 5] = ["proc", "sys", "dev", "run", "boot"];

/// Puts all images together.
pub(super) fn build(
    base: &Utf8Path,
    bundles: &Utf8Path,
    ours: &Ours,
    out: &Utf8Path,
) -> Result<Vec<Component>> {
    ensure!(
        base.join("bin/sh").exists(),
        "{base} is not the root of a Debian: with --bundles, --base names a folder, for example one made by debootstrap"
    );
    let bundles = &camino::absolute_utf8(bundles)?;
    let file = bundles.join(catalogue::FILE_NAME);
    let text = fs::read_to_string(&file).with_context(|| format!("read {file}"))?;
    let catalogue: Catalogue =
        serde_saphyr::from_str(&text).with_context(|| format!("understand {file}"))?;
    let maker = Maker {
        base,
        bundles,
        own: own(ours, out)?,
        out,
    };
    maker.write("howdah", VERSION, &[], &format!("howdah/howdah:{VERSION}"))?;
    let mut components = Vec::new();
    for found in catalogue.components {
        if found.component == ComponentName::Envoy && !ours.filter.is_file() {
            eprintln!(
                "images: {} is missing, so there is no image of Envoy",
                ours.filter
            );
        } else if IN_PODS.contains(&found.component) {
            let name = image(found.component.as_str(), &found.version);
            maker.write(found.component.as_str(), &found.version, &[&found], &name)?;
            components.push(entry(found.component, found.version, name));
        }
    }
    tree::remove(&maker.own)?;
    Ok(components)
}

/// The files that are ours: the program, its second name, and a user with the number of the Pods'.
fn own(ours: &Ours, out: &Utf8Path) -> Result<Utf8PathBuf> {
    let root = out.join("own");
    tree::remove(&root)?;
    for folder in ["usr/bin", "etc", MODULES] {
        fs::create_dir_all(root.join(folder)).with_context(|| format!("create {root}"))?;
    }
    let howdah = root.join("usr/bin/howdah");
    let Ours { program, filter } = ours;
    fs::copy(program, &howdah).with_context(|| format!("copy {program}"))?;
    if filter.is_file() {
        let to = root.join(MODULES).join(FILTER);
        fs::copy(filter, to).with_context(|| format!("copy {filter}"))?;
    }
    fs::set_permissions(&howdah, fs::Permissions::from_mode(0o755))?;
    std::os::unix::fs::symlink("howdah", root.join("usr/bin/patronictl"))?;
    let passwd = "root:x:0:0:root:/root:/usr/sbin/nologin\n\
                  postgres:x:999:999:postgres:/var/lib/postgresql:/bin/sh\n";
    fs::write(root.join("etc/passwd"), passwd)?;
    fs::write(root.join("etc/group"), "root:x:0:\npostgres:x:999:\n")?;
    Ok(root)
}

struct Maker<'a> {
    base: &'a Utf8Path,
    bundles: &'a Utf8Path,
    own: Utf8PathBuf,
    out: &'a Utf8Path,
}

impl Maker<'_> {
    fn write(&self, name: &str, version: &str, bundle: &[&Component], image: &str) -> Result<()> {
        eprintln!("images: putting {image} together ...");
        let mut made = Image::begin(self.out.join("work"))?;
        let base = top_of(self.base)?;
        let base: Vec<_> = base.iter().map(String::as_str).collect();
        made.layer(self.base, &base)?;
        for component in bundle {
            let folders = folders_of(self.bundles, component);
            let folders: Vec<_> = folders.iter().map(String::as_str).collect();
            made.layer("/".into(), &folders)?;
        }
        let mut own = vec!["etc", "usr/bin"];
        if has_envoy(bundle) {
            own.push(MODULES);
        }
        made.layer(&self.own, &own)?;
        let labels = json!({
            "org.opencontainers.image.title": format!("howdah-{name}"),
            "org.opencontainers.image.version": version,
            "io.howdah.version": VERSION,
        });
        let settings = settings(self.bundles, bundle);
        let full = format!("{DEFAULT_HOST}/{image}");
        made.finish(&full, settings, &labels, &archive(self.out, name, version))
    }
}

/// The entries of the base that go into an image.
fn top_of(base: &Utf8Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in base
        .read_dir_utf8()
        .with_context(|| format!("list {base}"))?
    {
        let name = entry?.file_name().to_owned();
        if !NOT_OF_BASE.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// The folders of the bundles that a component's programs and variables lie in, relative to the root.
fn folders_of(bundles: &Utf8Path, component: &Component) -> Vec<String> {
    let paths = component.programs.iter().chain(component.env.values());
    let mut folders: Vec<_> = paths
        .filter_map(|path| path.split('/').next())
        .map(|folder| {
            bundles
                .join(folder)
                .as_str()
                .trim_start_matches('/')
                .to_owned()
        })
        .collect();
    folders.sort();
    folders.dedup();
    folders
}

fn has_envoy(bundle: &[&Component]) -> bool {
    bundle
        .iter()
        .any(|component| component.component == ComponentName::Envoy)
}

fn settings(bundles: &Utf8Path, bundle: &[&Component]) -> Value {
    let folders = bundle
        .iter()
        .flat_map(|component| component.program_dirs(bundles.as_str()));
    let path: Vec<_> = folders
        .chain(["/usr/bin".to_owned(), "/bin".to_owned()])
        .collect();
    let variables = bundle
        .iter()
        .flat_map(|component| component.env_vars(bundles.as_str()))
        .map(|(name, value)| format!("{name}={value}"));
    let modules =
        has_envoy(bundle).then(|| format!("ENVOY_DYNAMIC_MODULES_SEARCH_PATH=/{MODULES}"));
    let env: Vec<_> = [format!("PATH={}", path.join(":"))]
        .into_iter()
        .chain(variables)
        .chain(modules)
        .collect();
    let mut settings = json!({"User": "999:999", "Env": env});
    if bundle.is_empty() {
        settings["Entrypoint"] = json!(["/usr/bin/howdah"]);
        settings["Cmd"] = json!(["operator"]);
    }
    settings
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn component() -> Component {
        serde_json::from_value(json!({
            "component": "postgres", "version": "18.6", "image": "x",
            "programs": ["postgres-18-0a/usr/bin"], "env": {"LOCPATH": "postgres-18-0a/usr/lib/locale"},
        }))
        .unwrap()
    }

    #[test]
    fn a_bundle_is_where_its_programs_expect_it() {
        let component = component();
        let bundles = Utf8Path::new("/c");
        assert_eq!(folders_of(bundles, &component), ["c/postgres-18-0a"]);
        let settings = settings(bundles, &[&component]);
        assert_eq!(
            settings["Env"],
            json!([
                "PATH=/c/postgres-18-0a/usr/bin:/usr/bin:/bin",
                "LOCPATH=/c/postgres-18-0a/usr/lib/locale"
            ])
        );
        assert_eq!(settings["Entrypoint"], Value::Null);
    }

    #[test]
    fn the_program_alone_is_the_entry_point() {
        let settings = settings(Utf8Path::new("/c"), &[]);
        assert_eq!(settings["Entrypoint"], json!(["/usr/bin/howdah"]));
        assert_eq!(settings["User"], "999:999");
    }
}

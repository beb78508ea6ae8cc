//! The part of a pocket that touches the machine: the catalogue, the program, the Pods' account.

use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use camino::{Utf8Path, Utf8PathBuf};
use howdah_types::catalogue::{self, Catalogue};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;

use super::network::Block;
use super::{Config, Error, Folder};
use crate::node::{self, ProcessUser};

/// Accounts that Pods run as when `up` is root, the first that exists.
const ACCOUNTS: [&str; 3] = ["howdah", "postgres", "nobody"];
/// The ConfigMap that tells the operator what can be run here.
const CATALOGUE_MAP: (&str, &str) = ("howdah-system", "howdah-catalogue");

/// Reads the catalogue of the bundles and checks that they are there.
pub(super) fn read_catalogue(folder: &Utf8Path) -> Result<Catalogue, Error> {
    let path = folder.join(catalogue::FILE_NAME);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Error::NoComponents {
                folder: folder.to_owned(),
            });
        }
        Err(source) => return Err(Error::Folder { path, source }),
    };
    let broken = |problem: String| Error::Catalogue {
        path: path.clone(),
        problem,
    };
    let catalogue: Catalogue =
        serde_saphyr::from_str(&text).map_err(|error| broken(error.to_string()))?;
    if let Some(problem) = catalogue.problems().into_iter().next() {
        return Err(broken(problem));
    }
    for entry in &catalogue.components {
        for programs in entry.program_dirs(folder.as_str()) {
            if !Utf8Path::new(&programs).is_dir() {
                return Err(Error::NoBundle {
                    component: entry.component.to_string(),
                    version: entry.version.clone(),
                    folder: programs.into(),
                });
            }
        }
    }
    Ok(catalogue)
}

/// Shows the operator what can be run here.
pub(super) async fn publish_catalogue(client: &Client, catalogue: &Catalogue) -> Result<(), Error> {
    let (namespace, name) = CATALOGUE_MAP;
    let failed = |source: kube::Error| Error::Seed {
        object: format!("ConfigMap {name}"),
        source: Box::new(source),
    };
    let text = serde_saphyr::to_string(catalogue).map_err(|error| Error::Catalogue {
        path: catalogue::FILE_NAME.into(),
        problem: error.to_string(),
    })?;
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": {catalogue::FILE_NAME: text}});
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let params = PatchParams::apply("howdah").force();
    api.patch(name, &params, &Patch::Apply(map))
        .await
        .map_err(failed)?;
    Ok(())
}

/// Other names that the program answers to in containers.
const ALSO_KNOWN_AS: [&str; 1] = ["patronictl"];

/// What other programs load of ours, where it was built beside the program.
const LIBRARIES: [&str; 1] = ["libhowdah_envoy_filter.so"];

/// Puts a copy of the program, and of the libraries beside it, where Pods find them whatever happens to the
/// originals.
pub(super) fn install_program(folder: &Folder, program: &Utf8Path) -> Result<Utf8PathBuf, Error> {
    let target = folder.path("bin").join("howdah");
    let copy = || -> io::Result<()> {
        install(program, &target)?;
        for name in LIBRARIES {
            let library = program.with_file_name(name);
            if library.exists() {
                install(&library, &target.with_file_name(name))?;
            } else {
                tracing::warn!(%library, "a library that Pods load is missing, `make build` makes it");
            }
        }
        for name in ALSO_KNOWN_AS {
            let link = target.with_file_name(name);
            let temporary = link.with_extension("new");
            let _ = std::fs::remove_file(&temporary);
            symlink("howdah", &temporary)?;
            std::fs::rename(&temporary, &link)?;
        }
        Ok(())
    };
    match copy() {
        Ok(()) => Ok(target),
        Err(source) => Err(Error::Folder {
            path: target,
            source,
        }),
    }
}

/// Running containers keep the file they were started from.
fn install(from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
    let temporary = to.with_extension("new");
    std::fs::copy(from, &temporary)?;
    std::fs::set_permissions(&temporary, std::fs::Permissions::from_mode(0o755))?;
    std::fs::rename(&temporary, to)
}

/// The account that Pods run as; `None` for the current user.
pub(super) fn account() -> Result<Option<ProcessUser>, Error> {
    if !nix::unistd::geteuid().is_root() {
        return Ok(None);
    }
    let found = ACCOUNTS.into_iter().find_map(|name| {
        let user = nix::unistd::User::from_name(name).ok().flatten()?;
        Some(ProcessUser {
            name: name.to_owned(),
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
        })
    });
    found.map(Some).ok_or(Error::NoAccount)
}

/// The name of the one node.
pub(super) fn node_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.to_lowercase();
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let edge = |c: char| !c.is_ascii_alphanumeric();
    let name: String = name.chars().filter(|c| fits(*c)).collect();
    let name = name.trim_matches(edge);
    if name.is_empty() {
        "howdah".to_owned()
    } else {
        name.to_owned()
    }
}

/// Everything the node is to know.
pub(super) fn node_config(
    config: &Config,
    folder: &Folder,
    block: Block,
    parts: Parts,
) -> node::Config {
    let Parts {
        catalogue,
        program,
        user,
        server,
        ca_pem,
    } = parts;
    node::Config {
        state_dir: folder.root().to_owned(),
        node_name: node_name(),
        node_address: block.api(),
        pod_network: block.pods(),
        catalogue,
        components_dir: config.components_dir.clone(),
        program,
        user,
        api: node::ApiAccess { server, ca_pem },
        handle: node::Handle::default(),
    }
}

/// What has been found out about the machine before the node starts.
pub(super) struct Parts {
    pub(super) catalogue: Catalogue,
    pub(super) program: Utf8PathBuf,
    pub(super) user: Option<ProcessUser>,
    pub(super) server: String,
    pub(super) ca_pem: String,
}

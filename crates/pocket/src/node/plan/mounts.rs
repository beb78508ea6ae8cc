//! Where volumes appear in a Pod.
//!
//! All containers of a Pod share one root folder, and a mount is a symbolic link in it. So two things that a kubelet
//! allows are refused in words: different volumes at one path, and a mount inside another mount.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use k8s_openapi::api::core::v1::{Pod, VolumeMount};

use super::volumes::{API_ACCESS, SERVICE_ACCOUNT_PATH, wants_api_access};
use super::{Problem, below_root, spec};
use crate::node::shim::spec::Link;

/// The links to create below `root`, given the folder of each volume.
pub(crate) fn links(
    pod: &Pod,
    root: &Utf8Path,
    folders: &BTreeMap<String, Utf8PathBuf>,
) -> Result<Vec<Link>, Problem> {
    let spec = spec(pod);
    let mut links: BTreeMap<Utf8PathBuf, Link> = BTreeMap::new();
    let containers = spec
        .containers
        .iter()
        .chain(spec.init_containers.iter().flatten());
    for mount in containers.flat_map(|container| container.volume_mounts.iter().flatten()) {
        let link = link(mount, root, folders)?;
        match links.get(&link.path) {
            Some(other) if *other != link => {
                return Err(Problem::config(format!(
                    "two different volumes are mounted at {:?}, which needs a root folder per container",
                    mount.mount_path
                )));
            }
            _ => {
                links.insert(link.path.clone(), link);
            }
        }
    }
    let token = below_root(root, SERVICE_ACCOUNT_PATH);
    if wants_api_access(pod)
        && !links.contains_key(&token)
        && let Some(target) = folders.get(API_ACCESS)
    {
        let link = Link {
            path: token.clone(),
            target: target.clone(),
            create_target: false,
        };
        links.insert(token, link);
    }
    refuse_nesting(root, &links)?;
    Ok(links.into_values().collect())
}

fn link(
    mount: &VolumeMount,
    root: &Utf8Path,
    folders: &BTreeMap<String, Utf8PathBuf>,
) -> Result<Link, Problem> {
    let folder = folders.get(&mount.name).ok_or_else(|| {
        Problem::config(format!(
            "the mounted volume {:?} is not in the Pod",
            mount.name
        ))
    })?;
    let path = below_root(root, &mount.mount_path);
    let sub_path = mount.sub_path.as_deref().unwrap_or_default();
    let outside = |text: &str| text.split('/').any(|part| part == "..");
    if path == root || outside(&mount.mount_path) || outside(sub_path) || sub_path.starts_with('/')
    {
        return Err(Problem::config(format!(
            "the mount of volume {:?} at {:?} leads outside of the Pod or covers all of it",
            mount.name, mount.mount_path
        )));
    }
    Ok(Link {
        path,
        target: below_root(folder, sub_path),
        create_target: !sub_path.is_empty(),
    })
}

/// A link inside a linked folder would lie in the volume and stay there after the Pod.
fn refuse_nesting(root: &Utf8Path, links: &BTreeMap<Utf8PathBuf, Link>) -> Result<(), Problem> {
    for path in links.keys() {
        if let Some(outer) = path
            .ancestors()
            .skip(1)
            .find(|outer| links.contains_key(*outer))
        {
            let shown = |path: &Utf8Path| path.strip_prefix(root).map(ToString::to_string);
            return Err(Problem::config(format!(
                "the mount /{} lies inside the mount /{}, which is not possible on this platform",
                shown(path).unwrap_or_default(),
                shown(outer).unwrap_or_default()
            )));
        }
    }
    Ok(())
}

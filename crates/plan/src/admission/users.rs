//! Who uses a configuration that goes.

use howdah_api::SGCluster;
use howdah_types::{ClusterName, PgVersion};

use super::Kind;
use crate::references::{Wanted, wanted_pooling_config, wanted_postgres_config, wanted_profile};

/// A warning that names the clusters that use a configuration, if there are any.
#[must_use]
pub fn used_by(kind: Kind, name: &str, clusters: &[SGCluster]) -> Option<String> {
    let users: Vec<_> = clusters
        .iter()
        .filter_map(|cluster| Some((cluster, wanted(kind, cluster)?)))
        .filter(|(_, wanted)| wanted.name == name)
        .collect();
    let generated = users.iter().all(|(_, wanted)| wanted.generated);
    let names: Vec<_> = users
        .iter()
        .filter_map(|(cluster, _)| cluster.metadata.name.as_deref())
        .collect();
    let then = match (generated, names.len()) {
        (_, 0) => return None,
        (true, _) => "it is made again, with nothing set",
        (false, 1) => "the cluster goes on as it is, but cannot be changed until it is there again",
        (false, _) => {
            "the clusters go on as they are, but cannot be changed until it is there again"
        }
    };
    let kind = kind.as_str();
    let names = names.join(", ");
    Some(format!(
        "{kind} \"{name}\" is used by SGCluster {names}; {then}"
    ))
}

/// What a cluster uses of this kind.
fn wanted(kind: Kind, cluster: &SGCluster) -> Option<Wanted> {
    let name: ClusterName = cluster.metadata.name.as_deref()?.parse().ok()?;
    let spec = &cluster.spec;
    match kind {
        Kind::InstanceProfile => Some(wanted_profile(&name, spec)),
        Kind::PoolingConfig => Some(wanted_pooling_config(&name, spec)),
        Kind::PostgresConfig => {
            let recorded = cluster.status.as_ref()?.postgres_version.as_ref()?;
            let version: PgVersion = recorded.parse().ok()?;
            Some(wanted_postgres_config(&name, spec, version.major()))
        }
        _ => None,
    }
}

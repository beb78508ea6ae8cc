//! Numbers that must fit together, and volumes that cannot shrink.

use howdah_api::ClusterSpec;
use howdah_api::cluster::{Replication, ReplicationMode};
use howdah_types::Quantity;

use super::Scope;
use crate::ha::counts;
use crate::invalid::Invalid;
use crate::roles::Roles;

/// The number of instances, if it leaves room for groups and synchronous replicas.
pub(super) fn instances(spec: &ClusterSpec) -> Result<u32, Vec<Invalid>> {
    let refuse = |message: &str| vec![Invalid::config("spec.instances", message)];
    let Ok(instances) = u32::try_from(spec.instances) else {
        return Err(refuse("must be 0 or more"));
    };
    if instances == 0 {
        return Ok(0);
    }
    let replication = spec.replication.clone().unwrap_or_default();
    let grouped: i64 = replication
        .groups
        .iter()
        .map(|group| i64::from(group.instances))
        .sum();
    if grouped >= i64::from(instances) {
        return Err(refuse(
            "must be more than the instances of all replication.groups together, because the \
             primary is in none of them",
        ));
    }
    let mode = replication.mode.unwrap_or_default();
    let asked = asked(&replication);
    if asked >= i64::from(instances) {
        return Err(refuse(
            "must be more than replication.syncInstances, because the primary does not count",
        ));
    }
    let standbys = Roles::new(instances, &replication).standbys();
    if asked > i64::from(standbys) {
        let message = format!(
            "is {asked}, but {} can confirm writes, because instances of groups with the role \
             readonly or none do not; lower it, or add instances with the role ha or ha-read",
            counted(standbys),
        );
        return Err(vec![Invalid::config(
            "spec.replication.syncInstances",
            message,
        )]);
    }
    if mode == ReplicationMode::StrictSyncAll && standbys == 0 {
        return Err(vec![Invalid::config(
            "spec.replication.mode",
            "strict-sync-all needs a replica with the role ha or ha-read, or every write would wait \
             for ever; add an instance or choose another mode",
        )]);
    }
    Ok(instances)
}

/// How many replicas the mode asks for by number.
fn asked(replication: &Replication) -> i64 {
    if counts(replication.mode.unwrap_or_default()) {
        i64::from(replication.sync_instances.unwrap_or(1))
    } else {
        0
    }
}

fn counted(standbys: u32) -> String {
    match standbys {
        0 => "no replica".to_owned(),
        1 => "only 1 replica".to_owned(),
        more => format!("only {more} replicas"),
    }
}

/// A filesystem cannot be made smaller while it is in use.
pub(super) fn volume(scope: Scope<'_>) -> Result<(), Vec<Invalid>> {
    let size = &scope.spec().pods.persistent_volume.size;
    let Some(existing) = scope.inputs.largest_volume else {
        return Ok(());
    };
    // A size that is no quantity is reported where the tuning reads it.
    if size
        .parse::<Quantity>()
        .is_ok_and(|wanted| wanted < existing)
    {
        return Err(vec![Invalid::config(
            "spec.pods.persistentVolume.size",
            format!("cannot be lowered from {existing} to {size}; volumes only grow"),
        )]);
    }
    Ok(())
}

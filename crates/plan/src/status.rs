//! The status of a cluster, from what was seen after a pass.
//!
//! Only the parts that the operator owns are computed; the operator writes a merge patch, so keys
//! that others put into the status stay.

mod conditions;
mod instances;

use howdah_api::ClusterStatus;
use howdah_api::SGCluster;
use howdah_api::cluster::BindingStatus;
use howdah_types::InstanceName;
use k8s_openapi::api::core::v1::Pod;

use crate::invalid::Invalid;
use crate::metadata::{pod_identity, selector_text};
use crate::names::Names;
use crate::validated::ValidatedCluster;

pub use instances::{has_started, is_pending_restart, is_ready};

/// Key prefix of our labels, for clusters made by releases that used another one.
const LABEL_PREFIX: &str = "stackgres.io/";

/// What validation came to in this pass.
#[derive(Debug, Clone, Copy)]
pub enum Outcome<'a> {
    /// The cluster was built and applied; with the template fingerprint planned for each instance.
    Built {
        /// The cluster.
        cluster: &'a ValidatedCluster,
        /// Pods as they would be created now.
        planned: &'a [Pod],
    },
    /// Nothing was applied.
    Invalid(&'a [Invalid]),
}

/// What the status is computed from.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The manifest with the status it has now.
    pub cluster: &'a SGCluster,
    /// What validation came to.
    pub outcome: Outcome<'a>,
    /// All Pods of the cluster, those being deleted too.
    pub pods: &'a [Pod],
    /// The instance that the control record names.
    pub primary: Option<&'a InstanceName>,
    /// Whether the control record says that the database was initialised.
    pub initialised: bool,
    /// Fields that are set without effect.
    pub not_acted_on: &'a [String],
    /// Processor architecture and operating system of the instances.
    pub platform: (&'a str, &'a str),
    /// The time to note on conditions that change, as RFC 3339.
    pub now: &'a str,
}

/// The status that the cluster should have.
pub fn status(seen: Seen<'_>) -> ClusterStatus {
    let name = seen.cluster.metadata.name.as_deref().unwrap_or_default();
    let uid = seen.cluster.metadata.uid.as_deref().unwrap_or_default();
    let old = seen.cluster.status.clone().unwrap_or_default();
    let pod_statuses = instances::pod_statuses(&seen, &old);
    let conditions = conditions::conditions(&seen, &old, &pod_statuses);
    let mut status = ClusterStatus {
        conditions,
        instances: Some(i32::try_from(seen.pods.len()).unwrap_or(i32::MAX)),
        label_selector: Some(selector_text(&pod_identity(name, uid))),
        pod_statuses,
        arch: Some(seen.platform.0.to_owned()),
        os: Some(seen.platform.1.to_owned()),
        label_prefix: Some(LABEL_PREFIX.to_owned()),
        ..old
    };
    if let Outcome::Built { cluster, .. } = seen.outcome {
        status.postgres_version = Some(cluster.version.to_string());
        status.sg_postgres_config = Some(cluster.postgres_config.clone());
        status.binding = Some(BindingStatus {
            name: Some(Names(&cluster.name).binding()),
        });
    }
    status
}

#[cfg(test)]
mod tests;

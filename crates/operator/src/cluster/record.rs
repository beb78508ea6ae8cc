//! The control record of a cluster, as far as the operator reads it.
//!
//! The instances write it; the operator only learns who is primary and whether there is a database.

use howdah_api::labels;
use howdah_types::InstanceName;
use k8s_openapi::api::coordination::v1::Lease;
use kube::ResourceExt as _;

/// What the control record says, if there is one.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) primary: Option<InstanceName>,
    pub(super) initialised: bool,
}

impl Record {
    /// A record of an earlier cluster of the same name says nothing about this one.
    pub(super) fn read(lease: Option<Lease>, cluster: &str, uid: &str) -> Self {
        let Some(lease) = lease else {
            return Self::default();
        };
        let of_another = lease
            .labels()
            .get(labels::CLUSTER_UID)
            .is_some_and(|other| other != uid);
        if of_another {
            return Self::default();
        }
        let annotations = lease.annotations();
        let primary: Option<InstanceName> = annotations
            .get(labels::PRIMARY)
            .and_then(|name| name.parse().ok());
        Self {
            primary: primary.filter(|name| name.cluster().as_str() == cluster),
            initialised: annotations.contains_key(labels::SYSTEM_IDENTIFIER),
        }
    }
}

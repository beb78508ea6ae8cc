//! The control record of a cluster, as far as the operator reads it.
//!
//! The instances write it; the operator only learns who is primary and whether there is a database.

use howdah_api::{ControlRecord, labels};
use howdah_types::{ClusterName, InstanceName};
use k8s_openapi::api::coordination::v1::Lease;
use kube::ResourceExt as _;

/// What the control record says, if there is one.
#[derive(Debug, Default, PartialEq, Eq)]
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
        match lease.annotations().get(labels::RECORD) {
            Some(text) => Self::of_instances(text, &lease, cluster),
            None => Self::of_older_instances(&lease, cluster),
        }
    }

    /// One that cannot be read tells at least that there is, or may be, a database.
    fn of_instances(text: &str, lease: &Lease, cluster: &str) -> Self {
        let record = ControlRecord::parse(text);
        let name: Option<ClusterName> = cluster.parse().ok();
        let holder = record.as_ref().and_then(|record| record.holder);
        let named = name.zip(holder).map(|(name, index)| name.instance(index));
        let identity = || {
            let spec = lease.spec.as_ref()?;
            let holder: InstanceName = spec.holder_identity.as_ref()?.parse().ok()?;
            (holder.cluster().as_str() == cluster).then_some(holder)
        };
        Self {
            primary: named.or_else(identity),
            initialised: record.is_none_or(|record| record.initialised),
        }
    }

    /// Instances of earlier releases, which run until their Pods are made anew.
    fn of_older_instances(lease: &Lease, cluster: &str) -> Self {
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

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

    use super::*;

    fn read(annotations: Value) -> Record {
        let lease = serde_json::from_value(json!({
            "metadata": {
                "name": "a",
                "labels": {"stackgres.io/cluster-uid": "u"},
                "annotations": annotations,
            },
            "spec": {"holderIdentity": "a-2"},
        }))
        .unwrap();
        Record::read(Some(lease), "a", "u")
    }

    fn record(primary: Option<&str>, initialised: bool) -> Record {
        Record {
            primary: primary.map(|name| name.parse().unwrap()),
            initialised,
        }
    }

    #[test]
    fn the_holder_is_the_primary_and_a_system_means_a_database() {
        let new = r#"{"epoch":1,"holder":{"member":1},"system":null}"#;
        assert_eq!(
            read(json!({"howdah.io/record": new})),
            record(Some("a-1"), false)
        );
        let old = r#"{"epoch":4,"holder":{"member":0},"system":"7","future":[]}"#;
        assert_eq!(
            read(json!({"howdah.io/record": old})),
            record(Some("a-0"), true)
        );
    }

    #[test]
    fn a_record_that_cannot_be_read_is_no_leave_to_make_a_new_database() {
        assert_eq!(
            read(json!({"howdah.io/record": "{"})),
            record(Some("a-2"), true)
        );
    }

    #[test]
    fn records_of_earlier_releases_are_understood() {
        let old = json!({"howdah.io/primary": "a-1", "howdah.io/system-identifier": "7"});
        assert_eq!(read(old), record(Some("a-1"), true));
        let foreign = json!({"howdah.io/primary": "b-1"});
        assert_eq!(read(foreign), record(None, false));
    }
}

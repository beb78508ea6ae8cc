//! The Pod of one instance.

use howdah_api::cluster::{FsGroupChangePolicy, Scheduling};
use howdah_api::labels;
use howdah_types::InstanceName;
use k8s_openapi::api::core::v1::{
    Affinity, Pod, PodAffinityTerm, PodSecurityContext, PodSpec, SeccompProfile,
    TopologySpreadConstraint,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::{container, envoy, pgbouncer, volume};
use crate::hash::hash;
use crate::metadata::{Class, map, object_meta, pod_identity};
use crate::names::Names;
use crate::validated::ValidatedCluster;

/// User and group of every process; data written by earlier installations has this owner.
const POSTGRES_ID: i64 = 999;

/// Long enough for a checkpoint at shutdown.
const GRACE_SECONDS: i64 = 60;

/// What the Pods of a cluster have in common in this pass.
pub(super) struct Files<'a> {
    /// Fingerprint of the mounted files.
    pub(super) config_hash: String,
    /// Whether a Pod created now may initialise a new database.
    pub(super) may_bootstrap: bool,
    /// A primary that scaling down must not remove.
    pub(super) not_disruptible: Option<&'a InstanceName>,
}

pub(super) fn pod(cluster: &ValidatedCluster, instance: &InstanceName, files: &Files<'_>) -> Pod {
    let spec = spec(cluster, instance);
    let mut metadata = metadata(cluster, instance, files);
    metadata
        .annotations
        .get_or_insert_default()
        .insert(labels::TEMPLATE_HASH.to_owned(), hash(&spec));
    Pod {
        metadata,
        spec: Some(spec),
        ..Pod::default()
    }
}

fn metadata(cluster: &ValidatedCluster, instance: &InstanceName, files: &Files<'_>) -> ObjectMeta {
    let mut metadata = object_meta(cluster, instance.to_string(), Class::Pod);
    let disruptible = files.not_disruptible != Some(instance);
    let labels = metadata.labels.get_or_insert_default();
    labels.extend(pod_identity(cluster.name.as_str(), &cluster.uid));
    labels.extend(map(&[
        (labels::CLUSTER_SCOPE, cluster.name.as_str()),
        (
            labels::DISRUPTIBLE,
            if disruptible { "true" } else { "false" },
        ),
    ]));
    labels.extend(cluster.roles.tags(instance.index()).labels());
    let annotations = metadata.annotations.get_or_insert_default();
    annotations.extend(map(&[
        (labels::HA, &cluster.ha.json()),
        (labels::OPERATOR_VERSION, &cluster.operator_version),
        (labels::POSTGRESQL_VERSION, &cluster.version.to_string()),
        (labels::CONFIG_HASH, &files.config_hash),
    ]));
    if files.may_bootstrap {
        annotations.insert(labels::MAY_BOOTSTRAP.to_owned(), "true".to_owned());
    }
    metadata
}

fn spec(cluster: &ValidatedCluster, instance: &InstanceName) -> PodSpec {
    let pods = &cluster.spec.pods;
    let mut containers = vec![container::patroni(cluster)];
    if cluster.pooling.is_some() {
        containers.push(pgbouncer::pgbouncer(cluster));
    }
    if let Some(proxy) = cluster.proxy {
        containers.push(envoy::envoy(cluster, proxy));
    }
    if !pods.disable_postgres_util {
        containers.push(container::postgres_util(cluster));
    }
    let own = |given| container::users_own(cluster, given);
    containers.extend(pods.custom_containers.iter().map(own));
    let init: Vec<_> = pods.custom_init_containers.iter().map(own).collect();
    let scheduling = pods.scheduling.clone().unwrap_or_default();
    PodSpec {
        affinity: affinity(cluster, &scheduling),
        node_selector: filled(
            scheduling.node_selector,
            std::collections::BTreeMap::is_empty,
        ),
        tolerations: filled(scheduling.tolerations, Vec::is_empty),
        topology_spread_constraints: spread(cluster, scheduling.topology_spread_constraints),
        priority_class_name: scheduling.priority_class_name,
        containers,
        init_containers: filled(init, Vec::is_empty),
        volumes: Some(volume::volumes(cluster, instance)),
        security_context: Some(security(cluster)),
        service_account_name: Some(Names(&cluster.name).service_account()),
        termination_grace_period_seconds: Some(
            pods.termination_grace_period_seconds
                .unwrap_or(GRACE_SECONDS),
        ),
        // Variables for every Service of the namespace would only be in the way of libpq's own.
        enable_service_links: Some(false),
        ..PodSpec::default()
    }
}

fn security(cluster: &ValidatedCluster) -> PodSecurityContext {
    let policy = cluster.spec.pods.persistent_volume.fs_group_change_policy;
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(POSTGRES_ID),
        run_as_group: Some(POSTGRES_ID),
        fs_group: Some(POSTGRES_ID),
        fs_group_change_policy: policy.map(|policy| {
            let name = match policy {
                FsGroupChangePolicy::Always => "Always",
                FsGroupChangePolicy::OnRootMismatch => "OnRootMismatch",
            };
            name.to_owned()
        }),
        seccomp_profile: Some(SeccompProfile {
            type_: "RuntimeDefault".to_owned(),
            ..SeccompProfile::default()
        }),
        ..PodSecurityContext::default()
    }
}

/// The user's rules, and the one that keeps instances on different nodes.
fn affinity(cluster: &ValidatedCluster, scheduling: &Scheduling) -> Option<Affinity> {
    let mut anti = scheduling.pod_anti_affinity.clone();
    if cluster.anti_affinity {
        anti.get_or_insert_default()
            .required_during_scheduling_ignored_during_execution
            .get_or_insert_default()
            .push(one_a_node(cluster));
    }
    let affinity = Affinity {
        node_affinity: scheduling.node_affinity.clone(),
        pod_affinity: scheduling.pod_affinity.clone(),
        pod_anti_affinity: anti,
    };
    (affinity != Affinity::default()).then_some(affinity)
}

/// The user's constraints; without any, instances that must not share a node prefer different zones.
fn spread(
    cluster: &ValidatedCluster,
    users: Vec<TopologySpreadConstraint>,
) -> Option<Vec<TopologySpreadConstraint>> {
    if !users.is_empty() {
        return Some(users);
    }
    cluster.anti_affinity.then(|| {
        vec![TopologySpreadConstraint {
            max_skew: 1,
            topology_key: "topology.kubernetes.io/zone".to_owned(),
            when_unsatisfiable: "ScheduleAnyway".to_owned(),
            label_selector: Some(instances_of(cluster)),
            ..TopologySpreadConstraint::default()
        }]
    })
}

fn one_a_node(cluster: &ValidatedCluster) -> PodAffinityTerm {
    PodAffinityTerm {
        label_selector: Some(instances_of(cluster)),
        topology_key: "kubernetes.io/hostname".to_owned(),
        ..PodAffinityTerm::default()
    }
}

fn instances_of(cluster: &ValidatedCluster) -> LabelSelector {
    LabelSelector {
        match_labels: Some(pod_identity(cluster.name.as_str(), &cluster.uid)),
        ..LabelSelector::default()
    }
}

fn filled<T>(value: T, is_empty: impl Fn(&T) -> bool) -> Option<T> {
    (!is_empty(&value)).then_some(value)
}

//! Which instances a cluster should have, and which Pod to create or delete next.
//!
//! Decided anew in every pass from what exists; nothing is remembered.

use std::collections::BTreeSet;

use howdah_api::cluster::ManagementPolicy;
use howdah_types::{ClusterName, InstanceName};

/// A Pod of the cluster as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedInstance {
    /// Name of the Pod.
    pub name: InstanceName,
    /// Whether it is ready, or what it lacks are other instances.
    pub started: bool,
    /// Whether it is being deleted; its processes may still use the volume.
    pub terminating: bool,
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// All instances that the cluster should have, first to start first.
    pub desired: Vec<InstanceName>,
    /// All instances that the cluster has or should have.
    pub members: BTreeSet<InstanceName>,
    /// Pods to create in this pass.
    pub create: Vec<InstanceName>,
    /// Pods to delete in this pass.
    pub delete: Vec<InstanceName>,
    /// A primary beyond the last index, which is kept until the role moves.
    pub not_disruptible: Option<InstanceName>,
}

/// Chooses what to create and delete.
///
/// `primary` is the instance that the control record names, whether or not its Pod exists: its
/// volume has the newest data, so it is always among the wanted ones and starts first.
pub fn select(
    cluster: &ClusterName,
    wanted: u32,
    policy: ManagementPolicy,
    observed: &[ObservedInstance],
    primary: Option<&InstanceName>,
) -> Selection {
    let desired = desired(cluster, wanted, primary);
    let existing = observed.iter().map(|pod| &pod.name);
    Selection {
        members: desired.iter().chain(existing).cloned().collect(),
        create: to_create(&desired, policy, observed),
        delete: to_delete(&desired, policy, observed, primary),
        not_disruptible: primary
            .filter(|name| wanted > 0 && name.index() >= wanted)
            .cloned(),
        desired,
    }
}

fn desired(
    cluster: &ClusterName,
    wanted: u32,
    primary: Option<&InstanceName>,
) -> Vec<InstanceName> {
    if wanted == 0 {
        return Vec::new();
    }
    let first = primary.cloned().unwrap_or_else(|| cluster.instance(0));
    let others = (0..wanted)
        .map(|index| cluster.instance(index))
        .filter(|name| *name != first)
        .take(wanted as usize - 1);
    let mut names: Vec<_> = others.collect();
    names.insert(0, first);
    names
}

fn to_create(
    desired: &[InstanceName],
    policy: ManagementPolicy,
    observed: &[ObservedInstance],
) -> Vec<InstanceName> {
    let find = |name: &InstanceName| observed.iter().find(|pod| pod.name == *name);
    let missing = |name: &&InstanceName| find(name).is_none();
    match policy {
        ManagementPolicy::Parallel => desired.iter().filter(missing).cloned().collect(),
        ManagementPolicy::OrderedReady => desired
            .iter()
            .find(|name| find(name).is_none_or(|pod| !pod.started || pod.terminating))
            .filter(missing)
            .cloned()
            .into_iter()
            .collect(),
    }
}

fn to_delete(
    desired: &[InstanceName],
    policy: ManagementPolicy,
    observed: &[ObservedInstance],
    primary: Option<&InstanceName>,
) -> Vec<InstanceName> {
    let desired: BTreeSet<_> = desired.iter().collect();
    let mut surplus: Vec<_> = observed
        .iter()
        .filter(|pod| !desired.contains(&pod.name))
        .collect();
    // The highest index first, the primary last of all.
    surplus.sort_by_key(|pod| {
        (
            primary == Some(&pod.name),
            std::cmp::Reverse(pod.name.index()),
        )
    });
    let others_remain = surplus.iter().any(|pod| primary != Some(&pod.name));
    let candidates: Vec<_> = surplus
        .into_iter()
        .filter(|pod| primary != Some(&pod.name) || !others_remain)
        .collect();
    match policy {
        ManagementPolicy::Parallel => candidates
            .into_iter()
            .filter(|pod| !pod.terminating)
            .map(|pod| pod.name.clone())
            .collect(),
        ManagementPolicy::OrderedReady => {
            if candidates.iter().any(|pod| pod.terminating) {
                return Vec::new();
            }
            candidates
                .first()
                .map(|pod| pod.name.clone())
                .into_iter()
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use rstest::rstest;

    use super::*;
    use ManagementPolicy::{OrderedReady, Parallel};

    fn name(index: &str) -> InstanceName {
        format!("a-{index}").parse().unwrap()
    }

    fn names(list: &str) -> Vec<InstanceName> {
        list.split_whitespace().map(name).collect()
    }

    /// `0` is ready, `0?` is not ready, `0!` is terminating.
    fn observed(list: &str) -> Vec<ObservedInstance> {
        list.split_whitespace()
            .map(|item| ObservedInstance {
                name: name(item.trim_end_matches(['?', '!'])),
                started: !item.ends_with('?'),
                terminating: item.ends_with('!'),
            })
            .collect()
    }

    #[rstest]
    #[case::first(3, OrderedReady, "", "", "0", "")]
    #[case::first_starts(3, OrderedReady, "0?", "", "", "")]
    #[case::second(3, OrderedReady, "0", "0", "1", "")]
    #[case::second_starts(3, OrderedReady, "0 1?", "0", "", "")]
    #[case::third(3, OrderedReady, "0 1", "0", "2", "")]
    #[case::complete(3, OrderedReady, "0 1 2", "0", "", "")]
    #[case::all_at_once(3, Parallel, "", "", "0 1 2", "")]
    #[case::all_missing_at_once(3, Parallel, "1?", "0", "0 2", "")]
    #[case::lost_middle(3, OrderedReady, "0 2", "0", "1", "")]
    #[case::lost_primary_goes_first(3, OrderedReady, "0? 2", "1", "1", "")]
    #[case::terminating_still_exists(3, OrderedReady, "0 1! 2", "0", "", "")]
    #[case::terminating_still_exists_parallel(3, Parallel, "0 1! 2", "0", "", "")]
    #[case::down_highest_first(1, OrderedReady, "0 1 2", "0", "", "2")]
    #[case::down_one_by_one(1, OrderedReady, "0 1 2!", "0", "", "")]
    #[case::down_next(1, OrderedReady, "0 1", "0", "", "1")]
    #[case::down_at_once(1, Parallel, "0 1 2", "0", "", "2 1")]
    #[case::down_unready(1, OrderedReady, "0 1? 2?", "0", "", "2")]
    #[case::primary_beyond_is_kept(2, OrderedReady, "0 1 2", "2", "", "1")]
    #[case::primary_beyond_alone(1, OrderedReady, "0 2", "2", "", "0")]
    #[case::primary_beyond_without_pod(1, OrderedReady, "", "2", "2", "")]
    #[case::zero_replicas_first(0, OrderedReady, "0 1 2", "1", "", "2")]
    #[case::zero_then_next(0, OrderedReady, "0 1", "1", "", "0")]
    #[case::zero_primary_waits(0, OrderedReady, "0! 1", "1", "", "")]
    #[case::zero_primary_waits_parallel(0, Parallel, "0! 1", "1", "", "")]
    #[case::zero_primary_last(0, OrderedReady, "1", "1", "", "1")]
    #[case::zero_done(0, OrderedReady, "", "1", "", "")]
    #[case::back_from_zero_starts_the_primary(3, OrderedReady, "", "1", "1", "")]
    #[case::ten_is_higher_than_nine(9, OrderedReady, "0 1 2 3 4 5 6 7 8 9 10", "0", "", "10")]
    fn next_step(
        #[case] wanted: u32,
        #[case] policy: ManagementPolicy,
        #[case] pods: &str,
        #[case] primary: &str,
        #[case] create: &str,
        #[case] delete: &str,
    ) {
        let primary = names(primary).pop();
        let cluster = "a".parse().unwrap();
        let selection = select(&cluster, wanted, policy, &observed(pods), primary.as_ref());
        assert_eq!(selection.create, names(create));
        assert_eq!(selection.delete, names(delete));
    }

    #[test]
    fn an_instance_that_goes_away_is_a_member_until_it_is_gone() {
        let cluster = "a".parse().unwrap();
        let selection = select(&cluster, 2, OrderedReady, &observed("0 2!"), None);
        assert_eq!(selection.members, names("0 1 2").into_iter().collect());
    }

    #[test]
    fn a_primary_beyond_the_last_index_takes_the_place_of_the_last() {
        let selection = select(
            &"a".parse().unwrap(),
            2,
            OrderedReady,
            &observed("0 1 2"),
            Some(&name("2")),
        );
        assert_eq!(selection.desired, names("2 0"));
        assert_eq!(selection.not_disruptible, Some(name("2")));
    }
}

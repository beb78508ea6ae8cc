//! What a cluster still lacks before all its instances do their part.

use super::model::{ClusterStatus, Member};
use crate::text::enumerate;

/// The reasons, in words; none when the cluster is as it should be.
pub(crate) fn blockers(status: &ClusterStatus) -> Vec<String> {
    let mut blockers: Vec<String> = Vec::new();
    if let Some(failed) = status.holds("Failed") {
        let message = if failed.message.is_empty() {
            &failed.reason
        } else {
            &failed.message
        };
        blockers.push(message.clone());
    }
    let wanted = usize::try_from(status.instances).unwrap_or(usize::MAX);
    let present = status.members.len();
    // Of those that have to go, nothing else is expected.
    let idle = status.members.iter().take(wanted).filter_map(idle);
    blockers.extend(idle);
    if present < wanted {
        blockers.push(match wanted - present {
            1 => "one instance to be created".to_owned(),
            more => format!("{more} instances to be created"),
        });
    }
    if present > wanted {
        let surplus: Vec<String> = status.members[wanted..]
            .iter()
            .map(|member| member.name.clone())
            .collect();
        blockers.push(format!("{} to go", enumerate(&surplus)));
    }
    if blockers.is_empty() && wanted > 0 && status.primary.is_none() {
        blockers.push("a primary".to_owned());
    }
    blockers
}

/// What keeps an instance from counting.
fn idle(member: &Member) -> Option<String> {
    let name = &member.name;
    if !member.is_streaming() {
        Some(format!("{name} ({})", member.state))
    } else if !member.ready {
        Some(format!("{name} (not ready)"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::Condition;
    use super::*;

    fn member(name: &str, role: &str, state: &str, ready: bool) -> Member {
        Member {
            name: name.into(),
            role: Some(role.into()),
            state: state.into(),
            ready,
            ..Member::default()
        }
    }

    fn status(instances: u32, members: Vec<Member>) -> ClusterStatus {
        let primary = members.iter().find(|member| member.is_primary());
        ClusterStatus {
            instances,
            primary: primary.map(|member| member.name.clone()),
            members,
            ..ClusterStatus::default()
        }
    }

    #[test]
    fn a_complete_cluster_and_an_empty_one_lack_nothing() {
        let complete = status(
            2,
            vec![
                member("a-0", "primary", "running", true),
                member("a-1", "replica", "streaming", true),
            ],
        );
        assert!(blockers(&complete).is_empty());
        assert!(blockers(&status(0, Vec::new())).is_empty());
    }

    #[test]
    fn each_instance_that_does_not_count_is_named() {
        let incomplete = status(
            4,
            vec![
                member("a-0", "primary", "running", true),
                member("a-1", "replica", "creating replica", false),
                member("a-2", "replica", "streaming", false),
            ],
        );
        assert_eq!(
            blockers(&incomplete),
            [
                "a-1 (creating replica)",
                "a-2 (not ready)",
                "one instance to be created"
            ]
        );
    }

    #[test]
    fn a_replica_that_runs_without_streaming_does_not_count() {
        let lonely = status(1, vec![member("a-0", "replica", "running", true)]);
        assert_eq!(blockers(&lonely), ["a-0 (running)"]);
    }

    #[test]
    fn surplus_instances_and_failures_count_too() {
        let mut surplus = status(0, vec![member("a-0", "primary", "running", true)]);
        surplus.conditions.push(Condition {
            kind: "Failed".into(),
            status: "True".into(),
            reason: "ClusterConfigFailed".into(),
            message: "SGPostgresConfig x does not exist".into(),
            ..Condition::default()
        });
        assert_eq!(
            blockers(&surplus),
            ["SGPostgresConfig x does not exist", "a-0 to go"]
        );
    }
}

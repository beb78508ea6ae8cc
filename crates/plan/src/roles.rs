//! What each instance is for.
//!
//! Instances are assigned to groups by their number: first the main group, which has what the others
//! leave, then the groups in the order of the list. A number beyond all of them, which only a primary
//! that survives scaling down has, counts to the main group.

use howdah_api::cluster::{GroupRole, MainRole, Replication};
use howdah_api::labels;

use crate::metadata::{Map, map};

/// Roles of all instances of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles {
    /// The main group is the first.
    groups: Vec<Group>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Group {
    role: GroupRole,
    instances: u32,
}

/// What an instance is kept out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tags {
    /// It is never promoted.
    pub no_failover: bool,
    /// It serves no read-only clients.
    pub no_load_balance: bool,
    /// It never confirms synchronous writes.
    pub no_sync: bool,
}

impl Roles {
    /// The roles of so many instances, which are more than those of all groups together.
    pub fn new(instances: u32, replication: &Replication) -> Self {
        let others: Vec<_> = replication
            .groups
            .iter()
            .map(|group| Group {
                role: group.role,
                instances: u32::try_from(group.instances).unwrap_or(0),
            })
            .collect();
        let grouped = others
            .iter()
            .fold(0_u32, |sum, group| sum.saturating_add(group.instances));
        let main = Group {
            role: match replication.role.unwrap_or_default() {
                MainRole::HaRead => GroupRole::HaRead,
                MainRole::Ha => GroupRole::Ha,
            },
            instances: instances.saturating_sub(grouped),
        };
        Self {
            groups: std::iter::once(main).chain(others).collect(),
        }
    }

    /// Number of an instance's group; 0 is the main group.
    pub fn group_of(&self, index: u32) -> usize {
        let mut end = 0_u32;
        let found = self.groups.iter().position(|group| {
            end = end.saturating_add(group.instances);
            index < end
        });
        found.unwrap_or(0)
    }

    /// What an instance is kept out of.
    pub fn tags(&self, index: u32) -> Tags {
        tags(self.groups[self.group_of(index)].role)
    }

    /// How many instances can confirm writes of another one of them.
    pub fn standbys(&self) -> u32 {
        let eligible = self
            .groups
            .iter()
            .filter(|group| !tags(group.role).no_sync)
            .fold(0_u32, |sum, group| sum.saturating_add(group.instances));
        eligible.saturating_sub(1)
    }
}

/// An instance that is never promoted confirms nothing: its copy could not be used to keep a promise.
fn tags(role: GroupRole) -> Tags {
    let promotable = matches!(role, GroupRole::HaRead | GroupRole::Ha);
    Tags {
        no_failover: !promotable,
        no_load_balance: matches!(role, GroupRole::Ha | GroupRole::None),
        no_sync: !promotable,
    }
}

impl Tags {
    /// The labels of the Pod.
    pub(crate) fn labels(self) -> Map {
        let text = |tag: bool| if tag { "true" } else { "false" };
        map(&[
            (labels::NO_FAILOVER, text(self.no_failover)),
            (labels::NO_LOAD_BALANCE, text(self.no_load_balance)),
            (labels::NO_SYNC, text(self.no_sync)),
        ])
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn roles(instances: u32, replication: Value) -> Roles {
        Roles::new(instances, &serde_json::from_value(replication).unwrap())
    }

    #[test]
    fn instances_are_assigned_by_number_the_main_group_first() {
        let roles = roles(
            6,
            json!({"groups": [
                {"role": "readonly", "instances": 2},
                {"role": "none", "instances": 1},
            ]}),
        );
        let groups: Vec<_> = (0..7).map(|index| roles.group_of(index)).collect();
        assert_eq!(groups, [0, 0, 0, 1, 1, 2, 0]);
        assert_eq!(roles.standbys(), 2);
    }

    #[test]
    fn without_groups_all_are_of_the_main_group() {
        let roles = roles(2, json!({"role": "ha"}));
        assert_eq!((roles.group_of(0), roles.group_of(1)), (0, 0));
        assert!(roles.tags(1).no_load_balance);
        assert_eq!(roles.standbys(), 1);
    }

    #[rstest]
    #[case("ha-read", [false, false, false])]
    #[case("ha", [false, true, false])]
    #[case("readonly", [true, false, true])]
    #[case("none", [true, true, true])]
    fn a_role_is_a_set_of_tags(#[case] role: &str, #[case] expected: [bool; 3]) {
        let roles = roles(2, json!({"groups": [{"role": role, "instances": 1}]}));
        let tags = roles.tags(1);
        let found = [tags.no_failover, tags.no_load_balance, tags.no_sync];
        assert_eq!(found, expected);
        assert_eq!(roles.tags(0), Tags::default());
    }

    #[test]
    fn nothing_overflows() {
        let group = json!({"role": "none", "instances": i32::MAX});
        let roles = roles(1, json!({"groups": [group, group, group]}));
        assert_eq!(roles.standbys(), 0);
        assert_eq!(roles.group_of(u32::MAX), 0);
    }
}

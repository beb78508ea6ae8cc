//! Which standbys a commit waits for, and how Postgres is told.

use std::collections::BTreeSet;

use howdah_types::InstanceName;

/// A name that no instance can have, so that a commit which waits for it waits until the rule changes.
const NOBODY: &str = "nobody at all";

/// The rule under which a commit is acknowledged: on disk at any `acks` of `standbys`.
///
/// `synchronous_commit` stays with the users: a session that sets it below `on` asks for less than
/// the rule promises, for its own transactions only.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Synchronous {
    /// The standbys that count.
    pub standbys: BTreeSet<InstanceName>,
    /// How many of them must have a commit; none means that commits wait for nobody.
    pub acks: u16,
}

impl Synchronous {
    /// Commits wait for nobody.
    pub fn none() -> Self {
        Self::default()
    }

    /// True if no commit can meet the rule: it asks for more standbys than it names.
    pub fn blocks(&self) -> bool {
        usize::from(self.acks) > self.standbys.len()
    }

    /// True if under this rule standbys acknowledge commits.
    pub(crate) fn counts(&self) -> bool {
        self.acks > 0 && !self.blocks()
    }

    /// The value of `synchronous_standby_names` (manual 19.6.2).
    pub(crate) fn names(&self) -> String {
        if self.acks == 0 {
            return String::new();
        }
        if self.blocks() {
            return format!("ANY 1 (\"{NOBODY}\")");
        }
        let names: Vec<String> = self
            .standbys
            .iter()
            .map(|name| format!("\"{name}\""))
            .collect();
        format!("ANY {} ({})", self.acks, names.join(", "))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn rule(acks: u16, names: &[&str]) -> Synchronous {
        Synchronous {
            standbys: names.iter().map(|name| name.parse().unwrap()).collect(),
            acks,
        }
    }

    #[test]
    fn a_rule_names_its_standbys_in_quotes() {
        let names = |acks, standbys: &[&str]| rule(acks, standbys).names();
        assert_eq!(names(0, &["simple-1"]), "");
        assert_eq!(names(1, &["simple-1"]), "ANY 1 (\"simple-1\")");
        assert_eq!(
            names(2, &["simple-2", "simple-10", "simple-0"]),
            "ANY 2 (\"simple-0\", \"simple-2\", \"simple-10\")"
        );
    }

    #[test]
    fn a_rule_that_nobody_can_meet_names_nobody() {
        for (acks, standbys) in [(1, &[][..]), (2, &["simple-1"][..])] {
            let rule = rule(acks, standbys);
            assert!(rule.blocks() && !rule.counts());
            assert_eq!(rule.names(), "ANY 1 (\"nobody at all\")");
        }
        assert!(!Synchronous::none().blocks());
    }
}

//! What a primary needs: roles with the mounted passwords, a slot for every other member, its route.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use howdah_types::{ClusterName, InstanceName};
use tokio::time::Instant;
use tracing::info;

use super::{Care, Error};

/// How long the slot of a member without a Pod is kept: a Pod that is replaced comes back.
const GRACE: Duration = Duration::from_secs(60);

/// What is done, so that a pass at rest asks and writes nothing.
#[derive(Debug, Default)]
pub(super) struct Duties {
    roles_of: Option<u64>,
    slots_for: Option<BTreeSet<InstanceName>>,
    missing_since: BTreeMap<String, Instant>,
}

impl Care {
    /// True if nothing is left to do.
    pub(super) async fn keep_primary(&mut self, audit: bool) -> Result<bool, Error> {
        // Before that, the roles are set up by the action that routes clients here.
        let routed = self.member.view.borrow().routed;
        if routed {
            self.keep_roles().await?;
        }
        self.keep_slots(audit).await?;
        Ok(routed)
    }

    async fn keep_roles(&mut self) -> Result<(), Error> {
        let mounted = self.member.mounted.borrow().clone();
        if self.primary.roles_of == Some(mounted.generation) {
            return Ok(());
        }
        let changed = self.session().ensure_roles(&mounted.credentials).await;
        let changed = changed.map_err(Error::Sql)?;
        if changed > 0 {
            info!(roles = changed, "roles changed");
        }
        self.primary.roles_of = Some(mounted.generation);
        Ok(())
    }

    pub(super) async fn keep_slots(&mut self, audit: bool) -> Result<(), Error> {
        let Some(others) = self.other_members() else {
            return Ok(());
        };
        let known = self.primary.slots_for.as_ref() == Some(&others);
        if known && !audit {
            return Ok(());
        }
        let wanted: BTreeSet<String> = others.iter().map(InstanceName::slot).collect();
        let present = self.session().slots().await.map_err(Error::Sql)?;
        for slot in wanted.difference(&present) {
            self.session().ensure_slot(slot).await.map_err(Error::Sql)?;
            info!(slot, "created replication slot");
        }
        let cluster = &self.member.cluster.name;
        let gone = present
            .difference(&wanted)
            .filter(|slot| is_members(slot, cluster));
        let due = self.primary.due(gone.cloned().collect(), Instant::now());
        for slot in due {
            if self
                .session()
                .drop_idle_slot(&slot)
                .await
                .map_err(Error::Sql)?
            {
                info!(slot, "dropped replication slot of a member that is gone");
            }
        }
        self.primary.slots_for = Some(others);
        Ok(())
    }

    /// The members but this one that have a Pod; none as long as that is not known.
    fn other_members(&self) -> Option<BTreeSet<InstanceName>> {
        let peers = self.member.peers.borrow();
        let names = peers.as_ref()?.keys();
        Some(
            names
                .filter(|name| **name != self.member.config.instance)
                .cloned()
                .collect(),
        )
    }
}

impl Duties {
    /// Of the slots whose members are gone, those that are due to go too.
    fn due(&mut self, gone: BTreeSet<String>, now: Instant) -> Vec<String> {
        self.missing_since.retain(|slot, _| gone.contains(slot));
        gone.into_iter()
            .filter(|slot| {
                let since = *self.missing_since.entry(slot.clone()).or_insert(now);
                now.duration_since(since) >= GRACE
            })
            .collect()
    }
}

/// True if the slot is one of this cluster's instances; others belong to somebody else.
fn is_members(slot: &str, cluster: &ClusterName) -> bool {
    slot.rsplit_once('_')
        .and_then(|(_, index)| index.parse().ok())
        .is_some_and(|index: u32| cluster.instance(index).slot() == slot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_slots_of_members_are_the_agents() {
        let cluster: ClusterName = "my-db".parse().unwrap();
        assert!(is_members("my_db_2", &cluster));
        for other in [
            "my_db_02",
            "my_db",
            "my_db_x",
            "my_db_2_tmp",
            "logical",
            "your_db_2",
        ] {
            assert!(!is_members(other, &cluster), "{other}");
        }
    }

    #[test]
    fn a_slot_outlives_a_short_absence_of_its_member() {
        let mut duties = Duties::default();
        let gone = || BTreeSet::from(["simple_2".to_owned()]);
        let start = Instant::now();
        assert!(duties.due(gone(), start).is_empty());
        assert!(duties.due(BTreeSet::new(), start + GRACE / 2).is_empty());
        let back = start + GRACE;
        assert!(
            duties.due(gone(), back).is_empty(),
            "it was back in between"
        );
        assert_eq!(duties.due(gone(), back + GRACE), ["simple_2"]);
    }
}

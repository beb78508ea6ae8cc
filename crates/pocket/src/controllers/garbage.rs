//! Garbage collection by owner references.
//!
//! An object whose owners are all gone is deleted. An owner that is deleted in the foreground waits for
//! the dependents that block it; one that is deleted as an orphan leaves them behind without the
//! reference (Kubernetes documentation, "Garbage Collection"). Nothing is deleted on the word of the
//! watched graph alone: the API is asked whether the owner really is gone.

mod actions;
mod graph;
mod watches;

use std::collections::BTreeSet;
use std::time::Duration;

use kube::Client;
use tokio_util::sync::CancellationToken;

use self::actions::Actions;
use self::graph::{Graph, Uid};
use self::watches::{Change, Watches};

const RETRY: Duration = Duration::from_secs(1);

pub(super) async fn run(client: Client, shutdown: CancellationToken) {
    let mut collector = Collector {
        actions: Actions::new(client.clone()),
        graph: Graph::default(),
        queue: BTreeSet::new(),
        synced: false,
    };
    let mut watches = Watches::start(client, shutdown.child_token());
    let mut retry = tokio::time::interval(RETRY);
    retry.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            change = watches.next() => match change {
                Some(change) => collector.take_in(change),
                None => return,
            },
            _ = retry.tick(), if !collector.queue.is_empty() => {}
        }
        while let Some(change) = watches.try_next() {
            collector.take_in(change);
        }
        collector.work().await;
    }
}

struct Collector {
    actions: Actions,
    graph: Graph,
    /// Objects to look at; those that fail stay for the next round.
    queue: BTreeSet<Uid>,
    /// True once every kind was listed: before that, absence from the graph says nothing.
    synced: bool,
}

impl Collector {
    fn take_in(&mut self, change: Change) {
        match change {
            Change::Applied(node) => {
                let owners = node.owners.iter().map(|owner| owner.uid.clone());
                self.queue.extend(owners.chain([node.uid.clone()]));
                self.graph.insert(*node);
            }
            Change::Deleted(uid) => {
                self.queue.extend(self.graph.dependents(&uid));
                if let Some(node) = self.graph.remove(&uid) {
                    self.queue
                        .extend(node.owners.into_iter().map(|owner| owner.uid));
                }
            }
            Change::Listed { kind, present } => {
                for uid in self.graph.of_kind_except(&kind, &present) {
                    self.take_in(Change::Deleted(uid));
                }
            }
            Change::Synced(resources) => {
                self.actions.set_resources(resources);
                self.synced = true;
                self.queue.extend(self.graph.uids());
            }
        }
    }

    async fn work(&mut self) {
        if !self.synced {
            return;
        }
        for uid in std::mem::take(&mut self.queue) {
            if let Err(error) = self.look_at(&uid).await {
                tracing::debug!(%error, "garbage collection is tried again");
                self.queue.insert(uid);
            }
        }
    }

    async fn look_at(&mut self, uid: &Uid) -> kube::Result<()> {
        let Some(node) = self.graph.get(uid) else {
            return Ok(());
        };
        if node.deleting {
            let dependents = self.graph.dependent_nodes(uid);
            return self.actions.finish_deletion(node, &dependents).await;
        }
        let absent = node
            .owners
            .iter()
            .all(|owner| !self.graph.contains(&owner.uid));
        let foreground = node
            .owners
            .iter()
            .any(|owner| self.graph.waits_for_dependents(&owner.uid));
        if !node.owners.is_empty() && (absent || foreground) {
            self.actions.collect(node, foreground).await?;
        }
        Ok(())
    }
}

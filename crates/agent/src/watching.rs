//! What comes from the API: the control record and the cluster's Pods. A watch never ends; while the API
//! is away it is tried again with growing pauses, and what was known stays known.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt, pin_mut};
use howdah_types::InstanceName;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::WatchStreamExt;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, watch_object, watcher};
use tracing::{error, info, warn};

use crate::chain::{Chain, Complaint};
use crate::member::{Input, Member};
use crate::peers::{self, Peer};
use crate::record;

/// The first pause after an error of the API.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// How often the pause doubles: up to 3.2 seconds.
const DOUBLINGS: u32 = 4;

/// Follows the control record.
pub(crate) async fn control_record(member: Arc<Member>) {
    let name = member.cluster.name.as_str();
    let leases = watch_object(member.cluster.leases.clone(), name).backoff(Pauses::default());
    let mut contact = ApiContact::new("control record");
    let mut newest = Newest::default();
    pin_mut!(leases);
    while let Some(lease) = leases.next().await {
        let Some(lease) = contact.note(lease) else {
            continue;
        };
        if newest.is_outdated(lease.as_ref()) {
            continue;
        }
        match record::view(lease.as_ref()) {
            Ok(read) => {
                member.seen_lease(lease);
                member.tell(Input::Watched(read));
            }
            // It is unknown what holds, so what was known before stays.
            Err(problem) => error!(error = %Chain(&problem), "control record is not usable"),
        }
    }
}

/// Follows the cluster's Pods.
pub(crate) async fn pods(member: Arc<Member>) {
    let selector = watcher::Config::default().labels(&member.cluster.instance_selector());
    let events = watcher(member.cluster.pods.clone(), selector).backoff(Pauses::default());
    follow_pods(&member, events).await;
}

async fn follow_pods(
    member: &Member,
    events: impl Stream<Item = watcher::Result<watcher::Event<Pod>>>,
) {
    let mut contact = ApiContact::new("Pods");
    let mut listed: BTreeMap<InstanceName, Peer> = BTreeMap::new();
    pin_mut!(events);
    while let Some(event) = events.next().await {
        let Some(event) = contact.note(event) else {
            continue;
        };
        match event {
            watcher::Event::Init => listed.clear(),
            watcher::Event::InitApply(pod) => listed.extend(peers::read(&pod)),
            watcher::Event::InitDone => {
                let first = !member.knows_pods();
                member.told_pods();
                publish(member, |peers| *peers = listed.clone());
                if first {
                    // What was remembered may be just what is told.
                    member.peers.send_modify(|_| {});
                }
            }
            watcher::Event::Apply(pod) => publish(member, |peers| peers.extend(peers::read(&pod))),
            watcher::Event::Delete(pod) => {
                if let Some((name, _)) = peers::read(&pod) {
                    publish(member, |peers| drop(peers.remove(&name)));
                }
            }
        }
    }
}

fn publish(member: &Member, change: impl FnOnce(&mut BTreeMap<InstanceName, Peer>)) {
    let changed = member.peers.send_if_modified(|peers| {
        let before = peers.clone();
        change(peers.get_or_insert_default());
        *peers != before
    });
    if changed {
        member.look.notify_one();
    }
}

/// A list from a cache that lags may be older than what a watch has brought already; epochs would seem to
/// go back. Within one object's life its versions grow.
#[derive(Debug, Default)]
struct Newest {
    uid: Option<String>,
    version: u64,
}

impl Newest {
    fn is_outdated(&mut self, lease: Option<&Lease>) -> bool {
        let Some(lease) = lease else {
            return false;
        };
        let version = lease.metadata.resource_version.as_ref();
        let Some(version) = version.and_then(|version| version.parse().ok()) else {
            return false;
        };
        if self.uid == lease.metadata.uid && version < self.version {
            return true;
        }
        self.uid.clone_from(&lease.metadata.uid);
        self.version = version;
        false
    }
}

/// The pauses while the API is away: 0.2 seconds, doubled up to 3.2, each less a random part, so that many
/// agents do not come back at the same moment. A cluster has few agents, and each wants news soon.
#[derive(Debug, Default)]
struct Pauses {
    taken: u32,
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let longest = FIRST_PAUSE * 2_u32.pow(self.taken.min(DOUBLINGS));
        self.taken = self.taken.saturating_add(1);
        Some(longest.mul_f64(rand::random_range(0.5..=1.0)))
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {
        self.taken = 0;
    }
}

/// Logs when the API goes and comes, not every try.
struct ApiContact {
    what: &'static str,
    complaint: Complaint,
    away: bool,
}

impl ApiContact {
    fn new(what: &'static str) -> Self {
        Self {
            what,
            complaint: Complaint::default(),
            away: false,
        }
    }

    fn note<T>(&mut self, answer: watcher::Result<T>) -> Option<T> {
        match answer {
            Ok(answer) => {
                if std::mem::take(&mut self.away) {
                    info!(watch = self.what, "the API answers again");
                }
                self.complaint.clear();
                Some(answer)
            }
            Err(error) => {
                self.away = true;
                if let Some(error) = self.complaint.new_one(&error) {
                    warn!(watch = self.what, error, "no answer from the API");
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(uid: &str, version: &str) -> Lease {
        let mut lease = Lease::default();
        lease.metadata.uid = Some(uid.to_owned());
        lease.metadata.resource_version = Some(version.to_owned());
        lease
    }

    #[test]
    fn pauses_grow_to_a_limit_and_start_anew() {
        let mut pauses = Pauses::default();
        let longest = Duration::from_millis(3_200);
        let all: Vec<_> = pauses.by_ref().take(40).collect();
        assert!(all[0] <= FIRST_PAUSE && all[4] > FIRST_PAUSE * 4);
        assert!(all.iter().all(|pause| *pause <= longest));
        pauses.reset();
        assert!(pauses.next().is_some_and(|pause| pause <= FIRST_PAUSE));
    }

    #[test]
    fn older_versions_of_one_object_are_dropped() {
        let mut newest = Newest::default();
        assert!(!newest.is_outdated(Some(&lease("a", "9"))));
        assert!(newest.is_outdated(Some(&lease("a", "8"))));
        assert!(!newest.is_outdated(Some(&lease("a", "10"))));
        assert!(!newest.is_outdated(None));
        assert!(!newest.is_outdated(Some(&lease("b", "3"))), "made anew");
    }
}

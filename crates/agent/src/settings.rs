//! The machine's settings from what the operator tells: the cluster's Pods and how it replicates.

use std::collections::BTreeSet;
use std::sync::Arc;

use howdah_ha::machine::{Member as Number, Policy, Settings, Timing};
use howdah_types::ClusterName;
use serde::Deserialize;
use tracing::warn;

use crate::chain::Complaint;
use crate::ids;
use crate::member::{Input, Member};
use crate::peers::Peer;

/// The longest text that is read, in bytes.
const LONGEST: usize = 16 << 10;

/// How a cluster replicates, as the operator writes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Replication {
    #[serde(default)]
    mode: Mode,
    sync_instances: Option<u16>,
    #[serde(default)]
    profile: Profile,
    maximum_lag_on_failover: Option<u64>,
    /// The source of a standby cluster.
    pub(crate) replicate_from: Option<ReplicateFrom>,
}

/// What a standby cluster streams from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ReplicateFrom {
    /// Another cluster of the namespace.
    Cluster(ClusterName),
    /// A Postgres elsewhere.
    External {
        /// Name or address.
        host: String,
        port: u16,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    #[default]
    Async,
    Sync,
    StrictSync,
    SyncAll,
    StrictSyncAll,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Profile {
    #[default]
    #[serde(alias = "default")]
    Fast,
    Fleet,
}

/// Settings that cannot be understood; those from before stay in force.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the replication settings have more than {LONGEST} bytes")]
    TooLong,
    #[error("the replication settings cannot be understood")]
    Json(#[source] serde_json::Error),
}

impl Replication {
    /// Reads the operator's text.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > LONGEST {
            return Err(Error::TooLong);
        }
        serde_json::from_str(text).map_err(Error::Json)
    }

    /// `others` is how many other members may acknowledge what this one writes.
    fn policy(&self, others: usize) -> Policy {
        let wanted = self.sync_instances.unwrap_or(1).max(1);
        let all = u16::try_from(others).unwrap_or(u16::MAX).max(1);
        match self.mode {
            Mode::Async => Policy::Async,
            Mode::Sync => Policy::Sync { acks: wanted },
            Mode::StrictSync => Policy::Strict { acks: wanted },
            Mode::SyncAll => Policy::Sync { acks: all },
            Mode::StrictSyncAll => Policy::Strict { acks: all },
        }
    }

    fn timing(&self) -> Timing {
        match self.profile {
            Profile::Fast => Timing::FAST,
            Profile::Fleet => Timing::FLEET,
        }
    }
}

/// The settings as they are now; none until the Pods are known.
pub(crate) fn settings(member: &Member, replication: &Replication) -> Option<Settings> {
    let peers = member.peers.borrow();
    let pods = peers.as_ref()?;
    let all = |wanted: fn(&Peer) -> bool| -> BTreeSet<Number> {
        pods.iter()
            .filter(|(_, pod)| wanted(pod))
            .filter_map(|(name, _)| ids::number(name))
            .collect()
    };
    let me = ids::number(&member.config.instance)?;
    let mut peers = all(|_| true);
    peers.remove(&me);
    let voters = all(|pod| !pod.nofailover);
    let synchronous = all(|pod| !pod.nofailover && !pod.nosync);
    let others = synchronous.iter().filter(|member| **member != me).count();
    let policy = replication.policy(others);
    Some(Settings {
        peers,
        voters,
        synchronous,
        policy,
        timing: replication.timing(),
        maximum_lag: replication.maximum_lag_on_failover,
        // What was remembered from before may be out of date, and this decides whether anybody is writable.
        replicates: member
            .knows_pods()
            .then_some(replication.replicate_from.is_some()),
    })
}

/// Tells the driver whenever the settings may have changed.
pub(crate) async fn follow(member: Arc<Member>) {
    let mut peers = member.peers.subscribe();
    let mut mounted = member.mounted.subscribe();
    let mut replication = None;
    let mut complaint = Complaint::default();
    loop {
        peers.mark_unchanged();
        mounted.mark_unchanged();
        match wanted(&member) {
            Ok(wanted) => {
                complaint.clear();
                replication = Some(wanted);
            }
            Err(error) => {
                if let Some(error) = complaint.new_one(&error) {
                    warn!(error, "replication settings stay as they were");
                }
            }
        }
        let settings = replication
            .as_ref()
            .and_then(|replication| settings(&member, replication));
        if let Some(settings) = settings {
            member.tell(Input::Settings(settings));
        }
        tokio::select! {
            changed = peers.changed() => if changed.is_err() { return },
            changed = mounted.changed() => if changed.is_err() { return },
        }
    }
}

/// The Pod says it at once; the mounted file, which may lag, also when the API is away.
pub(crate) fn wanted(member: &Member) -> Result<Replication, Error> {
    let own = member.own_pod().and_then(|pod| pod.replication);
    let text = own.or_else(|| member.mounted.borrow().replication.clone());
    Replication::parse(text.as_deref().unwrap_or("{}"))
}

/// The settings before the Pods are known: nobody votes.
pub(crate) fn before_the_pods() -> Settings {
    Settings {
        peers: BTreeSet::new(),
        voters: BTreeSet::new(),
        synchronous: BTreeSet::new(),
        policy: Policy::Async,
        timing: Timing::FAST,
        maximum_lag: None,
        replicates: None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_mode_has_its_policy() {
        for (text, policy) in [
            (r#"{}"#, Policy::Async),
            (r#"{"mode":"async","ttl":30}"#, Policy::Async),
            (r#"{"mode":"sync"}"#, Policy::Sync { acks: 1 }),
            (
                r#"{"mode":"strict-sync","syncInstances":2}"#,
                Policy::Strict { acks: 2 },
            ),
            (r#"{"mode":"sync-all"}"#, Policy::Sync { acks: 3 }),
            (
                r#"{"mode":"strict-sync-all","profile":"default"}"#,
                Policy::Strict { acks: 3 },
            ),
        ] {
            let replication = Replication::parse(text).unwrap();
            assert_eq!(replication.policy(3), policy, "{text}");
        }
        assert!(Replication::parse(r#"{"mode":"best"}"#).is_err());
        assert!(Replication::parse(&" ".repeat(LONGEST + 1)).is_err());
    }

    #[test]
    fn a_standby_cluster_is_told_its_source() {
        for (text, source) in [
            ("{}", None),
            (
                r#"{"replicateFrom":{"cluster":"a"}}"#,
                Some(ReplicateFrom::Cluster("a".parse().unwrap())),
            ),
            (
                r#"{"replicateFrom":{"external":{"host":"db.example","port":6000}}}"#,
                Some(ReplicateFrom::External {
                    host: "db.example".to_owned(),
                    port: 6000,
                }),
            ),
        ] {
            let replication = Replication::parse(text).unwrap();
            assert_eq!(replication.replicate_from, source, "{text}");
        }
        for text in [
            r#"{"replicateFrom":{"cluster":"A/b"}}"#,
            r#"{"replicateFrom":{"external":{"host":"a","port":70000}}}"#,
            r#"{"replicateFrom":{}}"#,
        ] {
            assert!(Replication::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_takeover_by_time_waits_until_the_holder_has_ended() {
        for profile in ["fast", "default", "fleet"] {
            let text = format!(r#"{{"profile":"{profile}"}}"#);
            let timing = Replication::parse(&text).unwrap().timing();
            // One in a thousand for the clocks, half a second for the kill.
            let ended = timing.hold.mul_f64(1.001) + Duration::from_millis(500);
            assert!(ended <= timing.wait_out.div_f64(1.001), "{profile}");
            assert!(timing.rely.mul_f64(1.002) <= timing.grant, "{profile}");
        }
    }
}

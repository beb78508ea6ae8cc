//! Who leads and how writes are confirmed, from the instances' own record.

use howdah_api::control_record::Intent;
use howdah_api::{ControlRecord, labels};
use k8s_openapi::api::coordination::v1::Lease;
use serde::{Deserialize, Serialize};

use crate::names::lease_path;
use crate::server::Server;

/// How a cluster is asked to replicate.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Replication {
    mode: Option<String>,
    sync_instances: Option<u32>,
}

/// The record in words for people and programs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Leadership {
    /// The number of the term.
    pub(crate) epoch: u64,
    /// The instance that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) holder: Option<String>,
    /// Whether the holder serves clients in this term.
    pub(crate) serving: bool,
    /// The wanted mode, as in the manifest.
    pub(crate) mode: String,
    /// How writes are confirmed now.
    pub(crate) in_force: InForce,
    /// How many of the cohort must confirm a write.
    pub(crate) acks: u32,
    /// Who may confirm writes or, without confirmations, has a say in who leads.
    pub(crate) cohort: Vec<String>,
    pub(crate) paused: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) fenced: Vec<String>,
    /// What people asked for and is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) intent: Option<String>,
    /// Whether the cluster is a standby of another one, so that nobody takes writes.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replicates: bool,
}

/// How writes are confirmed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum InForce {
    /// By the primary alone, as wanted.
    #[default]
    Async,
    /// By replicas too, always: without them writes wait.
    Strict,
    /// By replicas too, as long as there are.
    Sync,
    /// By fewer replicas than wanted.
    Degraded,
}

/// Reads the record. A cluster that was never started has none, and whoever may not read it still
/// gets everything else.
pub(super) async fn record(server: &Server, cluster: &str) -> Option<ControlRecord> {
    let path = lease_path(server.namespace(), cluster);
    let lease: Lease = server.find(&path).await.ok().flatten()?;
    ControlRecord::parse(lease.metadata.annotations?.get(labels::RECORD)?)
}

/// Puts the record and the wish of the manifest into words.
pub(super) fn leadership(cluster: &str, wish: &Replication, record: &ControlRecord) -> Leadership {
    let name = |index: &u32| format!("{cluster}-{index}");
    let mode = wish.mode.clone().unwrap_or_else(|| "async".to_owned());
    Leadership {
        epoch: record.epoch,
        holder: record.holder.as_ref().map(name),
        serving: record.serving && !record.released,
        in_force: in_force(&mode, wish.sync_instances, record.acks),
        mode,
        acks: record.acks,
        cohort: record.standbys.iter().map(name).collect(),
        paused: record.paused,
        replicates: record.replicates,
        fenced: record.fenced.iter().map(name).collect(),
        intent: record.intent.as_ref().map(|intent| {
            let to = |to: &Option<u32>| match to {
                Some(to) => format!(" to {}", name(to)),
                None => String::new(),
            };
            match intent {
                Intent::Switchover { to: wanted } => format!("switchover{}", to(wanted)),
                Intent::Failover { to: wanted } => format!("failover{}", to(wanted)),
                Intent::Other => "something that this program does not know".to_owned(),
            }
        }),
    }
}

fn in_force(mode: &str, wanted: Option<u32>, acks: u32) -> InForce {
    let wanted = match mode {
        "sync" | "strict-sync" => wanted.unwrap_or(1),
        "sync-all" | "strict-sync-all" => 1,
        _ => 0,
    };
    if acks < wanted {
        InForce::Degraded
    } else if acks == 0 {
        InForce::Async
    } else if mode.starts_with("strict-") {
        InForce::Strict
    } else {
        InForce::Sync
    }
}

impl Leadership {
    /// The line about writes.
    pub(super) fn writes(&self) -> String {
        if self.replicates {
            return "none: a standby cluster only reads what its source writes".to_owned();
        }
        let cohort = match self.cohort.as_slice() {
            [] => "no replica".to_owned(),
            [one] => one.clone(),
            more => format!("{} of {}", self.acks, more.join(", ")),
        };
        let mode = &self.mode;
        let enough = usize::try_from(self.acks).is_ok_and(|acks| acks <= self.cohort.len());
        match self.in_force {
            InForce::Strict if !enough => format!(
                "WAIT: the mode is {mode}, and {} of {} needed replicas can confirm them",
                self.cohort.len(),
                self.acks
            ),
            InForce::Async => format!("confirmed by the primary alone ({mode})"),
            InForce::Strict => format!("confirmed by {cohort} too, and wait for it ({mode})"),
            InForce::Sync => format!("confirmed by {cohort} too ({mode})"),
            InForce::Degraded if self.acks == 0 => {
                format!("DEGRADED: confirmed by the primary alone, though the mode is {mode}")
            }
            InForce::Degraded => {
                format!("DEGRADED: confirmed by {cohort} only, fewer than wanted ({mode})")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

    use super::*;

    fn of(wish: Value, record: Value) -> Leadership {
        let wish = serde_json::from_value(wish).unwrap();
        let record = ControlRecord::parse(&record.to_string()).unwrap();
        leadership("a", &wish, &record)
    }

    #[test]
    fn the_record_is_put_into_names() {
        let record = json!({
            "epoch": 4, "holder": {"member": 1, "boot": 5}, "serving": true, "released": false,
            "cohort": {"standbys": [0, 2], "acks": 1}, "paused": true, "fenced": [2],
            "intent": {"Switchover": {"to": 0}},
        });
        let leadership = of(json!({"mode": "strict-sync"}), record);
        assert_eq!(
            serde_json::to_value(&leadership).unwrap(),
            json!({
                "epoch": 4, "holder": "a-1", "serving": true, "mode": "strict-sync",
                "inForce": "strict", "acks": 1, "cohort": ["a-0", "a-2"], "paused": true,
                "fenced": ["a-2"], "intent": "switchover to a-0",
            })
        );
    }

    #[test]
    fn a_standby_cluster_says_that_it_takes_no_writes() {
        let record = json!({"epoch": 1, "holder": {"member": 0}, "replicates": true});
        let standby = of(json!({"mode": "strict-sync"}), record);
        assert!(
            standby.writes().starts_with("none: "),
            "{}",
            standby.writes()
        );
        assert_eq!(serde_json::to_value(&standby).unwrap()["replicates"], true);
    }

    #[test]
    fn how_writes_are_confirmed_is_said_in_one_line() {
        let writes = |wish: Value, standbys: Value, acks: u32| {
            let cohort = json!({"standbys": standbys, "acks": acks});
            of(wish, json!({"epoch": 1, "cohort": cohort})).writes()
        };
        assert_eq!(
            writes(json!({}), json!([1, 2]), 0),
            "confirmed by the primary alone (async)"
        );
        assert_eq!(
            writes(json!({"mode": "strict-sync"}), json!([1, 2]), 1),
            "confirmed by 1 of a-1, a-2 too, and wait for it (strict-sync)"
        );
        assert_eq!(
            writes(json!({"mode": "strict-sync"}), json!([]), 1),
            "WAIT: the mode is strict-sync, and 0 of 1 needed replicas can confirm them"
        );
        assert_eq!(
            writes(json!({"mode": "sync"}), json!([1]), 1),
            "confirmed by a-1 too (sync)"
        );
        assert_eq!(
            writes(json!({"mode": "sync-all"}), json!([]), 0),
            "DEGRADED: confirmed by the primary alone, though the mode is sync-all"
        );
        assert_eq!(
            writes(json!({"mode": "sync", "syncInstances": 2}), json!([1]), 1),
            "DEGRADED: confirmed by a-1 only, fewer than wanted (sync)"
        );
    }
}

//! The answer to `GET /patroni`: one member, in Patroni's shape.

use std::collections::BTreeMap;

use howdah_postgres::{ReplicaStatus, Standing, XlogPosition};
use howdah_types::Lsn;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::member::Member;
use crate::view::View;

/// One member.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Status {
    pub(super) state: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) postmaster_start_time: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) server_version: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) xlog: Option<Xlog>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) timeline: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) replication_state: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) replication: Vec<Replica>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) pending_restart: bool,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) pending_restart_reason: BTreeMap<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) database_system_identifier: Option<String>,
    pub(super) patroni: About,
}

/// Positions in bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Xlog {
    Primary {
        location: u64,
    },
    Standby {
        received_location: u64,
        replayed_location: u64,
        replayed_timestamp: Option<String>,
        paused: bool,
    },
}

/// A standby as the primary sees it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Replica {
    usename: String,
    application_name: String,
    client_addr: Option<String>,
    state: String,
    sync_state: String,
    sync_priority: i32,
}

/// Who answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct About {
    version: String,
    scope: String,
    pub(super) name: String,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that serde calls"
)]
fn is_false(value: &bool) -> bool {
    !value
}

/// This member as it is seen now.
pub(super) fn status(member: &Member, view: &View) -> Status {
    let standing = view.standing();
    let known = view.status.as_ref().map(|(status, _)| status);
    Status {
        state: view.phase.word().to_owned(),
        postmaster_start_time: known.map(|status| status.started_at.clone()),
        role: view.role.map(|role| role.word().to_owned()),
        server_version: known.map(|status| status.server_version),
        xlog: standing.map(xlog),
        timeline: known.and_then(|status| Some(status.timeline?.number())),
        replication_state: standing.and_then(replication_state),
        replication: standing.map(replicas).unwrap_or_default(),
        pending_restart: !view.pending.is_empty(),
        pending_restart_reason: view.pending_reasons(),
        database_system_identifier: known.and_then(|status| Some(status.system?.to_string())),
        patroni: About {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            scope: member.cluster.name.to_string(),
            name: member.config.instance.to_string(),
        },
    }
}

fn xlog(standing: &Standing) -> Xlog {
    let bytes = |lsn: Option<Lsn>| lsn.unwrap_or_default().bytes();
    match standing {
        Standing::Primary { location, .. } => Xlog::Primary {
            location: location.bytes(),
        },
        Standing::Standby {
            position:
                XlogPosition {
                    received,
                    replayed,
                    replayed_at,
                    paused,
                },
            ..
        } => Xlog::Standby {
            received_location: bytes((*received).max(*replayed)),
            replayed_location: bytes(*replayed),
            replayed_timestamp: replayed_at.clone(),
            paused: *paused,
        },
    }
}

pub(super) fn replication_state(standing: &Standing) -> Option<String> {
    match standing {
        Standing::Primary { .. } => None,
        Standing::Standby { receiver, .. } => receiver.as_ref().map(|one| one.state.clone()),
    }
}

fn replicas(standing: &Standing) -> Vec<Replica> {
    let replica = |replica: &ReplicaStatus| Replica {
        usename: replica.user.clone(),
        application_name: replica.application.clone(),
        client_addr: replica.address.clone(),
        state: replica.state.clone(),
        sync_state: replica.sync_state.clone(),
        sync_priority: replica.sync_priority,
    };
    match standing {
        Standing::Primary { replicas, .. } => replicas.iter().map(replica).collect(),
        Standing::Standby { .. } => Vec::new(),
    }
}

impl Status {
    /// The newest position that the member has.
    pub(super) fn newest(&self) -> Option<Lsn> {
        Some(Lsn::new(match self.xlog.as_ref()? {
            Xlog::Primary { location } => *location,
            Xlog::Standby {
                received_location,
                replayed_location,
                ..
            } => (*received_location).max(*replayed_location),
        }))
    }
}

//! Tests of what probes and Pods are told.

use howdah_postgres::{ReceiverStatus, XlogPosition};
use pretty_assertions::assert_eq;

use super::*;

fn standby(receiver: Option<&str>) -> Status {
    Status {
        system: None,
        server_version: 180_006,
        started_at: "2026-11-22 20:00:00+00:00".to_owned(),
        timeline: howdah_types::Timeline::new(1),
        standing: Standing::Standby {
            position: XlogPosition::default(),
            receiver: receiver.map(|state| ReceiverStatus {
                state: state.to_owned(),
                timeline: None,
            }),
        },
    }
}

fn view(role: Role, status: Status, at: Instant) -> View {
    View {
        phase: Phase::Running,
        role: Some(role),
        routed: role.leads(),
        status: Some((status, at)),
        ..View::new()
    }
}

#[tokio::test]
async fn a_standby_is_ready_while_it_streams_or_its_primary_is_away() {
    let now = Instant::now();
    let mut member = view(Role::Replica, standby(Some("streaming")), now);
    assert!(member.is_ready(now) && member.is_replica(now) && !member.is_primary(now));
    member.status = Some((standby(None), now));
    assert!(!member.is_ready(now));
    member.contact = Contact::Unreachable;
    assert!(member.is_ready(now));
    member.contact = Contact::Reachable;
    assert!(
        !member.is_ready(now),
        "it does not stream from a primary within reach"
    );
}

#[tokio::test]
async fn the_leader_of_a_standby_cluster_is_no_primary_and_is_ready_while_it_streams() {
    let now = Instant::now();
    let mut member = view(Role::StandbyLeader, standby(Some("streaming")), now);
    assert!(member.is_standby_leader(now) && member.is_ready(now));
    assert!(!member.is_primary(now) && !member.is_replica(now));
    assert_eq!(Role::StandbyLeader.label(), "primary");
    member.status = Some((standby(None), now));
    assert!(!member.is_ready(now));
    member.contact = Contact::Unreachable;
    assert!(member.is_ready(now), "the source is away");
    member.routed = false;
    assert!(!member.is_standby_leader(now));
}

#[tokio::test]
async fn nothing_counts_once_postgres_gives_no_answer() {
    let now = Instant::now();
    let member = view(Role::Replica, standby(Some("streaming")), now);
    assert!(!member.is_ready(now + FRESH));
    let mut silent = member.clone();
    silent.silent_since = Some(now);
    assert!(silent.is_alive(now + WEDGED, now + WEDGED));
    assert!(!silent.is_alive(now + WEDGED * 2, now + WEDGED * 2));
    assert!(!member.is_alive(now + DRIVER, now), "the driver is silent");
}

#[tokio::test]
async fn a_primary_is_ready_when_clients_are_sent_there() {
    let now = Instant::now();
    let mut member = view(Role::Primary, standby(None), now);
    assert!(member.is_primary(now) && member.is_ready(now));
    member.routed = false;
    assert!(!member.is_primary(now) && !member.is_ready(now));
}

#[tokio::test]
async fn the_pod_carries_patronis_member_entry() {
    let mut member = view(Role::Replica, standby(Some("streaming")), Instant::now());
    member.pending = vec![PendingRestart {
        name: "max_connections".to_owned(),
        old: "100".to_owned(),
        new: Some("200".to_owned()),
    }];
    let entry: Value = serde_json::from_str(&member.annotation(&[127, 64, 1, 1].into())).unwrap();
    assert_eq!(
        entry,
        json!({
            "conn_url": "postgres://127.64.1.1:5432/postgres",
            "api_url": "http://127.64.1.1:8008/patroni",
            "state": "running",
            "ha": {"phase": "init", "epoch": 0},
            "role": "replica",
            "timeline": 1,
            "server_version": 180_006,
            "pending_restart": true,
            "pending_restart_reason": {"max_connections": {"old_value": "100", "new_value": "200"}},
        })
    );
}

//! What was and what is set: the answers to `/history` and `/config`, in Patroni's shape.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use howdah_types::Lsn;
use serde_json::{Map, Value, json};

use super::Shared;
use crate::record::{self, Change};

/// The changes of the primary, each as the timeline that ended, where it ended, why, when, and who came.
pub(super) async fn history(State(member): Shared) -> Json<Value> {
    let lease = member.known_lease();
    let changes = lease.as_ref().map(record::history).unwrap_or_default();
    Json(rows(&changes))
}

fn rows(changes: &[Change]) -> Value {
    let row = |pair: &[Change]| {
        let [before, change] = pair else {
            return Value::Null;
        };
        let lsn = change.lsn.parse::<Lsn>().unwrap_or_default();
        json!([
            before.timeline,
            lsn.bytes(),
            change.reason,
            change.at,
            change.holder
        ])
    };
    changes.windows(2).map(row).collect()
}

/// How the cluster replicates.
pub(super) async fn config(State(member): Shared) -> Json<Value> {
    let text = member.mounted.borrow().replication.clone();
    let paused = member.view.borrow().ha.paused;
    Json(dynamic(text.as_deref().unwrap_or_default(), paused))
}

fn dynamic(text: &str, paused: bool) -> Value {
    let ours: Value = serde_json::from_str(text).unwrap_or_default();
    let mut config = Map::new();
    for (patroni, own) in [
        ("ttl", "ttl"),
        ("loop_wait", "loopWait"),
        ("retry_timeout", "retryTimeout"),
        ("maximum_lag_on_failover", "maximumLagOnFailover"),
    ] {
        if ours[own].is_number() {
            config.insert(patroni.to_owned(), ours[own].clone());
        }
    }
    let mode = ours["mode"].as_str().unwrap_or("async");
    let sync = mode != "async";
    config.insert("synchronous_mode".to_owned(), sync.into());
    config.insert(
        "synchronous_mode_strict".to_owned(),
        mode.starts_with("strict").into(),
    );
    if sync && ours["syncInstances"].is_number() {
        config.insert(
            "synchronous_node_count".to_owned(),
            ours["syncInstances"].clone(),
        );
    }
    if paused {
        config.insert("pause".to_owned(), true.into());
    }
    config.into()
}

/// Settings live in manifests, and a change here would be undone.
pub(super) async fn not_here() -> Response {
    let text = "settings belong to the SGCluster: change spec.configurations.patroni.dynamicConfig, or spec.replication for synchronous replication; for a pause see `howdah pause`\n";
    let allow = [(header::ALLOW, "GET, HEAD")];
    (StatusCode::METHOD_NOT_ALLOWED, allow, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn a_change_tells_the_timeline_that_ended() {
        let change = |epoch, timeline, lsn: &str, holder: &str| Change {
            epoch,
            timeline,
            lsn: lsn.to_owned(),
            reason: "asked for".to_owned(),
            at: "2026-01-01T00:00:00Z".to_owned(),
            holder: holder.to_owned(),
        };
        let changes = [change(1, 1, "", "a-0"), change(2, 3, "0/5000", "a-1")];
        let expected = json!([[1, 0x5000, "asked for", "2026-01-01T00:00:00Z", "a-1"]]);
        assert_eq!(rows(&changes), expected);
        assert_eq!(rows(&changes[..1]), json!([]));
    }

    #[test]
    fn settings_have_the_names_that_patroni_has() {
        let text = r#"{"mode":"strict-sync","syncInstances":2,"ttl":30,"profile":"fast"}"#;
        assert_eq!(
            dynamic(text, true),
            json!({"ttl": 30, "synchronous_mode": true, "synchronous_mode_strict": true,
                "synchronous_node_count": 2, "pause": true})
        );
        let plain = json!({"synchronous_mode": false, "synchronous_mode_strict": false});
        assert_eq!(dynamic("", false), plain);
        assert_eq!(dynamic("[1]", false), plain);
    }
}

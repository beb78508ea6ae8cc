//! Conditions and instances as people see them.

use howdah_api::conditions::find;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;

fn cluster(status: Value) -> SGCluster {
    let mut manifest = json!({
        "apiVersion": "stackgres.io/v1",
        "kind": "SGCluster",
        "metadata": {"name": "a", "namespace": "n", "uid": "u"},
        "spec": {
            "instances": 1,
            "postgres": {"version": "latest"},
            "pods": {"persistentVolume": {"size": "5Gi"}},
        },
    });
    if !status.is_null() {
        manifest["status"] = status;
    }
    serde_json::from_value(manifest).unwrap()
}

fn pod(name: &str, ready: bool, annotations: Value) -> Pod {
    let state = if ready { "True" } else { "False" };
    serde_json::from_value(json!({
        "metadata": {"name": name, "annotations": annotations},
        "spec": {"nodeName": "node", "containers": []},
        "status": {"conditions": [{"type": "Ready", "status": state}]},
    }))
    .unwrap()
}

fn failing<'a>(cluster: &'a SGCluster, pods: &'a [Pod], problems: &'a [Invalid]) -> Seen<'a> {
    Seen {
        cluster,
        outcome: Outcome::Invalid(problems),
        pods,
        primary: None,
        initialised: false,
        not_acted_on: &[],
        platform: ("x86_64", "linux"),
        now: "2026-01-01T00:00:00Z",
    }
}

#[test]
fn a_failure_is_told_and_leaves_the_rest() {
    let cluster = cluster(json!({"postgresVersion": "18.6", "backupPaths": ["p"]}));
    let problems = [Invalid::config("f", "one"), Invalid::config("g", "two")];
    let status = status(failing(&cluster, &[], &problems));
    assert_eq!(
        serde_json::to_value(&status).unwrap(),
        json!({
            "arch": "x86_64",
            "backupPaths": ["p"],
            "conditions": [
                {
                    "type": "Bootstrapped", "status": "False", "reason": "ClusterNotBootstrapped",
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                },
                {
                    "type": "PendingRestart", "status": "False", "reason": "FalsePendingRestart",
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                },
                {
                    "type": "Failed", "status": "True", "reason": "ClusterConfigFailed",
                    "message": "f: one; g: two", "lastTransitionTime": "2026-01-01T00:00:00Z",
                },
                {
                    "type": "FieldsNotActedOn", "status": "False",
                    "reason": "FalseFieldsNotActedOn",
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                },
            ],
            "instances": 0,
            "labelPrefix": "stackgres.io/",
            "labelSelector": "app=StackGresCluster,stackgres.io/cluster=true,stackgres.io/cluster-name=a,stackgres.io/cluster-uid=u",
            "os": "linux",
            "postgresVersion": "18.6",
        })
    );
}

#[test]
fn bootstrapped_needs_the_record_and_a_ready_primary() {
    let cluster = cluster(Value::Null);
    let primary = "a-0".parse().unwrap();
    for (initialised, ready, expected) in [
        (false, true, false),
        (true, false, false),
        (true, true, true),
    ] {
        let pods = [pod("a-0", ready, json!({}))];
        let seen = Seen {
            primary: Some(&primary),
            initialised,
            ..failing(&cluster, &pods, &[])
        };
        let status = status(seen);
        assert_eq!(
            find(&status.conditions, "Bootstrapped").unwrap().is_true(),
            expected
        );
    }
}

#[test]
fn bootstrapped_stays_and_unchanged_conditions_keep_their_time() {
    let cluster = cluster(json!({"conditions": [
        {"type": "Own", "status": "True"},
        {
            "type": "Bootstrapped", "status": "True", "reason": "ClusterBootstrapped",
            "lastTransitionTime": "2025-01-01T00:00:00Z",
        },
        {
            "type": "Failed", "status": "True", "reason": "ClusterConfigFailed",
            "message": "old", "lastTransitionTime": "2025-01-01T00:00:00Z",
        },
    ]}));
    let problems = [Invalid::config("f", "new")];
    let status = status(failing(&cluster, &[], &problems));
    assert_eq!(find(&status.conditions, "Own").unwrap().status, "True");
    assert!(find(&status.conditions, "Bootstrapped").unwrap().is_true());
    let failed = find(&status.conditions, "Failed").unwrap();
    assert_eq!(failed.message.as_deref(), Some("f: new"));
    assert_eq!(
        failed.last_transition_time.as_deref(),
        Some("2025-01-01T00:00:00Z")
    );
}

#[test]
fn an_instance_waits_for_a_restart_when_postgres_or_its_template_says_so() {
    let planned = pod("a-0", true, json!({"howdah.io/template-hash": "1"}));
    for (annotations, expected) in [
        (json!({"howdah.io/template-hash": "1"}), false),
        (json!({"howdah.io/template-hash": "2"}), true),
        (
            json!({"howdah.io/template-hash": "1", "status": "{\"pending_restart\":true}"}),
            true,
        ),
        (
            json!({"howdah.io/template-hash": "1", "status": "{\"state\":\"running\"}"}),
            false,
        ),
        (
            json!({"howdah.io/template-hash": "1", "status": "no json"}),
            false,
        ),
    ] {
        let found = pod("a-0", true, annotations.clone());
        assert_eq!(
            is_pending_restart(&found, Some(&planned)),
            expected,
            "{annotations}"
        );
    }
}

#[test]
fn an_instance_whose_postgres_runs_has_started() {
    for (report, expected) in [
        ("{\"state\":\"running\"}", true),
        (
            "{\"state\":\"streaming\",\"ha\":{\"phase\":\"sealed\"}}",
            true,
        ),
        ("{\"state\":\"creating replica\"}", false),
        ("{\"state\":7}", false),
        ("", false),
    ] {
        let found = pod("a-0", false, json!({"status": report}));
        assert_eq!(has_started(&found), expected, "{report}");
    }
    assert!(has_started(&pod("a-0", true, json!({}))));
}

#[test]
fn instances_are_listed_by_number() {
    let cluster = cluster(json!({"podStatuses": [
        {
            "name": "a-2", "replicationGroup": 1,
            "installedPostgresExtensions": [{"name": "vector"}],
        },
    ]}));
    let pods = [pod("a-10", true, json!({})), pod("a-2", true, json!({}))];
    let primary = "a-2".parse().unwrap();
    let seen = Seen {
        primary: Some(&primary),
        ..failing(&cluster, &pods, &[])
    };
    assert_eq!(
        serde_json::to_value(status(seen).pod_statuses).unwrap(),
        json!([
            {
                "name": "a-2", "nodeName": "node", "primary": true, "pendingRestart": false,
                "replicationGroup": 1, "installedPostgresExtensions": [{"name": "vector"}],
            },
            {
                "name": "a-10", "nodeName": "node", "primary": false, "pendingRestart": false,
            },
        ])
    );
}

//! What is refused and filled in, exactly.

use pretty_assertions::assert_eq;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;

fn cluster(spec: Value) -> Value {
    let mut object = json!({
        "apiVersion": "stackgres.io/v1",
        "kind": "SGCluster",
        "metadata": {"name": "a", "namespace": "n"},
        "spec": {
            "instances": 3,
            "postgres": {"version": "18.6"},
            "pods": {"persistentVolume": {"size": "5Gi"}},
        },
    });
    for (key, value) in spec.as_object().unwrap() {
        object["spec"][key] = value.clone();
    }
    object
}

fn refused(kind: Kind, object: &Value, known: Known) -> Vec<String> {
    let problems = judge(kind, object, known).err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

#[rstest]
#[case::too_few(
    json!({"replication": {"mode": "sync", "syncInstances": 3}}),
    "spec.instances: must be more than replication.syncInstances, because the primary does not count"
)]
#[case::parameter(
    json!({"configurations": {"postgres": {"postgresql.conf": {"shared_buffer": "1GB"}}}}),
    "spec.configurations.postgres.postgresql.conf.shared_buffer: parameter \"shared_buffer\" of the cluster does not exist in Postgres 18"
)]
#[case::pooling(
    json!({"configurations": {"pooling": {"pgBouncer": {"pgbouncer.ini": {"pgbouncer": {"pool_mod": "x"}}}}}}),
    "spec.configurations.pooling.pgBouncer.pgbouncer.ini.pgbouncer.pool_mod: is not a setting that PgBouncer has here; remove it"
)]
#[case::hba(
    json!({"configurations": {"patroni": {"dynamicConfig": {"postgresql": {"pg_hba": "all"}}}}}),
    "spec.configurations.patroni.dynamicConfig.postgresql.pg_hba: must be a list of texts"
)]
#[case::version(
    json!({"postgres": {"version": "new"}}),
    "spec.postgres.version: Postgres version \"new\" must be latest, MAJOR or MAJOR.MINOR, for example 18 or 18.1"
)]
#[case::unreadable(json!({"instances": "x"}), "spec: this SGCluster cannot be read: ")]
fn a_cluster_that_is_wrong_by_itself_is_refused(#[case] spec: Value, #[case] sentence: &str) {
    let found = refused(Kind::Cluster, &cluster(spec), Known::default());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with(sentence), "{}", found[0]);
}

#[rstest]
#[case::nothing_special(json!({}))]
#[case::references(json!({
    "sgInstanceProfile": "later",
    "configurations": {
        "sgPostgresConfig": "later", "sgPoolingConfig": "later",
        "credentials": {"users": {"superuser": {"password": {"name": "later", "key": "x"}}}},
    },
}))]
#[case::version_that_nobody_offers(json!({"postgres": {"version": "17.5"}}))]
fn what_may_come_later_is_not_refused(#[case] spec: Value) {
    let none: [&str; 0] = [];
    assert_eq!(
        refused(Kind::Cluster, &cluster(spec), Known::default()),
        none
    );
}

#[test]
fn data_keeps_its_major_version_and_its_room() {
    let known = Known {
        recorded_version: Some("18.6".parse().unwrap()),
        largest_volume: Some("10Gi".parse().unwrap()),
    };
    let down = cluster(json!({"postgres": {"version": "17"}}));
    assert_eq!(
        refused(Kind::Cluster, &down, known),
        [
            "spec.postgres.version: the data of this cluster is of Postgres 18; the major version cannot be \
             changed to 17 here, use an SGDbOps with op majorVersionUpgrade",
            "spec.pods.persistentVolume.size: cannot be lowered from 10Gi to 5Gi; volumes only grow",
        ]
    );
}

fn object(kind: &str, name: &str, spec: Value) -> Value {
    json!({"kind": kind, "metadata": {"name": name}, "spec": spec})
}

#[test]
fn configurations_are_refused_for_every_entry_that_is_wrong() {
    let conf = json!({"port": "1", "nonsense": "1", "work_mem": "64MB"});
    let config = object(
        "SGPostgresConfig",
        "c",
        json!({"postgresVersion": "18", "postgresql.conf": conf}),
    );
    let found = refused(Kind::PostgresConfig, &config, Known::default());
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("spec.postgresql.conf.nonsense: "));
    assert!(found[1].starts_with("spec.postgresql.conf.port: "));
    let ini = json!({"users": {"u": {"auth_user": "x"}}});
    let config = object(
        "SGPoolingConfig",
        "c",
        json!({"pgBouncer": {"pgbouncer.ini": ini}}),
    );
    let sentence = "spec.pgBouncer.pgbouncer.ini.users.u.auth_user: is set by Howdah itself and cannot be \
                    configured; remove it";
    assert_eq!(
        refused(Kind::PoolingConfig, &config, Known::default()),
        [sentence]
    );
}

#[test]
fn names_of_the_operators_own_scripts_are_refused() {
    let script = object("SGScript", "a-default", json!({"scripts": []}));
    assert_eq!(
        refused(Kind::Script, &script, Known::default()),
        ["metadata.name: must not end with -default: such names are the operator's own"]
    );
}

#[test]
fn garbage_of_every_kind_is_refused_in_words() {
    for kind in Kind::ALL {
        for garbage in [json!(null), json!([]), json!({"spec": 1}), json!("x")] {
            let found = refused(kind, &garbage, Known::default());
            assert_eq!(found.len(), 1, "{kind:?} {garbage}");
            // Nothing is filled in, and nothing panics.
            assert_eq!(defaulted(kind, &garbage, None, None, "1"), garbage);
        }
    }
}

#[test]
fn what_leaves_or_only_reports_is_not_asked_about() {
    let old = json!({"metadata": {}, "spec": {"a": 1}});
    let mut new = old.clone();
    new["status"] = json!({"b": 1});
    assert!(!is_asked(&new, Some(&old)));
    new["spec"] = json!({"a": 2});
    assert!(is_asked(&new, Some(&old)));
    new["metadata"]["deletionTimestamp"] = json!("2026-11-23T00:00:00Z");
    assert!(!is_asked(&new, Some(&old)));
    assert!(is_asked(&old, None));
}

#[test]
fn a_new_cluster_gets_the_names_of_what_is_made_for_it_and_keeps_those_it_has() {
    let new = cluster(json!({"configurations": {"sgPoolingConfig": "mine"}}));
    let version = Some("18.6".parse().unwrap());
    let filled = defaulted(Kind::Cluster, &new, None, version, "0.1.0");
    assert_eq!(
        patch(&new, &filled),
        [
            json!({"op": "add", "path": "/metadata/annotations",
                "value": {"stackgres.io/operatorVersion": "0.1.0"}}),
            json!({"op": "add", "path": "/spec/configurations/sgPostgresConfig", "value": "a-18-default"}),
            json!({"op": "add", "path": "/spec/sgInstanceProfile", "value": "a-default"}),
        ]
    );
    assert_eq!(
        defaulted(Kind::Cluster, &filled, None, version, "2"),
        filled
    );
    assert_eq!(
        defaulted(Kind::Cluster, &new, Some(&new), version, "2"),
        new
    );
}

#[test]
fn entries_of_scripts_get_ids_that_were_never_used_and_versions() {
    let old = object(
        "SGScript",
        "s",
        json!({"scripts": [
            {"id": 4, "version": 2, "script": "a"}, {"id": 5, "version": 0, "script": "b"},
        ]}),
    );
    let new = object(
        "SGScript",
        "s",
        json!({"scripts": [
            {"id": 4, "version": 2, "script": "changed"}, {"id": -1, "script": "c"}, {"script": "d"},
        ]}),
    );
    let filled = defaulted(Kind::Script, &new, Some(&old), None, "1");
    assert_eq!(
        filled["spec"]["scripts"],
        json!([
            {"id": 4, "version": 3, "script": "changed"},
            {"id": 6, "version": 0, "script": "c"},
            {"id": 7, "version": 0, "script": "d"},
        ])
    );
    assert_eq!(
        defaulted(Kind::Script, &filled, Some(&filled), None, "1"),
        filled
    );
}

#[test]
fn what_is_set_without_effect_is_told() {
    let told = |kind, object: Value| judge(kind, &object, Known::default()).unwrap();
    let spec = json!({
        "distributedLogs": {"sgDistributedLogs": "l"},
        "configurations": {"postgres": {"postgresql.conf": {"synchronous_standby_names": "*"}}},
    });
    assert_eq!(
        told(Kind::Cluster, cluster(spec)),
        [
            "set without effect: spec.distributedLogs",
            "set without effect: spec.configurations.postgres.postgresql.conf.synchronous_standby_names",
        ]
    );
    let none: [&str; 0] = [];
    assert_eq!(told(Kind::Cluster, cluster(json!({}))), none);
    let operation = object("SGDbOps", "o", json!({"sgCluster": "a", "op": "restart"}));
    assert_eq!(
        told(Kind::DbOps, operation),
        ["this SGDbOps is kept, but Howdah does not act on any SGDbOps yet"]
    );
}

#[test]
fn a_status_or_a_list_of_the_wrong_type_is_left_to_the_schema() {
    for kind in Kind::ALL {
        let spec = json!({"postgresVersion": "18", "scripts": "x"});
        let mut wrong = object(kind.as_str(), "c", spec);
        wrong["status"] = json!("x");
        wrong["metadata"]["annotations"] = json!([]);
        for old in [None, Some(&wrong)] {
            let _ = defaulted(kind, &wrong, old, None, "1");
        }
        let bare = object(kind.as_str(), "c", json!({}));
        let filled = defaulted(kind, &bare, Some(&bare), None, "1");
        assert_eq!(filled["spec"], json!({}), "{kind:?}");
    }
}

#[test]
fn the_version_of_the_data_is_read_from_what_is_stored() {
    let with = |version: &str| json!({"status": {"postgresVersion": version}});
    let of = |object: &Value, old: Option<&Value>| Known::from_status(object, old).recorded_version;
    let (new, old) = (with("18.6"), with("17.9"));
    assert_eq!(of(&new, Some(&old)).unwrap().to_string(), "17.9");
    assert_eq!(of(&new, Some(&json!({}))).unwrap().to_string(), "18.6");
    assert_eq!(of(&json!({"status": 1}), None), None);
}

#[test]
fn only_a_smaller_size_shrinks() {
    let sized = |size: &str| json!({"spec": {"pods": {"persistentVolume": {"size": size}}}});
    assert!(shrinks(&sized("5Gi"), &sized("10Gi")));
    for (new, old) in [
        ("10Gi", "5Gi"),
        ("5Gi", "5120Mi"),
        ("x", "5Gi"),
        ("5Gi", "x"),
    ] {
        assert!(!shrinks(&sized(new), &sized(old)), "{new} {old}");
    }
}

#[test]
fn configurations_show_what_is_in_force_where_nothing_is_set() {
    let config = object(
        "SGPostgresConfig",
        "c",
        json!({"postgresVersion": "18", "postgresql.conf": {}}),
    );
    let filled = defaulted(Kind::PostgresConfig, &config, Some(&config), None, "1");
    let shown = filled["status"]["defaultParameters"].as_object().unwrap();
    assert!(!shown.is_empty());
    assert!(!shown.contains_key("port"));
}

#[test]
fn an_operation_begins_without_the_end_of_another() {
    let mut operation = object("SGDbOps", "o", json!({"sgCluster": "a", "op": "restart"}));
    operation["status"] = json!({"opRetries": 3});
    let filled = defaulted(Kind::DbOps, &operation, None, None, "1");
    assert_eq!(filled.get("status"), None);
}

#[test]
fn paths_of_a_patch_are_escaped() {
    let from = json!({"a/b": {"~": 1}, "gone": 1});
    let to = json!({"a/b": {"~": 2}});
    assert_eq!(
        patch(&from, &to),
        [
            json!({"op": "remove", "path": "/gone"}),
            json!({"op": "replace", "path": "/a~1b/~0", "value": 2}),
        ]
    );
}

#[test]
fn whoever_deletes_a_configuration_is_told_who_uses_it() {
    let clusters = [json!({"sgInstanceProfile": "big"}), json!({})].map(|spec| {
        let mut cluster = cluster(spec);
        cluster["status"] = json!({"postgresVersion": "18.6"});
        serde_json::from_value(cluster).unwrap()
    });
    let told = |kind, name| used_by(kind, name, &clusters);
    assert_eq!(
        told(Kind::InstanceProfile, "big").unwrap(),
        "SGInstanceProfile \"big\" is used by SGCluster a; the cluster goes on as it is, but cannot be changed until it is \
         there again"
    );
    assert_eq!(
        told(Kind::PostgresConfig, "a-18-default").unwrap(),
        "SGPostgresConfig \"a-18-default\" is used by SGCluster a, a; it is made again, with nothing set"
    );
    assert_eq!(told(Kind::PoolingConfig, "other"), None);
    assert_eq!(told(Kind::Script, "s"), None);
}

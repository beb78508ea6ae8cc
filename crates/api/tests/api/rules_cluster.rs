//! Rules of SGCluster.

use serde_json::{Value, json};

use crate::admission::merged;
use crate::cases::{Case, change, creation};

const KIND: &str = "SGCluster";

fn cluster(patch: Value) -> Value {
    let simple = json!({
        "instances": 3,
        "postgres": {"version": "latest"},
        "pods": {"persistentVolume": {"size": "5Gi"}},
    });
    merged(simple, patch)
}

fn good(patch: Value) -> Case {
    creation(KIND, cluster(patch))
}

fn bad(patch: Value, part: &str) -> Case {
    good(patch).refused(part)
}

fn changed(old: Value, new: Value) -> Case {
    change(KIND, cluster(old), cluster(new))
}

pub(crate) fn cases() -> Vec<Case> {
    [
        names(),
        postgres(),
        replication(),
        autoscaling(),
        configuration(),
        data(),
        sources(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn cluster_rules_decide_as_documented() {
    cases().iter().for_each(Case::run);
}

fn names() -> Vec<Case> {
    vec![
        good(json!({})).named(&"a".repeat(44)),
        good(json!({}))
            .named(&"a".repeat(45))
            .refused("metadata.name must have at most 44"),
        good(json!({}))
            .named("1st")
            .refused("metadata.name must start with a letter"),
        good(json!({}))
            .named("a.b")
            .refused("metadata.name must start with a letter"),
        good(json!({}))
            .named("a-")
            .refused("metadata.name must start with a letter"),
    ]
}

fn postgres() -> Vec<Case> {
    let version = |version: &str| json!({"postgres": {"version": version}});
    let certificate = json!({"name": "tls", "key": "tls.crt"});
    let pair = json!({
        "certificateSecretKeySelector": certificate,
        "privateKeySecretKeySelector": certificate,
    });
    let half = json!({"certificateSecretKeySelector": certificate});
    let gate = json!({"enabledFeatureGates": ["other", "babelfish-flavor"]});
    let babelfish = json!({"flavor": "babelfish"});
    let babelfish_cluster =
        json!({"postgres": babelfish, "instances": 1, "nonProductionOptions": gate});
    vec![
        good(version("18")),
        good(version("18.6")),
        bad(version("18.6.1"), "must be latest, a major version"),
        bad(version("newest"), "must be latest, a major version"),
        good(json!({"postgres": {"ssl": pair}})),
        bad(
            json!({"postgres": {"ssl": half}}),
            "belong together; set both or neither",
        ),
        good(babelfish_cluster.clone()),
        bad(
            json!({"postgres": babelfish, "instances": 1}),
            "postgres.flavor babelfish needs",
        ),
        bad(
            merged(babelfish_cluster.clone(), json!({"instances": 3})),
            "babelfish needs",
        ),
        changed(json!({}), json!({"postgres": {"flavor": "vanilla"}})),
        changed(json!({"instances": 1}), babelfish_cluster).refused("flavor cannot be changed"),
        bad(
            json!({"postgres": {"flavor": "chocolate"}}),
            "must be one of",
        ),
        bad(
            json!({"pods": {"persistentVolume": {"size": "5GB"}}}),
            "should match",
        ),
        bad(json!({"instances": -1}), "out of range"),
    ]
}

fn replication() -> Vec<Case> {
    let with = |instances: i32, replication: Value| json!({"instances": instances, "replication": replication});
    let groups = |sizes: &[i32]| {
        let groups: Vec<_> = sizes
            .iter()
            .map(|size| json!({"role": "readonly", "instances": size}))
            .collect();
        json!({"groups": groups})
    };
    let too_few = "instances must be more than the instances of all replication.groups";
    let sync = |count: i32| json!({"mode": "sync", "syncInstances": count});
    vec![
        good(with(4, groups(&[1, 2]))),
        good(with(0, groups(&[1, 2]))),
        bad(with(3, groups(&[1, 2])), too_few),
        good(with(17, groups(&[1; 16]))),
        bad(with(16, groups(&[1; 16])), too_few),
        good(with(3, sync(2))),
        bad(
            with(2, sync(2)),
            "instances must be more than replication.syncInstances",
        ),
        bad(
            with(1, json!({"mode": "strict-sync"})),
            "more than replication.syncInstances",
        ),
        good(with(1, json!({"mode": "sync-all"}))),
        good(with(0, sync(2))),
        bad(
            with(3, json!({"syncInstances": 1})),
            "syncInstances has a meaning only with",
        ),
        bad(
            with(3, json!({"mode": "sync-all", "syncInstances": 1})),
            "has a meaning only with",
        ),
        bad(
            with(3, json!({"initialization": {"backupNewerThan": "1 day"}})),
            "must be an ISO 8601 duration",
        ),
        good(with(
            3,
            json!({"initialization": {"backupNewerThan": "P1DT12H"}}),
        )),
    ]
}

fn autoscaling() -> Vec<Case> {
    let with = |autoscaling: Value| json!({"autoscaling": autoscaling});
    vec![
        good(with(json!({"minInstances": 2, "maxInstances": 2}))),
        good(with(json!({"mode": "vertical"}))),
        bad(with(json!({})), "need both minInstances and maxInstances"),
        bad(
            with(json!({"mode": "horizontal", "minInstances": 2})),
            "need both minInstances",
        ),
        bad(
            with(json!({"minInstances": 4, "maxInstances": 3})),
            "minInstances must not be more than maxInstances",
        ),
    ]
}

fn configuration() -> Vec<Case> {
    let with = |configurations: Value| json!({"configurations": configurations});
    let password = json!({"name": "app", "key": "password"});
    let scripts = |scripts: Value| json!({"managedSql": {"scripts": scripts}});
    vec![
        good(with(
            json!({"binding": {"username": "app", "password": password}}),
        )),
        good(with(json!({"binding": {"database": "shop"}}))),
        bad(
            with(json!({"binding": {"username": "app"}})),
            "set both, or neither for the superuser",
        ),
        good(with(
            json!({"postgres": {"postgresql.conf": {"jit": false, "work_mem": "64MB"}}}),
        )),
        good(scripts(
            json!([{"sgScript": "a"}, {"sgScript": "b", "id": 1}, {"id": 2}]),
        )),
        bad(
            scripts(json!([{"sgScript": "a", "id": 1}, {"sgScript": "b", "id": 1}])),
            "each entry needs an id of its own",
        ),
    ]
}

fn data() -> Vec<Case> {
    let from = |backup: Value| json!({"initialData": {"restore": {"fromBackup": backup}}});
    let fixed = "initialData.restore cannot be added, changed or removed";
    let pitr = json!({"restoreToTimestamp": "2026-11-22T08:30:00Z"});
    vec![
        good(from(
            json!({"name": "b", "pointInTimeRecovery": pitr, "targetInclusive": false}),
        )),
        bad(
            from(json!({"name": "b", "uid": "1"})),
            "uid is no longer accepted",
        ),
        bad(from(json!({})), "set name to the name of an SGBackup"),
        bad(
            from(json!({"name": "b", "pointInTimeRecovery": pitr, "targetXid": "7"})),
            "set at most one of pointInTimeRecovery",
        ),
        bad(
            from(json!({"name": "b", "target": "latest"})),
            "target can only be immediate",
        ),
        good(from(json!({"name": "b", "target": "immediate"}))),
        changed(from(json!({"name": "b"})), from(json!({"name": "b"}))),
        changed(from(json!({"name": "b"})), from(json!({"name": "c"}))).refused(fixed),
        changed(from(json!({"name": "b"})), json!({})).refused(fixed),
        changed(json!({}), from(json!({"name": "b"}))).refused(fixed),
        changed(json!({}), json!({"instances": 2, "initialData": {}})),
    ]
}

fn sources() -> Vec<Case> {
    let with = |source: Value| json!({"replicateFrom": source});
    let selector = json!({"name": "source", "key": "k"});
    let user = json!({"username": selector, "password": selector});
    let users = json!({"superuser": user, "replication": user, "authenticator": user});
    let storage = json!({"sgObjectStorage": "s", "path": "p"});
    let external = json!({"external": {"host": "db", "port": 5432}});
    let restore = json!({"initialData": {"restore": {"fromBackup": {"name": "b"}}}});
    let by_storage = with(json!({"storage": storage, "users": users}));
    vec![
        good(with(json!({"instance": {"sgCluster": "a"}}))),
        good(with(json!({"instance": external, "users": users}))),
        good(with(
            json!({"instance": external, "storage": storage, "users": users}),
        )),
        good(merged(by_storage.clone(), restore)),
        bad(
            by_storage,
            "replicates from storage alone needs initialData.restore",
        ),
        bad(
            with(json!({"instance": external})),
            "users with the source's superuser",
        ),
        bad(
            with(json!({"instance": {"sgCluster": "a"}, "users": users})),
            "are taken from the SGCluster named in instance.sgCluster",
        ),
        bad(
            with(json!({"instance": {"sgCluster": "a"}, "storage": storage})),
            "are taken from the SGCluster named in instance.sgCluster",
        ),
        bad(
            with(json!({"instance": {}, "users": users})),
            "set exactly one of sgCluster and external",
        ),
        bad(
            merged(
                json!({"initialData": {"restore": {"fromBackup": {"name": "b"}}}}),
                with(json!({"users": users})),
            ),
            "set instance, storage or both",
        ),
    ]
}

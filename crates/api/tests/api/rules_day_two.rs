//! Rules of SGBackup, SGDbOps and SGScript.

use serde_json::{Value, json};

use crate::cases::{Case, change, creation};

pub(crate) fn cases() -> Vec<Case> {
    [backups(), operations(), benchmarks(), scripts()]
        .into_iter()
        .flatten()
        .collect()
}

#[test]
fn day_two_rules_decide_as_documented() {
    cases().iter().for_each(Case::run);
}

fn backups() -> Vec<Case> {
    let kind = "SGBackup";
    let of = |cluster: &str| json!({"sgCluster": cluster});
    let plain = "metadata.name must start with a letter";
    vec![
        creation(kind, of("a")),
        creation(kind, of("a"))
            .named(&"b".repeat(57))
            .refused("at most 56 characters"),
        creation(kind, of("a")).named("B").refused(plain),
        change(
            kind,
            of("a"),
            json!({"sgCluster": "a", "managedLifecycle": true}),
        ),
        change(kind, of("a"), of("b")).refused("create another SGBackup for the other cluster"),
        change(kind, of("a"), json!({})).refused("create another SGBackup for the other cluster"),
    ]
}

fn operation(op: &str, section: Value) -> Value {
    json!({"sgCluster": "a", "op": op, op: section})
}

fn operations() -> Vec<Case> {
    let kind = "SGDbOps";
    let bare = |op: &str| json!({"sgCluster": "a", "op": op});
    let restart = |method: &str| operation("restart", json!({"method": method}));
    let major = json!({"postgresVersion": "18", "sgPostgresConfig": "c"});
    let both =
        json!({"postgresVersion": "18", "sgPostgresConfig": "c", "link": true, "clone": true});
    vec![
        creation(kind, bare("restart")),
        creation(kind, bare("vacuum")),
        creation(kind, bare("reboot")).refused("must be one of"),
        creation(kind, bare("restart"))
            .named(&"b".repeat(58))
            .refused("at most 57 characters"),
        change(kind, restart("InPlace"), restart("InPlace")),
        change(kind, restart("InPlace"), restart("ReducedImpact"))
            .refused("an operation cannot be changed once it is created"),
        creation(kind, bare("benchmark")).refused("op benchmark needs the section benchmark"),
        creation(
            kind,
            operation("minorVersionUpgrade", json!({"postgresVersion": "18.6"})),
        ),
        creation(kind, operation("minorVersionUpgrade", json!({})))
            .refused("op minorVersionUpgrade needs minorVersionUpgrade.postgresVersion"),
        creation(kind, operation("majorVersionUpgrade", major)),
        creation(
            kind,
            operation("majorVersionUpgrade", json!({"postgresVersion": "18"})),
        )
        .refused("op majorVersionUpgrade needs majorVersionUpgrade.postgresVersion and"),
        creation(kind, operation("majorVersionUpgrade", both)).refused("link and clone exclude"),
        creation(
            kind,
            json!({"sgCluster": "a", "op": "vacuum", "repack": {}}),
        ),
        creation(
            kind,
            json!({"sgCluster": "a", "op": "vacuum", "timeout": "PT"}),
        )
        .refused("must be an ISO 8601 duration"),
    ]
}

fn benchmarks() -> Vec<Case> {
    let benchmark = |benchmark: Value| creation("SGDbOps", operation("benchmark", benchmark));
    let pgbench = |mode: &str, custom: Option<Value>| {
        let settings =
            json!({"mode": mode, "databaseSize": "1Gi", "duration": "PT1M", "custom": custom});
        benchmark(json!({"type": "pgbench", "pgbench": settings}))
    };
    let sampling = |mode: &str| {
        let settings = json!({
            "mode": mode,
            "targetDatabase": "shop",
            "topQueriesCollectDuration": "PT1H",
            "samplingDuration": "PT1H",
        });
        benchmark(json!({"type": "sampling", "sampling": settings}))
    };
    let custom = |script: Value| Some(json!({"scripts": [script]}));
    let initialization = json!({"initialization": {}, "scripts": [{"builtin": "select-only"}]});
    let key = json!({"name": "n", "key": "k"});
    vec![
        pgbench("tpcb-like", None),
        benchmark(json!({"type": "pgbench"})).refused("type pgbench needs the section pgbench"),
        benchmark(json!({"type": "sampling"})).refused("type sampling needs the section sampling"),
        pgbench("custom", custom(json!({"script": "SELECT 1", "weight": 2}))),
        pgbench(
            "custom",
            custom(json!({"scriptFrom": {"secretKeyRef": key}})),
        ),
        pgbench("custom", None).refused("mode custom needs the section custom"),
        pgbench(
            "custom",
            custom(json!({"script": "SELECT 1", "builtin": "tpcb-like"})),
        )
        .refused("set exactly one of script, scriptFrom, builtin and replay"),
        pgbench("custom", Some(initialization)).refused("set exactly one of script and scriptFrom"),
        sampling("calls"),
        sampling("custom").refused("mode custom needs customTopQueriesQuery"),
    ]
}

fn scripts() -> Vec<Case> {
    let of = |entries: Value| creation("SGScript", json!({"scripts": entries}));
    let key = json!({"name": "n", "key": "k"});
    vec![
        creation("SGScript", json!({})),
        creation("SGScript", json!({})).named("it-default"),
        creation("SGScript", json!({}))
            .named(&"s".repeat(53))
            .refused("at most 52 characters"),
        of(json!([{"script": "SELECT 1"}, {"script": "SELECT 2", "name": "b"}])),
        of(json!([{"script": "SELECT 1", "id": 4}, {"script": "SELECT 2", "id": 5}])),
        of(json!([{"script": "SELECT 1", "id": 4}, {"script": "SELECT 2", "id": 4}]))
            .refused("each entry needs an id of its own"),
        of(json!([{"script": "SELECT 1", "name": "a"}, {"script": "SELECT 2", "name": "a"}]))
            .refused("each entry needs a name of its own"),
        of(json!([{}])).refused("set exactly one of script and scriptFrom"),
        of(json!([{"script": "SELECT 1", "scriptFrom": {"configMapKeyRef": key}}]))
            .refused("set exactly one of script and scriptFrom"),
        of(json!([{"scriptFrom": {"configMapKeyRef": key, "secretKeyRef": key}}]))
            .refused("set exactly one of secretKeyRef and configMapKeyRef"),
        of(json!([{"script": "SELECT 1", "storeStatusInDatabase": true}]))
            .refused("storeStatusInDatabase needs wrapInTransaction"),
        of(json!([{
            "script": "SELECT 1",
            "storeStatusInDatabase": true,
            "wrapInTransaction": "repeatable-read",
        }])),
    ]
}

//! Fields that are accepted but have no effect yet.
//!
//! Nothing that a user asks for is ignored in silence: the operator reports these paths in a
//! condition and a Warning Event. Only explicit values that differ from the default are listed.

use howdah_api::ClusterSpec;
use howdah_api::cluster::{
    AutoscalingMode, Configurations, Flavor, InitializationMode, Pods, Replication, RolloutMethod,
    RolloutType,
};
use serde_json::Value;

use crate::ha::ACTED_ON;

/// The paths of the fields that a cluster sets and that have no effect.
pub fn unacted(spec: &ClusterSpec) -> Vec<String> {
    let mut found = Found::default();
    top_level(spec, &mut found);
    postgres(spec, &mut found);
    if let Some(replication) = &spec.replication {
        replicas(replication, &mut found);
    }
    pods(&spec.pods, &mut found);
    services(spec, &mut found);
    if let Some(configurations) = &spec.configurations {
        configuration(configurations, &mut found);
    }
    found.0
}

#[derive(Default)]
struct Found(Vec<String>);

impl Found {
    fn when(&mut self, set: bool, path: &str) {
        if set {
            self.0.push(path.to_owned());
        }
    }
}

fn top_level(spec: &ClusterSpec, found: &mut Found) {
    let scaled = |mode| mode != AutoscalingMode::None;
    found.when(
        spec.autoscaling.as_ref().is_some_and(|a| scaled(a.mode)),
        "spec.autoscaling",
    );
    let scripts = spec.managed_sql.as_ref();
    found.when(
        scripts.is_some_and(|sql| !sql.scripts.is_empty()),
        "spec.managedSql.scripts",
    );
    let initial = spec.initial_data.as_ref();
    found.when(
        initial.is_some_and(|data| data.restore.is_some()),
        "spec.initialData.restore",
    );
    found.when(
        initial.is_some_and(|data| !data.scripts.is_empty()),
        "spec.initialData.scripts",
    );
    let source = spec.replicate_from.as_ref();
    found.when(
        source.is_some_and(|source| source.storage.is_some()),
        "spec.replicateFrom.storage",
    );
    found.when(spec.distributed_logs.is_some(), "spec.distributedLogs");
    let gates = spec.non_production_options.as_ref();
    found.when(
        gates.is_some_and(|options| !options.enabled_feature_gates.is_empty()),
        "spec.nonProductionOptions.enabledFeatureGates",
    );
}

fn postgres(spec: &ClusterSpec, found: &mut Found) {
    let postgres = &spec.postgres;
    found.when(
        postgres.flavor == Some(Flavor::Babelfish),
        "spec.postgres.flavor",
    );
    found.when(!postgres.extensions.is_empty(), "spec.postgres.extensions");
}

fn replicas(replication: &Replication, found: &mut Found) {
    // Without backups the default falls back to a copy of the primary, which is what happens.
    let Some(initialization) = &replication.initialization else {
        return;
    };
    let copies = [
        InitializationMode::FromPrimary,
        InitializationMode::FromExistingBackup,
    ];
    found.when(
        !copies.contains(&initialization.mode),
        "spec.replication.initialization.mode",
    );
    found.when(
        initialization.backup_newer_than.is_some(),
        "spec.replication.initialization.backupNewerThan",
    );
    found.when(
        initialization.backup_restore_performance.is_some(),
        "spec.replication.initialization.backupRestorePerformance",
    );
}

fn pods(pods: &Pods, found: &mut Found) {
    if let Some(strategy) = &pods.update_strategy {
        let kept = [None, Some(RolloutType::OnlyDbOps), Some(RolloutType::Never)];
        found.when(
            !kept.contains(&strategy.type_),
            "spec.pods.updateStrategy.type",
        );
        let reduced = strategy.method == Some(RolloutMethod::ReducedImpact);
        found.when(reduced, "spec.pods.updateStrategy.method");
        found.when(
            !strategy.schedule.is_empty(),
            "spec.pods.updateStrategy.schedule",
        );
    }
    let backup = pods.scheduling.as_ref().is_some_and(|s| s.backup.is_some());
    found.when(backup, "spec.pods.scheduling.backup");
    let init = pods
        .resources
        .as_ref()
        .is_some_and(|r| !r.init_containers.is_empty());
    found.when(init, "spec.pods.resources.initContainers");
    found.when(
        !pods.custom_init_volume_mounts.is_empty(),
        "spec.pods.customInitVolumeMounts",
    );
    found.when(!pods.custom_init_env.is_empty(), "spec.pods.customInitEnv");
    found.when(
        !pods.custom_init_env_from.is_empty(),
        "spec.pods.customInitEnvFrom",
    );
}

/// The route of the primary is written by the instances, which serve Postgres' own ports only.
fn services(spec: &ClusterSpec, found: &mut Found) {
    let services = spec.postgres_services.as_ref();
    let primary = services.and_then(|services| services.primary.as_ref());
    let custom = primary.is_some_and(|service| !service.custom_ports.is_empty());
    found.when(custom, "spec.postgresServices.primary.customPorts");
}

fn configuration(configurations: &Configurations, found: &mut Found) {
    let at = |path: &str| format!("spec.configurations.{path}");
    let queries = configurations.postgres_exporter.as_ref();
    found.when(
        queries.is_some_and(|e| e.queries.is_some()),
        &at("postgresExporter.queries"),
    );
    if let Some(observability) = &configurations.observability {
        found.when(
            observability.prometheus_autobind,
            &at("observability.prometheusAutobind"),
        );
        found.when(
            observability.receiver.is_some(),
            &at("observability.receiver"),
        );
    }
    found.when(!configurations.backups.is_empty(), &at("backups"));
    let Some(patroni) = &configurations.patroni else {
        return;
    };
    let dynamic = patroni.dynamic_config.iter().flatten();
    for (key, value) in dynamic.filter(|(key, value)| !acted_on(key, value)) {
        let inner = value.as_object().filter(|_| key == "postgresql");
        match inner {
            Some(inner) => {
                for key in inner.keys().filter(|key| *key != "pg_hba") {
                    found.when(
                        true,
                        &at(&format!("patroni.dynamicConfig.postgresql.{key}")),
                    );
                }
            }
            None => found.when(true, &at(&format!("patroni.dynamicConfig.{key}"))),
        }
    }
    let initial = patroni.initial_config.as_ref();
    found.when(
        initial.is_some_and(|map| !map.is_empty()),
        &at("patroni.initialConfig"),
    );
}

/// Instances that reach each other keep a primary without the API server, as `failsafe_mode` asks.
fn acted_on(key: &str, value: &Value) -> bool {
    ACTED_ON.contains(&key) || (key == "failsafe_mode" && *value == Value::Bool(true))
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    fn of(spec: Value) -> Vec<String> {
        unacted(&serde_json::from_value(spec).unwrap())
    }

    #[test]
    fn a_plain_cluster_sets_nothing_that_has_no_effect() {
        let spec = json!({
            "instances": 3,
            "postgres": {"version": "latest", "flavor": "vanilla", "ssl": {"enabled": true}},
            "pods": {"persistentVolume": {"size": "5Gi"}, "disableEnvoy": false},
            "replication": {"mode": "async", "role": "ha-read"},
            "configurations": {
                "sgPoolingConfig": "mine",
                "pooling": {"pgBouncer": {"pgbouncer.ini": {"pgbouncer": {"pool_mode": "transaction"}}}},
                "patroni": {"dynamicConfig": {"postgresql": {"pg_hba": []}}},
            },
        });
        assert_eq!(of(spec), Vec::<String>::new());
    }

    #[test]
    fn everything_without_effect_is_named() {
        let spec = json!({
            "instances": 3,
            "postgres": {"version": "latest", "extensions": [{"name": "vector"}]},
            "pods": {
                "persistentVolume": {"size": "5Gi"},
                "updateStrategy": {"type": "Always", "method": "InPlace"},
            },
            "replication": {
                "mode": "sync", "role": "ha", "groups": [{"role": "none", "instances": 1}],
            },
            "configurations": {
                "backups": [{"sgObjectStorage": "s"}],
                "patroni": {"dynamicConfig": {
                    "ttl": 30, "loop_wait": 10, "retry_timeout": 10, "failsafe_mode": true,
                    "maximum_lag_on_failover": 1, "synchronous_mode": true,
                    "postgresql": {"pg_hba": [], "use_slots": true},
                }},
            },
            "managedSql": {"scripts": [{"sgScript": "s"}]},
        });
        assert_eq!(
            of(spec),
            vec![
                "spec.managedSql.scripts",
                "spec.postgres.extensions",
                "spec.pods.updateStrategy.type",
                "spec.configurations.backups",
                "spec.configurations.patroni.dynamicConfig.postgresql.use_slots",
                "spec.configurations.patroni.dynamicConfig.synchronous_mode",
            ]
        );
    }
}

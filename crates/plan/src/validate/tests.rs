//! What is refused, in which words.

use howdah_types::catalogue::{Component, ComponentName};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::validated::Images;

fn catalogue() -> Catalogue {
    let component = |(component, version): (ComponentName, &str)| Component {
        component,
        version: version.to_owned(),
        image: format!("bundle/{component}-{version}"),
        programs: Vec::new(),
        env: BTreeMap::new(),
    };
    let components = [
        (ComponentName::Postgres, "18.6"),
        (ComponentName::Postgres, "17.9"),
        (ComponentName::PostgresUtil, "18.5"),
        (ComponentName::Pgbouncer, "1.26.1"),
        (ComponentName::Envoy, "1.40.0"),
    ];
    Catalogue {
        components: components.into_iter().map(component).collect(),
    }
}

fn cluster(spec: Value) -> SGCluster {
    let mut manifest = json!({
        "apiVersion": "stackgres.io/v1",
        "kind": "SGCluster",
        "metadata": {"name": "a", "namespace": "n", "uid": "u"},
        "spec": {
            "instances": 3,
            "postgres": {"version": "latest"},
            "pods": {"persistentVolume": {"size": "5Gi"}},
        },
    });
    for (key, value) in spec.as_object().unwrap() {
        manifest["spec"][key] = value.clone();
    }
    serde_json::from_value(manifest).unwrap()
}

fn run(spec: Value, references: &References) -> Result<ValidatedCluster, Vec<Invalid>> {
    validate(Inputs {
        cluster: &cluster(spec),
        references,
        catalogue: &catalogue(),
        recorded_version: None,
        largest_volume: Some("5Gi".parse().unwrap()),
        operator_version: "0.1.0",
        network_policies: false,
    })
}

#[test]
fn nothing_named_means_everything_generated() {
    let valid = run(json!({}), &References::default()).unwrap();
    assert_eq!(valid.version.to_string(), "18.6");
    assert_eq!(
        valid.images,
        Images {
            postgres: "bundle/postgres-18.6".to_owned(),
            postgres_util: "bundle/postgres-util-18.5".to_owned(),
            pgbouncer: "bundle/pgbouncer-1.26.1".to_owned(),
            envoy: "bundle/envoy-1.40.0".to_owned(),
        }
    );
    let generated = valid.generated;
    assert_eq!(
        generated.profile.unwrap().metadata.name.as_deref(),
        Some("a-default")
    );
    assert_eq!(
        generated.postgres_config.unwrap().metadata.name.as_deref(),
        Some("a-18-default")
    );
    assert_eq!(
        generated.pooling_config.unwrap().metadata.name.as_deref(),
        Some("a-default")
    );
    assert_eq!(valid.postgres_config, "a-18-default");
    assert!(valid.anti_affinity);
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let spec = json!({
        "sgInstanceProfile": "p",
        "postgres": {"version": "16"},
        "pods": {"persistentVolume": {"size": "4Gi"}},
        "configurations": {
            "sgPoolingConfig": "q",
            "credentials": {"users": {"superuser": {"password": {"name": "s", "key": "k"}}}},
            "patroni": {"dynamicConfig": {"postgresql": {"pg_hba": ["nonsense"]}}},
        },
    });
    let found: Vec<_> = run(spec, &References::default())
        .unwrap_err()
        .into_iter()
        .map(|problem| problem.to_string())
        .collect();
    assert_eq!(
        found,
        vec![
            "spec.postgres.version: Postgres 16 is not available here; available: 18.6, 17.9",
            "spec.sgInstanceProfile: SGInstanceProfile \"p\" named in spec.sgInstanceProfile does \
             not exist in namespace \"n\"; create it or remove the reference",
            "spec.configurations.sgPoolingConfig: SGPoolingConfig \"q\" named in \
             spec.configurations.sgPoolingConfig does not exist in namespace \"n\"; create it or \
             remove the reference",
            "spec.configurations.patroni.dynamicConfig.postgresql.pg_hba[0]: rule \"nonsense\" must \
             start with one of local, host, hostssl, hostnossl, hostgssenc, hostnogssenc",
            "spec.configurations.credentials.users.superuser.password: key \"k\" of Secret \"s\" \
             named in spec.configurations.credentials.users.superuser.password does not exist in \
             namespace \"n\"; create it or remove the reference",
            "spec.pods.persistentVolume.size: cannot be lowered from 5Gi to 4Gi; volumes only grow",
        ]
    );
}

#[test]
fn a_configuration_for_another_major_is_refused() {
    let config = crate::defaults::postgres_config("c", "17".parse().unwrap());
    let references = References {
        postgres_config: Some(config),
        ..References::default()
    };
    let spec = json!({"configurations": {"sgPostgresConfig": "c"}});
    assert_eq!(
        run(spec, &references),
        Err(vec![Invalid::config(
            "spec.configurations.sgPostgresConfig",
            "SGPostgresConfig \"c\" is for Postgres 17, but this cluster runs Postgres 18.6; name \
             one for Postgres 18",
        )])
    );
}

#[test]
fn names_of_generated_objects_are_no_promise_that_they_exist() {
    let spec = json!({
        "sgInstanceProfile": "a-default",
        "configurations": {"sgPostgresConfig": "a-18-default", "sgPoolingConfig": "a-default"},
    });
    assert!(run(spec, &References::default()).is_ok());
}

#[test]
fn found_objects_are_used_and_not_generated_again() {
    let mut profile = crate::defaults::profile("a-default");
    profile.spec.memory = "4Gi".to_owned();
    let references = References {
        profile: Some(profile),
        ..References::default()
    };
    let valid = run(json!({}), &references).unwrap();
    assert_eq!(valid.generated.profile, None);
    assert_eq!(valid.parameters["shared_buffers"], "1024MB");
}

#[test]
fn synchronous_replicas_and_groups_leave_room_for_the_primary() {
    for replication in [
        json!({"mode": "sync", "syncInstances": 3}),
        json!({"groups": [{"role": "none", "instances": 3}]}),
    ] {
        let problems = run(json!({"replication": replication}), &References::default());
        assert_eq!(problems.unwrap_err()[0].field, "spec.instances");
    }
}

#[test]
fn what_synchronous_modes_ask_for_can_be_had() {
    let read_only = json!([{"role": "readonly", "instances": 1}]);
    for (replication, field, message) in [
        (
            json!({"mode": "strict-sync", "syncInstances": 2, "groups": read_only}),
            "spec.replication.syncInstances",
            "is 2, but only 1 replica can confirm writes, because instances of groups with the role \
             readonly or none do not; lower it, or add instances with the role ha or ha-read",
        ),
        (
            json!({"mode": "sync", "groups": [{"role": "none", "instances": 2}]}),
            "spec.replication.syncInstances",
            "is 1, but no replica can confirm writes, because instances of groups with the role \
             readonly or none do not; lower it, or add instances with the role ha or ha-read",
        ),
        (
            json!({"mode": "strict-sync-all", "groups": [{"role": "none", "instances": 2}]}),
            "spec.replication.mode",
            "strict-sync-all needs a replica with the role ha or ha-read, or every write would wait \
             for ever; add an instance or choose another mode",
        ),
    ] {
        let problems = run(json!({"replication": replication}), &References::default());
        assert_eq!(problems, Err(vec![Invalid::config(field, message)]));
    }
    for replication in [
        json!({"mode": "strict-sync", "groups": read_only}),
        json!({"mode": "sync-all", "groups": [{"role": "none", "instances": 2}]}),
        json!({"mode": "strict-sync-all", "groups": read_only}),
    ] {
        assert!(run(json!({"replication": replication}), &References::default()).is_ok());
    }
    let none = json!({"instances": 0, "replication": {"mode": "strict-sync-all"}});
    assert!(run(none, &References::default()).is_ok());
}

#[test]
fn secrets_of_the_user_fill_credentials_and_binding() {
    let references = References {
        secret_keys: [
            (("s".to_owned(), "pw".to_owned()), "secret".to_owned()),
            (("b".to_owned(), "pw".to_owned()), "app-secret".to_owned()),
        ]
        .into(),
        ..References::default()
    };
    let spec = json!({"configurations": {
        "credentials": {"users": {"superuser": {"password": {"name": "s", "key": "pw"}}}},
        "binding": {"username": "app", "password": {"name": "b", "key": "pw"}, "database": "shop"},
    }});
    let valid = run(spec, &references).unwrap();
    let expected = [("superuser-password".to_owned(), "secret".to_owned())];
    assert_eq!(valid.provided_credentials, expected.into());
    assert_eq!(
        valid.binding,
        crate::validated::Binding {
            provider: "stackgres".to_owned(),
            database: "shop".to_owned(),
            login: Some(("app".to_owned(), "app-secret".to_owned())),
        }
    );
}

#[test]
fn an_envoy_that_nothing_can_go_through_is_told_to_who_asks_for_it() {
    let spec = |disable_envoy: Value| {
        json!({
            "pods": {
                "persistentVolume": {"size": "5Gi"},
                "disableConnectionPooling": true,
                "disableEnvoy": disable_envoy,
            },
            "configurations": {"patroni": {"dynamicConfig": {"postgresql": {
                "pg_hba": ["hostssl all all all cert"],
            }}}},
        })
    };
    let valid = run(spec(json!(false)), &References::default()).unwrap();
    assert_eq!(valid.proxy, None);
    assert_eq!(valid.not_acted_on, ["spec.pods.disableEnvoy"]);
    let valid = run(spec(Value::Null), &References::default()).unwrap();
    assert_eq!(valid.proxy, None);
    assert_eq!(valid.not_acted_on, Vec::<String>::new());
}

#[test]
fn what_is_refused_at_admission_is_refused_by_every_pass_in_the_same_words() {
    for spec in [
        json!({"replication": {"mode": "sync", "syncInstances": 3}}),
        json!({"configurations": {"postgres": {"postgresql.conf": {"shared_buffer": "1GB"}}}}),
        json!({"configurations": {"pooling": {"pgBouncer": {"pgbouncer.ini": {"pgbouncer": {"pool_mod": "x"}}}}}}),
        json!({"configurations": {"patroni": {"dynamicConfig": {"postgresql": {"pg_hba": "all"}}}}}),
        json!({"configurations": {"patroni": {"dynamicConfig": {"ttl": -1}}}}),
        json!({"configurations": {"binding": {"username": "u"}}}),
        json!({"postgres": {"version": "new"}}),
        json!({"postgres": {"version": "18"}, "pods": {"persistentVolume": {"size": "1Gi"}}}),
        json!({"postgres": {"version": "18"}, "pods": {"persistentVolume": {"size": "x"}}}),
    ] {
        let mut spec = spec;
        if spec["postgres"].is_null() {
            spec["postgres"] = json!({"version": "18"});
        }
        let cluster = cluster(spec.clone());
        let inputs = Inputs {
            cluster: &cluster,
            references: &References::default(),
            catalogue: &catalogue(),
            recorded_version: None,
            largest_volume: Some("5Gi".parse().unwrap()),
            operator_version: "0.1.0",
            network_policies: false,
        };
        let at_once = alone(inputs).unwrap_err();
        let later = validate(inputs).unwrap_err();
        for problem in at_once {
            assert!(
                later.contains(&problem),
                "{spec}: {problem} not in {later:?}"
            );
        }
    }
}

#[test]
fn a_standby_cluster_has_the_users_of_its_source() {
    let spec = json!({"replicateFrom": {"instance": {"sgCluster": "src"}}});
    let problems = run(spec.clone(), &References::default()).unwrap_err();
    let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "spec.replicateFrom.instance.sgCluster: SGCluster \"src\" named in \
          spec.replicateFrom.instance.sgCluster does not exist in namespace \"n\", or its Secret of the same \
          name lacks credentials; create it or remove the reference"
        ]
    );
    let mut references = References::default();
    for user in ["superuser", "replication", "authenticator"] {
        for what in ["username", "password"] {
            let key = format!("{user}-{what}");
            let value = format!("{what} of {user}");
            references
                .secret_keys
                .insert(("src".to_owned(), key), value);
        }
    }
    let valid = run(spec, &references).unwrap();
    let replication = &valid.provided_credentials["replication-password"];
    assert_eq!(replication, "password of replication");
    assert_eq!(
        valid.ha.json(),
        r#"{"mode":"async","profile":"default","replicateFrom":{"cluster":"src"}}"#
    );
    assert!(valid.not_acted_on.is_empty(), "{:?}", valid.not_acted_on);
}

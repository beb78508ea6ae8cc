//! Which container each port of a Service leads to, and what goes with it.

use pretty_assertions::assert_eq;

use super::*;

fn pod(more: &str) -> Value {
    let cluster = manifest(&(NINE_LINES.to_owned() + more));
    serde_json::to_value(&objects(&cluster, None).pods[0]).unwrap()
}

/// The container and number of a named port.
fn leads<'a>(pod: &'a Value, name: &str) -> Vec<(&'a str, u64)> {
    let containers = pod["spec"]["containers"].as_array().unwrap();
    let ports = containers.iter().flat_map(|container| {
        let ports = container["ports"].as_array().into_iter().flatten();
        ports.map(|port| (container["name"].as_str().unwrap(), port))
    });
    ports
        .filter(|(_, port)| port["name"] == name)
        .map(|(container, port)| (container, port["containerPort"].as_u64().unwrap()))
        .collect()
}

/// What the agent is told of the way to here.
fn told<'a>(pod: &'a Value, variable: &str) -> &'a str {
    let env = pod["spec"]["containers"][0]["env"].as_array().unwrap();
    let found = env.iter().find(|known| known["name"] == variable);
    found.unwrap()["value"].as_str().unwrap()
}

const LOOKS: &str = "  configurations:\n    patroni:\n      dynamicConfig:\n        postgresql:\n          \
                     pg_hba: ['host all all 10.0.0.0/8 trust']\n";

#[test]
fn every_port_leads_to_the_outermost_container_that_is_there() {
    let envoy = [("envoy", 7432), ("envoy", 7433)];
    for (more, pooled, direct) in [
        ("", envoy[0], envoy[1]),
        ("    disableConnectionPooling: true\n", envoy[0], envoy[1]),
        (
            "    disableEnvoy: true\n",
            ("pgbouncer", 6432),
            ("patroni", 5432),
        ),
        (
            "    disableEnvoy: true\n    disableConnectionPooling: true\n",
            ("patroni", 5432),
            ("patroni", 5432),
        ),
        (LOOKS, envoy[0], ("patroni", 5432)),
        (
            &format!("    disableConnectionPooling: true\n{LOOKS}"),
            ("patroni", 5432),
            ("patroni", 5432),
        ),
    ] {
        let pod = pod(more);
        assert_eq!(leads(&pod, "pgport"), [pooled], "{more}");
        assert_eq!(leads(&pod, "pgreplication"), [direct], "{more}");
        assert_eq!(told(&pod, "HOWDAH_PGPORT"), pooled.1.to_string(), "{more}");
        assert_eq!(
            told(&pod, "HOWDAH_DIRECT_PORT"),
            direct.1.to_string(),
            "{more}"
        );
    }
}

#[test]
fn without_envoy_nothing_of_it_is_left() {
    let off = manifest(&(NINE_LINES.to_owned() + "    disableEnvoy: true\n"));
    let objects = objects(&off, None);
    assert!(!format!("{:?}", objects.pods).contains("envoy"));
    let names = objects.config_maps.iter().map(|map| &map.metadata.name);
    let names: Vec<_> = names.flatten().collect();
    assert_eq!(
        names,
        ["simple-postgresql-conf", "simple-connection-pooling-config"]
    );
}

/// A Postgres behind Envoy would take every client for one of the Pod.
#[test]
fn rules_that_look_at_clients_are_not_those_of_a_postgres_behind_envoy() {
    let cluster = manifest(&(NINE_LINES.to_owned() + LOOKS));
    let maps = objects(&cluster, None).config_maps;
    let data = maps[0].data.as_ref().unwrap();
    assert!(data["pg_hba.conf"].contains("10.0.0.0/8 trust"));
    assert!(!data["pg_hba-behind-envoy.conf"].contains("trust"));
}

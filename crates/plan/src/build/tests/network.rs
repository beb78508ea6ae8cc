//! Who reaches the instances.

use pretty_assertions::assert_eq;

use super::*;

fn policy(more: &str) -> Value {
    let mut cluster = manifest(&(NINE_LINES.to_owned() + more));
    cluster.network_policies = true;
    serde_json::to_value(objects(&cluster, None).network_policy).unwrap()
}

#[test]
fn nothing_is_limited_unless_the_installation_says_so() {
    let objects = objects(&manifest(NINE_LINES), None);
    assert_eq!(objects.network_policy, None);
}

#[test]
fn clients_members_people_and_collectors_of_metrics_come_in() {
    let policy = policy("");
    assert_eq!(policy["metadata"]["name"], "simple");
    assert_eq!(
        policy["metadata"]["ownerReferences"][0]["kind"],
        "SGCluster"
    );
    let members = json!({"matchLabels": {
        "app": "StackGresCluster",
        "stackgres.io/cluster": "true",
        "stackgres.io/cluster-name": "simple",
        "stackgres.io/cluster-uid": "0b8f4d5e-uid",
    }});
    let port = |name: &str| json!({"port": name, "protocol": "TCP"});
    assert_eq!(
        policy["spec"],
        json!({
            "podSelector": members,
            "policyTypes": ["Ingress"],
            "ingress": [
                {"ports": [port("pgport"), port("pgreplication")]},
                {"from": [{"podSelector": members}]},
                {"from": [{"podSelector": {}}], "ports": [port("patroniport")]},
                {"from": [{"namespaceSelector": {}}], "ports": [port("envoy-metrics")]},
            ],
        })
    );
}

/// A port that no Pod has would let nobody in.
#[test]
fn the_ports_that_clients_come_in_by_are_those_of_the_pods() {
    for more in [
        "",
        "    disableEnvoy: true\n",
        "    disableConnectionPooling: true\n",
    ] {
        let cluster = manifest(&(NINE_LINES.to_owned() + more));
        let pod = serde_json::to_value(&objects(&cluster, None).pods[0]).unwrap();
        let containers = pod["spec"]["containers"].as_array().unwrap();
        let names: Vec<_> = containers
            .iter()
            .flat_map(|container| container["ports"].as_array().into_iter().flatten())
            .map(|port| port["name"].as_str().unwrap())
            .collect();
        let ports = policy(more)["spec"]["ingress"][0]["ports"].clone();
        for port in ports.as_array().unwrap() {
            assert!(names.contains(&port["port"].as_str().unwrap()), "{names:?}");
        }
    }
}

#[test]
fn the_users_own_ports_lead_where_their_services_lead() {
    let more = "
  postgresServices:
    primary:
      customPorts:
      - {name: one, port: 8080, targetPort: web, protocol: UDP}
      - {name: two, port: 8081, targetPort: 81}
    replicas:
      customPorts:
      - {name: two, port: 8081, targetPort: 81}
      - {name: three, port: 8082}
";
    assert_eq!(
        policy(more)["spec"]["ingress"][0]["ports"]
            .as_array()
            .unwrap()[2..],
        [
            json!({"port": "custom-web", "protocol": "UDP"}),
            json!({"port": 81, "protocol": "TCP"}),
            json!({"port": 8082, "protocol": "TCP"}),
        ]
    );
}

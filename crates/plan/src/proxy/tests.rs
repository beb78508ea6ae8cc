//! What is behind Envoy, and what its file says.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;

fn of(pods: Value, rules: &[&str], cpu_millis: u64) -> Option<Proxy> {
    let mut spec = json!({
        "instances": 1,
        "postgres": {"version": "latest"},
        "pods": {"persistentVolume": {"size": "5Gi"}},
    });
    for (key, value) in pods.as_object().unwrap() {
        spec["pods"][key] = value.clone();
    }
    let rules: Vec<_> = rules.iter().map(|&rule| rule.to_owned()).collect();
    proxy(&serde_json::from_value(spec).unwrap(), &rules, cpu_millis)
}

fn file(direct: bool, pooled: bool, tls: bool) -> Value {
    let proxy = Proxy { direct, threads: 1 };
    serde_json::from_str(&render("simple", proxy, pooled, tls)).unwrap()
}

fn names(file: &Value) -> Vec<&str> {
    let listeners = file["static_resources"]["listeners"].as_array().unwrap();
    listeners
        .iter()
        .filter_map(|listener| listener["name"].as_str())
        .collect()
}

#[test]
fn envoy_is_there_unless_it_is_switched_off() {
    let all = Some(Proxy {
        direct: true,
        threads: 1,
    });
    assert_eq!(of(json!({}), &[], 1000), all);
    assert_eq!(of(json!({"disableEnvoy": false}), &[], 2000), all);
    assert_eq!(of(json!({"disableEnvoy": true}), &[], 1000), None);
}

#[test]
fn threads_follow_the_cpu_within_limits() {
    for (cpu, threads) in [(0, 1), (2001, 2), (32_000, 16), (u64::MAX, 16)] {
        assert_eq!(of(json!({}), &[], cpu).unwrap().threads, threads);
    }
}

#[test]
fn what_looks_at_the_client_is_not_behind_envoy() {
    for rule in [
        "host all all 10.0.0.0/8 trust",
        " hostssl all all all cert",
        "HOSTNOSSL all all all reject",
    ] {
        assert!(!of(json!({}), &[rule], 1000).unwrap().direct, "{rule}");
        let alone = of(json!({"disableConnectionPooling": true}), &[rule], 1000);
        assert_eq!(alone, None, "{rule}");
    }
    assert!(of(json!({}), &["local all all peer"], 1000).unwrap().direct);
}

#[test]
fn the_ports_lead_where_they_should() {
    assert_eq!(
        names(&file(true, true, true)),
        ["pooled", "direct", "metrics"]
    );
    assert_eq!(names(&file(false, true, true)), ["pooled", "metrics"]);
    let behind = |file: &Value| {
        let endpoints = &file["static_resources"]["clusters"][0]["load_assignment"]["endpoints"];
        endpoints[0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]["port_value"]
            .clone()
    };
    assert_eq!(behind(&file(true, true, true)), 6432);
    assert_eq!(behind(&file(true, false, true)), 5432);
}

#[test]
fn encryption_is_looked_for_only_where_there_is_a_certificate() {
    let listener = |tls| file(true, true, tls)["static_resources"]["listeners"][0].clone();
    let filters = |tls| {
        listener(tls)["listener_filters"]
            .as_array()
            .unwrap()
            .clone()
    };
    assert_eq!(filters(true).len(), 2);
    let offered = &filters(true)[0]["typed_config"]["filter_config"]["value"];
    assert_eq!(offered["tls"], "offer");
    // They would lose the cancel requests of drivers that do not wait.
    assert_eq!(filters(false), Vec::<Value>::new());
    assert!(listener(true).to_string().contains("sds.json"));
    assert!(!listener(false).to_string().contains("sds.json"));
}

/// Whoever reaches the admin interface can stop Envoy; other Pods read two pages of it.
#[test]
fn others_only_read_metrics_and_readiness() {
    let file = file(true, true, true);
    assert_eq!(file["admin"]["address"]["pipe"]["mode"], 0o600);
    let metrics = &file["static_resources"]["listeners"][2];
    let hosts = &metrics["filter_chains"][0]["filters"][0]["typed_config"]["route_config"];
    let routes = hosts["virtual_hosts"][0]["routes"].as_array().unwrap();
    let pages: Vec<_> = routes.iter().map(|route| &route["match"]["path"]).collect();
    assert_eq!(pages, ["/stats/prometheus", "/ready"]);
    for route in routes {
        let method = &route["match"]["headers"][0];
        assert_eq!(method["string_match"]["exact"], "GET");
    }
}

//! Tests of planning, on Pods written as JSON.

use std::net::Ipv4Addr;
use std::time::Duration;

use howdah_types::catalogue::ComponentName;
use k8s_openapi::ByteString;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::files::{Credentials, FileContent, payload};
use super::probes::{Check, HttpCheck, ProbePlan};
use super::references::References;
use super::volumes::{Source, volumes};
use super::*;
use crate::node::shim::spec::Link;

fn pod(spec: Value) -> Pod {
    serde_json::from_value(json!({
        "metadata": {
            "name": "simple-0", "namespace": "demo", "uid": "u-1",
            "labels": {"app": "x"},
            "annotations": {"howdah.io/may-bootstrap": "true"},
        },
        "spec": spec,
    }))
    .unwrap()
}

fn with_container(container: Value) -> Pod {
    let mut all = json!({"name": "c", "image": "i", "command": ["run"]});
    all.as_object_mut()
        .unwrap()
        .extend(container.as_object().unwrap().clone());
    pod(json!({"containers": [all], "serviceAccountName": "simple-patroni"}))
}

fn node() -> NodeFacts {
    NodeFacts {
        name: "pocket".to_owned(),
        address: Ipv4Addr::new(127, 64, 0, 1),
        program_dir: "/state/bin".into(),
        components_dir: "/components".into(),
        cpu_thousandths: 2000,
        memory_bytes: 1 << 30,
    }
}

fn component() -> Component {
    Component {
        component: ComponentName::Postgres,
        version: "18.6".to_owned(),
        image: "i".to_owned(),
        programs: vec!["pg/bin".to_owned()],
        env: BTreeMap::from([("LOCPATH".to_owned(), "pg/locale".to_owned())]),
    }
}

fn objects() -> Objects {
    let map = ConfigMap {
        data: Some(BTreeMap::from([("k".to_owned(), "from map".to_owned())])),
        ..ConfigMap::default()
    };
    let secret = Secret {
        data: Some(BTreeMap::from([(
            "k".to_owned(),
            ByteString(b"hidden".to_vec()),
        )])),
        ..Secret::default()
    };
    Objects {
        config_maps: BTreeMap::from([("map".to_owned(), Some(map)), ("none".to_owned(), None)]),
        secrets: BTreeMap::from([
            ("secret".to_owned(), Some(secret)),
            ("none".to_owned(), None),
        ]),
        claims: BTreeMap::new(),
    }
}

fn facts<'a>(pod: &'a Pod, node: &'a NodeFacts) -> PodFacts<'a> {
    PodFacts {
        pod,
        ip: Ipv4Addr::new(127, 64, 1, 3),
        root: "/pods/u/root".into(),
        kubeconfig: Some("/pods/u/volumes/api.access/kubeconfig".into()),
        node,
    }
}

fn plan(extra: Value) -> Result<ContainerPlan, Problem> {
    let pod = with_container(extra);
    let node = node();
    container(
        &facts(&pod, &node),
        &spec(&pod).containers[0],
        &component(),
        &objects(),
    )
}

#[test]
fn paths_lead_into_the_folder_of_the_pod() {
    let plan = plan(json!({
        "command": ["howdah", "$(HOWDAH_ROOT)/etc", "$$(X)", "$(X)"],
        "args": ["--bind=$(HOWDAH_BIND_ADDRESS)"],
        "workingDir": "/var/lib",
        "env": [
            {"name": "HOWDAH_ROOT", "value": ""},
            {"name": "HOWDAH_BIND_ADDRESS", "value": ""},
            {"name": "DATA", "value": "$(HOWDAH_ROOT)/data"},
        ],
    }))
    .unwrap();
    assert_eq!(
        plan.argv,
        [
            "howdah",
            "/pods/u/root/etc",
            "$(X)",
            "$(X)",
            "--bind=127.64.1.3"
        ]
    );
    assert_eq!(plan.working_dir, "/pods/u/root/var/lib");
    assert_eq!(plan.env["DATA"], "/pods/u/root/data");
}

#[test]
fn the_image_brings_variables_that_the_container_may_override() {
    let plain = plan(json!({})).unwrap();
    assert_eq!(
        plain.env["PATH"],
        "/state/bin:/components/pg/bin:/usr/local/bin:/usr/bin:/bin"
    );
    assert_eq!(plain.env["LOCPATH"], "/components/pg/locale");
    assert_eq!(
        plain.env["KUBECONFIG"],
        "/pods/u/volumes/api.access/kubeconfig"
    );
    assert_eq!(plain.env["HOWDAH_ROOT"], "/pods/u/root");
    assert_eq!(plain.path[1], "/components/pg/bin");
    let own = plan(json!({"env": [{"name": "PATH", "value": "/opt/bin"}]})).unwrap();
    assert_eq!(own.env["PATH"], "/opt/bin");
    assert_eq!(own.path, ["/opt/bin"]);
}

#[test]
fn envoy_finds_modules_beside_our_program() {
    let (pod, node) = (with_container(json!({})), node());
    let envoy = Component {
        component: ComponentName::Envoy,
        ..component()
    };
    let container = container(
        &facts(&pod, &node),
        &spec(&pod).containers[0],
        &envoy,
        &objects(),
    );
    let found = &container.unwrap().env["ENVOY_DYNAMIC_MODULES_SEARCH_PATH"];
    assert_eq!(found, "/state/bin");
}

#[test]
fn variables_refer_only_to_those_before_them() {
    let plan = plan(json!({"env": [
        {"name": "A", "value": "$(B)"},
        {"name": "B", "value": "b"},
        {"name": "C", "value": "$(A)$(B)"},
    ]}))
    .unwrap();
    assert_eq!(plan.env["A"], "$(B)");
    assert_eq!(plan.env["C"], "$(B)b");
}

#[test]
fn fields_and_resources_of_the_pod_become_variables() {
    let field = |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}});
    let resource = |name: &str, resource: &str, divisor: &str| json!({"name": name, "valueFrom": {"resourceFieldRef": {"resource": resource, "divisor": divisor}}});
    let plan = plan(json!({
        "resources": {"limits": {"memory": "2Gi"}, "requests": {"cpu": "1500m"}},
        "env": [
            field("NAME", "metadata.name"),
            field("NS", "metadata.namespace"),
            field("UID", "metadata.uid"),
            field("APP", "metadata.labels['app']"),
            field("BOOT", "metadata.annotations['howdah.io/may-bootstrap']"),
            field("NONE", "metadata.annotations['x']"),
            field("IP", "status.podIP"),
            field("HOST", "status.hostIP"),
            field("NODE", "spec.nodeName"),
            field("SA", "spec.serviceAccountName"),
            resource("MEM", "limits.memory", "1Mi"),
            resource("CPU", "requests.cpu", "0"),
            resource("CPUM", "requests.cpu", "1m"),
            resource("FREE", "limits.cpu", "1"),
        ],
    }))
    .unwrap();
    let values = [
        "NAME", "NS", "UID", "APP", "BOOT", "NONE", "IP", "HOST", "NODE", "SA", "MEM", "CPU",
        "CPUM", "FREE",
    ]
    .map(|name| plan.env[name].as_str());
    assert_eq!(
        values,
        [
            "simple-0",
            "demo",
            "u-1",
            "x",
            "true",
            "",
            "127.64.1.3",
            "127.64.0.1",
            "pocket",
            "simple-patroni",
            "2048",
            "2",
            "1500",
            "2"
        ]
    );
}

#[test]
fn keys_of_objects_become_variables() {
    let plan = plan(json!({
        "envFrom": [
            {"configMapRef": {"name": "map"}, "prefix": "M_"},
            {"secretRef": {"name": "secret"}},
            {"secretRef": {"name": "none", "optional": true}},
        ],
        "env": [
            {"name": "MAP", "valueFrom": {"configMapKeyRef": {"name": "map", "key": "k"}}},
            {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "secret", "key": "k"}}},
            {"name": "MAYBE", "valueFrom": {"secretKeyRef": {"name": "secret", "key": "x", "optional": true}}},
            {"name": "BOTH", "value": "$(M_k) $(SECRET)"},
        ],
    }))
    .unwrap();
    assert_eq!(plan.env["BOTH"], "from map hidden");
    assert_eq!(plan.env["k"], "hidden");
    assert!(!plan.env.contains_key("MAYBE"));
}

#[test]
fn what_is_missing_is_named_as_a_kubelet_does() {
    let message = |extra| plan(extra).unwrap_err();
    let missing = message(json!({"envFrom": [{"configMapRef": {"name": "none"}}]}));
    assert_eq!(missing, Problem::config("configmap \"none\" not found"));
    let key = message(json!({"env": [
        {"name": "A", "valueFrom": {"secretKeyRef": {"name": "secret", "key": "x"}}}
    ]}));
    assert_eq!(
        key,
        Problem::config("couldn't find key x in Secret demo/secret")
    );
    let field = message(json!({"env": [
        {"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.x"}}}
    ]}));
    assert_eq!(field, Problem::config("unsupported fieldPath: spec.x"));
    assert_eq!(
        message(json!({"command": []})).reason,
        "CreateContainerError"
    );
}

#[test]
fn all_references_are_collected_and_awaited() {
    let pod = pod(json!({
        "containers": [{"name": "c", "envFrom": [{"secretRef": {"name": "s1"}}]}],
        "initContainers": [{"name": "i", "env": [
            {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "m1", "key": "k"}}}
        ]}],
        "volumes": [
            {"name": "a", "configMap": {"name": "m2"}},
            {"name": "b", "secret": {"secretName": "s2"}},
            {"name": "c", "persistentVolumeClaim": {"claimName": "p"}},
            {"name": "d", "projected": {"sources": [
                {"configMap": {"name": "m3"}}, {"secret": {"name": "s3"}}
            ]}},
        ],
    }));
    let found = References::of(&pod);
    let names = |set: &std::collections::BTreeSet<String>| {
        set.iter().cloned().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(&found.config_maps), "m1 m2 m3");
    assert_eq!(names(&found.secrets), "s1 s2 s3");
    assert_eq!(names(&found.claims), "p");
    assert!(!found.are_known(&objects()));
    assert!(References::default().are_known(&Objects::default()));
}

fn volume(volume: Value) -> Result<files::Payload, Problem> {
    let pod = pod(json!({
        "containers": [],
        "automountServiceAccountToken": false,
        "volumes": [volume],
    }));
    let plans = volumes(&pod)?;
    let Source::Files { mode, sources } = &plans[0].source else {
        panic!("{plans:?}");
    };
    let node = node();
    let credentials = Credentials {
        tokens: BTreeMap::from([(None, "t0ken".to_owned())]),
        ca_pem: "CA".to_owned(),
        server: "https://127.64.0.1:6443".to_owned(),
    };
    payload(
        &facts(&pod, &node),
        *mode,
        sources,
        &objects(),
        &credentials,
    )
}

fn file(text: &str, mode: u32) -> FileContent {
    FileContent {
        bytes: text.as_bytes().to_vec(),
        mode,
    }
}

#[test]
fn keys_become_files_with_the_permissions_asked_for() {
    let map = volume(json!({"name": "v", "configMap": {"name": "map", "defaultMode": 0o600}}));
    assert_eq!(
        map.unwrap(),
        BTreeMap::from([("k".to_owned(), file("from map", 0o600))])
    );
    let secret = volume(
        json!({"name": "v", "secret": {"secretName": "secret", "items": [
            {"key": "k", "path": "sub/key", "mode": 0o444}
        ]}}),
    );
    assert_eq!(
        secret.unwrap(),
        BTreeMap::from([("sub/key".to_owned(), file("hidden", 0o440))])
    );
}

#[test]
fn secrets_are_never_for_everybody() {
    let secret = volume(json!({"name": "v", "secret": {"secretName": "secret"}})).unwrap();
    assert_eq!(secret["k"].mode, 0o640);
}

#[test]
fn projections_are_put_together() {
    let all = volume(json!({"name": "v", "projected": {"sources": [
        {"configMap": {"name": "map"}},
        {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
        {"serviceAccountToken": {"path": "token"}},
        {"secret": {"name": "none", "optional": true}},
    ]}}))
    .unwrap();
    let names: Vec<_> = all.keys().map(String::as_str).collect();
    assert_eq!(names, ["k", "labels", "token"]);
    assert_eq!(all["labels"], file("app=\"x\"", 0o644));
    assert_eq!(all["token"], file("t0ken", 0o600));
}

#[test]
fn bad_volumes_are_refused_in_words() {
    let message = |value| volume(value).unwrap_err().message;
    assert_eq!(
        message(json!({"name": "v", "configMap": {"name": "none"}})),
        "configmap \"none\" not found"
    );
    assert_eq!(
        message(
            json!({"name": "v", "configMap": {"name": "map", "items": [{"key": "x", "path": "x"}]}})
        ),
        "references non-existent configmap key: x"
    );
    assert!(
        message(json!({"name": "v", "configMap": {"name": "map", "items": [{"key": "k", "path": "../x"}]}}))
            .contains("'..'")
    );
    assert!(message(json!({"name": "v", "nfs": {"server": "s", "path": "/"}})).contains("\"v\""));
}

#[test]
fn every_pod_gets_a_kubeconfig_unless_it_declines() {
    let with = pod(json!({"containers": []}));
    let plans = volumes(&with).unwrap();
    let [plan] = plans.as_slice() else {
        panic!("{plans:?}");
    };
    assert_eq!(plan.name, volumes::API_ACCESS);
    let without = pod(json!({"containers": [], "automountServiceAccountToken": false}));
    assert_eq!(volumes(&without).unwrap(), []);
}

fn links(mounts: Value, declines: bool) -> Result<Vec<Link>, Problem> {
    let pod = pod(json!({
        "containers": [{"name": "c", "volumeMounts": mounts}, {"name": "d"}],
        "automountServiceAccountToken": !declines,
    }));
    let folders = ["a", "b", volumes::API_ACCESS]
        .map(|name| (name.to_owned(), Utf8PathBuf::from(format!("/v/{name}"))));
    mounts::links(&pod, "/root".into(), &BTreeMap::from(folders))
}

#[test]
fn mounts_become_links_below_the_root() {
    let found = links(
        json!([
            {"name": "a", "mountPath": "/var/lib/x/"},
            {"name": "b", "mountPath": "/etc/y", "subPath": "s/t"},
        ]),
        true,
    );
    let link = |path: &str, target: &str, create_target| Link {
        path: path.into(),
        target: target.into(),
        create_target,
    };
    assert_eq!(
        found.unwrap(),
        [
            link("/root/etc/y", "/v/b/s/t", true),
            link("/root/var/lib/x", "/v/a", false)
        ]
    );
}

#[test]
fn the_token_is_mounted_where_clients_look_unless_the_pod_does_it() {
    let path = format!("/root{}", volumes::SERVICE_ACCOUNT_PATH);
    let found = links(json!([]), false).unwrap();
    assert_eq!(found[0].path, path);
    assert_eq!(found[0].target, "/v/api.access");
    let own = links(
        json!([{"name": "a", "mountPath": volumes::SERVICE_ACCOUNT_PATH}]),
        false,
    );
    assert_eq!(own.unwrap()[0].target, "/v/a");
}

#[test]
fn impossible_mounts_are_refused_in_words() {
    for (mounts, expected) in [
        (
            json!([{"name": "a", "mountPath": "/x"}, {"name": "b", "mountPath": "/x/y"}]),
            "inside",
        ),
        (
            json!([{"name": "a", "mountPath": "/x"}, {"name": "b", "mountPath": "/x"}]),
            "two different",
        ),
        (json!([{"name": "z", "mountPath": "/x"}]), "not in the Pod"),
        (json!([{"name": "a", "mountPath": "/../x"}]), "outside"),
        (
            json!([{"name": "a", "mountPath": "/x", "subPath": "../y"}]),
            "outside",
        ),
        (json!([{"name": "a", "mountPath": "/"}]), "covers all"),
    ] {
        let problem = links(mounts, true).unwrap_err();
        assert!(problem.message.contains(expected), "{}", problem.message);
    }
}

#[test]
fn probes_have_the_defaults_of_the_api_and_named_ports() {
    let pod = with_container(json!({
        "ports": [{"name": "web", "containerPort": 8008}],
        "readinessProbe": {"httpGet": {"port": "web", "path": "ready"}, "periodSeconds": 2, "failureThreshold": 6},
        "livenessProbe": {"tcpSocket": {"port": 5432}, "initialDelaySeconds": 15, "terminationGracePeriodSeconds": 4},
        "startupProbe": {"exec": {"command": ["true"]}},
    }));
    let found = probes::probes(&spec(&pod).containers[0]).unwrap();
    assert_eq!(
        found.readiness,
        Some(ProbePlan {
            check: Check::Http(HttpCheck {
                host: None,
                port: 8008,
                tls: false,
                path: "/ready".to_owned(),
                headers: Vec::new(),
            }),
            initial_delay: Duration::ZERO,
            period: Duration::from_secs(2),
            timeout: Duration::from_secs(1),
            success_threshold: 1,
            failure_threshold: 6,
            grace: None,
        })
    );
    let liveness = found.liveness.unwrap();
    assert_eq!(liveness.initial_delay, Duration::from_secs(15));
    assert_eq!(liveness.period, Duration::from_secs(10));
    assert_eq!(liveness.grace, Some(Duration::from_secs(4)));
    assert_eq!(
        found.startup.unwrap().check,
        Check::Exec(vec!["true".to_owned()])
    );
    let others = with_container(json!({
        "readinessProbe": {"httpGet": {"port": 1, "scheme": "HTTPS"}},
        "livenessProbe": {"grpc": {"port": 2, "service": "s"}},
    }));
    let found = probes::probes(&spec(&others).containers[0]).unwrap();
    let readiness = found.readiness.unwrap().check;
    assert!(matches!(
        readiness,
        Check::Http(HttpCheck { tls: true, .. })
    ));
    let service = "s".to_owned();
    assert_eq!(
        found.liveness.unwrap().check,
        Check::Grpc { port: 2, service }
    );
    let unknown = with_container(json!({"livenessProbe": {"tcpSocket": {"port": "no"}}}));
    assert!(probes::probes(&spec(&unknown).containers[0]).is_err());
}

//! Built objects, whole.

mod hardened;
mod network;
mod ports;
use howdah_api::SGCluster;
use howdah_types::catalogue::{Catalogue, Component, ComponentName};
use serde_json::{Value, json};

use super::*;
use crate::credentials;
use crate::instances::select;
use crate::references::References;
use crate::validate::{Inputs, validate};

fn catalogue() -> Catalogue {
    let component = |component: ComponentName| Component {
        component,
        version: "18.6".to_owned(),
        image: format!("bundle/{component}-18"),
        programs: Vec::new(),
        env: std::collections::BTreeMap::new(),
    };
    Catalogue {
        components: vec![
            component(ComponentName::Postgres),
            component(ComponentName::PostgresUtil),
            component(ComponentName::Pgbouncer),
            component(ComponentName::Envoy),
        ],
    }
}

fn manifest(text: &str) -> ValidatedCluster {
    let mut cluster: SGCluster = serde_saphyr::from_str(text).unwrap();
    cluster.metadata.namespace = Some("default".to_owned());
    cluster.metadata.uid = Some("0b8f4d5e-uid".to_owned());
    validate(Inputs {
        cluster: &cluster,
        references: &References::default(),
        catalogue: &catalogue(),
        recorded_version: None,
        largest_volume: None,
        operator_version: "0.1.0",
        network_policies: false,
    })
    .unwrap()
}

fn objects(cluster: &ValidatedCluster, primary: Option<&str>) -> Objects {
    let passwords = credentials::missing_passwords(&Credentials::new(), &Credentials::new());
    let generated = passwords
        .into_iter()
        .map(|key| (key.to_owned(), format!("pw/{key}")))
        .collect();
    let credentials = credentials::complete(
        &Credentials::new(),
        &cluster.provided_credentials,
        &generated,
    );
    let primary = primary.map(|name| name.parse().unwrap());
    let policy = cluster.spec.pods.management_policy;
    let selection = select(
        &cluster.name,
        cluster.instances,
        policy,
        &[],
        primary.as_ref(),
    );
    build(cluster, &credentials, &selection, primary.is_none())
}

/// All objects as a list of documents, the first Pod and claim for all of them.
fn yaml(objects: &Objects) -> Value {
    let text = |secret: &Secret| {
        let data = secret.data.iter().flatten();
        let decoded =
            data.map(|(key, value)| (key.clone(), String::from_utf8_lossy(&value.0).into()));
        let mut shown = serde_json::to_value(secret).unwrap();
        shown["data"] = Value::Object(decoded.collect());
        shown
    };
    json!([
        objects.service_account,
        objects.role,
        objects.role_binding,
        text(&objects.binding_secret),
        objects.config_maps,
        objects.services,
        objects.claims.first(),
        objects.pods.first(),
        objects.generated.profile,
        objects.generated.postgres_config,
        objects.generated.pooling_config,
    ])
}

const NINE_LINES: &str = "
apiVersion: stackgres.io/v1
kind: SGCluster
metadata: {name: simple}
spec:
  instances: 3
  postgres: {version: latest}
  pods:
    persistentVolume: {size: 5Gi}
";

const RICH: &str = "
apiVersion: stackgres.io/v1
kind: SGCluster
metadata: {name: rich}
spec:
  profile: testing
  instances: 2
  postgres: {version: '18'}
  metadata:
    labels:
      allResources: {team: blue, app: mine}
      clusterPods: {tier: db}
      primaryService: {entry: primary}
    annotations:
      services: {note: service}
      serviceAccount: {iam: role}
  postgresServices:
    primary:
      type: LoadBalancer
      nodePorts: {pgport: 30432}
      loadBalancerSourceRanges: [10.0.0.0/8]
      externalTrafficPolicy: Local
    replicas:
      type: None
      customPorts: [{name: web, port: 80, targetPort: http}]
  pods:
    persistentVolume: {size: 20Gi, storageClass: fast, fsGroupChangePolicy: OnRootMismatch}
    terminationGracePeriodSeconds: 120
    readinessProbe: {periodSeconds: 5, timeoutSeconds: 3}
    resources:
      containers:
        patroni: {limits: {cpu: 2, memory: 4Gi}}
    scheduling:
      nodeSelector: {disk: ssd}
      tolerations: [{key: db, operator: Exists}]
      priorityClassName: high
    customVolumes: [{name: scratch, emptyDir: {sizeLimit: 1Gi}}]
    customContainers:
    - name: web
      image: example/web
      ports: [{name: http, containerPort: 80}]
      volumeMounts: [{name: c-scratch, mountPath: /scratch}]
    customInitContainers: [{name: prepare, image: example/prepare}]
    customVolumeMounts:
      patroni: [{name: scratch, mountPath: /scratch}]
    customEnv:
      patroni: [{name: TZ, value: Europe/Madrid}]
      web: [{name: MODE, value: fast}]
    customEnvFrom:
      postgres-util: [{configMapRef: {name: tools}}]
  configurations:
    postgres:
      postgresql.conf: {work_mem: 32MB, max_connections: 200, jit: false, port: 1}
    patroni:
      dynamicConfig:
        postgresql:
          pg_hba: ['host app app 10.0.0.0/8 scram-sha-256']
    binding: {database: shop}
";

#[test]
fn nine_lines() {
    insta::assert_yaml_snapshot!(yaml(&objects(&manifest(NINE_LINES), None)));
}

#[test]
fn a_rich_manifest() {
    insta::assert_yaml_snapshot!(yaml(&objects(&manifest(RICH), Some("rich-0"))));
}

#[test]
fn the_examples_become_clusters() {
    for example in [
        include_str!("../../../../examples/simple.yaml"),
        include_str!("../../../../examples/synchronous.yaml"),
    ] {
        let cluster = manifest(example);
        assert_eq!(cluster.not_acted_on, Vec::<String>::new());
        assert!(!objects(&cluster, None).pods.is_empty());
    }
}

#[test]
fn a_service_that_is_switched_off_is_not_built() {
    let off = NINE_LINES.to_owned()
        + "  postgresServices: {primary: {enabled: false}, replicas: {enabled: false}}\n";
    let names: Vec<_> = objects(&manifest(&off), None)
        .services
        .into_iter()
        .filter_map(|service| service.metadata.name)
        .collect();
    assert_eq!(names, ["simple-rest"]);
}

#[test]
fn a_primary_beyond_the_last_index_is_marked() {
    let objects = objects(&manifest(NINE_LINES), Some("simple-7"));
    let marks: Vec<_> = objects
        .pods
        .iter()
        .map(|pod| pod.metadata.labels.as_ref().unwrap()["stackgres.io/disruptible"].as_str())
        .collect();
    assert_eq!(marks, ["false", "true", "true"]);
    assert_eq!(objects.pods[0].metadata.name.as_deref(), Some("simple-7"));
}

#[test]
fn modes_and_groups_reach_living_pods() {
    let grouped = NINE_LINES.to_owned()
        + "  replication:\n    mode: strict-sync\n    groups: [{role: readonly, instances: 1}]\n";
    let plain = objects(&manifest(NINE_LINES), None);
    let grouped = objects(&manifest(&grouped), None);
    let ha = r#"{"mode":"strict-sync","syncInstances":1,"profile":"default"}"#;
    assert_eq!(grouped.config_maps[0].data.as_ref().unwrap()["ha.json"], ha);
    let tags: Vec<_> = grouped
        .pods
        .iter()
        .map(|pod| {
            let labels = pod.metadata.labels.as_ref().unwrap();
            ["nofailover", "noloadbalance", "nosync"]
                .map(|tag| labels[&format!("stackgres.io/{tag}")].as_str())
        })
        .collect();
    let no = ["false"; 3];
    assert_eq!(tags, [no, no, ["true", "false", "true"]]);
    for (before, after) in plain.pods.iter().zip(&grouped.pods) {
        assert_eq!(before.spec, after.spec);
        let annotations = after.metadata.annotations.as_ref().unwrap();
        assert_eq!(annotations["howdah.io/ha"], ha);
    }
}

#[test]
fn only_what_needs_a_new_pod_changes_the_template() {
    let hash_of = |text: &str| {
        let objects = objects(&manifest(text), None);
        objects.pods[0].metadata.annotations.clone().unwrap()["howdah.io/template-hash"].clone()
    };
    let plain = hash_of(NINE_LINES);
    let labelled = NINE_LINES.to_owned() + "  metadata: {labels: {clusterPods: {tier: db}}}\n";
    assert_eq!(hash_of(&labelled), plain);
    let parameter = NINE_LINES.to_owned()
        + "  configurations: {postgres: {postgresql.conf: {work_mem: 1MB}}}\n";
    assert_eq!(hash_of(&parameter), plain);
    let grace = NINE_LINES.to_owned() + "    terminationGracePeriodSeconds: 5\n";
    assert_ne!(hash_of(&grace), plain);
}

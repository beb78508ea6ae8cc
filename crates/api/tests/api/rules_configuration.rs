//! Rules of the configuration kinds and of SGObjectStorage.

use howdah_api::{POOLING_BLOCKLIST, POSTGRES_BLOCKLIST};
use serde_json::{Value, json};

use crate::admission::merged;
use crate::cases::{Case, change, creation};

pub(crate) fn cases() -> Vec<Case> {
    [profiles(), postgres(), pooling(), storage(), credentials()]
        .into_iter()
        .flatten()
        .collect()
}

#[test]
fn configuration_rules_decide_as_documented() {
    cases().iter().for_each(Case::run);
}

fn profiles() -> Vec<Case> {
    let kind = "SGInstanceProfile";
    let good = |spec: Value| creation(kind, spec);
    let small = |size: &str| json!({"hugePages": {"hugepages-2Mi": size}});
    let large = |size: &str| json!({"hugePages": {"hugepages-1Gi": size}});
    vec![
        good(json!({})),
        good(json!({"cpu": "500m", "memory": "1.5Gi"})),
        good(json!({"cpu": "0.5"})).refused("should match"),
        good(json!({"cpu": 2})).refused("must be of type string"),
        good(json!({"memory": "1Ti"})).refused("should match"),
        good(json!({"memory": "0Gi"})).refused("must be more than zero"),
        good(json!({"containers": {"pgbouncer": {"cpu": "250m"}}})),
        good(json!({"containers": {"patroni": {"cpu": "1"}}}))
            .refused("the limits of Postgres itself are spec.cpu and spec.memory"),
        good(json!({"requests": {"containers": {"patroni": {"cpu": "1"}}}}))
            .refused("the requests of Postgres itself follow from"),
        good(small("512Mi")),
        good(small("1.5Gi")),
        good(small("3Mi")).refused("an even number of Mi"),
        good(small("0Gi")).refused("an even number of Mi"),
        good(large("4Gi")),
        good(large("512Mi")).refused("a whole number of Gi"),
        good(large("1.5Gi")).refused("a whole number of Gi"),
    ]
}

fn postgres() -> Vec<Case> {
    let kind = "SGPostgresConfig";
    let spec =
        |version: &str, conf: Value| json!({"postgresVersion": version, "postgresql.conf": conf});
    let mut cases = vec![
        creation(
            kind,
            spec(
                "18",
                json!({"max_connections": 200, "jit": false, "x.y": "1"}),
            ),
        ),
        creation(kind, json!({"postgresVersion": "18"})).refused("is required"),
        creation(kind, spec("18.6", json!({}))).refused("must be a major version"),
        change(
            kind,
            spec("17", json!({})),
            spec("17", json!({"work_mem": "1MB"})),
        ),
        change(kind, spec("17", json!({})), spec("18", json!({})))
            .refused("create another SGPostgresConfig for the other major version"),
    ];
    for name in POSTGRES_BLOCKLIST {
        let refusal = format!("{name} is set by Howdah itself");
        cases.push(creation(kind, spec("18", json!({name: "x"}))).refused(&refusal));
    }
    cases
}

fn pooling() -> Vec<Case> {
    let kind = "SGPoolingConfig";
    let spec = |ini: Value| json!({"pgBouncer": {"pgbouncer.ini": ini}});
    let mut cases = vec![
        creation(kind, json!({})),
        creation(
            kind,
            spec(json!({
                "pgbouncer": {"pool_mode": "transaction", "default_pool_size": 50, "auth_type": "md5"},
                "databases": {"shop": {"dbname": "shop", "pool_size": "20"}},
                "users": {"app": {"max_user_connections": 10}},
            })),
        ),
    ];
    for name in POOLING_BLOCKLIST {
        let refusal = format!("{name} is set by Howdah itself");
        for section in ["databases", "users"] {
            let spec = spec(json!({section: {"a": {name: "x"}}}));
            cases.push(creation(kind, spec).refused(&refusal));
        }
    }
    cases
}

fn selector() -> Value {
    json!({"name": "storage", "key": "k"})
}

fn storage() -> Vec<Case> {
    let keys =
        json!({"secretKeySelectors": {"accessKeyId": selector(), "secretAccessKey": selector()}});
    let azure =
        json!({"secretKeySelectors": {"storageAccount": selector(), "accessKey": selector()}});
    let sections = [
        ("s3", json!({"bucket": "b", "awsCredentials": keys})),
        (
            "s3Compatible",
            json!({"bucket": "s3://b/folder", "awsCredentials": keys}),
        ),
        (
            "gcs",
            json!({"bucket": "gs://b", "gcpCredentials": {"fetchCredentialsFromMetadataService": true}}),
        ),
        (
            "azureBlob",
            json!({"bucket": "b", "azureCredentials": azure}),
        ),
    ];
    let kind = "SGObjectStorage";
    let mut cases = vec![creation(kind, json!({}))];
    for (name, section) in sections {
        let refusal = format!("type {name} needs the section {name}, and other types");
        let good = json!({"type": name, name: section});
        cases.push(creation(kind, good));
        cases.push(creation(kind, json!({"type": name})).refused(&refusal));
        cases.push(creation(kind, json!({name: section})).refused(&refusal));
    }
    cases
}

fn credentials() -> Vec<Case> {
    let kind = "SGObjectStorage";
    let keys = json!({"accessKeyId": selector(), "secretAccessKey": selector()});
    let s3 = |credentials: Value| json!({"type": "s3", "s3": {"bucket": "b", "awsCredentials": credentials}});
    let gcs = |credentials: Value| json!({"type": "gcs", "gcs": {"bucket": "b", "gcpCredentials": credentials}});
    let account = json!({"serviceAccountJSON": selector()});
    let encrypted = |encryption: Value| {
        merged(
            s3(json!({"useIAMRole": true})),
            json!({"encryption": encryption}),
        )
    };
    let sodium = json!({"key": selector()});
    let openpgp = json!({"key": selector(), "keyPassphrase": selector()});
    vec![
        creation(kind, s3(json!({"useIAMRole": true}))),
        creation(kind, s3(json!({}))).refused("set secretKeySelectors, or useIAMRole"),
        creation(
            kind,
            s3(json!({"useIAMRole": true, "secretKeySelectors": keys})),
        ),
        creation(kind, gcs(json!({"secretKeySelectors": account}))),
        creation(kind, gcs(json!({})))
            .refused("set either secretKeySelectors or fetchCredentialsFromMetadataService"),
        creation(
            kind,
            encrypted(json!({"method": "sodium", "sodium": sodium})),
        ),
        creation(
            kind,
            encrypted(json!({"method": "openpgp", "openpgp": openpgp})),
        ),
        creation(kind, encrypted(json!({"sodium": sodium})))
            .refused("without it nothing would be encrypted"),
        creation(kind, encrypted(json!({"method": "openpgp"}))).refused("method openpgp needs"),
        creation(kind, encrypted(json!({"method": "sodium"}))).refused("method sodium needs"),
    ]
}

//! What API servers ask the operator, and what they are told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use howdah_api::{SGCluster, SGScript};
use howdah_operator::{Certificate, Config, Webhook, install};
use howdah_testkit::wait_until;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use pretty_assertions::assert_eq;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::suite::world::World;

const NAME: &str = "howdah-operator";
const PATIENCE: Duration = Duration::from_secs(30);

fn manifest(more: Value) -> SGCluster {
    let mut cluster = json!({
        "metadata": {"name": "a"},
        "spec": {
            "instances": 1,
            "postgres": {"version": "latest"},
            "pods": {"persistentVolume": {"size": "5Gi"}},
        },
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        cluster["spec"][key] = value.clone();
    }
    serde_json::from_value(cluster).expect("the manifest is written here")
}

fn wrong() -> SGCluster {
    let conf = json!({"shared_buffer": "1GB"});
    manifest(json!({
        "postgres": {"version": "18"},
        "configurations": {"postgres": {"postgresql.conf": conf}},
    }))
}

const FIELD: &str = "spec.configurations.postgres.postgresql.conf.shared_buffer";
const FINDING: &str = "parameter \"shared_buffer\" of the cluster does not exist in Postgres 18; did you mean \
                       shared_buffers?";

/// A world whose API server asks the operator.
async fn asked() -> Result<(World, SocketAddr)> {
    let mut world = World::without_operator().await?;
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let create = PostParams::default();
    let namespace = Config::default().namespace;
    for object in install::objects(&install::Options::default()) {
        match object["kind"].as_str() {
            Some("Service") => {
                let api: Api<Service> = Api::namespaced(world.client.clone(), &namespace);
                api.create(&create, &serde_json::from_value(object)?)
                    .await?;
            }
            Some("MutatingWebhookConfiguration") => {
                let api: Api<MutatingWebhookConfiguration> = Api::all(world.client.clone());
                api.create(&create, &serde_json::from_value(object)?)
                    .await?;
            }
            Some("ValidatingWebhookConfiguration") => {
                let api: Api<ValidatingWebhookConfiguration> = Api::all(world.client.clone());
                api.create(&create, &serde_json::from_value(object)?)
                    .await?;
            }
            _ => {}
        }
    }
    let slice = serde_json::from_value(json!({
        "metadata": {"name": NAME, "labels": {"kubernetes.io/service-name": NAME}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": true}}],
        "ports": [{"name": "webhook", "port": port.port(), "protocol": "TCP"}],
    }))?;
    slices(&world).create(&create, &slice).await?;
    let webhook = Webhook {
        address: port,
        certificate: Certificate::Own,
    };
    world
        .operate(Config {
            webhook: Some(webhook),
            ..Config::default()
        })
        .await?;
    let try_out = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    wait_until(PATIENCE, "a refusal", async || {
        match world.api().create(&try_out, &wrong()).await {
            Err(kube::Error::Api(status)) if status.message.contains(FINDING) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await?;
    Ok((world, port))
}

fn slices(world: &World) -> Api<EndpointSlice> {
    Api::namespaced(world.client.clone(), &Config::default().namespace)
}

async fn refused<T: std::fmt::Debug>(
    written: impl Future<Output = kube::Result<T>>,
) -> Result<(u16, String)> {
    match written.await {
        Err(kube::Error::Api(status)) => Ok((status.code, status.message.clone())),
        other => bail!("not refused: {other:?}"),
    }
}

fn said(finding: &str) -> String {
    format!("admission webhook \"check.admission.howdah.io\" denied the request: {finding}")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_refused_at_once_and_what_is_missing_filled_in() -> Result<()> {
    let (world, _) = asked().await?;
    let create = PostParams::default();
    let mut newest = wrong();
    newest.spec.postgres.version = "latest".to_owned();
    for wrong in [wrong(), newest] {
        let refusal = refused(world.api().create(&create, &wrong)).await?;
        assert_eq!(refusal, (422, said(&format!("{FIELD}: {FINDING}"))));
    }

    world.api().create(&create, &manifest(json!({}))).await?;
    let stored = serde_json::to_value(world.cluster().await?)?;
    assert_eq!(stored["spec"]["sgInstanceProfile"], "a-default");
    let configurations =
        json!({"sgPoolingConfig": "a-default", "sgPostgresConfig": "a-18-default"});
    assert_eq!(stored["spec"]["configurations"], configurations);
    let version = &stored["metadata"]["annotations"]["stackgres.io/operatorVersion"];
    assert_eq!(version, env!("CARGO_PKG_VERSION"));

    world.await_pods(&["a-0"]).await?;
    world
        .await_object("a-data-a-0", "a volume", |_: &PersistentVolumeClaim| {
            Some(())
        })
        .await?;
    let recorded = |cluster: &SGCluster| cluster.status.clone()?.postgres_version;
    world.await_object("a", "a version", recorded).await?;
    let change = async |spec: Value| {
        let api = world.api::<SGCluster>();
        let patch = Patch::Merge(json!({"spec": spec}));
        refused(api.patch("a", &PatchParams::default(), &patch)).await
    };
    assert_eq!(
        change(json!({"pods": {"persistentVolume": {"size": "1Gi"}}})).await?,
        (
            422,
            said(
                "spec.pods.persistentVolume.size: cannot be lowered from 5Gi to 1Gi; volumes only grow"
            )
        )
    );
    let (code, message) = change(json!({"postgres": {"version": "17"}})).await?;
    assert_eq!(code, 422);
    assert!(
        message.contains("use an SGDbOps with op majorVersionUpgrade"),
        "{message}"
    );
    let script: SGScript = serde_json::from_value(json!({
        "metadata": {"name": "a-default"}, "spec": {"scripts": []},
    }))?;
    let (code, message) = refused(world.api().create(&create, &script)).await?;
    assert_eq!(code, 403, "{message}");
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_answers_a_pass_says_the_same() -> Result<()> {
    let (world, _) = asked().await?;
    slices(&world)
        .delete(NAME, &DeleteParams::default())
        .await?;
    let create = PostParams::default();
    world.api().create(&create, &wrong()).await?;
    let failed = world.await_condition("Failed", "True").await?;
    assert_eq!(failed.message, Some(format!("{FIELD}: {FINDING}")));
    let right = json!({"spec": {"configurations": null}});
    world.patch::<SGCluster>("a", right).await?;
    world.await_pods(&["a-0"]).await?;
    world.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_in_another_way_gets_a_clear_answer() -> Result<()> {
    let (world, address) = asked().await?;
    let api: Api<ValidatingWebhookConfiguration> = Api::all(world.client.clone());
    let configuration = api.get(NAME).await?;
    let webhook = configuration.webhooks.into_iter().flatten().next();
    let bundle = webhook.and_then(|webhook| webhook.client_config.ca_bundle);
    let bundle = bundle.context("whom to trust")?.0;
    let send = async |method: &str, path: &str, length: usize, body: &str| -> Result<String> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n",
        );
        let parts = [head.as_bytes(), body.as_bytes()];
        let answer = exchange(address, &bundle, &parts);
        let answer = tokio::time::timeout(PATIENCE, answer).await??;
        let (head, body) = answer.split_once("\r\n\r\n").context("a head")?;
        let code = head.split(' ').nth(1).unwrap_or_default();
        Ok(format!("{code} {}", body.trim_end()))
    };
    let ask =
        async |method: &str, path: &str, body: &str| send(method, path, body.len(), body).await;
    assert_eq!(
        ask("GET", "/validate", "").await?,
        "405 only POST is answered"
    );
    assert_eq!(
        ask("POST", "/", "").await?,
        "404 there is /mutate and /validate"
    );
    let nothing = ask("POST", "/validate", "{}").await?;
    assert_eq!(
        nothing,
        "400 only reviews of admission.k8s.io/v1 are answered"
    );
    let too_large = send("POST", "/validate", (8 << 20) + 1, "").await?;
    assert_eq!(too_large, "413 the review has more than 8388608 bytes");
    let empty = ask("POST", "/validate", "  ").await?;
    assert!(
        empty.starts_with("400 this is no AdmissionReview: EOF"),
        "{empty}"
    );
    let review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "u", "operation": "CREATE", "dryRun": true,
            "kind": {"group": "stackgres.io", "version": "v1", "kind": "SGCluster"},
            "object": {"metadata": {"name": "b", "namespace": "default"}, "spec": 1},
        },
    });
    let answer = ask("POST", "/validate", &review.to_string()).await?;
    let answer: Value = serde_json::from_str(answer.trim_start_matches("200 "))?;
    assert_eq!(answer["response"]["uid"], "u");
    assert_eq!(answer["response"]["allowed"], false);
    let message = answer["response"]["status"]["message"].as_str();
    let message = message.unwrap_or_default();
    assert!(
        message.starts_with("spec: this SGCluster cannot be read: "),
        "{message}"
    );
    let keys = world.client.clone();
    let secrets: Api<Secret> = Api::namespaced(keys, &Config::default().namespace);
    let kept = secrets
        .get("howdah-webhook")
        .await?
        .data
        .unwrap_or_default();
    assert_eq!(
        kept.into_keys().collect::<Vec<_>>(),
        ["ca.crt", "tls.crt", "tls.key"]
    );
    world.end().await
}

/// Sends something as an API server would, and reads until the end.
async fn exchange(address: SocketAddr, bundle: &[u8], parts: &[&[u8]]) -> Result<String> {
    let mut roots = rustls::RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(bundle) {
        roots.add(authority?)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let name = format!("{NAME}.{}.svc", Config::default().namespace);
    let stream = TcpStream::connect(address).await?;
    let mut stream = connector
        .connect(ServerName::try_from(name)?, stream)
        .await?;
    for part in parts {
        // A server that refuses need not read to the end.
        if stream.write_all(part).await.is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut piece).await {
        answer.extend(&piece[..length]);
    }
    Ok(String::from_utf8(answer)?)
}

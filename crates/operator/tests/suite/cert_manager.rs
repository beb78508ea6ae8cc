//! A certificate by cert-manager, whose part the test plays: it writes the Secret that is asked for.

use anyhow::Result;
use howdah_api::SGCluster;
use howdah_api::cert_manager::Certificate;
use howdah_testkit::wait_until;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, PostParams};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::suite::world::{PATIENCE, World};

const ASKED: &str = "a-ssl-issued";

/// The kind as cert-manager brings it, without its rules.
async fn install(world: &World) -> Result<()> {
    let definition: CustomResourceDefinition = serde_json::from_value(json!({
        "metadata": {"name": "certificates.cert-manager.io"},
        "spec": {
            "group": "cert-manager.io",
            "names": {"kind": "Certificate", "plural": "certificates", "singular": "certificate"},
            "scope": "Namespaced",
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {
                    "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                }},
            }],
        },
    }))?;
    let api: Api<CustomResourceDefinition> = Api::all(world.client.clone());
    api.create(&PostParams::default(), &definition).await?;
    wait_until(PATIENCE, "the kind", async || {
        let stored = api.get("certificates.cert-manager.io").await;
        let status = stored.map_err(|error| error.to_string())?.status;
        let conditions = status.and_then(|status| status.conditions);
        let mut conditions = conditions.into_iter().flatten();
        let served = conditions.any(|it| it.type_ == "Established" && it.status == "True");
        served.then_some(()).ok_or("it is not served".to_owned())
    })
    .await
}

fn of(secret: &Secret, key: &str) -> Option<Vec<u8>> {
    let ByteString(bytes) = secret.data.as_ref()?.get(key)?;
    Some(bytes.clone())
}

fn annotated(issuer: Value) -> Value {
    json!({"metadata": {"annotations": {"cert-manager.io/issuer": issuer}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_asks_for_it_gets_its_certificate_by_cert_manager() -> Result<()> {
    let world = World::start().await?;
    world.create_cluster(json!({"instances": 1})).await?;
    let authority = |secret: &Secret| of(secret, "ca.crt");
    let own = world
        .await_object("a-ssl", "an own certificate", authority)
        .await?;

    world
        .patch::<SGCluster>("a", annotated(json!("ca")))
        .await?;
    world.await_condition("FieldsNotActedOn", "True").await?;
    install(&world).await?;
    world
        .patch::<SGCluster>("a", annotated(json!("our-ca")))
        .await?;
    // As soon as the kind is there, the operator may have asked the issuer of before.
    let asked = |certificate: &Certificate| {
        let spec = &certificate.spec;
        (spec.issuer_ref.name == "our-ca").then(|| spec.clone())
    };
    let asked = world.await_object(ASKED, "an order", asked).await?;
    assert_eq!(asked.secret_name, ASKED);
    assert_eq!(asked.issuer_ref.name, "our-ca");
    assert_eq!(asked.issuer_ref.kind, "Issuer");
    assert!(
        asked
            .dns_names
            .contains(&"a-replicas.default.svc".to_owned()),
        "{asked:?}"
    );
    assert!(!asked.ip_addresses.is_empty(), "{asked:?}");
    world.await_condition("FieldsNotActedOn", "False").await?;
    let kept: Secret = world.api().get("a-ssl").await?;
    assert_eq!(
        of(&kept, "ca.crt").as_ref(),
        Some(&own),
        "there is none of cert-manager yet"
    );

    let other = pair_of_another_authority(&world).await?;
    world.api().create(&PostParams::default(), &other).await?;
    let theirs = of(&other, "tls.crt");
    let taken = |secret: &Secret| (of(secret, "tls.crt") == theirs).then(|| secret.clone());
    let taken = world
        .await_object("a-ssl", "the one of cert-manager", taken)
        .await?;
    assert_eq!(of(&taken, "ca.crt"), of(&other, "ca.crt"));

    world
        .patch::<SGCluster>("a", annotated(Value::Null))
        .await?;
    let again = |secret: &Secret| (of(secret, "ca.crt").as_ref() == Some(&own)).then_some(());
    world
        .await_object("a-ssl", "an own certificate again", again)
        .await?;
    assert_eq!(world.names::<Certificate>().await?, Vec::<String>::new());
    world.end().await
}

/// The Secret that cert-manager would write: with what another cluster's authority made.
async fn pair_of_another_authority(world: &World) -> Result<Secret> {
    let other = json!({
        "apiVersion": "stackgres.io/v1", "kind": "SGCluster", "metadata": {"name": "b"},
        "spec": {
            "instances": 1,
            "postgres": {"version": "latest"},
            "pods": {"persistentVolume": {"size": "5Gi"}},
        },
    });
    let other: SGCluster = serde_json::from_value(other)?;
    world.api().create(&PostParams::default(), &other).await?;
    let data = |secret: &Secret| of(secret, "ca.crt").and(secret.data.clone());
    let data = world
        .await_object("b-ssl", "another certificate", data)
        .await?;
    Ok(serde_json::from_value(json!({
        "metadata": {"name": ASKED}, "type": "kubernetes.io/tls", "data": data,
    }))?)
}

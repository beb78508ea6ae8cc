//! Where webhooks are.

use base64::Engine as _;
use serde_json::{Value, json};

use super::{create_map, register, send, unregister};
use crate::server::Pocket;
use crate::server::webhook::{Webhook, allow};

/// The Service `hook` as a target.
fn at(bundle: &str, port: u16) -> Value {
    json!({"clientConfig": {"caBundle": bundle,
        "service": {"name": "hook", "namespace": "default", "path": "/p", "port": port}}})
}

/// One endpoint of the Service `hook`.
fn slice(name: &str, port: u16, ready: bool) -> Value {
    json!({"metadata": {"name": name, "labels": {"kubernetes.io/service-name": "hook"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": ready}}],
        "ports": [{"name": "web", "port": port}]})
}

#[tokio::test]
async fn a_service_is_reached_through_its_endpoints_and_verified_by_its_name() {
    let pocket = Pocket::start().await;
    let client = pocket.https().await;
    let good = Webhook::named(&["hook.default.svc"], |_, _| allow()).await;
    let refused = async |bundle: &str, port: u16| {
        register(
            &client,
            "validating",
            "v",
            &[good.entry("v.example.org", "", at(bundle, port))],
        )
        .await;
        let said = create_map(&client, "m").await;
        unregister(&client, "validating", "v").await;
        assert_eq!(said.status, 500, "{}", said.body);
        said.message().to_owned()
    };
    let said = refused(&good.bundle, 443).await;
    assert_eq!(
        said,
        "Internal error occurred: failed calling webhook \"v.example.org\": failed to call \
         webhook: Post \"https://hook.default.svc:443/p?timeout=10s\": service \"hook\" not found"
    );
    let service = json!({"metadata": {"name": "hook"},
        "spec": {"ports": [{"name": "web", "port": 443}]}});
    send(
        &client,
        "POST",
        "/api/v1/namespaces/default/services",
        &service,
    )
    .await;
    let said = refused(&good.bundle, 443).await;
    assert!(
        said.ends_with("no endpoints available for service \"hook\""),
        "{said}"
    );
    let said = refused(&good.bundle, 444).await;
    assert!(
        said.ends_with("no service port 444 found for service \"hook\""),
        "{said}"
    );
    let slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
    send(&client, "POST", slices, &slice("not-ready", 1, false)).await;
    send(&client, "POST", slices, &slice("ready", good.port, true)).await;
    register(
        &client,
        "validating",
        "v",
        &[good.entry("v.example.org", "", at(&good.bundle, 443))],
    )
    .await;
    let said = create_map(&client, "m").await;
    assert_eq!(said.status, 201, "{}", said.body);
    assert_eq!(good.take()[0].0, "/p?timeout=10s");
    unregister(&client, "validating", "v").await;

    // Somebody else behind the same Service is not taken for it.
    let other = Webhook::named(&["other.default.svc"], |_, _| allow()).await;
    send(&client, "DELETE", &format!("{slices}/ready"), &Value::Null).await;
    send(&client, "POST", slices, &slice("ready", other.port, true)).await;
    let said = refused(&other.bundle, 443).await;
    assert!(
        said.ends_with(
            "tls: failed to verify certificate: x509: certificate is valid for \
             other.default.svc, not hook.default.svc"
        ),
        "{said}"
    );
    let said = refused(&good.bundle, 443).await;
    assert!(
        said.ends_with("x509: certificate signed by unknown authority"),
        "{said}"
    );
    assert_eq!(other.seen(), []);
    let nonsense = base64::engine::general_purpose::STANDARD.encode("nonsense");
    let said = refused(&nonsense, 443).await;
    assert!(said.contains("unable to load root certificates"), "{said}");
    pocket.stop().await;
}

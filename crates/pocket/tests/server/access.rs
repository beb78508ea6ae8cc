use http_body_util::BodyExt as _;
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, ServiceAccount};
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::Pocket;

/// A client over HTTPS that bears a token, or nothing.
pub(super) async fn bearer(pocket: &Pocket, token: Option<String>) -> Client {
    let config = Kubeconfig::read_from(pocket.running.kubeconfig_path()).unwrap();
    let options = KubeConfigOptions::default();
    let mut config = kube::Config::from_custom_kubeconfig(config, &options)
        .await
        .unwrap();
    config.auth_info = kube::config::AuthInfo::default();
    config.auth_info.token = token.map(Into::into);
    Client::try_from(config).unwrap()
}

pub(super) async fn raw(
    client: &Client,
    method: &str,
    path: &str,
    body: impl Into<Vec<u8>>,
) -> (u16, Value) {
    let request = http::Request::builder().method(method).uri(path);
    let request = request.body(Body::from(body.into())).unwrap();
    let response = client.send(request).await.unwrap();
    let status = response.status().as_u16();
    let text = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&text).unwrap_or_default())
}

pub(super) async fn make<K>(client: &Client, object: Value)
where
    K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    K: Clone + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
{
    let api: Api<K> = Api::default_namespaced(client.clone());
    api.create(
        &PostParams::default(),
        &serde_json::from_value(object).unwrap(),
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn strangers_see_that_the_server_lives_and_nothing_else() {
    let pocket = Pocket::start().await;
    let stranger = bearer(&pocket, None).await;
    for path in ["/healthz", "/livez", "/readyz", "/version"] {
        assert_eq!(raw(&stranger, "GET", path, "").await.0, 200, "{path}");
    }
    for path in ["/api", "/api/v1/pods", "/openapi/v3", "/nothing"] {
        assert_eq!(raw(&stranger, "GET", path, "").await.0, 401, "{path}");
    }
    let liar = bearer(&pocket, Some("a.b.c".into())).await;
    assert_eq!(raw(&liar, "GET", "/api/v1/pods", "").await.0, 401);
    pocket.stop().await;
}

#[tokio::test]
async fn a_service_account_may_do_what_its_roles_say() {
    use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
    let pocket = Pocket::start().await;
    let admin = pocket.running.client();
    make::<ServiceAccount>(&admin, json!({"metadata": {"name": "sa"}})).await;
    make::<Role>(
        &admin,
        json!({"metadata": {"name": "r"}, "rules": [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "patch"],
            "resourceNames": ["mine"]},
        {"apiGroups": [""], "resources": ["pods/status"], "verbs": ["patch"]}]}),
    )
    .await;
    make::<RoleBinding>(
        &admin,
        json!({"metadata": {"name": "b"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
        "subjects": [{"kind": "ServiceAccount", "name": "sa", "namespace": "default"}]}),
    )
    .await;
    make::<ConfigMap>(&admin, json!({"metadata": {"name": "mine"}})).await;
    make::<ConfigMap>(&admin, json!({"metadata": {"name": "theirs"}})).await;
    let accounts: Api<ServiceAccount> = Api::default_namespaced(admin.clone());
    let request = TokenRequest::default();
    let token = accounts
        .create_token_request("sa", &PostParams::default(), &request)
        .await
        .unwrap();
    let client = bearer(&pocket, token.status.unwrap().token).await;
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    maps.get("mine").await.unwrap();
    let patch = Patch::Merge(json!({"data": {"a": "b"}}));
    maps.patch("mine", &PatchParams::default(), &patch)
        .await
        .unwrap();
    maps.list(&ListParams::default().fields("metadata.name=mine"))
        .await
        .unwrap();
    let refused = [
        maps.get("theirs").await.err(),
        maps.list(&ListParams::default()).await.err(),
    ];
    let text = refused[0].as_ref().unwrap().to_string();
    let wanted = "configmaps \"theirs\" is forbidden: User \"system:serviceaccount:default:sa\" \
        cannot get resource \"configmaps\" in API group \"\" in the namespace \"default\"";
    assert!(text.contains(wanted), "{text}");
    assert!(matches!(&refused[1], Some(kube::Error::Api(status)) if status.code == 403));
    let (status, _) = raw(&client, "GET", "/api/v1/namespaces/default/pods", "").await;
    assert_eq!(status, 403);
    let path = "/api/v1/namespaces/default/pods/p/status";
    let (status, _) = raw(&client, "PATCH", path, "{}").await;
    assert_ne!(
        status, 403,
        "the subresource is allowed, only the object is missing"
    );
    accounts
        .delete("sa", &kube::api::DeleteParams::default())
        .await
        .unwrap();
    assert_eq!(
        raw(&client, "GET", "/api", "").await.0,
        401,
        "tokens end with their account"
    );
    pocket.stop().await;
}

#[tokio::test]
async fn only_masters_may_act_as_somebody_else() {
    let pocket = Pocket::start().await;
    let ask = async |client: &Client| {
        let request = http::Request::get("/api/v1/pods").header("Impersonate-User", "somebody");
        let request = request.body(Body::empty()).unwrap();
        let response = client.send(request).await.unwrap();
        let text = response.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice::<Value>(&text).unwrap()["message"].to_string()
    };
    let says = ask(&pocket.https().await).await;
    assert!(
        says.contains(r#"User \"somebody\" cannot list resource \"pods\""#),
        "{says}"
    );
    let account = howdah_pocket::Identity::service_account("default", "default");
    let says = ask(&pocket.running.server().client(account)).await;
    assert!(
        says.contains(r#"cannot impersonate resource \"users\""#),
        "{says}"
    );
    pocket.stop().await;
}

/// A Pod at an address of our own, which the test serves.
async fn pod_at(client: &Client, address: &str) {
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let pod = json!({"metadata": {"name": "p"}, "spec": {"nodeName": "elsewhere",
        "containers": [{"name": "c", "image": "i", "ports": [{"name": "web", "containerPort": 8008}]}]}});
    let pod: Pod = serde_json::from_value(pod).unwrap();
    pods.create(&PostParams::default(), &pod).await.unwrap();
    let status = Patch::Merge(json!({"status": {"podIP": address, "phase": "Running"}}));
    pods.patch_status("p", &PatchParams::default(), &status)
        .await
        .unwrap();
}

#[tokio::test]
async fn pods_are_reached_through_the_proxy_and_through_forwarded_ports() {
    let pocket = Pocket::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 1024];
            let count = stream.read(&mut head).await.unwrap();
            let text = String::from_utf8_lossy(&head[..count]).into_owned();
            let line = text.lines().next().unwrap_or_default().to_owned();
            let body = json!({"asked": line}).to_string();
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    pod_at(&pocket.running.client(), "127.0.0.1").await;
    let path = format!("/api/v1/namespaces/default/pods/p:{port}/proxy/cluster?x=1");
    let (status, body) = raw(&pocket.running.client(), "GET", &path, "").await;
    assert_eq!(
        (status, body),
        (200, json!({"asked": "GET /cluster?x=1 HTTP/1.1"}))
    );

    let pods: Api<Pod> = Api::default_namespaced(pocket.https().await);
    let mut forwarder = pods.portforward("p", &[port]).await.unwrap();
    let mut stream = forwarder.take_stream(port).unwrap();
    stream.write_all(b"GET /x HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(
        answer.ends_with("{\"asked\":\"GET /x HTTP/1.1\"}"),
        "{answer}"
    );
    server.abort();
    pocket.stop().await;
}

#[tokio::test]
async fn hostile_requests_are_refused_and_the_server_goes_on() {
    let pocket = Pocket::start().await;
    let client = pocket.https().await;
    let maps = "/api/v1/namespaces/default/configmaps";
    let deep = format!(
        "{{\"metadata\":{{\"name\":\"d\"}},\"x\":{}{}}}",
        "[".repeat(5000),
        "]".repeat(5000)
    );
    let nested = format!(
        "{{\"metadata\":{{\"name\":\"d\"}},\"data\":{}1{}}}",
        "{\"a\":".repeat(120),
        "}".repeat(120)
    );
    let huge = format!(
        "{{\"metadata\":{{\"name\":\"h\"}},\"data\":{{\"k\":\"{}\"}}}}",
        "x".repeat(4 << 20)
    );
    for (body, expected) in [
        ("", 400),
        ("[]", 400),
        ("null", 400),
        ("{\"metadata\":[]}", 422),
        ("{\"metadata\":{\"name\":1}}", 400),
        ("\u{0}\u{1}", 400),
        (deep.as_str(), 400),
        (nested.as_str(), 400),
        (huge.as_str(), 413),
    ] {
        let (status, _) = raw(&client, "POST", maps, body).await;
        assert_eq!(status, expected, "{}", &body[..body.len().min(60)]);
    }
    for path in [
        "/api/v1/pods?limit=x",
        "/api/v1/pods?labelSelector=((",
        "/api/v1/pods?continue=zz",
        "/api/v1/pods?resourceVersion=-1",
        "/api/v1/pods?fieldSelector=a.b=c",
    ] {
        assert_eq!(raw(&client, "GET", path, "").await.0, 400, "{path}");
    }
    for path in [
        "/api/v1/namespaces/default/pods/%ff",
        "/apis/x/y/z",
        "/api/v2/pods",
        "/api/v1/nodes/a/b/c/d",
    ] {
        assert_eq!(raw(&client, "GET", path, "").await.0, 404, "{path}");
    }
    assert_eq!(raw(&client, "PUT", maps, "{}").await.0, 405);
    assert_eq!(raw(&client, "GET", "/readyz", "").await.0, 200);
    pocket.stop().await;
}

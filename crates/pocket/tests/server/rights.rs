//! Who may do what, who may say so, and who may be somebody else.

use howdah_pocket::Identity;
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use super::Pocket;

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const ROLES: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles";
const BINDINGS: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings";

async fn send(
    client: &Client,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> (u16, Value) {
    let mut request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = match body {
        Value::Null => Vec::new(),
        body => body.to_string().into_bytes(),
    };
    let response = client
        .send(request.body(Body::from(body)).unwrap())
        .await
        .unwrap();
    let status = response.status().as_u16();
    let text = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&text).unwrap_or_default())
}

async fn post(client: &Client, path: &str, body: &Value) -> (u16, Value) {
    send(client, "POST", path, &[], body).await
}

fn role(name: &str, rules: Value) -> Value {
    json!({"metadata": {"name": name}, "rules": rules})
}

fn rule(group: &str, resource: &str, verbs: &[&str]) -> Value {
    json!({"apiGroups": [group], "resources": [resource], "verbs": verbs})
}

fn binding(name: &str, kind: &str, role: &str, user: Value) -> Value {
    json!({"metadata": {"name": name}, "subjects": [user],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role}})
}

fn account() -> Value {
    json!({"kind": "ServiceAccount", "name": "sa", "namespace": "default"})
}

/// The admin, and an account that may read ConfigMaps and write roles and bindings.
async fn people(pocket: &Pocket) -> (Client, Client) {
    let admin = pocket.https().await;
    let all = ["get", "create", "update", "patch", "delete"];
    let rules = json!([
        rule("", "configmaps", &["get", "list"]),
        rule("rbac.authorization.k8s.io", "roles", &all),
        rule("rbac.authorization.k8s.io", "rolebindings", &all)
    ]);
    assert_eq!(post(&admin, ROLES, &role("own", rules)).await.0, 201);
    let bound = binding("own", "Role", "own", account());
    assert_eq!(post(&admin, BINDINGS, &bound).await.0, 201);
    let identity = Identity::service_account("default", "sa");
    (admin, pocket.running.server().client(identity))
}

#[tokio::test]
async fn nobody_can_grant_what_he_does_not_have() {
    let pocket = Pocket::start().await;
    let (admin, user) = people(&pocket).await;
    let narrow = role("narrow", json!([rule("", "configmaps", &["get"])]));
    assert_eq!(post(&user, ROLES, &narrow).await.0, 201);
    let wide = role(
        "wide",
        json!([
            rule("", "secrets", &["get", "list"]),
            rule("", "configmaps", &["get", "delete"])
        ]),
    );
    let (status, said) = post(&user, ROLES, &wide).await;
    assert_eq!(status, 403);
    assert_eq!(
        said["message"],
        "roles.rbac.authorization.k8s.io \"wide\" is forbidden: user \
         \"system:serviceaccount:default:sa\" (groups=[\"system:serviceaccounts\" \
         \"system:serviceaccounts:default\" \"system:authenticated\"]) is attempting to grant RBAC \
         permissions not currently held:\n{APIGroups:[\"\"], Resources:[\"configmaps\"], \
         Verbs:[\"delete\"]}\n{APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\" \"list\"]}"
    );
    // Nor by widening one that is there; without changing it he may write it.
    let path = format!("{ROLES}/narrow");
    let patch = json!({"metadata": {"labels": {"a": "b"}}});
    let kind = [("content-type", "application/merge-patch+json")];
    let merge = async |body: &Value| {
        let request = http::Request::patch(&path).header(kind[0].0, kind[0].1);
        let request = request
            .body(Body::from(body.to_string().into_bytes()))
            .unwrap();
        user.send(request).await.unwrap().status().as_u16()
    };
    assert_eq!(merge(&patch).await, 200);
    assert_eq!(
        merge(&json!({"rules": [rule("", "secrets", &["get"])]})).await,
        403
    );

    // Nor by binding somebody else's.
    assert_eq!(post(&admin, ROLES, &wide).await.0, 201);
    let bound = binding("b", "Role", "wide", account());
    let (status, said) = post(&user, BINDINGS, &bound).await;
    assert_eq!(status, 403, "{said}");
    let bound = binding("b", "ClusterRole", "cluster-admin", account());
    assert_eq!(post(&user, BINDINGS, &bound).await.0, 403);
    assert_eq!(
        post(&user, BINDINGS, &binding("n", "Role", "narrow", account()))
            .await
            .0,
        201
    );
    pocket.stop().await;
}

#[tokio::test]
async fn the_verbs_bind_and_escalate_lift_the_limit() {
    let pocket = Pocket::start().await;
    let (admin, user) = people(&pocket).await;
    let wide = role("wide", json!([rule("", "secrets", &["*"])]));
    assert_eq!(post(&user, ROLES, &wide).await.0, 403);
    let group = "rbac.authorization.k8s.io";
    let mut bind = rule(group, "clusterroles", &["bind"]);
    bind["resourceNames"] = json!(["cluster-admin"]);
    let more = role("more", json!([rule(group, "roles", &["escalate"]), bind]));
    assert_eq!(post(&admin, ROLES, &more).await.0, 201);
    let bound = binding("more", "Role", "more", account());
    assert_eq!(post(&admin, BINDINGS, &bound).await.0, 201);
    assert_eq!(post(&user, ROLES, &wide).await.0, 201);
    let bound = binding("all", "ClusterRole", "cluster-admin", account());
    assert_eq!(post(&user, BINDINGS, &bound).await.0, 201);
    pocket.stop().await;
}

#[tokio::test]
async fn aggregated_roles_gather_the_rules_of_others() {
    let pocket = Pocket::start().await;
    let (admin, user) = people(&pocket).await;
    let roles = format!("{RBAC}/clusterroles");
    let whole = json!({"metadata": {"name": "whole"}, "aggregationRule": {
        "clusterRoleSelectors": [{"matchLabels": {"to": "whole"}}]}});
    assert_eq!(post(&admin, &roles, &whole).await.0, 201);
    let mut part = role("part", json!([rule("", "secrets", &["get"])]));
    part["metadata"]["labels"] = json!({"to": "whole"});
    assert_eq!(post(&admin, &roles, &part).await.0, 201);
    let bound = binding("whole", "ClusterRole", "whole", account());
    assert_eq!(post(&admin, BINDINGS, &bound).await.0, 201);
    let secrets = "/api/v1/namespaces/default/secrets/x";
    let reaches = async |expected: u16| {
        howdah_testkit::wait_until(super::PATIENCE, "the role", async || {
            match send(&user, "GET", secrets, &[], &Value::Null).await.0 {
                status if status == expected => Ok(()),
                status => Err(status.to_string()),
            }
        })
        .await
        .unwrap();
    };
    reaches(404).await;
    let path = format!("{roles}/part");
    assert_eq!(
        send(&admin, "DELETE", &path, &[], &Value::Null).await.0,
        200
    );
    reaches(403).await;
    // The roles for people are there from the start.
    let (_, view) = send(&admin, "GET", &format!("{roles}/view"), &[], &Value::Null).await;
    assert_eq!(
        view["metadata"]["labels"]["kubernetes.io/bootstrapping"],
        "rbac-defaults"
    );
    pocket.stop().await;
}

#[tokio::test]
async fn reviews_answer_for_oneself_and_for_others() {
    let pocket = Pocket::start().await;
    let (admin, user) = people(&pocket).await;
    let base = "/apis/authorization.k8s.io/v1";
    let maps = |verb: &str| json!({"namespace": "default", "verb": verb, "resource": "configmaps"});
    let own = format!("{base}/selfsubjectaccessreviews");
    for (verb, expected) in [("get", true), ("delete", false)] {
        let review = json!({"spec": {"resourceAttributes": maps(verb)}});
        let (status, said) = post(&user, &own, &review).await;
        assert_eq!(
            (status, &said["status"]["allowed"]),
            (201, &json!(expected))
        );
    }
    assert_eq!(post(&user, &own, &json!({"spec": {}})).await.0, 422);
    let others = format!("{base}/subjectaccessreviews");
    let about = |user: &str, attributes: Value| json!({"spec": {"user": user, "resourceAttributes": attributes}});
    let name = "system:serviceaccount:default:sa";
    assert_eq!(post(&user, &others, &about(name, maps("get"))).await.0, 403);
    let (_, said) = post(&admin, &others, &about(name, maps("get"))).await;
    assert_eq!(said["status"]["allowed"], true);
    let (_, said) = post(&admin, &others, &about("nobody", maps("get"))).await;
    assert_eq!(said["status"]["allowed"], false);
    let masters =
        json!({"spec": {"groups": ["system:masters"], "resourceAttributes": maps("get")}});
    assert_eq!(
        post(&admin, &others, &masters).await.1["status"]["allowed"],
        true
    );
    assert_eq!(
        post(
            &admin,
            &others,
            &json!({"spec": {"resourceAttributes": maps("get")}})
        )
        .await
        .0,
        422
    );
    let local = format!("{base}/namespaces/default/localsubjectaccessreviews");
    let (status, said) = post(&admin, &local, &about(name, maps("list"))).await;
    assert_eq!((status, &said["status"]["allowed"]), (201, &json!(true)));
    let mut elsewhere = maps("list");
    elsewhere["namespace"] = "kube-system".into();
    assert_eq!(post(&admin, &local, &about(name, elsewhere)).await.0, 422);
    let rules = format!("{base}/selfsubjectrulesreviews");
    let (_, said) = post(&user, &rules, &json!({"spec": {"namespace": "default"}})).await;
    assert!(
        said["status"]["resourceRules"]
            .to_string()
            .contains("configmaps")
    );
    assert_eq!(said["status"]["incomplete"], false);
    let paths = json!({"spec": {"nonResourceAttributes": {"path": "/metrics", "verb": "get"}}});
    assert_eq!(
        post(&user, &own, &paths).await.1["status"]["allowed"],
        false
    );
    pocket.stop().await;
}

#[tokio::test]
async fn token_reviews_know_whose_a_token_is_and_for_whom() {
    let pocket = Pocket::start().await;
    let admin = pocket.https().await;
    let path = "/api/v1/namespaces/default/serviceaccounts";
    post(&admin, path, &json!({"metadata": {"name": "sa"}})).await;
    let ask = json!({"spec": {"audiences": ["vault", "other"]}});
    let (_, made) = post(&admin, &format!("{path}/sa/token"), &ask).await;
    let token = made["status"]["token"].as_str().unwrap().to_owned();
    let reviews = "/apis/authentication.k8s.io/v1/tokenreviews";
    let review = async |token: &str, audiences: Value| {
        let body = json!({"spec": {"token": token, "audiences": audiences}});
        post(&admin, reviews, &body).await.1["status"].clone()
    };
    let status = review(&token, json!(["vault", "third"])).await;
    assert_eq!(status["authenticated"], true);
    assert_eq!(status["audiences"], json!(["vault"]));
    assert_eq!(
        status["user"]["username"],
        "system:serviceaccount:default:sa"
    );
    for status in [
        review(&token, json!([])).await,
        review("x.y.z", json!(["vault"])).await,
    ] {
        assert_eq!(status["authenticated"], Value::Null);
        assert!(status["error"].is_string());
    }
    assert_eq!(post(&admin, reviews, &json!({"spec": {}})).await.0, 400);
    pocket.stop().await;
}

#[tokio::test]
async fn being_somebody_else_takes_the_right_to_be_all_that_is_asked_for() {
    let pocket = Pocket::start().await;
    let (admin, user) = people(&pocket).await;
    let who = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let ask = async |client: &Client, headers: &[(&str, &str)]| {
        send(client, "POST", who, headers, &json!({})).await
    };
    let full = [
        ("Impersonate-User", "jane"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Extra-example.org%2fscope", "x"),
    ];
    let (_, said) = ask(&admin, &full).await;
    assert_eq!(
        said["status"]["userInfo"],
        json!({"username": "jane", "uid": "7", "groups": ["a", "system:authenticated"],
            "extra": {"example.org/scope": ["x"]}})
    );
    let (_, said) = ask(
        &admin,
        &[("Impersonate-User", "system:serviceaccount:ns:sa")],
    )
    .await;
    assert_eq!(
        said["status"]["userInfo"]["groups"],
        json!([
            "system:serviceaccounts",
            "system:serviceaccounts:ns",
            "system:authenticated"
        ])
    );
    assert_eq!(ask(&admin, &[("Impersonate-Group", "a")]).await.0, 500);
    let (status, said) = ask(&user, &full).await;
    assert_eq!(status, 403);
    assert_eq!(
        said["message"],
        "users \"jane\" is forbidden: User \"system:serviceaccount:default:sa\" cannot \
         impersonate resource \"users\" in API group \"\" at the cluster scope"
    );
    // With the right to be this user alone, the group is still refused.
    let mut rule = rule("", "users", &["impersonate"]);
    rule["resourceNames"] = json!(["jane"]);
    let roles = format!("{RBAC}/clusterroles");
    post(&admin, &roles, &role("be-jane", json!([rule]))).await;
    let bound = binding("be-jane", "ClusterRole", "be-jane", account());
    post(&admin, &format!("{RBAC}/clusterrolebindings"), &bound).await;
    assert_eq!(ask(&user, &full[..1]).await.0, 201);
    let (status, said) = ask(&user, &full[..2]).await;
    assert_eq!(status, 403);
    assert!(
        said["message"]
            .as_str()
            .unwrap()
            .starts_with("groups \"a\" is forbidden")
    );
    let masters = [
        ("Impersonate-User", "jane"),
        ("Impersonate-Group", "system:masters"),
    ];
    assert_eq!(ask(&user, &masters).await.0, 403);
    pocket.stop().await;
}

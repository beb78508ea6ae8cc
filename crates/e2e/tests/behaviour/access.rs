//! Who may do what: tokens, roles, reviews.

use anyhow::{Context, Result, ensure};
use howdah_e2e::{Rest, World, eventually, on_any_cluster};
use serde_json::json;

use crate::{MAPS, map, map_path};

const ACCOUNTS: &str = "/api/v1/namespaces/{ns}/serviceaccounts";
const ROLES: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/roles";
const BINDINGS: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/rolebindings";

#[tokio::test]
async fn accounts_may_do_what_their_roles_say() -> Result<()> {
    on_any_cluster(async |world| {
        let rest = world.rest().await?;
        rest.post(ACCOUNTS, &json!({"metadata": {"name": "reader"}}))
            .await?
            .is(201)?;
        let reader = with_token(world, &rest).await?;
        nothing(&reader).await?;
        reading(&rest, &reader).await?;
        one_name(&rest, &reader).await?;
        escalation(&rest, &reader).await?;
        strangers(world).await
    })
    .await
}

fn account(rest: &Rest) -> String {
    format!("system:serviceaccount:{}:reader", rest.namespace())
}

async fn with_token(world: &World, rest: &Rest) -> Result<Rest> {
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"expirationSeconds": 600}});
    let made = rest
        .post(&format!("{ACCOUNTS}/reader/token"), &request)
        .await?
        .is(201)?;
    let token = made.body["status"]["token"].as_str().context("no token")?;
    ensure!(
        made.body["status"]["expirationTimestamp"].is_string(),
        "the token ends"
    );
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}});
    let reviews = "/apis/authentication.k8s.io/v1/tokenreviews";
    rest.post(reviews, &review)
        .await?
        .is(201)?
        .has(&json!({"status": {"authenticated": true,
        "user": {"username": account(rest), "groups": ["system:serviceaccounts",
            format!("system:serviceaccounts:{}", rest.namespace()), "system:authenticated"]}}}))?;
    world.rest_with_token(token).await
}

async fn nothing(reader: &Rest) -> Result<()> {
    let who = account(reader);
    let ns = reader.namespace();
    let told = |verb: &str| {
        format!(
            "configmaps is forbidden: User \"{who}\" cannot {verb} resource \"configmaps\" in API group \"\" in the \
             namespace \"{ns}\""
        )
    };
    reader
        .get(MAPS)
        .await?
        .refuses(403, "Forbidden", &told("list"))?;
    reader
        .post(MAPS, &map("a", "1"))
        .await?
        .refuses(403, "Forbidden", &told("create"))?;
    reader.get(&map_path("a")).await?.refuses(
        403,
        "Forbidden",
        &format!(
            "configmaps \"a\" is forbidden: User \"{who}\" cannot get resource \"configmaps\" in API group \"\" in \
             the namespace \"{ns}\""
        ),
    )?;
    reader.get("/api/v1/nodes").await?.refuses(
        403,
        "Forbidden",
        &format!("nodes is forbidden: User \"{who}\" cannot list resource \"nodes\" in API group \"\" at the cluster scope"),
    )?;
    reader.get("/api").await?.is(200)?;
    reader.get("/version").await?.is(200)?;
    Ok(())
}

fn may(verb: &str) -> serde_json::Value {
    json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {
        "resourceAttributes": {"verb": verb, "resource": "configmaps", "namespace": "NAMESPACE"}}})
}

async fn allowed(reader: &Rest, verb: &str, expected: bool) -> Result<()> {
    let mut review = may(verb);
    review["spec"]["resourceAttributes"]["namespace"] = json!(reader.namespace());
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    reader
        .post(path, &review)
        .await?
        .is(201)?
        .has(&json!({"status": {"allowed": expected}}))
        .map(drop)
}

async fn reading(rest: &Rest, reader: &Rest) -> Result<()> {
    let role = json!({"metadata": {"name": "reading"}, "rules": [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}]});
    rest.post(ROLES, &role).await?.is(201)?;
    let binding = json!({"metadata": {"name": "reading"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reading"},
        "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": rest.namespace()}]});
    rest.post(BINDINGS, &binding).await?.is(201)?;
    rest.post(MAPS, &map("a", "1")).await?.is(201)?;
    eventually("the role to count", async || {
        reader.get(MAPS).await?.is(200).map(drop)
    })
    .await?;
    reader.get(&map_path("a")).await?.is(200)?;
    reader.delete(&map_path("a"), &json!(null)).await?.is(403)?;
    reader
        .get("/api/v1/namespaces/kube-system/configmaps")
        .await?
        .is(403)?;
    allowed(reader, "list", true).await?;
    allowed(reader, "delete", false).await?;
    let other = json!({"metadata": {"name": "reading"}, "subjects": [],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "other"}});
    rest.put(&format!("{BINDINGS}/reading"), &other)
        .await?
        .is(422)?
        .has(&json!({"reason": "Invalid"}))?;
    Ok(())
}

/// A rule with names is about those objects alone.
async fn one_name(rest: &Rest, reader: &Rest) -> Result<()> {
    let role = json!({"metadata": {"name": "reading"}, "rules": [
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["a"], "verbs": ["get", "delete"]}]});
    rest.put(&format!("{ROLES}/reading"), &role)
        .await?
        .is(200)?;
    eventually("the new rule to count", async || {
        reader.get(MAPS).await?.is(403).map(drop)
    })
    .await?;
    reader.get(&map_path("a")).await?.is(200)?;
    reader.get(&map_path("b")).await?.is(403)?;
    reader.delete(&map_path("a"), &json!(null)).await?.is(200)?;
    Ok(())
}

/// Nobody can give more than they have.
async fn escalation(rest: &Rest, reader: &Rest) -> Result<()> {
    let role = json!({"metadata": {"name": "reading"}, "rules": [
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["create", "list", "update"]}]});
    rest.put(&format!("{ROLES}/reading"), &role)
        .await?
        .is(200)?;
    eventually("the right to write roles", async || {
        reader.get(ROLES).await?.is(200).map(drop)
    })
    .await?;
    let more = json!({"metadata": {"name": "more"}, "rules": [
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]});
    reader
        .post(ROLES, &more)
        .await?
        .is(403)?
        .has(&json!({"reason": "Forbidden"}))?;
    rest.get(&format!("{ROLES}/more")).await?.is(404)?;
    Ok(())
}

async fn strangers(world: &World) -> Result<()> {
    let nobody = world.rest_with_token("nonsense").await?;
    nobody
        .get(MAPS)
        .await?
        .refuses(401, "Unauthorized", "Unauthorized")?;
    let anonymous = world.rest_with_token("").await?.get(MAPS).await?;
    ensure!([401, 403].contains(&anonymous.status), "{anonymous:?}");
    Ok(())
}

//! Pods as objects: defaults, checks, what may change; nothing here needs a node to run them.

use anyhow::{Result, ensure};
use howdah_e2e::{PatchType, Rest, eventually, on_any_cluster};
use serde_json::{Value, json};

const PODS: &str = "/api/v1/namespaces/{ns}/pods";

#[tokio::test]
async fn pods_are_checked_and_completed() -> Result<()> {
    on_any_cluster(async |world| {
        let rest = world.rest().await?;
        eventually("the account that Pods use", async || {
            let account = rest
                .get("/api/v1/namespaces/{ns}/serviceaccounts/default")
                .await?;
            account.is(200).map(drop)
        })
        .await?;
        defaults(&rest).await?;
        refusals(&rest).await?;
        changes(&rest).await
    })
    .await
}

/// A Pod that no node takes, so that nothing changes it behind our back.
fn pod(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {
        "nodeSelector": {"howdah.io/no-such-node": "true"},
        "containers": [{"name": "c", "image": "example.org/image:1", "ports": [{"containerPort": 80}],
            "env": [{"name": "A", "value": "1"}], "readinessProbe": {"httpGet": {"port": 80}}}]}})
}

async fn defaults(rest: &Rest) -> Result<()> {
    let made = rest.post(PODS, &pod("d")).await?.is(201)?;
    let made = made.has(&json!({
        "spec": {"restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
            "schedulerName": "default-scheduler", "serviceAccountName": "default", "serviceAccount": "default",
            "enableServiceLinks": true, "securityContext": {}, "priority": 0, "preemptionPolicy": "PreemptLowerPriority",
            "containers": [{"imagePullPolicy": "IfNotPresent", "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File", "resources": {}, "ports": [{"protocol": "TCP"}],
                "readinessProbe": {"httpGet": {"path": "/", "scheme": "HTTP"}, "timeoutSeconds": 1,
                    "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}}]},
        "status": {"phase": "Pending", "qosClass": "BestEffort"}}))?;
    let mounts = &made.body["spec"]["containers"][0]["volumeMounts"];
    let token = mounts.as_array().into_iter().flatten().any(|mount| {
        mount["mountPath"] == "/var/run/secrets/kubernetes.io/serviceaccount"
            && mount["readOnly"] == true
    });
    ensure!(token, "the account's token is mounted: {mounts}");
    let mut latest = pod("l");
    latest["spec"]["containers"][0]["image"] = json!("example.org/image");
    latest["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "1", "memory": "64Mi"},
        "limits": {"cpu": "1000m", "memory": "64Mi"}});
    let latest = rest.post(PODS, &latest).await?.is(201)?;
    latest.has(&json!({"status": {"qosClass": "Guaranteed"},
        "spec": {"containers": [{"imagePullPolicy": "Always"}]}}))?;
    Ok(())
}

async fn refusals(rest: &Rest) -> Result<()> {
    let with = |pointer: &str, value: Value| {
        let mut object = pod("x");
        if let Some((parent, key)) = pointer.rsplit_once('/')
            && let Some(parent) = object.pointer_mut(parent)
        {
            parent[key] = value;
        }
        object
    };
    for (object, cause) in [
        (
            with("/spec/containers", json!([])),
            json!({"field": "spec.containers", "message": "Required value", "reason": "FieldValueRequired"}),
        ),
        (
            with(
                "/spec/containers",
                json!([{"name": "c", "image": "i"}, {"name": "c", "image": "i"}]),
            ),
            json!({"field": "spec.containers[1].name", "message": "Duplicate value: \"c\"",
                "reason": "FieldValueDuplicate"}),
        ),
        (
            with("/spec/restartPolicy", json!("Sometimes")),
            json!({"field": "spec.restartPolicy", "reason": "FieldValueNotSupported",
                "message": "Unsupported value: \"Sometimes\": supported values: \"Always\", \"OnFailure\", \"Never\""}),
        ),
        (
            with(
                "/spec/volumes",
                json!([{"name": "v", "emptyDir": {}}, {"name": "v", "emptyDir": {}}]),
            ),
            json!({"field": "spec.volumes[1].name", "reason": "FieldValueDuplicate",
                "message": "Duplicate value: \"v\""}),
        ),
    ] {
        let answer = rest.post(PODS, &object).await?;
        answer
            .is(422)?
            .has(&json!({"reason": "Invalid", "details": {"kind": "Pod", "causes": [cause]}}))?;
    }
    let mut account = pod("x");
    account["spec"]["serviceAccountName"] = json!("nobody");
    rest.post(PODS, &account).await?.refuses(
        403,
        "Forbidden",
        &format!(
            "pods \"x\" is forbidden: error looking up service account {}/nobody: serviceaccount \"nobody\" not found",
            rest.namespace()
        ),
    )?;
    Ok(())
}

async fn changes(rest: &Rest) -> Result<()> {
    let path = format!("{PODS}/d");
    let image = json!({"spec": {"containers": [{"name": "c", "image": "example.org/image:2"}]}});
    rest.patch(&path, PatchType::Strategic, &image)
        .await?
        .is(200)?
        .has(&json!({"spec": {"containers": [
        {"name": "c", "image": "example.org/image:2", "env": [{"name": "A", "value": "1"}]}]}}))?;
    let env =
        json!({"spec": {"containers": [{"name": "c", "env": [{"name": "B", "value": "2"}]}]}});
    let refused = rest
        .patch(&path, PatchType::Strategic, &env)
        .await?
        .is(422)?;
    refused.has(&json!({"reason": "Invalid", "details": {"causes": [
        {"field": "spec", "reason": "FieldValueForbidden"}]}}))?;
    let labels = json!({"metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}}});
    rest.patch(&path, PatchType::Strategic, &labels)
        .await?
        .is(200)?;
    let status = json!({"status": {"conditions": [{"type": "howdah.io/Known", "status": "True"}]}});
    rest.patch(&format!("{path}/status"), PatchType::Strategic, &status)
        .await?
        .is(200)?;
    for name in ["d", "l"] {
        let now = json!({"gracePeriodSeconds": 0});
        rest.delete(&format!("{PODS}/{name}"), &now)
            .await?
            .is(200)?
            .has(&json!({"kind": "Pod"}))?;
        rest.get(&format!("{PODS}/{name}")).await?.is(404)?;
    }
    Ok(())
}

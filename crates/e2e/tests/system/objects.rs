//! What has to exist for a cluster of three, by the names that runbooks and applications rely on.

use anyhow::{Context, Result, ensure};
use howdah_e2e::{Cluster, Kind, World, condition, eventually, text};
use serde_json::{Value, json};

/// Checks the objects of a complete cluster of three that runs Postgres of this major version.
pub(crate) async fn check(world: &World, cluster: &Cluster<'_>, major: &str) -> Result<()> {
    status(cluster, major).await.context("status")?;
    pods(cluster).await.context("Pods")?;
    services(world, cluster.name()).await.context("Services")?;
    secrets(world, cluster).await.context("Secrets")?;
    claims(world, cluster.name()).await.context("volumes")?;
    configurations(world, cluster.name(), major)
        .await
        .context("configurations")?;
    owners(world, cluster).await.context("owners")
}

fn same(what: &str, found: &Value, expected: &Value) -> Result<()> {
    ensure!(found == expected, "{what} is {found} instead of {expected}");
    Ok(())
}

/// The operator writes it after the instances have become ready, so it may be a moment behind.
async fn status(cluster: &Cluster<'_>, major: &str) -> Result<()> {
    let name = cluster.name();
    for (kind, status, reason) in [
        ("Bootstrapped", "True", "ClusterBootstrapped"),
        ("PendingRestart", "False", "FalsePendingRestart"),
        ("Failed", "False", "FalseFailed"),
    ] {
        let found = cluster.wait_for_condition(kind, status).await?;
        same(kind, &found["reason"], &json!(reason))?;
        ensure!(!found["lastTransitionTime"].is_null(), "{found}");
    }
    let expected: Vec<_> = (0..3)
        .map(|index| {
            json!({"name": format!("{name}-{index}"), "primary": index == 0, "pendingRestart": false,
                "replicationGroup": 0})
        })
        .collect();
    eventually("the instances in the status", async || {
        let object = cluster.object().await?;
        let status = &object["status"];
        let mut pods = status["podStatuses"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        for pod in &mut pods {
            let node = pod.as_object_mut().and_then(|pod| pod.remove("nodeName"));
            ensure!(node.is_some(), "{pod} has a node");
        }
        same("podStatuses", &json!(pods), &json!(expected))?;
        same("instances", &status["instances"], &json!(3))?;
        same(
            "labelPrefix",
            &status["labelPrefix"],
            &json!("stackgres.io/"),
        )?;
        same(
            "binding",
            &status["binding"],
            &json!({"name": format!("{name}-binding")}),
        )?;
        let version = text(status, "/postgresVersion");
        ensure!(version.starts_with(&format!("{major}.")), "{version}");
        let failed = condition(&object, "Failed");
        ensure!(
            failed.is_some_and(|failed| failed["status"] == "False"),
            "{object}"
        );
        Ok(())
    })
    .await
}

async fn pods(cluster: &Cluster<'_>) -> Result<()> {
    let name = cluster.name();
    let uid = cluster.object().await?["metadata"]["uid"].clone();
    let pods = cluster.pods().await?;
    for (index, pod) in pods.iter().enumerate() {
        same(
            "the name",
            &pod["metadata"]["name"],
            &json!(format!("{name}-{index}")),
        )?;
        let labels = json!({
            "app": "StackGresCluster",
            "role": if index == 0 { "primary" } else { "replica" },
            "stackgres.io/cluster": "true",
            "stackgres.io/cluster-name": name,
            "stackgres.io/cluster-scope": name,
            "stackgres.io/cluster-uid": uid,
            "stackgres.io/disruptible": "true",
            "stackgres.io/nofailover": "false",
            "stackgres.io/noloadbalance": "false",
            "stackgres.io/nosync": "false",
        });
        same("labels", &without_places(pod), &labels)?;
        let report: Value = serde_json::from_str(text(pod, "/metadata/annotations/status"))?;
        same("the reported role", &report["role"], &labels["role"])?;
        same("the reported state", &report["state"], &json!("running"))?;
        same("the timeline", &report["timeline"], &json!(2))?;
        let containers = pod["spec"]["containers"].as_array().context("containers")?;
        let names: Vec<_> = containers.iter().map(|it| text(it, "/name")).collect();
        ensure!(
            names == ["patroni", "pgbouncer", "envoy", "postgres-util"],
            "{names:?}"
        );
        let ports: Vec<_> = containers
            .iter()
            .flat_map(|container| container["ports"].as_array().into_iter().flatten())
            .map(|port| (text(port, "/name"), port["containerPort"].as_u64()))
            .collect();
        let expected = [
            ("patroniport", Some(8008)),
            ("peer", Some(8009)),
            ("pgport", Some(7432)),
            ("pgreplication", Some(7433)),
            ("envoy-metrics", Some(8001)),
        ];
        ensure!(ports == expected, "{ports:?}");
    }
    Ok(())
}

/// The labels of a Pod, but for those with which Kubernetes says in which zone its node is.
fn without_places(pod: &Value) -> Value {
    let mut labels = pod["metadata"]["labels"].clone();
    if let Some(labels) = labels.as_object_mut() {
        labels.retain(|key, _| !key.starts_with("topology.kubernetes.io/"));
    }
    labels
}

async fn services(world: &World, name: &str) -> Result<()> {
    let api = world.api().await?;
    let postgres = json!([
        ["pgport", 5432, "pgport"],
        ["pgreplication", 5433, "pgreplication"]
    ]);
    let rest = json!([["patroniport", 8008, "patroniport"]]);
    for (suffix, ports, selects) in [
        ("", &postgres, false),
        ("-replicas", &postgres, true),
        ("-rest", &rest, true),
    ] {
        let service = api.get(Kind::SERVICES, &format!("{name}{suffix}")).await?;
        let found: Vec<_> = service["spec"]["ports"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|port| json!([port["name"], port["port"], port["targetPort"]]))
            .collect();
        same("ports", &json!(found), ports)?;
        ensure!(
            service["spec"]["selector"].is_object() == selects,
            "{service}"
        );
    }
    let replicas = api.get(Kind::SERVICES, &format!("{name}-replicas")).await?;
    same(
        "the role",
        &replicas["spec"]["selector"]["role"],
        &json!("replica"),
    )?;
    let alias = api.get(Kind::SERVICES, &format!("{name}-primary")).await?;
    let target = json!(format!("{name}.{}", world.namespace()));
    same("the alias", &alias["spec"]["externalName"], &target)?;

    let slice = api.get(Kind::ENDPOINT_SLICES, name).await?;
    let primary = api.get(Kind::PODS, &format!("{name}-0")).await?;
    let addresses = json!([primary["status"]["podIP"]]);
    same("the route", &slice["endpoints"][0]["addresses"], &addresses)?;
    let routes = slice["endpoints"].as_array().map_or(0, Vec::len);
    ensure!(
        routes == 1,
        "the Service of the primary leads to one place: {slice}"
    );
    let label = json!(name);
    same(
        "its Service",
        &slice["metadata"]["labels"]["kubernetes.io/service-name"],
        &label,
    )
}

async fn secrets(world: &World, cluster: &Cluster<'_>) -> Result<()> {
    let api = world.api().await?;
    let name = cluster.name();
    let secret = api.get(Kind::SECRETS, name).await?;
    for key in [
        "superuser-username",
        "superuser-password",
        "replication-username",
        "replication-password",
        "authenticator-username",
        "authenticator-password",
        "restapi-username",
        "restapi-password",
        "pgbouncer-admin-password",
        "pgbouncer-stats-password",
        "PATRONI_SUPERUSER_PASSWORD",
    ] {
        let value = secret["data"][key].as_str().unwrap_or_default();
        ensure!(!value.is_empty(), "{key} has no value");
    }
    let binding = api.get(Kind::SECRETS, &format!("{name}-binding")).await?;
    same(
        "the type",
        &binding["type"],
        &json!("servicebinding.io/postgresql"),
    )?;
    for key in [
        "type", "provider", "host", "port", "username", "password", "uri",
    ] {
        ensure!(binding["data"][key].is_string(), "{key} has no value");
    }
    let sql = cluster.service("").await?;
    let roles = sql
        .values("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' AND rolcanlogin ORDER BY 1")
        .await?;
    ensure!(
        roles == ["authenticator", "postgres", "replicator"],
        "{roles:?}"
    );
    let passwords = sql
        .values("SELECT DISTINCT split_part(rolpassword, '$', 1) FROM pg_authid WHERE rolpassword IS NOT NULL")
        .await?;
    ensure!(passwords == ["SCRAM-SHA-256"], "{passwords:?}");
    Ok(())
}

async fn claims(world: &World, name: &str) -> Result<()> {
    let api = world.api().await?;
    for index in 0..3 {
        let claim = api
            .get(Kind::CLAIMS, &format!("{name}-data-{name}-{index}"))
            .await?;
        same("the phase", &claim["status"]["phase"], &json!("Bound"))?;
    }
    Ok(())
}

async fn configurations(world: &World, name: &str, major: &str) -> Result<()> {
    let api = world.api().await?;
    let postgres = format!("{name}-{major}-default");
    for (kind, name) in [
        (Kind::PROFILES, format!("{name}-default")),
        (Kind::POSTGRES_CONFIGS, postgres),
        (Kind::POOLING_CONFIGS, format!("{name}-default")),
    ] {
        let object = api.get(kind, &name).await?;
        let mark = &object["metadata"]["labels"]["stackgres.io/cluster-default-config"];
        same("the mark", mark, &json!("true"))?;
    }
    Ok(())
}

/// Everything goes with the cluster, because the cluster owns it.
async fn owners(world: &World, cluster: &Cluster<'_>) -> Result<()> {
    let api = world.api().await?;
    let uid = cluster.object().await?["metadata"]["uid"].clone();
    for kind in [
        Kind::PODS,
        Kind::CLAIMS,
        Kind::SECRETS,
        Kind::CONFIG_MAPS,
        Kind::SERVICES,
        Kind::SERVICE_ACCOUNTS,
        Kind::LEASES,
    ] {
        let found = api.list(kind, &cluster.labels()).await?;
        ensure!(!found.is_empty(), "there are no {}", kind.plural());
        for object in found {
            let name = text(&object, "/metadata/name");
            let owner = &object["metadata"]["ownerReferences"][0]["uid"];
            same(
                &format!("the owner of {} {name}", kind.plural()),
                owner,
                &uid,
            )?;
        }
    }
    Ok(())
}

//! Doing without Envoy, without the pooler, without both, and a Postgres that Envoy is not in front of.

use anyhow::{Context, Result, ensure};
use howdah_e2e::{
    Cluster, Kind, Manifest, Outcome, Sql, Target, Tool, World, contains, eventually, on_pocket,
    text,
};
use serde_json::json;

use crate::pooler::{direct, program};

/// What a cluster has, and the ports of a Pod that its Service then leads to.
struct Case {
    name: &'static str,
    envoy: bool,
    pooler: bool,
    /// A rule of the user's that looks at clients.
    rule: bool,
    ports: [u64; 2],
}

const fn case(name: &'static str, has: [bool; 3], ports: [u64; 2]) -> Case {
    let [envoy, pooler, rule] = has;
    Case {
        name,
        envoy,
        pooler,
        rule,
        ports,
    }
}

/// That of both, without a rule, is in the other case.
const CASES: [Case; 4] = [
    case("pooled", [false, true, false], [6432, 5432]),
    case("plain", [false, false, false], [5432, 5432]),
    case("looking", [true, true, true], [7432, 5432]),
    case("proxied", [true, false, false], [7432, 7433]),
];

/// How many of them have to arrive: of those that Envoy may drop, it drops most.
const CANCELS: usize = 4;

/// Where a user's own rules are.
const RULES: &str = "/spec/configurations/patroni/dynamicConfig/postgresql/pg_hba";

fn manifest(case: &Case) -> Manifest {
    let manifest = Manifest::new(case.name, "18", 1)
        .set("/spec/pods/disableEnvoy", !case.envoy)
        .set("/spec/pods/disableConnectionPooling", !case.pooler);
    if case.rule {
        manifest.set(RULES, json!(["host all nobody 0.0.0.0/0 reject"]))
    } else {
        manifest
    }
}

#[tokio::test]
async fn every_port_leads_to_postgres_whatever_is_switched_off() -> Result<()> {
    on_pocket(async |world| {
        for case in &CASES {
            let cluster = world.cluster(case.name);
            cluster.apply(Tool::Howdah, &manifest(case)).await?;
        }
        for case in &CASES {
            let cluster = world.cluster(case.name);
            cluster.wait_until_streaming(1).await?;
            leads_to(world, &cluster, case).await.context(case.name)?;
        }
        nobody_has_to_wait_for_the_end_of_a_cancel_request(world)
            .await
            .context("without TLS")?;
        let last = &CASES[CASES.len() - 1];
        a_rule_that_looks_at_clients_waits(&world.cluster(last.name), manifest(last))
            .await
            .context("a rule that looks at clients")
    })
    .await
}

/// Where there is TLS Envoy may drop one of a client that closes the connection at once.
async fn nobody_has_to_wait_for_the_end_of_a_cancel_request(world: &World) -> Result<()> {
    let cluster = world.cluster("clear");
    let manifest = Manifest::new("clear", "18", 1).set("/spec/postgres/ssl/enabled", false);
    cluster.apply(Tool::Howdah, &manifest).await?;
    cluster.wait_until_streaming(1).await?;
    for target in [&cluster.service_target("").await?, &direct(&cluster).await?] {
        let (session, others) = (Sql::connect(target).await?, Sql::connect(target).await?);
        for _ in 0..CANCELS {
            let (slept, asked) = tokio::join!(session.execute("SELECT pg_sleep(600)"), async {
                sleeps(&others).await?;
                session.cancel().await
            });
            asked?;
            let error = slept.err().context("it slept to the end")?;
            let error = format!("{:#}", error.root_cause());
            contains(&error, "canceling statement")
                .with_context(|| format!("at {}", target.address))?;
        }
    }
    Ok(())
}

async fn sleeps(others: &Sql) -> Result<()> {
    eventually("somebody sleeps", async || {
        let count = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        let count = others.value(count).await?;
        ensure!(count == "1", "{count} do");
        Ok(())
    })
    .await
}

/// Behind Envoy it would let everybody in.
async fn a_rule_that_looks_at_clients_waits(
    cluster: &Cluster<'_>,
    manifest: Manifest,
) -> Result<()> {
    let rules = json!(["host all all 0.0.0.0/0 trust", "local all nobody reject"]);
    let changed = manifest.set(RULES, rules);
    cluster.apply(Tool::Howdah, &changed).await?;
    cluster.wait_for_condition("PendingRestart", "True").await?;
    let sql = cluster.service("").await?;
    let methods = async |of: &str| {
        let rules = "SELECT auth_method FROM pg_hba_file_rules WHERE";
        sql.values(&format!("{rules} {of}")).await
    };
    eventually("the rule that looks at nobody's address", async || {
        let found = methods("'nobody' = ANY (user_name)").await?;
        ensure!(found == ["reject"], "{found:?}");
        Ok(())
    })
    .await?;
    let found = methods("auth_method = 'trust'").await?;
    ensure!(found.is_empty(), "everybody is let in");
    Ok(())
}

async fn leads_to(world: &World, cluster: &Cluster<'_>, case: &Case) -> Result<()> {
    let api = world.api().await?;
    let slice = api.get(Kind::ENDPOINT_SLICES, cluster.name()).await?;
    let ports = slice["ports"].as_array().into_iter().flatten();
    let ports: Vec<_> = ports.filter_map(|port| port["port"].as_u64()).collect();
    ensure!(ports == case.ports, "{ports:?}");
    let pods = cluster.pods().await?;
    let containers = pods[0]["spec"]["containers"].as_array();
    let containers = containers.context("containers")?;
    let has = |name: &str| containers.iter().any(|it| text(it, "/name") == name);
    ensure!(has("envoy") == case.envoy, "{containers:?}");
    ensure!(has("pgbouncer") == case.pooler, "{containers:?}");
    for target in [&cluster.service_target("").await?, &direct(cluster).await?] {
        eventually(&format!("encrypted at {}", target.address), async || {
            encrypted(world, target).await
        })
        .await?;
        Sql::connect(target).await?.execute("SELECT 1").await?;
    }
    Ok(())
}

async fn encrypted(world: &World, target: &Target) -> Result<()> {
    let mut psql = program(world, "psql", target)?;
    psql.args(["-XAtc", "SELECT 'in'"])
        .env("PGSSLMODE", "require");
    contains(&Outcome::of(psql).await?.ok()?, "in")
}

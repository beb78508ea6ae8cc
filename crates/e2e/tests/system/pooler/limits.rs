//! One client too many, for the pooler and for Postgres: both say so with 53300.

use anyhow::{Context, Result, bail, ensure};
use howdah_e2e::{Cluster, Manifest, Outcome, Sql, Target, Tool, World, contains, eventually};
use serde_json::{Value, json};
use tokio_postgres::error::{DbError, SqlState};

use super::{direct, program};

/// More than any of the limits lets in.
const TOO_MANY: usize = 40;

/// Where a cluster has its pooler's settings.
const SETTINGS: &str = "/spec/configurations/pooling/pgBouncer/pgbouncer.ini";

/// Lets sessions in until one is refused; they end with the result.
async fn fill(target: &Target) -> Result<(Vec<Sql>, DbError)> {
    let mut sessions = Vec::new();
    for _ in 0..TOO_MANY {
        match Sql::connect(target).await {
            Ok(session) => sessions.push(session),
            Err(error) => {
                let cause = error.downcast_ref::<tokio_postgres::Error>();
                let told = cause.and_then(tokio_postgres::Error::as_db_error);
                let told = told.cloned();
                return Ok((sessions, told.with_context(|| format!("{error:#}"))?));
            }
        }
    }
    bail!("{TOO_MANY} sessions were let in")
}

/// Each limit of the pooler's own, with what says that it is in force.
fn limits() -> [(&'static str, Value); 2] {
    [
        (
            "max_user_client_connections",
            json!({"users": {"postgres": {"max_user_client_connections": 6}}}),
        ),
        (
            "max_client_conn",
            json!({"pgbouncer": {"max_client_conn": 5}}),
        ),
    ]
}

pub(super) async fn of_the_pooler(
    world: &World,
    cluster: &Cluster<'_>,
    manifest: &Manifest,
) -> Result<()> {
    let target = cluster.service_target("").await?;
    for (limit, settings) in limits() {
        let changed = manifest.clone().set(SETTINGS, settings);
        cluster.apply(Tool::Howdah, &changed).await?;
        let (sessions, told) = eventually(limit, async || {
            let (sessions, told) = fill(&target).await?;
            contains(told.message(), limit)?;
            Ok((sessions, told))
        })
        .await?;
        ensure!(told.code() == &SqlState::TOO_MANY_CONNECTIONS, "{told:?}");
        contains(told.message(), "too many clients already")?;
        contains(
            &psql(world, &target).await?.stderr,
            "too many clients already",
        )?;
        for session in &sessions {
            session.execute("SELECT 1").await.context("those inside")?;
        }
        drop(sessions);
        eventually("room for another", async || {
            Sql::connect(&target).await?.execute("SELECT 1").await
        })
        .await?;
    }
    cluster.apply(Tool::Howdah, manifest).await
}

async fn psql(world: &World, target: &Target) -> Result<Outcome> {
    let mut psql = program(world, "psql", target)?;
    psql.args(["-XAtc", "SELECT 1"]).env("PGSSLMODE", "require");
    let outcome = Outcome::of(psql).await?;
    Ok(outcome)
}

pub(super) async fn of_postgres(
    world: &World,
    cluster: &Cluster<'_>,
    manifest: Manifest,
) -> Result<()> {
    let changed = manifest.set(
        "/spec/configurations/postgres/postgresql.conf",
        json!({"max_connections": 25}),
    );
    cluster.apply(Tool::Howdah, &changed).await?;
    cluster.wait_for_condition("PendingRestart", "True").await?;
    let words = ["restart", "simple", "--yes"];
    world.howdah(&words).await?.ok()?;
    eventually("the lower limit", async || {
        let sql = cluster.service("").await?;
        let limit = sql.value("SHOW max_connections").await?;
        ensure!(limit == "25", "{limit}");
        Ok(())
    })
    .await?;
    let direct = direct(cluster).await?;
    let what = "the limit of Postgres";
    let (sessions, told) = eventually(what, async || fill(&direct).await).await?;
    ensure!(told.code() == &SqlState::TOO_MANY_CONNECTIONS, "{told:?}");
    contains(
        &psql(world, &direct).await?.stderr,
        "too many clients already",
    )?;
    drop(sessions);
    Ok(())
}

//! Whom a commit waits for, and who is let in.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use howdah_postgres::{Session, SqlError, Synchronous};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pretty_assertions::assert_eq;

use crate::member::{Member, PATIENCE, timed};

/// Long enough for anything that is not held up.
const MOMENT: Duration = Duration::from_secs(2);

fn rule(acks: u16, names: &[&str]) -> Result<Synchronous> {
    let names = names.iter().map(|name| Ok(name.parse()?));
    Ok(Synchronous {
        standbys: names.collect::<Result<_>>()?,
        acks,
    })
}

async fn configure(member: &Member, rule: &Synchronous) -> Result<Session> {
    let mut configuration = member.configuration(None);
    configuration.synchronous = rule.clone();
    member.instance.configure(&configuration).await?;
    Ok(member.instance.connect().await?)
}

async fn change(
    member: &Member,
    rule: &Synchronous,
    previous: Option<&Synchronous>,
    patience: Duration,
) -> Result<Result<howdah_types::Lsn, SqlError>> {
    let session = configure(member, rule).await?;
    Ok(timed(
        "set_synchronous",
        session.set_synchronous(rule, previous, patience),
    )
    .await)
}

async fn pid(member: &Member, which: &str) -> Result<Pid> {
    let sql = format!("SELECT pid FROM pg_stat_activity WHERE {which}");
    Ok(Pid::from_raw(member.value(&sql).await?.parse()?))
}

const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";

pub(crate) async fn commits_wait_from_the_moment_that_a_rule_is_in_force(major: u32) -> Result<()> {
    let (primary, _postmaster) = Member::primary(major).await?;
    primary.value("CREATE TABLE t (n int)").await?;
    let (standby, _standby_postmaster) = Member::standby_of(&primary, major).await?;
    standby.wait_streaming().await?;
    let none = Synchronous::none();
    let one = rule(1, &["simple-1"])?;
    // While the checkpointer does not know the rule, no commit waits.
    let checkpointer = pid(&primary, "backend_type = 'checkpointer'").await?;
    kill(checkpointer, Signal::SIGSTOP)?;
    let early = change(&primary, &one, Some(&none), MOMENT).await?;
    kill(checkpointer, Signal::SIGCONT)?;
    ensure!(matches!(early, Err(SqlError::Deadline { .. })), "{early:?}");
    let location = change(&primary, &one, Some(&none), PATIENCE).await??;
    ensure!(location.bytes() > 0, "no location");
    primary.value("INSERT INTO t VALUES (1)").await?;
    let session = primary.instance.connect().await?;
    ensure!(
        session.standbys().await?.contains_key(&"simple-1".parse()?),
        "no standby streams"
    );

    let nobody = rule(2, &["simple-1"])?;
    change(&primary, &nobody, Some(&one), PATIENCE).await??;
    let insert = primary.value("INSERT INTO t VALUES (2)");
    let test = async {
        primary.wait_for(WAITING, "1").await?;
        for _ in 0..3 {
            timed("probe_write", session.probe_write(PATIENCE)).await?;
        }
        assert_eq!(primary.value(WAITING).await?, "1");
        change(&primary, &none, Some(&nobody), PATIENCE).await??;
        anyhow::Ok(())
    };
    let (inserted, tested) = tokio::join!(insert, test);
    tested?;
    inserted?;
    change(&primary, &one, None, PATIENCE).await??;
    Ok(())
}

pub(crate) async fn a_former_rule_cannot_outlive_its_walsenders(major: u32) -> Result<()> {
    let (primary, _postmaster) = Member::primary(major).await?;
    let (first, _first_postmaster) = Member::standby_named(&primary, major, "simple-1").await?;
    let (second, _second_postmaster) = Member::standby_named(&primary, major, "simple-2").await?;
    first.wait_streaming().await?;
    second.wait_streaming().await?;
    let both = rule(1, &["simple-1", "simple-2"])?;
    let one = rule(1, &["simple-1"])?;
    change(&primary, &both, Some(&Synchronous::none()), PATIENCE).await??;

    let sender = "backend_type = 'walsender' AND application_name =";
    let kept = pid(&primary, &format!("{sender} 'simple-1'")).await?;
    let removed = pid(&primary, &format!("{sender} 'simple-2'")).await?;
    kill(removed, Signal::SIGSTOP)?;
    let early = change(&primary, &one, Some(&both), MOMENT).await?;
    kill(removed, Signal::SIGCONT)?;
    ensure!(matches!(early, Err(SqlError::Deadline { .. })), "{early:?}");
    change(&primary, &one, Some(&both), PATIENCE).await??;
    let gone = |pid: Pid| format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}");
    assert_eq!(primary.value(&gone(removed)).await?, "0");
    assert_eq!(primary.value(&gone(kept)).await?, "1");

    let two = rule(2, &["simple-1", "simple-2"])?;
    second.wait_streaming().await?;
    let again = pid(&primary, &format!("{sender} 'simple-2'")).await?;
    change(&primary, &two, Some(&one), PATIENCE).await??;
    assert_eq!(primary.value(&gone(kept)).await?, "0");
    assert_eq!(primary.value(&gone(again)).await?, "0");
    primary.value("CREATE TABLE t (n int)").await?;
    Ok(())
}

#[tokio::test]
async fn a_closed_door_lets_in_members_only() -> Result<()> {
    let (primary, _postmaster) = Member::primary(18).await?;
    let authenticator = || {
        let credential = crate::member::credentials("first").authenticator;
        howdah_postgres::Upstream {
            user: credential.name,
            password: credential.password,
            ..primary.as_upstream()
        }
    };
    let _client = authenticator().connect().await?;
    let mut configuration = primary.configuration(None);
    configuration.admits = false;
    primary.instance.configure(&configuration).await?;
    let session = primary.instance.connect().await?;
    session.reload().await?;
    assert_eq!(session.end_clients().await?, 1);
    ensure!(!session.is_closed(), "the agent ended its own session");
    howdah_testkit::wait_until(PATIENCE, "a closed door", async || {
        match authenticator().connect().await {
            Ok(_) => Err("open"),
            Err(_) => Ok(()),
        }
    })
    .await?;
    let (standby, _standby_postmaster) = Member::standby_of(&primary, 18).await?;
    standby.wait_streaming().await?;
    let member = primary.as_upstream().connect().await?;
    member
        .status()
        .await
        .context("a member was let in but may not ask")?;
    Ok(())
}

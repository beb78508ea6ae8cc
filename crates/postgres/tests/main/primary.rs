//! A primary, from an empty volume on.

use anyhow::{Result, ensure};
use howdah_postgres::{
    ClusterState, DataDirectory, InitialiseError, Initialised, PORT, PendingRestart, Reload,
    Standing, StopMode,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pretty_assertions::assert_eq;

use crate::member::{Member, PATIENCE, credentials, stop};

async fn initialised(member: &Member) -> Result<Initialised> {
    match member.instance.inspect().await? {
        DataDirectory::Initialised(initialised) => Ok(initialised),
        other => anyhow::bail!("the data directory is {other:?}"),
    }
}

pub(crate) async fn an_empty_volume_becomes_a_primary_once(major: u32) -> Result<()> {
    let member = Member::new(major, "simple-0").await?;
    assert_eq!(member.instance.inspect().await?, DataDirectory::Empty);
    member.instance.initialise().await?;
    let made = initialised(&member).await?;
    assert_eq!(made.control.state, ClusterState::ShutDown);
    let again = member.instance.initialise().await;
    ensure!(
        matches!(again, Err(InitialiseError::NotEmpty)),
        "initialised twice"
    );
    assert_eq!(initialised(&member).await?, made);

    let postmaster = member.start_primary().await?;
    let status = member.instance.connect().await?.status().await?;
    assert_eq!(status.system, Some(made.control.system));
    assert_eq!(status.server_version / 10_000, major);
    assert_eq!(status.timeline.map(howdah_types::Timeline::number), Some(1));
    ensure!(
        matches!(status.standing, Standing::Primary { .. }),
        "{status:?}"
    );
    assert_eq!(member.value("SHOW data_checksums").await?, "on");
    assert_eq!(member.value("SHOW server_encoding").await?, "UTF8");
    let locale = "SELECT datcollate FROM pg_database WHERE datname = 'template1'";
    assert_eq!(member.value(locale).await?, "C.UTF-8");

    stop(&postmaster).await?;
    assert_eq!(
        initialised(&member).await?.control.state,
        ClusterState::ShutDown
    );
    let mut names = Vec::new();
    for entry in std::fs::read_dir(member.instance.layout().volume())? {
        names.push(entry?.file_name());
    }
    names.sort();
    assert_eq!(names, ["data", "howdah"], "something was left behind");
    Ok(())
}

pub(crate) async fn role_passwords_are_set_once(major: u32) -> Result<()> {
    let (member, _postmaster) = Member::primary(major).await?;
    let session = member.instance.connect().await?;
    assert_eq!(session.ensure_roles(&credentials("first")).await?, 0);
    assert_eq!(session.ensure_roles(&credentials("second")).await?, 3);
    ensure!(
        member.upstream_with("first").connect().await.is_err(),
        "the old password works"
    );
    let remote = member.upstream_with("second").connect().await?;
    ensure!(
        remote.ensure_roles(&credentials("third")).await.is_err(),
        "replicator is superuser"
    );

    let rights =
        "SELECT string_agg(concat_ws(' ', rolname, rolsuper, rolreplication), ',' ORDER BY rolname)
        FROM pg_authid WHERE rolcanlogin AND rolpassword LIKE 'SCRAM-SHA-256$%'";
    assert_eq!(
        member.value(rights).await?,
        "authenticator f f,postgres t t,replicator f t"
    );
    Ok(())
}

pub(crate) async fn parameters_are_reloaded_or_wait_for_a_restart(major: u32) -> Result<()> {
    let (mut member, postmaster) = Member::primary(major).await?;
    let session = member.instance.connect().await?;
    assert_eq!(session.pending_restart().await?, []);
    assert!(
        !member
            .instance
            .configure(&member.configuration(None))
            .await?
    );

    member
        .parameters
        .push_str("work_mem = '7MB'\nmax_connections = '33'\n");
    assert!(
        member
            .instance
            .configure(&member.configuration(None))
            .await?
    );
    assert_eq!(session.reload().await?, Reload::Applied);
    let pending = [PendingRestart {
        name: "max_connections".to_owned(),
        old: "100".to_owned(),
        new: Some("33".to_owned()),
    }];
    assert_eq!(session.pending_restart().await?, pending);
    assert_eq!(member.value("SHOW work_mem").await?, "7MB");

    member.parameters.push_str("work_mem = 'much'\n");
    member
        .instance
        .configure(&member.configuration(None))
        .await?;
    match session.reload().await? {
        Reload::Refused(why) => ensure!(why.contains("work_mem"), "{why}"),
        Reload::Applied => anyhow::bail!("an invalid value was applied"),
    }
    member.parameters.push_str("work_mem = '8MB'\n");
    member
        .instance
        .configure(&member.configuration(None))
        .await?;
    assert_eq!(session.reload().await?, Reload::Applied);

    stop(&postmaster).await?;
    member.start_primary().await?;
    assert_eq!(member.value("SHOW max_connections").await?, "33");
    assert_eq!(
        member.instance.connect().await?.pending_restart().await?,
        []
    );
    Ok(())
}

pub(crate) async fn a_killed_postmaster_starts_again(major: u32) -> Result<()> {
    let (member, postmaster) = Member::primary(major).await?;
    member
        .value("CREATE TABLE kept AS SELECT 42 AS answer")
        .await?;
    // A busy session outlives its postmaster, and would keep the shared memory in use.
    let sockets = member.instance.layout().sockets();
    let busy = member.value("SELECT pg_sleep(600)");
    let (busy, restarted) = tokio::join!(busy, async {
        member
            .wait_for(
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'",
                "1",
            )
            .await?;
        kill(Pid::from_raw(postmaster.pid()), Signal::SIGKILL)?;
        postmaster.wait().await;
        member.start_primary().await
    });
    ensure!(
        busy.is_err(),
        "a session of the dead postmaster went on in {sockets}"
    );
    assert_eq!(member.value("SELECT answer FROM kept").await?, "42");

    let restarted = restarted?;
    let stopped = restarted.stop(StopMode::Immediate, PATIENCE).await?;
    ensure!(!stopped.escalated, "an immediate stop took too long");
    Ok(())
}

#[tokio::test]
async fn a_postmaster_that_cannot_start_is_noticed_at_once() -> Result<()> {
    let mut member = Member::new(18, "simple-0").await?;
    member.instance.initialise().await?;
    member.parameters.push_str("max_connections = 'many'\n");
    let started = tokio::time::timeout(PATIENCE, member.start_primary()).await?;
    let Err(error) = started else {
        anyhow::bail!("started with an invalid parameter");
    };
    assert_eq!(
        error.to_string(),
        "postgres ended with exit status: 1 before it was ready"
    );
    Ok(())
}

#[tokio::test]
async fn a_left_over_postmaster_is_ended_in_order() -> Result<()> {
    let (member, postmaster) = Member::primary(18).await?;
    assert!(member.instance.end_left_over_postmaster().await?);
    ensure!(
        postmaster.wait().await.success(),
        "it was not ended in order"
    );
    assert!(!member.instance.end_left_over_postmaster().await?);
    assert_eq!(
        initialised(&member).await?.control.state,
        ClusterState::ShutDown
    );
    Ok(())
}

#[tokio::test]
async fn a_lock_file_that_names_nobody_is_no_obstacle() -> Result<()> {
    let (member, postmaster) = Member::primary(18).await?;
    kill(Pid::from_raw(postmaster.pid()), Signal::SIGKILL)?;
    postmaster.wait().await;
    // As after a power loss, or a kill, between its creation and its first line.
    std::fs::write(member.instance.layout().data().join("postmaster.pid"), "")?;
    member.start_primary().await?;
    Ok(())
}

#[tokio::test]
async fn lock_files_with_the_number_of_another_process_are_no_obstacle() -> Result<()> {
    let (member, postmaster) = Member::primary(18).await?;
    kill(Pid::from_raw(postmaster.pid()), Signal::SIGKILL)?;
    postmaster.wait().await;
    let layout = member.instance.layout();
    let lock = layout.sockets().join(format!(".s.PGSQL.{PORT}.lock"));
    let mut sleeper = tokio::process::Command::new("sleep")
        .arg("600")
        .kill_on_drop(true)
        .spawn()?;
    let number = sleeper.id().unwrap_or_default();
    for path in [layout.data().join("postmaster.pid"), lock] {
        let text = std::fs::read_to_string(&path)?;
        let (_, rest) = text.split_once('\n').unwrap_or_default();
        std::fs::write(&path, format!("{number}\n{rest}"))?;
    }
    member.start_primary().await?;
    assert_eq!(sleeper.try_wait()?, None);
    Ok(())
}

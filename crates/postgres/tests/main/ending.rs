//! The sudden end of everything.

use anyhow::{Result, ensure};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pretty_assertions::assert_eq;

use crate::member::{Member, timed};

/// The numbers of all processes that work in the data directory, whatever they are called.
fn working(member: &Member) -> Result<Vec<Pid>> {
    let data = member.instance.layout().data().canonicalize()?;
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == data) {
            found.push(Pid::from_raw(pid));
        }
    }
    Ok(found)
}

pub(crate) async fn a_killed_tree_leaves_nothing(major: u32) -> Result<()> {
    let (member, postmaster) = Member::primary(major).await?;
    let mut bystander = tokio::process::Command::new("sleep")
        .arg("600")
        .kill_on_drop(true)
        .spawn()?;
    for stopped in [false, true] {
        let postmaster = if stopped {
            member.start_primary().await?
        } else {
            postmaster.clone()
        };
        let busy = (0..16).map(|number| {
            let member = &member;
            async move {
                let sql = if number == 0 {
                    "COPY (SELECT 1) TO PROGRAM 'sleep 600 & sleep 600'"
                } else {
                    "SELECT sum(n) FROM generate_series(1, 10000000000) AS n"
                };
                member.value(sql).await
            }
        });
        let busy = futures::future::join_all(busy);
        let test = async {
            let sessions =
                "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'
                AND state = 'active' AND pid <> pg_backend_pid()";
            member.wait_for(sessions, "16").await?;
            if stopped {
                for pid in working(&member)? {
                    match kill(pid, Signal::SIGSTOP) {
                        // Some workers come and go.
                        Ok(()) | Err(Errno::ESRCH) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
            }
            timed("kill_tree", postmaster.kill_tree()).await?;
            anyhow::Ok(())
        };
        let busy = async { Ok(busy.await) };
        let (ended, ()) = tokio::try_join!(busy, test)?;
        ensure!(ended.iter().all(Result::is_err), "a session went on");
        assert_eq!(working(&member)?, []);
        ensure!(postmaster.ended().is_some(), "its end was not noticed");
        postmaster.kill_tree().await?;
    }
    assert_eq!(bystander.try_wait()?, None);
    Ok(())
}

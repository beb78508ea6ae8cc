//! The guard as the agent has it, with real processes in the parts of agent and Postgres.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use camino::Utf8Path;
use howdah_agent::guard::{Guard, Unguarded};
use howdah_testkit::wait_until;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

const HOWDAH: &str = env!("CARGO_BIN_EXE_howdah");
const PATIENCE: Duration = Duration::from_secs(20);

/// A process that is killed at the end of the test.
struct Process(Child);

impl Process {
    fn sleeping() -> Result<Self> {
        let mut sleep = Command::new("sleep");
        Ok(Self(sleep.arg("600").process_group(0).spawn()?))
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).unwrap()
    }

    fn lives(&mut self) -> bool {
        self.0.try_wait().is_ok_and(|status| status.is_none())
    }

    async fn dies(&mut self) -> Result<()> {
        let gone = wait_until(PATIENCE, "the end of a process", async || {
            if self.lives() {
                Err("it lives")
            } else {
                Ok(())
            }
        });
        gone.await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The guards that are children of this test and work for that folder.
fn guards(folder: &str) -> Vec<Pid> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let is_guard = |pid: &i32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        words.get(1) == Some(&b"guard".as_slice()) && words.get(2) == Some(&folder.as_bytes())
    };
    pids.filter(is_guard).map(Pid::from_raw).collect()
}

fn in_millis(millis: u64) -> howdah_ha::Instant {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME).unwrap();
    let nanos = Duration::from(now).as_nanos();
    howdah_ha::Instant::from_nanos(u64::try_from(nanos).unwrap()) + Duration::from_millis(millis)
}

fn start() -> Result<(Guard, tempfile::TempDir, String)> {
    let folder = tempfile::tempdir()?;
    let path = Utf8Path::from_path(folder.path()).context("a path of text")?;
    let guard = Guard::start(Utf8Path::new(HOWDAH), path)?;
    let path = path.to_string();
    Ok((guard, folder, path))
}

#[tokio::test]
async fn the_guard_kills_at_the_deadline_and_tells() -> Result<()> {
    let (guard, _folder, _) = start()?;
    let mut postmaster = Process::sleeping()?;
    guard.watch(postmaster.pid());
    guard.arm(Some(in_millis(60_000)))?;
    guard.arm(Some(in_millis(200)))?;
    let fired = tokio::time::timeout(PATIENCE, guard.fired()).await?;
    assert_eq!((fired.killed, fired.left), (1, 0));
    assert!(!postmaster.lives());
    guard.arm(None)?;
    Ok(())
}

#[tokio::test]
async fn signals_do_not_end_the_guard_but_the_end_of_the_agent_does() -> Result<()> {
    let (guard, _folder, path) = start()?;
    let first = Process::sleeping()?;
    guard.watch(first.pid());
    guard.arm(Some(in_millis(60_000)))?;
    let own = wait_until(PATIENCE, "an answer of the guard", async || {
        guards(&path).first().copied().ok_or("there is none")
    });
    let own = own.await?;
    // It blocks them at its very start; a command that was answered comes after that.
    tokio::time::timeout(PATIENCE, async {
        guard.arm(Some(in_millis(0))).ok();
        guard.fired().await
    })
    .await?;
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        killpg(own, signal)?;
    }
    let mut postmaster = Process::sleeping()?;
    guard.watch(postmaster.pid());
    guard.arm(Some(in_millis(60_000)))?;
    assert_eq!(guards(&path), [own]);
    assert!(postmaster.lives());
    drop(guard);
    postmaster.dies().await?;
    wait_until(PATIENCE, "the end of the guard", async || {
        if guards(&path).is_empty() {
            Ok(())
        } else {
            Err("it lives")
        }
    })
    .await
}

#[tokio::test]
async fn without_a_guard_there_is_no_authority_until_there_is_another() -> Result<()> {
    let (guard, _folder, path) = start()?;
    let mut postmaster = Process::sleeping()?;
    guard.watch(postmaster.pid());
    guard.arm(Some(in_millis(60_000)))?;
    for pid in guards(&path) {
        kill(pid, Signal::SIGKILL)?;
    }
    let refused = wait_until(PATIENCE, "a refusal", async || {
        match guard.arm(Some(in_millis(1_500))) {
            Err(Unguarded::Gone) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    refused.await?;
    // The next one has heard of the postmaster and of the deadline.
    let fired = tokio::time::timeout(PATIENCE, guard.fired()).await?;
    assert_eq!(fired.killed, 1);
    assert!(!postmaster.lives());
    guard.arm(Some(in_millis(60_000)))?;
    Ok(())
}

#[tokio::test]
async fn a_guard_that_is_stopped_counts_as_none_and_is_replaced() -> Result<()> {
    let (guard, _folder, path) = start()?;
    guard.arm(Some(in_millis(60_000)))?;
    let first = guards(&path);
    for pid in &first {
        kill(*pid, Signal::SIGSTOP)?;
    }
    let refused = wait_until(PATIENCE, "a refusal", async || {
        match guard.arm(Some(in_millis(60_000))) {
            Err(Unguarded::Mute) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    refused.await?;
    let again = wait_until(PATIENCE, "another guard", async || {
        match guard.arm(Some(in_millis(60_000))) {
            Ok(()) if guards(&path) != first => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    again.await
}

#[tokio::test]
async fn a_stopped_agent_cannot_keep_the_guard_from_its_work() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (input, commands) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    let mut guard = Command::new(HOWDAH)
        .arg("guard")
        .arg(folder.path())
        .stdin(Stdio::from(input))
        .stdout(Stdio::piped())
        .spawn()?;
    let mut reports = BufReader::new(guard.stdout.take().context("a pipe")?);
    // The agent: it holds the pipe, and is stopped.
    let agent = Process(
        Command::new("sleep")
            .arg("600")
            .stdout(Stdio::from(commands.try_clone()?))
            .spawn()?,
    );
    kill(Pid::from_raw(agent.pid()), Signal::SIGSTOP)?;
    let mut postmaster = Process::sleeping()?;
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", postmaster.pid()))?;
    let start = stat.split(' ').nth(21).context("a time of start")?;
    let deadline = in_millis(100)
        .since(howdah_ha::Instant::from_nanos(0))
        .as_nanos();
    let orders = format!("1 watch {} {start}\n2 arm {deadline}\n", postmaster.pid());
    nix::unistd::write(&commands, orders.as_bytes())?;
    drop(commands);
    let mut line = String::new();
    while !line.starts_with("fired ") {
        line.clear();
        assert_ne!(reports.read_line(&mut line)?, 0, "it lives on");
    }
    postmaster.dies().await?;
    let mut other = Process(Command::new("sleep").arg("600").spawn()?);
    assert!(other.lives());
    drop(agent);
    assert!(guard.wait()?.success(), "it ends with its agent");
    Ok(())
}

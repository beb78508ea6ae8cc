//! Clients that wait, and clients that keep others waiting.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use nix::sys::signal::Signal;
use tokio::time::{Instant, sleep};
use tokio_postgres::NoTls;

use super::super::Ours;
use super::switchover;
use crate::api::{Kind, text};
use crate::faults::ledger::Answered;
use crate::faults::session::Session;
use crate::faults::side::Scene;
use crate::faults::undo::{Injected, Undo};
use crate::processes::Process;
use crate::sql::Sql;
use crate::wait::eventually;

/// Longer than a client waits before it cancels.
const LIMIT: Duration = Duration::from_secs(20);
const WAITED: Duration = Duration::from_millis(500);
/// More than the buffers of a connection hold, in pieces of a mebibyte.
const PIECES: u32 = 16;

/// Both standbys stop, a client cancels its wait for them, and is not told that its row is safe.
pub(super) async fn cancel(ours: &Ours<'_>, scene: &Scene) -> Result<Injected> {
    let session = Session::connect(&scene.primary.target, LIMIT).await?;
    let token = session.cancel_token();
    let at = Instant::now();
    let mut stopped = Vec::new();
    for standby in &scene.standbys {
        stopped.push(ours.pod(&standby.name).await?.pause()?.0);
    }
    let canceller = tokio::spawn(async move {
        sleep(WAITED).await;
        token.cancel_query(NoTls).await
    });
    // The number is no writer's.
    let (answered, _) = session.insert(&scene.table, (u32::from(u16::MAX), 0)).await;
    canceller.await.context("the canceller")??;
    let told = !matches!(answered, Answered::Acknowledged(_));
    ensure!(told || ours.mode().may_lose(), "it was {answered:?}");
    drop(stopped);
    Ok(Injected {
        at,
        undo: Undo::nothing(),
    })
}

/// A receiver of WAL stops reading, which an orderly stop of Postgres waits for; then a switchover is asked for.
pub(super) async fn stop_hangs(ours: &Ours<'_>, scene: &Scene) -> Result<Injected> {
    let secret = ours.world.api().await?;
    let secret = secret.get(Kind::SECRETS, ours.cluster.name()).await?;
    let password = BASE64_STANDARD.decode(text(&secret, "/data/replication-password"))?;
    let receiver = Receiver::start(ours, scene, &String::from_utf8(password)?)?;
    let sql = Sql::connect(&scene.primary.target).await?;
    eventually("the receiver of WAL", async || {
        let question = "SELECT count(*) FROM pg_stat_replication WHERE application_name = 'slow'";
        ensure!(sql.value(question).await? == "1", "it is not there");
        Ok(())
    })
    .await?;
    receiver.stop_reading()?;
    for _ in 0..PIECES {
        sql.execute("SELECT pg_logical_emit_message(true, 'slow', repeat('x', 1048576))")
            .await?;
    }
    let Injected { at, undo } = switchover(ours).await?;
    let undo = undo.and(move || drop(receiver));
    Ok(Injected { at, undo })
}

/// A `pg_receivewal`. Dropping it ends it.
struct Receiver(Child);

impl Receiver {
    fn start(ours: &Ours<'_>, scene: &Scene, password: &str) -> Result<Self> {
        let (host, port) = scene
            .primary
            .target
            .address
            .split_once(':')
            .context("no port")?;
        let folder = ours.world.path().join("received");
        std::fs::create_dir_all(&folder)?;
        let programs = ours.world.components().postgres(18)?;
        let mut command: Command = programs.command("pg_receivewal");
        command
            .args(["-D", folder.as_str(), "--no-loop", "-h", host, "-p", port])
            .args(["-U", "replicator", "-d", "application_name=slow"])
            .env("PGPASSWORD", password)
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        Ok(Self(command.spawn().context("start pg_receivewal")?))
    }

    fn stop_reading(&self) -> Result<()> {
        let pid = i32::try_from(self.0.id())?;
        let process = Process::of(pid).context("the receiver runs")?;
        process.signal(Signal::SIGSTOP)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

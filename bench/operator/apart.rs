//! The operator in a process of its own, as on Kubernetes: what it takes is not what the API server takes.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use howdah_e2e::{PatchType, Process, Rest, World};
use howdah_testkit::wait_until;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::process::Child;

const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/howdah-system/leases/howdah-operator";
const IDENTITY: &str = "bench";
/// Both operators look at the Lease each five seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// It leads, and the operator of `howdah up` waits.
pub(crate) struct Apart {
    child: Child,
    pub(crate) process: Process,
}

impl Apart {
    /// Starts it and hands the leader Lease over to it.
    pub(crate) async fn start(world: &World, rest: &Rest) -> Result<Self> {
        let mut command = world.howdah_command(&["operator", "--identity", IDENTITY]);
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("start the operator")?;
        let pid = i32::try_from(child.id().context("the operator runs")?)?;
        // Its command line is there a moment after it was started.
        let found = wait_until(PATIENCE, "the operator's process", async || {
            Process::of(pid).ok_or("there is none")
        });
        let process = found.await?;
        let given = json!({"spec": {"holderIdentity": IDENTITY, "renewTime": null}});
        let written = wait_until(PATIENCE, "the leader Lease", async || {
            // Its holder may write at the same time.
            let answer = rest.patch(LEASE, PatchType::Merge, &given).await;
            answer
                .and_then(|answer| answer.is(200))
                .map_err(|error| format!("{error:#}"))
        });
        written.await?;
        wait_until(PATIENCE, "the operator to lead", async || {
            let leads = async {
                let lease = rest.get(LEASE).await?.is(200)?.body;
                let spec = &lease["spec"];
                let led = spec["holderIdentity"] == IDENTITY && spec["renewTime"] != Value::Null;
                ensure!(led, "the Lease says {spec}");
                Ok(())
            };
            leads
                .await
                .map_err(|error: anyhow::Error| format!("{error:#}"))
        })
        .await?;
        Ok(Self { child, process })
    }

    /// Ends it as a Deployment does.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.process.signal(Signal::SIGTERM)?;
        let ended = self.child.wait().await.context("wait for the operator")?;
        ensure!(ended.success(), "the operator ended with {ended}");
        Ok(())
    }
}

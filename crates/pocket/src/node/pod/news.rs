//! What an actor hears, and what it makes of it.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Secret};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{debug, info};

use super::actor::{Actor, Run};
use super::machine::{HasProbes, State};
use super::{about, pod_grace_seconds, seconds};
use crate::node::check;
use crate::node::container::Progress;
use crate::node::plan::Problem;
use crate::node::plan::probes::{post_start, probes};
use crate::node::probe::{self, Finding, Standing};
use crate::node::shim::spec::Exit;
use crate::node::volumes::Prepared;

/// How long a `postStart` hook may take.
const HOOK_PATIENCE: Duration = Duration::from_secs(600);

/// News for the actor.
#[derive(Debug)]
pub(super) enum News {
    Progress(usize, u32, Progress),
    Finding(usize, u32, Finding),
    Prepared(Result<Prepared, Problem>),
    ConfigMap(String, Option<Box<ConfigMap>>),
    Secret(String, Option<Box<Secret>>),
    Claim(String, Option<Box<PersistentVolumeClaim>>),
}

impl Actor {
    pub(super) fn hear(&mut self, news: News) {
        let now = Instant::now();
        match news {
            News::Progress(index, attempt, progress) => {
                if self.machine.slots[index].attempt == Some(attempt) {
                    self.hear_progress(index, progress, now);
                }
                return;
            }
            News::Finding(index, attempt, finding) => {
                if self.machine.slots[index].attempt == Some(attempt) {
                    self.hear_finding(index, finding, now);
                }
                return;
            }
            News::Prepared(result) => return self.hear_prepared(result, now),
            News::ConfigMap(name, found) => {
                self.objects
                    .config_maps
                    .insert(name, found.map(|found| *found));
            }
            News::Secret(name, found) => {
                self.objects.secrets.insert(name, found.map(|found| *found));
            }
            News::Claim(name, found) => {
                self.objects.claims.insert(name, found.map(|found| *found));
            }
        }
        self.preparation.is_due = true;
        self.machine.retry_now(now);
    }

    fn hear_prepared(&mut self, result: Result<Prepared, Problem>, now: Instant) {
        self.preparation.is_running = false;
        match result {
            Ok(prepared) => {
                self.preparation.failures = 0;
                self.preparation.again_at = prepared.refresh_at().map(|at| {
                    let left = at.duration_since(Timestamp::now());
                    now + Duration::try_from(left).unwrap_or_default()
                });
                self.preparation.done = Some(prepared);
            }
            Err(problem) => {
                debug!(pod = %self.record.name, error = %problem, "volumes are not ready");
                let wait = Duration::from_secs(1 << self.preparation.failures.min(5));
                self.preparation.failures += 1;
                self.preparation.again_at = Some(now + wait);
                // The first failure is often only an object that is about to appear.
                if self.preparation.failures > 1 {
                    self.context.events.warning(
                        about(&self.pod, None),
                        problem.reason,
                        problem.message.clone(),
                    );
                }
                if self.preparation.done.is_none() {
                    self.show_waiting(&problem);
                }
            }
        }
    }

    /// Shows in the status what all containers wait for.
    fn show_waiting(&mut self, problem: &Problem) {
        let reason = match problem.reason {
            "FailedMount" => "ContainerCreating",
            other => other,
        };
        for slot in &mut self.machine.slots {
            if matches!(slot.state, State::Waiting(_)) {
                slot.state = State::Waiting(Problem {
                    reason,
                    message: problem.message.clone(),
                });
            }
        }
    }

    fn hear_progress(&mut self, index: usize, progress: Progress, now: Instant) {
        match progress {
            Progress::Running(since) => self.begin_probing(index, since, now),
            Progress::NotLaunched(message) => {
                self.runs.remove(&index);
                let reason = "RunContainerError";
                self.refuse(index, Problem { reason, message }, now);
            }
            Progress::Ended(exit) => {
                if let Some(Run {
                    probing: Some(probing),
                    ..
                }) = self.runs.remove(&index)
                {
                    probing.abort();
                }
                self.tell_of_end(index, &exit);
                self.machine.ended(index, exit, now);
            }
        }
    }

    fn begin_probing(&mut self, index: usize, since: Timestamp, now: Instant) {
        let container = self.container(index);
        let probes = probes(&container).unwrap_or_default();
        let is_adopted = matches!(self.machine.slots[index].state, State::Running(_));
        if !is_adopted {
            self.machine.running(index, since, HasProbes::of(&probes));
        }
        let age = Timestamp::now().duration_since(since);
        let age = Duration::try_from(age).unwrap_or_default();
        let slot = &self.machine.slots[index];
        let standing = Standing {
            started: slot.started,
            ready: slot.ready,
            since: now.checked_sub(age).unwrap_or(now),
        };
        // A container that runs already has had its hook.
        let hook = post_start(&container)
            .ok()
            .flatten()
            .filter(|_| !is_adopted);
        let target = self.target(index);
        let probing = async move |findings: mpsc::Sender<Finding>| {
            if let Some(hook) = hook
                && let Err(error) = check::carry_out(&hook, &target, HOOK_PATIENCE).await
            {
                let failed = Finding::Failed {
                    message: format!("PostStartHook failed: {error}"),
                    grace: None,
                };
                let _ = findings.send(failed).await;
                return;
            }
            probe::run(probes, target, standing, findings).await;
        };
        let attempt = self.machine.slots[index].attempt.unwrap_or_default();
        let news = self.news.clone();
        let handle = self.tasks.spawn(async move {
            let (sender, mut receiver) = mpsc::channel(4);
            let forward = async {
                while let Some(finding) = receiver.recv().await {
                    let _ = news.send(News::Finding(index, attempt, finding)).await;
                }
            };
            tokio::join!(probing(sender), forward);
        });
        if let Some(run) = self.runs.get_mut(&index) {
            run.probing = Some(handle);
        }
    }

    fn hear_finding(&mut self, index: usize, finding: Finding, now: Instant) {
        let has_readiness = self.container(index).readiness_probe.is_some();
        let about = about(&self.pod, Some(&self.machine.slots[index].name));
        let slot = &mut self.machine.slots[index];
        match finding {
            Finding::Started => {
                slot.started = true;
                slot.ready |= !has_readiness;
            }
            Finding::Ready(ready) => slot.ready = ready,
            Finding::Unhealthy(message) => {
                // Not being ready yet is how every container begins; it is no news.
                if slot.started && (slot.ready || !message.starts_with("Readiness")) {
                    self.context.events.warning(about, "Unhealthy", message);
                }
            }
            Finding::Failed { message, grace } => {
                slot.ready = false;
                let text = format!("Container {} will be restarted: {message}", slot.name);
                self.context.events.normal(about, "Killing", text);
                let grace = grace.unwrap_or(seconds(pod_grace_seconds(&self.pod)));
                self.order_stop(index, now + grace);
            }
        }
    }

    fn tell_of_end(&self, index: usize, exit: &Exit) {
        let name = &self.machine.slots[index].name;
        info!(
            namespace = %self.record.namespace,
            pod = %self.record.name,
            container = %name,
            exit_code = exit.exit_code,
            "container ended"
        );
        if exit.exit_code != 0 && !self.machine.is_stopping() {
            let text = format!(
                "Container {name} ended with exit code {} ({})",
                exit.exit_code,
                exit.message.as_deref().unwrap_or(exit.reason())
            );
            let about = about(&self.pod, Some(name));
            self.context.events.warning(about, "BackOff", text);
        }
    }
}

//! The loop of a Pod's actor.
//!
//! Level-triggered: every pass starts from what is known now. Nothing in a pass waits for the API, but for the very
//! last one of a node that stops.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube::Api;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::Instant;
use tracing::warn;

use super::machine::{Action, Machine};
use super::news::News;
use super::{about, grace_seconds, report, seconds, status};
use crate::node::addresses::Lease;
use crate::node::context::Context;
use crate::node::handle::RunningGuard;
use crate::node::layout::{PodDir, PodRecord};
use crate::node::plan::references::References;
use crate::node::plan::{Objects, Problem, spec};
use crate::node::volumes::{self, Prepared};

/// A container that has been launched.
pub(super) struct Run {
    pub(super) stop: watch::Sender<Option<Instant>>,
    pub(super) probing: Option<AbortHandle>,
}

/// The actor.
pub(super) struct Actor {
    pub(super) context: Arc<Context>,
    pub(super) api: Api<Pod>,
    pub(super) pod: Arc<Pod>,
    pub(super) wanted: watch::Receiver<Option<Arc<Pod>>>,
    pub(super) is_gone: bool,
    pub(super) dir: PodDir,
    pub(super) record: PodRecord,
    pub(super) lease: Lease,
    pub(super) machine: Machine,
    pub(super) runs: BTreeMap<usize, Run>,
    pub(super) references: References,
    pub(super) objects: Objects,
    pub(super) preparation: Preparation,
    pub(super) deletion: Option<(i64, Instant)>,
    pub(super) start_time: Timestamp,
    pub(super) statuses: watch::Sender<Option<PodStatus>>,
    pub(super) reporter: JoinHandle<()>,
    pub(super) tasks: JoinSet<()>,
    pub(super) news: mpsc::Sender<News>,
    pub(super) inbox: mpsc::Receiver<News>,
    pub(super) stop: watch::Receiver<Option<Instant>>,
    pub(super) running: Option<RunningGuard>,
}

/// How far the volumes are.
#[derive(Debug, Default)]
pub(super) struct Preparation {
    pub(super) done: Option<Prepared>,
    pub(super) is_running: bool,
    /// Something has changed since the last one began.
    pub(super) is_due: bool,
    /// When to do it again anyway.
    pub(super) again_at: Option<Instant>,
    pub(super) failures: u32,
}

impl Actor {
    /// The passes, until nothing is left to watch over.
    pub(super) async fn live(&mut self) {
        loop {
            let wake = self.pass().await;
            if self.machine.is_dead() && self.is_leaving() {
                return;
            }
            tokio::select! {
                Some(news) = self.inbox.recv() => self.hear(news),
                changed = self.wanted.changed() => {
                    if changed.is_err() {
                        // The node is going down; the processes stay.
                        return;
                    }
                }
                Ok(()) = self.stop.changed() => {}
                () = sleep_until(wake) => {}
            }
        }
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.is_gone || self.pod.metadata.deletion_timestamp.is_some()
    }

    async fn pass(&mut self) -> Option<Instant> {
        let now = Instant::now();
        self.look_at_wanted(now);
        self.look_at_stop(now);
        self.begin_preparation(now);
        let mut wake = self.preparation.again_at;
        if self.may_begin() || self.machine.is_stopping() {
            loop {
                let (actions, at) = self.machine.step(now);
                if actions.is_empty() {
                    wake = [wake, at].into_iter().flatten().min();
                    break;
                }
                for action in actions {
                    self.act(action, now);
                }
            }
        }
        self.publish();
        if self.machine.is_stopping() && self.machine.is_dead() && self.running.is_some() {
            self.rest().await;
        }
        wake
    }

    /// Not before the API says that the Pod is here: until then it deletes it at once, without a grace period.
    fn may_begin(&self) -> bool {
        self.preparation.done.is_some() && spec(&self.pod).node_name.is_some()
    }

    fn look_at_wanted(&mut self, now: Instant) {
        let latest = self.wanted.borrow_and_update().clone();
        match latest {
            None => {
                self.is_gone = true;
                self.machine.stop_by(now);
                return;
            }
            Some(pod) => {
                let metadata = (&pod.metadata.labels, &pod.metadata.annotations);
                if metadata != (&self.pod.metadata.labels, &self.pod.metadata.annotations) {
                    self.preparation.is_due = true;
                }
                self.pod = pod;
            }
        }
        if self.pod.metadata.deletion_timestamp.is_none() {
            return;
        }
        let grace = grace_seconds(&self.pod);
        let seen = self.deletion.is_some_and(|(known, _)| known == grace);
        if !seen {
            let deadline = now + seconds(grace);
            self.deletion = Some((grace, deadline));
            self.machine.stop_by(deadline);
        }
    }

    /// The node is asked to stop everything: remembers what it stops, so that the next node starts it again.
    fn look_at_stop(&mut self, now: Instant) {
        let Some(deadline) = *self.stop.borrow_and_update() else {
            return;
        };
        if self.machine.is_stopping() {
            return;
        }
        let alive = self.machine.slots.iter().filter(|slot| slot.is_alive());
        self.record.stopped = alive.map(|slot| slot.name.clone()).collect();
        if let Err(error) = self.dir.write_record(&self.record) {
            warn!(pod = %self.record.name, %error, "stop not recorded");
        }
        let grace = seconds(grace_seconds(&self.pod));
        self.machine.stop_by(deadline.min(now + grace));
    }

    fn begin_preparation(&mut self, now: Instant) {
        let preparation = &mut self.preparation;
        if preparation.again_at.is_some_and(|at| at <= now) {
            preparation.is_due = true;
        }
        if !preparation.is_due
            || preparation.is_running
            || self.machine.is_stopping()
            || !self.references.are_known(&self.objects)
        {
            return;
        }
        preparation.is_due = false;
        preparation.is_running = true;
        preparation.again_at = None;
        let prepare = volumes::prepare(
            Arc::clone(&self.context),
            Arc::clone(&self.pod),
            self.lease.address(),
            self.dir.clone(),
            self.objects.clone(),
            preparation.done.clone().unwrap_or_default(),
        );
        let news = self.news.clone();
        self.tasks.spawn(async move {
            let _ = news.send(News::Prepared(prepare.await)).await;
        });
    }

    fn act(&mut self, action: Action, now: Instant) {
        match action {
            Action::Start { index, attempt } => {
                if let Err(problem) = self.start(index, attempt) {
                    self.refuse(index, problem, now);
                }
            }
            Action::Stop { index, deadline } => {
                let name = &self.machine.slots[index].name;
                let text = format!("Stopping container {name}");
                let about = about(&self.pod, Some(name));
                self.context.events.normal(about, "Killing", text);
                self.order_stop(index, deadline);
            }
        }
    }

    pub(super) fn order_stop(&self, index: usize, deadline: Instant) {
        if let Some(run) = self.runs.get(&index) {
            run.stop.send_modify(|current| {
                *current = Some(current.map_or(deadline, |other| other.min(deadline)));
            });
        }
    }

    pub(super) fn refuse(&mut self, index: usize, problem: Problem, now: Instant) {
        let about = about(&self.pod, Some(&self.machine.slots[index].name));
        let message = problem.message.clone();
        self.context.events.warning(about, "Failed", message);
        self.machine.not_launched(index, problem, now);
    }

    /// Hands the status to the reporter if it has changed.
    fn publish(&self) {
        let written = self.statuses.borrow().clone();
        let before = status::merged(written.as_ref(), self.pod.status.as_ref());
        let inputs = status::Inputs {
            pod: &self.pod,
            machine: &self.machine,
            pod_ip: Some(self.lease.address()),
            host_ip: self.context.facts.address,
            start_time: self.start_time,
            is_leaving: self.is_leaving(),
            is_prepared: self.preparation.done.is_some(),
            image_id: &|image| self.context.image_id(image),
            now: Timestamp::now(),
        };
        let status = status::status(&inputs, before.as_ref());
        if written.as_ref() != Some(&status) {
            self.statuses.send_replace(Some(status));
        }
    }

    /// Everything has been stopped with the node: tells the API so, and lets the node go.
    async fn rest(&mut self) {
        let status = self.statuses.borrow().clone();
        if let Some(status) = status.filter(|_| !self.is_leaving()) {
            let written = report::write(&self.api, &self.pod, &status);
            let _ = tokio::time::timeout(Duration::from_secs(3), written).await;
        }
        self.running = None;
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

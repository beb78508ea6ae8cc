//! How an actor begins: from nothing, or with what an earlier node has left on this machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod};
use kube::{Api, ResourceExt};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::info;

use super::actor::{Actor, Preparation};
use super::machine::{HasProbes, Machine, RestartPolicy, Role, Slot};
use super::news::News;
use super::{Assignment, claim, pod_grace_seconds, report, seconds, watching};
use crate::node::container::Begin;
use crate::node::context::Context;
use crate::node::layout::PodRecord;
use crate::node::plan::probes::probes;
use crate::node::plan::references::References;
use crate::node::plan::{Objects, spec};
use crate::node::shim::spec::Exit;

impl Actor {
    /// Takes the Pod over: from nothing, or from an earlier node.
    pub(super) async fn begin(
        context: Arc<Context>,
        assignment: &mut Assignment,
    ) -> Result<Self, String> {
        let latest = assignment.wanted.borrow_and_update().clone();
        let pod = latest.unwrap_or_else(|| Arc::clone(&assignment.pod));
        let uid = pod.uid().unwrap_or_default();
        let dir = context.pod_dir(&uid);
        let found = dir.read_record().map_err(|error| error.to_string())?;
        if let Some(other) = found.as_ref().filter(|found| found.uid != uid) {
            return Err(format!(
                "the folder {} still belongs to the pod {}",
                dir.path(),
                other.name
            ));
        }
        let before = found.as_ref().map(|found| found.ip);
        let lease = assignment
            .lease
            .take()
            .or_else(|| context.addresses.keep(before?, &uid))
            .or_else(|| context.addresses.allocate(&uid))
            .ok_or("no free pod address is left")?;
        let record = PodRecord {
            namespace: pod.namespace().unwrap_or_default(),
            name: pod.name_any(),
            ip: lease.address(),
            stopped: found.map(|found| found.stopped).unwrap_or_default(),
            uid,
        };
        dir.create()
            .and_then(|()| dir.write_record(&record))
            .map_err(|error| format!("the folder {}: {error}", dir.path()))?;
        let api = Api::namespaced(context.client.clone(), &record.namespace);
        let (news, inbox) = mpsc::channel(64);
        let (statuses, to_write) = watch::channel(None);
        let reporter = report::write_all(api.clone(), (*pod).clone(), to_write);
        let mut actor = Self {
            api,
            wanted: assignment.wanted.clone(),
            is_gone: false,
            machine: Machine::new(
                RestartPolicy::of(spec(&pod).restart_policy.as_deref()),
                slots(&pod),
                seconds(pod_grace_seconds(&pod)),
            ),
            runs: BTreeMap::new(),
            references: References::of(&pod),
            objects: Objects::default(),
            preparation: Preparation {
                is_due: true,
                ..Preparation::default()
            },
            deletion: None,
            start_time: start_time(&pod),
            statuses,
            reporter: tokio::spawn(reporter),
            tasks: JoinSet::new(),
            news,
            inbox,
            stop: context.handle.stop_requests(),
            running: Some(context.handle.count_running()),
            context,
            pod,
            dir,
            record,
            lease,
        };
        actor.recover().await;
        actor.announce();
        Ok(actor)
    }

    /// Finds out what earlier nodes have left of each container.
    async fn recover(&mut self) {
        for index in 0..self.machine.slots.len() {
            let name = self.machine.slots[index].name.clone();
            let Some(number) = self.dir.last_attempt(&name) else {
                if let Some(exit) = end_in_api(&self.pod, &name) {
                    self.machine.ended(index, exit, Instant::now());
                }
                continue;
            };
            self.machine.launched(index, number);
            let attempt = self.attempt(index, number);
            self.machine.slots[index].last_end = number.checked_sub(1).and_then(|previous| {
                let earlier = self.attempt(index, previous);
                earlier.find_end()
            });
            if let Some(started) = attempt.find_running() {
                info!(pod = %self.record.name, container = name, "container adopted");
                let has = probes(&self.container(index)).unwrap_or_default();
                let has = HasProbes::of(&has);
                let since = started.started_at;
                let known = standing_in_api(&self.pod, &name, since);
                let (passed, ready) = known.unwrap_or((false, false));
                let passed = passed || !has.startup;
                let ready = ready || (passed && !has.readiness);
                self.machine.adopted(index, since, passed, ready);
                self.spawn_attempt(index, attempt, Begin::Adopt(started));
                continue;
            }
            let exit = match attempt.find_end() {
                Some(exit) => exit,
                None => attempt.bury().await,
            };
            if self.record.stopped.contains(&name) {
                self.machine.slots[index].last_end = Some(exit);
            } else {
                let now = Instant::now();
                self.machine.ended(index, exit, now);
            }
        }
        if !self.record.stopped.is_empty() {
            self.record.stopped.clear();
            let _ = self.dir.write_record(&self.record);
        }
    }

    fn announce(&mut self) {
        let containers = self.machine.slots.iter().map(|slot| slot.name.clone());
        let (namespace, name) = (&self.record.namespace, &self.record.name);
        self.context
            .handle
            .add(namespace, name, self.dir.clone(), containers.collect());
        if spec(&self.pod).node_name.is_none() {
            self.tasks.spawn(claim::claim(
                Arc::clone(&self.context),
                self.api.clone(),
                Arc::clone(&self.pod),
            ));
        }
        self.watch_references();
    }

    fn watch_references(&mut self) {
        let References {
            config_maps,
            secrets,
            claims,
        } = self.references.clone();
        let namespace = self.record.namespace.as_str();
        let client = &self.context.client;
        for name in config_maps {
            let api = Api::namespaced(client.clone(), namespace);
            self.tasks.spawn(watching::follow(
                api,
                name,
                News::ConfigMap,
                self.news.clone(),
            ));
        }
        for name in secrets {
            let api = Api::namespaced(client.clone(), namespace);
            self.tasks
                .spawn(watching::follow(api, name, News::Secret, self.news.clone()));
        }
        for name in claims {
            let api = Api::namespaced(client.clone(), namespace);
            self.tasks
                .spawn(watching::follow(api, name, News::Claim, self.news.clone()));
        }
    }
}

fn slots(pod: &Pod) -> Vec<Slot> {
    let spec = spec(pod);
    let slot = |container: &Container, is_init: bool| {
        let word = container.restart_policy.as_deref();
        let policy = word.map(|word| RestartPolicy::of(Some(word)));
        let role = match (is_init, policy) {
            (true, Some(RestartPolicy::Always)) => Role::Sidecar,
            (true, _) => Role::Init,
            (false, _) => Role::Main,
        };
        Slot::new(&container.name, role, policy, "ContainerCreating")
    };
    let init = spec.init_containers.iter().flatten();
    let init = init.map(|container| slot(container, true));
    let main = spec
        .containers
        .iter()
        .map(|container| slot(container, false));
    init.chain(main).collect()
}

fn start_time(pod: &Pod) -> Timestamp {
    let written = pod
        .status
        .as_ref()
        .and_then(|status| status.start_time.as_ref());
    written.map_or_else(Timestamp::now, |time| time.0)
}

/// What the API holds of a container that was already running: a new node does not make it unready.
fn standing_in_api(pod: &Pod, name: &str, since: Timestamp) -> Option<(bool, bool)> {
    let status = pod.status.as_ref()?;
    let init = status.init_container_statuses.iter().flatten();
    let mut all = init.chain(status.container_statuses.iter().flatten());
    let found = all.find(|status| status.name == name)?;
    let running = found.state.as_ref()?.running.as_ref()?;
    // The API keeps whole seconds.
    let same = running.started_at.as_ref()?.0.as_second() == since.as_second();
    same.then_some((found.started == Some(true), found.ready))
}

/// How a container of a Pod that is over has ended, when this machine has lost its trace: the Pod is not run again.
fn end_in_api(pod: &Pod, name: &str) -> Option<Exit> {
    let status = pod.status.as_ref()?;
    let phase = status.phase.as_deref()?;
    if !matches!(phase, "Succeeded" | "Failed") {
        return None;
    }
    let init = status.init_container_statuses.iter().flatten();
    let mut all = init.chain(status.container_statuses.iter().flatten());
    let state = all.find(|status| status.name == name)?.state.clone()?;
    let end = state.terminated?;
    Some(Exit {
        exit_code: end.exit_code,
        signal: end.signal,
        reason: end.reason,
        message: end.message,
        started_at: end.started_at.map(|time| time.0),
        finished_at: end.finished_at.map_or_else(Timestamp::now, |time| time.0),
    })
}

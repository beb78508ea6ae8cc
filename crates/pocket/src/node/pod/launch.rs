//! How an actor starts a container: plans it and hands it to a task of its own.

use k8s_openapi::api::core::v1::Container;
use tokio::sync::{mpsc, watch};

use super::about;
use super::actor::{Actor, Run};
use super::news::News;
use crate::node::check::Target;
use crate::node::container::{Attempt, Begin};
use crate::node::plan::probes::{post_start, pre_stop, probes};
use crate::node::plan::{self, PodFacts, Problem, spec};
use crate::node::program::find_program;
use crate::node::shim::spec::Spec;

impl Actor {
    pub(super) fn start(&mut self, index: usize, number: u32) -> Result<(), Problem> {
        let container = self.container(index);
        let image = container.image.clone().unwrap_or_default();
        let component = self.context.component(&image)?;
        let prepared = self.preparation.done.as_ref();
        let root = self.dir.root();
        let facts = PodFacts {
            pod: &self.pod,
            ip: self.lease.address(),
            root: root.clone(),
            kubeconfig: prepared.and_then(|prepared| prepared.kubeconfig.clone()),
            node: &self.context.facts,
        };
        let plan = plan::container(&facts, &container, &component, &self.objects)?;
        probes(&container)?;
        post_start(&container)?;
        pre_stop(&container)?;
        let program = find_program(&plan.argv[0], &plan.path, &plan.working_dir)
            .ok_or_else(|| missing_program(&plan.argv[0], &image))?;
        let spec = Spec {
            mark: String::new(),
            program,
            argv: plan.argv,
            env: plan.env,
            working_dir: plan.working_dir,
            directories: vec![root.join("home"), root.join("tmp")],
            links: prepared
                .map(|prepared| prepared.links.clone())
                .unwrap_or_default(),
            log: self.dir.log(&container.name, number),
            stdin: container.stdin == Some(true),
            stdin_once: container.stdin_once == Some(true),
            terminal: container.tty == Some(true),
        };
        let attempt = self.attempt(index, number);
        self.spawn_attempt(index, attempt, Begin::Launch(Box::new(spec)));
        self.machine.launched(index, number);
        let about = about(&self.pod, Some(&container.name));
        let text = format!("Started container {}", container.name);
        self.context.events.normal(about, "Started", text);
        Ok(())
    }

    pub(super) fn spawn_attempt(&mut self, index: usize, attempt: Attempt, begin: Begin) {
        let (stop, stop_signal) = watch::channel(None);
        let run = Run {
            stop,
            probing: None,
        };
        self.runs.insert(index, run);
        let news = self.news.clone();
        let number = attempt.number;
        self.tasks.spawn(async move {
            let (sender, mut receiver) = mpsc::channel(4);
            let forward = async {
                while let Some(progress) = receiver.recv().await {
                    let _ = news.send(News::Progress(index, number, progress)).await;
                }
            };
            tokio::join!(attempt.run(begin, stop_signal, sender), forward);
        });
    }

    pub(super) fn attempt(&self, index: usize, number: u32) -> Attempt {
        let container = self.container(index);
        let mut target = self.target(index);
        target.attempt = self.dir.attempt(&container.name, number);
        Attempt {
            dir: self.dir.clone(),
            pod_uid: self.record.uid.clone(),
            pre_stop: pre_stop(&container).ok().flatten(),
            container: container.name,
            number,
            uid: self.context.uid,
            program: self.context.program.clone(),
            target,
        }
    }

    pub(super) fn target(&self, index: usize) -> Target {
        let slot = &self.machine.slots[index];
        Target {
            ip: self.lease.address(),
            attempt: self
                .dir
                .attempt(&slot.name, slot.attempt.unwrap_or_default()),
            user: self.context.user.clone(),
        }
    }

    pub(super) fn container(&self, index: usize) -> Container {
        let slot = &self.machine.slots[index];
        let spec = spec(&self.pod);
        let init = spec
            .init_containers
            .iter()
            .flatten()
            .filter(|_| slot.is_init());
        let main = spec.containers.iter().filter(|_| !slot.is_init());
        let mut all = init.chain(main);
        all.find(|container| container.name == slot.name)
            .cloned()
            .unwrap_or_default()
    }
}

fn missing_program(name: &str, image: &str) -> Problem {
    Problem {
        reason: "RunContainerError",
        message: format!(
            "exec: {name:?}: executable file not found in the PATH of image {image:?}"
        ),
    }
}

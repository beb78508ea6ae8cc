//! Brings Pods and their actors together, and clears away what Pods of the past have left.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::addresses::Lease;
use super::context::Context;
use super::layout::PodDir;
use super::plan::spec;
use super::pod::{self, Assignment};
use super::procfs;

/// Runs until it is told to stop; the processes of Pods go on.
pub(super) async fn run(context: Arc<Context>, shutdown: CancellationToken) {
    let mut dispatcher = Dispatcher::new(context);
    let api: Api<Pod> = Api::all(dispatcher.context.client.clone());
    let mut changes = pin!(watcher(api, watcher::Config::default()).default_backoff());
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            Some(change) = changes.next() => match change {
                Ok(event) => dispatcher.hear(event),
                Err(error) => debug!(%error, "watch of pods interrupted"),
            },
            Some(ended) = dispatcher.actors.join_next_with_id() => dispatcher.bury(ended),
        }
    }
}

struct Dispatcher {
    context: Arc<Context>,
    /// By uid.
    pods: HashMap<String, Known>,
    actors: JoinSet<()>,
    uids: HashMap<Id, String>,
    /// What earlier nodes have left, by uid, until the API has said which of it is still wanted.
    leftovers: Option<Leftovers>,
    /// Uids seen since the list began; the others are gone at its end.
    listing: BTreeSet<String>,
}

struct Known {
    wanted: watch::Sender<Option<Arc<Pod>>>,
    latest: Option<Arc<Pod>>,
}

#[derive(Default)]
struct Leftovers {
    leases: BTreeMap<String, Lease>,
    dirs: Vec<(PodDir, Option<Identity>)>,
}

struct Identity {
    uid: String,
    namespace: String,
    name: String,
}

impl Dispatcher {
    fn new(context: Arc<Context>) -> Self {
        Self {
            leftovers: Some(find_leftovers(&context)),
            context,
            pods: HashMap::new(),
            actors: JoinSet::new(),
            uids: HashMap::new(),
            listing: BTreeSet::new(),
        }
    }

    fn hear(&mut self, event: Event<Pod>) {
        match event {
            Event::Init => self.listing.clear(),
            Event::InitApply(pod) => {
                self.listing.extend(pod.uid());
                self.apply(Arc::new(pod));
            }
            Event::InitDone => {
                let gone = |uid: &&String| !self.listing.contains(*uid);
                let gone: Vec<_> = self.pods.keys().filter(gone).cloned().collect();
                for uid in gone {
                    self.remove(&uid);
                }
                if let Some(leftovers) = self.leftovers.take() {
                    self.clear(leftovers);
                }
            }
            Event::Apply(pod) => self.apply(Arc::new(pod)),
            Event::Delete(pod) => self.remove(&pod.uid().unwrap_or_default()),
        }
    }

    fn apply(&mut self, pod: Arc<Pod>) {
        let is_ours = spec(&pod)
            .node_name
            .as_ref()
            .is_none_or(|name| *name == self.context.facts.name);
        let Some(uid) = pod.uid().filter(|_| is_ours) else {
            return;
        };
        match self.pods.get_mut(&uid) {
            Some(known) => {
                known.latest = Some(Arc::clone(&pod));
                known.wanted.send_replace(Some(pod));
            }
            None => self.begin(uid, pod, Duration::ZERO),
        }
    }

    fn begin(&mut self, uid: String, pod: Arc<Pod>, delay: Duration) {
        let (sender, wanted) = watch::channel(Some(Arc::clone(&pod)));
        let lease = self
            .leftovers
            .as_mut()
            .and_then(|leftovers| leftovers.leases.remove(&uid));
        let assignment = Assignment {
            pod: Arc::clone(&pod),
            wanted,
            lease,
        };
        let context = Arc::clone(&self.context);
        let actor = self.actors.spawn(async move {
            tokio::time::sleep(delay).await;
            pod::run(context, assignment).await;
        });
        self.uids.insert(actor.id(), uid.clone());
        let known = Known {
            wanted: sender,
            latest: Some(pod),
        };
        self.pods.insert(uid, known);
    }

    fn remove(&mut self, uid: &str) {
        if let Some(known) = self.pods.get_mut(uid) {
            known.latest = None;
            known.wanted.send_replace(None);
        }
    }

    fn bury(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        let Some(uid) = self.uids.remove(&id) else {
            return;
        };
        let known = self.pods.remove(&uid);
        if let Err(panic) = ended
            && let Some(pod) = known.and_then(|known| known.latest)
        {
            error!(pod = %pod.name_any(), error = %panic, "pod actor has ended abnormally, starting it again");
            self.begin(uid, pod, Duration::from_secs(1));
        }
    }

    /// Removes the folders, and kills the processes, of Pods that left the API while no node was there.
    fn clear(&mut self, leftovers: Leftovers) {
        let wanted: BTreeSet<_> = self
            .pods
            .keys()
            .map(|uid| self.context.pod_dir(uid).path().to_owned())
            .collect();
        let mut leases = leftovers.leases;
        for (dir, identity) in leftovers.dirs {
            if wanted.contains(dir.path()) {
                continue;
            }
            let lease = identity
                .as_ref()
                .and_then(|found| leases.remove(&found.uid));
            let context = Arc::clone(&self.context);
            self.actors.spawn(clear(context, dir, identity, lease));
        }
    }
}

async fn clear(
    context: Arc<Context>,
    dir: PodDir,
    identity: Option<Identity>,
    lease: Option<Lease>,
) {
    info!(folder = %dir.path(), "clearing what a pod of the past has left");
    let guard = match &identity {
        Some(found) => Some(context.take_name(&found.namespace, &found.name).await),
        None => None,
    };
    if let Some(found) = &identity {
        let mark = format!("{}/", found.uid);
        let patience = Duration::from_secs(10);
        while let Err(pids) = procfs::kill_marked(mark.clone(), context.uid, patience).await {
            warn!(?pids, "processes survive SIGKILL");
        }
    }
    let removed = tokio::task::spawn_blocking(move || dir.remove()).await;
    if let Ok(Err(error)) = removed {
        warn!(%error, "folder of a past pod not removed");
    }
    drop((lease, guard));
}

fn find_leftovers(context: &Context) -> Leftovers {
    let mut found = Leftovers::default();
    for dir in context.all_pod_dirs().unwrap_or_default() {
        let record = dir.read_record().unwrap_or_default();
        let identity = record.map(|record| {
            if let Some(lease) = context.addresses.keep(record.ip, &record.uid) {
                found.leases.insert(record.uid.clone(), lease);
            }
            Identity {
                uid: record.uid,
                namespace: record.namespace,
                name: record.name,
            }
        });
        found.dirs.push((dir, identity));
    }
    found
}

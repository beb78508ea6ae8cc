//! One metadata watch for every kind that the API serves, kinds of new CRDs included.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DynamicObject};
use kube::core::PartialObjectMeta;
use kube::discovery::{Discovery, verbs};
use kube::runtime::watcher::{Config, Event};
use kube::runtime::{WatchStreamExt, watcher as watch_objects};
use kube::{Api, Client};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::graph::{Node, Uid};

/// Kinds that own nothing, are owned by nothing and change often.
const IGNORED: [&str; 1] = ["Event"];
/// Pause before discovery is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// What a watch tells.
#[derive(Debug)]
pub(super) enum Change {
    /// An object exists like this.
    Applied(Box<Node>),
    /// An object is gone.
    Deleted(Uid),
    /// A kind was listed anew: only these exist.
    Listed {
        kind: Arc<ApiResource>,
        present: BTreeSet<Uid>,
    },
    /// Every kind of these was listed once.
    Synced(Vec<Arc<ApiResource>>),
}

/// The running watches.
pub(super) struct Watches {
    changes: mpsc::Receiver<Change>,
}

impl Watches {
    pub(super) fn start(client: Client, shutdown: CancellationToken) -> Self {
        let (sender, changes) = mpsc::channel(64);
        let keeper = Keeper {
            client,
            sender,
            shutdown,
            running: BTreeMap::new(),
        };
        tokio::spawn(keeper.run());
        Self { changes }
    }

    pub(super) async fn next(&mut self) -> Option<Change> {
        self.changes.recv().await
    }

    pub(super) fn try_next(&mut self) -> Option<Change> {
        self.changes.try_recv().ok()
    }
}

/// Keeps one watch running for each kind.
struct Keeper {
    client: Client,
    sender: mpsc::Sender<Change>,
    shutdown: CancellationToken,
    running: BTreeMap<String, (Arc<ApiResource>, CancellationToken)>,
}

impl Keeper {
    async fn run(mut self) {
        let definitions =
            Api::<PartialObjectMeta<CustomResourceDefinition>>::all(self.client.clone());
        let mut definitions = watch_objects(definitions, Config::default())
            .default_backoff()
            .boxed();
        loop {
            let event = tokio::select! {
                () = self.shutdown.cancelled() => return,
                event = definitions.next() => event,
            };
            match event {
                Some(Ok(Event::InitDone | Event::Apply(_) | Event::Delete(_))) => {
                    self.adjust().await
                }
                Some(_) => {}
                None => return,
            }
        }
    }

    /// Starts the watches that are missing and ends those whose kind is gone.
    async fn adjust(&mut self) {
        let kinds = loop {
            match self.kinds().await {
                Ok(kinds) => break kinds,
                Err(error) => tracing::debug!(%error, "discovery is tried again"),
            }
            tokio::select! {
                () = self.shutdown.cancelled() => return,
                () = tokio::time::sleep(RETRY) => {}
            }
        };
        self.running.retain(|key, (_, stop)| {
            let served = kinds.contains_key(key);
            if !served {
                stop.cancel();
            }
            served
        });
        let mut listed = Vec::new();
        for (key, kind) in kinds {
            if !self.running.contains_key(&key) {
                let stop = self.shutdown.child_token();
                let (done, first_list) = tokio::sync::oneshot::channel();
                let watched = watch(self.client.clone(), kind.clone(), self.sender.clone(), done);
                let stopped = stop.clone();
                tokio::spawn(async move { stopped.run_until_cancelled(watched).await });
                self.running.insert(key, (kind, stop));
                listed.push(first_list);
            }
        }
        futures::future::join_all(listed).await;
        let resources = self
            .running
            .values()
            .map(|(kind, _)| kind.clone())
            .collect();
        let _receiver_gone = self.sender.send(Change::Synced(resources)).await;
    }

    async fn kinds(&self) -> kube::Result<BTreeMap<String, Arc<ApiResource>>> {
        let discovery = Discovery::new(self.client.clone()).run().await?;
        let mut kinds = BTreeMap::new();
        for group in discovery.groups() {
            for (resource, capabilities) in group.recommended_resources() {
                let needed = [verbs::LIST, verbs::WATCH, verbs::DELETE];
                let watched = needed
                    .iter()
                    .all(|verb| capabilities.supports_operation(verb));
                if watched && !IGNORED.contains(&resource.kind.as_str()) {
                    let key = format!("{}/{}", resource.api_version, resource.plural);
                    kinds.insert(key, Arc::new(resource));
                }
            }
        }
        Ok(kinds)
    }
}

async fn watch(
    client: Client,
    kind: Arc<ApiResource>,
    sender: mpsc::Sender<Change>,
    done: tokio::sync::oneshot::Sender<()>,
) {
    let api = Api::<PartialObjectMeta<DynamicObject>>::all_with(client, &kind);
    let mut events = watch_objects(api, Config::default())
        .default_backoff()
        .boxed();
    let mut done = Some(done);
    let mut present = BTreeSet::new();
    while let Some(event) = events.next().await {
        let change = match event {
            Ok(Event::Init) => {
                present.clear();
                continue;
            }
            Ok(Event::InitApply(object)) => Node::of(&kind, object.metadata).map(|node| {
                present.insert(node.uid.clone());
                Change::Applied(Box::new(node))
            }),
            Ok(Event::InitDone) => Some(Change::Listed {
                kind: kind.clone(),
                present: std::mem::take(&mut present),
            }),
            Ok(Event::Apply(object)) => {
                Node::of(&kind, object.metadata).map(|node| Change::Applied(Box::new(node)))
            }
            Ok(Event::Delete(object)) => object.metadata.uid.map(|uid| Change::Deleted(uid.into())),
            Err(error) => {
                tracing::debug!(kind = kind.kind, %error, "watch is tried again");
                continue;
            }
        };
        let listed = matches!(change, Some(Change::Listed { .. }));
        if let Some(change) = change
            && sender.send(change).await.is_err()
        {
            return;
        }
        if listed && let Some(done) = done.take() {
            let _nobody_waits = done.send(());
        }
    }
}

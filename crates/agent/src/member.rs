//! What the agent's tasks share.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use howdah_ha::machine::{Data, Member as Number, PgView, Read, Settings, Source};
use howdah_postgres::{Configuration, Instance, Postmaster, Session, Synchronous, Upstream};
use howdah_types::InstanceName;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Patch, PatchParams};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;

use crate::args::Config;
use crate::cluster::{self, Cluster, MANAGER, call};
use crate::mounted::Mounted;
use crate::peers::{Peer, Peers};
use crate::pooler::Hints;
use crate::view::View;
use crate::{clock, ids, lease, peers};

/// How long an action waits for something that the API is about to tell.
const API: Duration = Duration::from_secs(5);

/// How long a member whose commits hung leaves the epoch to others.
const HUNG: Duration = Duration::from_secs(10);

/// What the driver is told.
pub(crate) enum Input {
    /// Postgres was looked at.
    Observed(PgView),
    /// A watch showed the control record.
    Watched(Read),
    /// A call about the control record ended.
    Api(lease::Ended),
    /// The cluster's members, or how it replicates, may have changed.
    Settings(Settings),
    /// The process of another member ended.
    Gone(Number),
    /// What a standby cluster streams from was asked.
    Source(Option<Source>),
    /// People want this copy to be replaced.
    Reinitialise,
    /// A postmaster ended.
    Ended { pid: i32, status: ExitStatus },
    /// The Pod is being terminated.
    Stop,
}

/// A postmaster that runs.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    pub(crate) postmaster: Postmaster,
    /// True if it was started writable, or was promoted.
    pub(crate) writable: bool,
}

/// What Postgres shall be configured for, besides what is mounted.
#[derive(Debug, Clone)]
pub(crate) struct Desired {
    /// Whom to receive from.
    pub(crate) upstream: Option<Feed>,
    /// Who acknowledges.
    pub(crate) synchronous: Synchronous,
    /// True if clients are let in.
    pub(crate) admits: bool,
}

/// Whom a standby receives from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feed {
    /// Another member.
    Member(InstanceName),
    /// The source of a standby cluster.
    Source,
}

impl std::fmt::Display for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Member(name) => name.fmt(f),
            Self::Source => f.write_str("the source"),
        }
    }
}

/// Where the source of a standby cluster is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// Whom to receive from is known, and where that is, is not.
#[derive(Debug, thiserror::Error)]
#[error("{0} has no address")]
pub struct NoAddress(pub(crate) Feed);

/// This member of the cluster.
pub(crate) struct Member {
    pub(crate) config: Config,
    pub(crate) instance: Instance,
    pub(crate) cluster: Cluster,
    /// To the driver.
    pub(crate) inputs: mpsc::UnboundedSender<Input>,
    pub(crate) mounted: watch::Sender<Arc<Mounted>>,
    pub(crate) peers: watch::Sender<Peers>,
    pub(crate) view: watch::Sender<View>,
    /// Where the source of a standby cluster is; none for an ordinary cluster, or as long as that is not known.
    pub(crate) source: watch::Sender<Option<Place>>,
    /// Held while files of the volume change. A stop does not need it.
    pub(crate) volume: tokio::sync::Mutex<()>,
    /// Makes the keeper look at once.
    pub(crate) look: Notify,
    /// Makes the observer look at once.
    pub(crate) observe: Notify,
    /// To the task that tends the pooler.
    pub(crate) pooler: Hints,
    known: Mutex<Known>,
    /// What a job left to the next, with the postmaster that it is with.
    session: Mutex<Option<(i32, Session)>>,
    unsettled: AtomicBool,
    /// True once the API told the Pods since this agent started.
    told: AtomicBool,
    beat: Mutex<Instant>,
}

/// What is known of Postgres and the API.
struct Known {
    running: Option<Running>,
    desired: Desired,
    /// The rule for commits that is in force for certain; none while it changes, or where a change failed.
    rule: Option<Synchronous>,
    data: Data,
    open: bool,
    /// False after a disk that did not answer in time.
    writes: bool,
    /// When commits of the last primary here were seen to hang.
    hung: Option<Instant>,
    /// False without a guard that would end this member's authority.
    guarded: bool,
    /// False after an upstream that no longer has the WAL.
    fed: bool,
    lease: Option<Lease>,
}

impl Member {
    pub(crate) fn new(
        config: Config,
        instance: Instance,
        cluster: Cluster,
        inputs: mpsc::UnboundedSender<Input>,
        mounted: Mounted,
    ) -> Self {
        Self {
            config,
            instance,
            cluster,
            inputs,
            mounted: watch::Sender::new(Arc::new(mounted)),
            peers: watch::Sender::new(None),
            view: watch::Sender::new(View::new()),
            source: watch::Sender::new(None),
            volume: tokio::sync::Mutex::new(()),
            look: Notify::new(),
            observe: Notify::new(),
            pooler: Hints::default(),
            known: Mutex::new(Known {
                running: None,
                desired: Desired {
                    upstream: None,
                    synchronous: Synchronous::none(),
                    admits: false,
                },
                rule: None,
                data: Data::Unknown,
                open: false,
                writes: true,
                hung: None,
                guarded: true,
                fed: true,
                lease: None,
            }),
            session: Mutex::new(None),
            unsettled: AtomicBool::new(true),
            told: AtomicBool::new(false),
            beat: Mutex::new(Instant::now()),
        }
    }

    /// The driver is alive.
    pub(crate) fn beat(&self) {
        *self.beat.lock() = Instant::now();
    }

    pub(crate) fn last_beat(&self) -> Instant {
        *self.beat.lock()
    }

    /// Tells the driver. It is gone only when the agent ends.
    pub(crate) fn tell(&self, input: Input) {
        let _ = self.inputs.send(input);
    }

    /// The postmaster that runs.
    pub(crate) fn running(&self) -> Option<Running> {
        let running = self.known.lock().running.clone();
        running.filter(|running| running.postmaster.ended().is_none())
    }

    /// Takes note of a new postmaster, and has the driver told of its end.
    pub(crate) fn set_running(self: &Arc<Self>, running: Running) {
        let postmaster = running.postmaster.clone();
        {
            let mut known = self.known.lock();
            known.running = Some(running);
            known.rule = Some(known.desired.synchronous.clone());
            known.open = false;
            known.fed = true;
        }
        let member = Arc::clone(self);
        tokio::spawn(async move {
            let status = postmaster.wait().await;
            member.tell(Input::Ended {
                pid: postmaster.pid(),
                status,
            });
        });
        self.look.notify_one();
    }

    /// Takes note that the running standby was promoted.
    pub(crate) fn set_writable(&self) {
        if let Some(running) = &mut self.known.lock().running {
            running.writable = true;
        }
        self.look.notify_one();
    }

    /// Changes the rule for commits that Postgres shall be configured for; gives the one that was in force for certain.
    /// Until the change is known to be in force, nothing is certain.
    pub(crate) fn desire_rule(&self, rule: Synchronous) -> Option<Synchronous> {
        let mut known = self.known.lock();
        known.desired.synchronous = rule;
        known.rule.take()
    }

    /// Takes note of the rule for commits that is in force.
    pub(crate) fn rule_in_force(&self, rule: Synchronous) {
        self.known.lock().rule = Some(rule);
    }

    /// Takes note that clients are let in.
    pub(crate) fn set_open(&self) {
        self.known.lock().open = true;
        self.pooler.look();
    }

    /// True if clients are let in.
    pub(crate) fn is_open(&self) -> bool {
        self.known.lock().open
    }

    /// Forgets a postmaster that ended; tells whether it was the current one.
    pub(crate) fn forget(&self, pid: i32) -> bool {
        let mut known = self.known.lock();
        let current = known
            .running
            .as_ref()
            .is_some_and(|running| running.postmaster.pid() == pid);
        if current {
            known.running = None;
            known.open = false;
        }
        drop(known);
        self.pooler.ended();
        current
    }

    /// Changes what Postgres shall be configured for.
    pub(crate) fn desire(&self, change: impl FnOnce(&mut Desired)) {
        let mut known = self.known.lock();
        let before = known.desired.upstream.clone();
        change(&mut known.desired);
        if known.desired.upstream != before {
            known.fed = true;
        }
    }

    /// Whom to receive from, by name.
    pub(crate) fn feed(&self) -> Option<Feed> {
        self.known.lock().desired.upstream.clone()
    }

    /// Whom to receive from.
    pub(crate) fn upstream(&self) -> Option<Number> {
        match self.feed()? {
            Feed::Member(name) => ids::number(&name),
            Feed::Source => Some(Number::SOURCE),
        }
    }

    /// The number of the machine, by name.
    pub(crate) fn feed_of(&self, number: Number) -> Feed {
        if number == Number::SOURCE {
            Feed::Source
        } else {
            Feed::Member(ids::name(&self.cluster.name, number))
        }
    }

    /// How to get into that Postgres, if it is known where it is.
    pub(crate) fn reach(&self, feed: &Feed) -> Option<Upstream> {
        match feed {
            Feed::Member(name) => Some(self.upstream_at(self.address(name)?)),
            Feed::Source => {
                let place = self.source.borrow().clone()?;
                let credentials = self.mounted.borrow().credentials.clone();
                Some(Upstream {
                    host: place.host,
                    port: place.port,
                    user: credentials.replication.name,
                    password: credentials.replication.password,
                    outside: Some(credentials.superuser),
                })
            }
        }
    }

    /// The same, waited for a little.
    pub(crate) async fn await_feed(&self, feed: &Feed) -> Result<Upstream, NoAddress> {
        match feed {
            Feed::Member(name) => self.await_address(name).await,
            Feed::Source => {
                let mut source = self.source.subscribe();
                let known = source.wait_for(Option::is_some);
                // Whether time was up shows below.
                let _ = tokio::time::timeout(API, known).await;
            }
        }
        self.reach(feed).ok_or_else(|| NoAddress(feed.clone()))
    }

    /// True once the API told the Pods: what was remembered may be out of date.
    pub(crate) fn knows_pods(&self) -> bool {
        self.told.load(Ordering::Relaxed)
    }

    pub(crate) fn told_pods(&self) {
        self.told.store(true, Ordering::Relaxed);
    }

    pub(crate) fn set_data(&self, data: Data) {
        self.known.lock().data = data;
    }

    pub(crate) fn set_writes(&self, writes: bool) {
        self.known.lock().writes = writes;
    }

    /// Commits did not reach the disk. For a while this member takes no part in elections: a server that
    /// is made anew on what does not work would only hang again.
    pub(crate) fn commits_hang(&self) {
        self.known.lock().hung = Some(Instant::now());
    }

    pub(crate) fn set_guarded(&self, guarded: bool) {
        self.known.lock().guarded = guarded;
    }

    /// The upstream no longer has the WAL that this copy needs.
    pub(crate) fn starves(&self) {
        self.known.lock().fed = false;
    }

    /// Postgres as it is when it does not run.
    pub(crate) fn stopped(&self) -> PgView {
        let known = self.known.lock();
        let hung = known.hung.is_some_and(|at| at.elapsed() < HUNG);
        PgView {
            data: known.data,
            writes: known.writes && known.guarded && !hung,
            fed: known.fed,
            taken: clock::now(),
            ..PgView::unknown()
        }
    }

    /// True if Postgres is about to become something else.
    pub(crate) fn is_unsettled(&self) -> bool {
        self.unsettled.load(Ordering::Relaxed)
    }

    pub(crate) fn set_unsettled(&self, unsettled: bool) {
        if self.unsettled.swap(unsettled, Ordering::Relaxed) == unsettled {
            return;
        }
        if unsettled {
            self.observe.notify_one();
        } else {
            *self.session.lock() = None;
        }
    }

    /// The session that the last job left, if it is still one with that postmaster.
    pub(crate) fn take_session(&self, pid: i32) -> Option<Session> {
        let (of, session) = self.session.lock().take()?;
        (of == pid && !session.is_closed()).then_some(session)
    }

    /// Leaves a session to the next job, as long as there will soon be one: it is one of few that Postgres
    /// reserves.
    pub(crate) fn keep_session(&self, pid: i32, session: Session) {
        let mut kept = self.session.lock();
        // Asked under the lock: what settles meanwhile closes the session after this.
        if self.is_unsettled() {
            *kept = Some((pid, session));
        }
    }

    /// The control record's Lease as it was seen last.
    pub(crate) fn known_lease(&self) -> Option<Lease> {
        self.known.lock().lease.clone()
    }

    pub(crate) fn seen_lease(&self, lease: Option<Lease>) {
        self.known.lock().lease = lease;
    }

    /// Changes the view; whoever watches it is woken if the change tells that it is one.
    pub(crate) fn show(&self, change: impl FnOnce(&mut View)) {
        self.view.send_modify(change);
    }

    /// This member's own Pod, if the API still has it.
    pub(crate) fn own_pod(&self) -> Option<Peer> {
        let peers = self.peers.borrow();
        let own = peers.as_ref()?.get(&self.config.instance)?;
        (own.uid == self.config.pod_uid).then(|| own.clone())
    }

    /// The same, waited for a little: right after the start nothing came from the API yet.
    pub(crate) async fn await_own_pod(&self) -> Option<Peer> {
        let (name, uid) = (&self.config.instance, &self.config.pod_uid);
        self.await_peers(|peers| peers.get(name).is_some_and(|peer| peer.uid == *uid))
            .await;
        self.own_pod()
    }

    /// Changes annotations and labels of this member's own Pod.
    pub(crate) async fn patch_own_pod(
        &self,
        what: &'static str,
        mut metadata: Value,
    ) -> Result<(), cluster::Error> {
        // A Pod of the same name that is not this one must not be touched.
        metadata["uid"] = self.config.pod_uid.as_str().into();
        let parameters = PatchParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let name = self.config.instance.to_string();
        let patch = Patch::Merge(json!({"metadata": metadata}));
        let patched = self.cluster.pods.patch(&name, &parameters, &patch);
        let pod = call(what, patched).await?;
        // The watch brings it too, but later, and until then it would be written again.
        self.peers.send_if_modified(|peers| {
            if let Some(peers) = peers {
                peers.extend(peers::read(&pod));
            }
            false
        });
        Ok(())
    }

    /// The address of a member at the moment.
    pub(crate) fn address(&self, member: &InstanceName) -> Option<IpAddr> {
        self.peers.borrow().as_ref()?.get(member)?.address
    }

    /// Waits a little for the address of a member.
    async fn await_address(&self, member: &InstanceName) {
        self.await_peers(|peers| peers.get(member).is_some_and(|peer| peer.address.is_some()))
            .await;
    }

    async fn await_peers(&self, meets: impl Fn(&BTreeMap<InstanceName, Peer>) -> bool) {
        let mut peers = self.peers.subscribe();
        let known = peers.wait_for(|peers| peers.as_ref().is_some_and(&meets));
        // Whether time was up shows in what the caller finds.
        let _ = tokio::time::timeout(API, known).await;
    }

    /// The other instances that have a Pod.
    pub(crate) fn other_instances(&self) -> Vec<InstanceName> {
        let peers = self.peers.borrow();
        let names = peers.iter().flat_map(BTreeMap::keys);
        names
            .filter(|name| **name != self.config.instance)
            .cloned()
            .collect()
    }

    /// Where the other members are at the moment.
    pub(crate) fn peer_addresses(&self) -> BTreeMap<Number, IpAddr> {
        let peers = self.peers.borrow();
        let others = peers.iter().flatten();
        others
            .filter(|(name, _)| **name != self.config.instance)
            .filter_map(|(name, peer)| Some((ids::number(name)?, peer.address?)))
            .collect()
    }

    /// The configuration that the mounted files and the machine ask for, with that upstream.
    pub(crate) fn configuration(&self, upstream: Option<Upstream>) -> Configuration {
        let mounted = self.mounted.borrow();
        let known = self.known.lock();
        let mut parameters = mounted.parameters.clone();
        let server_tls = mounted.server_tls.as_ref();
        if let Some(tls) = server_tls.filter(|_| self.config.server_tls) {
            parameters.push_str(&tls.parameters(self.instance.layout()));
        }
        let behind = mounted.hba_behind_proxy.as_ref();
        let behind = behind.filter(|_| self.config.is_behind_proxy());
        Configuration {
            parameters,
            hba: behind.unwrap_or(&mounted.hba).clone(),
            upstream,
            synchronous: known.desired.synchronous.clone(),
            admits: known.desired.admits,
        }
    }

    /// How to get into another member's Postgres.
    fn upstream_at(&self, address: IpAddr) -> Upstream {
        let role = self.mounted.borrow().credentials.replication.clone();
        Upstream::member(address, role)
    }
}

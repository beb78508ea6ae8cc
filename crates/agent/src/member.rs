//! What the agent's tasks share.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use howdah_ha::{Epoch, Event};
use howdah_postgres::{Configuration, Instance, Postmaster, Synchronous, Upstream};
use howdah_types::InstanceName;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;

use crate::args::Config;
use crate::cluster::Cluster;
use crate::mounted::Mounted;
use crate::peers::{Peer, Peers};
use crate::view::{Role, View};

/// How long an action waits for something that the API is about to tell.
const API: Duration = Duration::from_secs(5);

/// What the driver is told.
#[derive(Debug)]
pub(crate) enum Input {
    /// Something that the machine takes in.
    Event(Event),
    /// A postmaster ended.
    Ended { pid: i32, status: ExitStatus },
    /// The Pod is being terminated.
    Stop,
}

/// A postmaster that runs, and as what it was started.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    pub(crate) postmaster: Postmaster,
    /// The member that it follows; none for a primary.
    pub(crate) following: Option<InstanceName>,
}

impl Running {
    pub(crate) fn role(&self) -> Role {
        match self.following {
            Some(_) => Role::Replica,
            None => Role::Primary,
        }
    }
}

/// Another member whose address nobody knows.
#[derive(Debug, thiserror::Error)]
#[error("{0} has no address")]
pub(crate) struct NoAddress(pub(crate) InstanceName);

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
    /// Held while files of the volume change. A stop does not need it.
    pub(crate) volume: tokio::sync::Mutex<()>,
    /// Makes the keeper look at once.
    pub(crate) look: Notify,
    /// The epoch under which clients were sent here last.
    pub(crate) routed_epoch: Mutex<Option<Epoch>>,
    running: Mutex<Option<Running>>,
    beat: Mutex<Instant>,
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
            volume: tokio::sync::Mutex::new(()),
            look: Notify::new(),
            routed_epoch: Mutex::new(None),
            running: Mutex::new(None),
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
        let running = self.running.lock();
        running
            .clone()
            .filter(|running| running.postmaster.ended().is_none())
    }

    /// Takes note of a new postmaster, and has the driver told of its end.
    pub(crate) fn set_running(self: &Arc<Self>, running: Running) {
        let postmaster = running.postmaster.clone();
        *self.running.lock() = Some(running);
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

    /// Takes note of whom the running standby follows from now on.
    pub(crate) fn set_following(&self, primary: InstanceName) {
        if let Some(running) = self.running.lock().as_mut() {
            running.following = Some(primary);
        }
        self.look.notify_one();
    }

    /// Forgets a postmaster that ended; tells whether it was the current one.
    pub(crate) fn forget(&self, pid: i32) -> bool {
        let mut running = self.running.lock();
        let current = running
            .as_ref()
            .is_some_and(|running| running.postmaster.pid() == pid);
        if current {
            *running = None;
        }
        current
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

    /// The address of a member at the moment.
    pub(crate) fn address(&self, member: &InstanceName) -> Option<IpAddr> {
        self.peers.borrow().as_ref()?.get(member)?.address
    }

    /// The address of a member, waited for a little.
    pub(crate) async fn await_address(&self, member: &InstanceName) -> Result<IpAddr, NoAddress> {
        self.await_peers(|peers| peers.get(member).is_some_and(|peer| peer.address.is_some()))
            .await;
        self.address(member)
            .ok_or_else(|| NoAddress(member.clone()))
    }

    async fn await_peers(&self, meets: impl Fn(&BTreeMap<InstanceName, Peer>) -> bool) {
        let mut peers = self.peers.subscribe();
        let known = peers.wait_for(|peers| peers.as_ref().is_some_and(&meets));
        // Whether time was up shows in what the caller finds.
        let _ = tokio::time::timeout(API, known).await;
    }

    /// The configuration that the mounted files ask for, with the upstream at that address.
    pub(crate) fn configuration(&self, upstream: Option<IpAddr>) -> Configuration {
        let mounted = self.mounted.borrow();
        Configuration {
            parameters: mounted.parameters.clone(),
            hba: mounted.hba.clone(),
            upstream: upstream.map(|address| self.upstream(&mounted, address)),
            synchronous: Synchronous::none(),
            admits: true,
        }
    }

    fn upstream(&self, mounted: &Mounted, address: IpAddr) -> Upstream {
        let replication = &mounted.credentials.replication;
        Upstream {
            address,
            user: replication.name.clone(),
            password: replication.password.clone(),
        }
    }
}

//! Where the pooler's clients should go.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use howdah_postgres::{Console, POOLER_PORT, takes_writes};
use howdah_types::InstanceName;
use tokio::time::Instant;
use tracing::info;

use super::files;
use crate::member::Member;
use crate::record;
use crate::view::{Phase, Role};

/// How often a new primary is asked whether it lets clients in, while they wait for it.
const ASK: Duration = Duration::from_millis(20);
/// The time for its answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often it is looked whether clients of a former primary are still there.
const COUNT: Duration = Duration::from_secs(5);

/// Where clients should go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Aim {
    /// Address of the Postgres that serves them, or of the pooler in front of it.
    pub(super) server: IpAddr,
    /// True if that is another member.
    pub(super) elsewhere: bool,
    /// False as long as it does not.
    pub(super) open: bool,
    /// True if it must be the primary.
    pub(super) writes: bool,
    /// When to look again, if not only after a change.
    pub(super) again: Option<Duration>,
}

/// Follows the primary for its clients, and this instance's own Postgres for others.
pub(super) struct Follower {
    member: Arc<Member>,
    /// True if the clients came to a primary.
    writes: bool,
    /// Of a primary that is none any more: the clients that came to it, once they were counted.
    former: Option<BTreeSet<u64>>,
    /// When they are counted next. Other members' poolers learn a little later where to go.
    count: Option<Instant>,
    /// The new primary, once it has let one in.
    reached: Option<(InstanceName, IpAddr)>,
}

impl Follower {
    pub(super) fn new(member: Arc<Member>) -> Self {
        Self {
            // A pooler outlives the agent beside it.
            writes: files::serves_writes(&member),
            member,
            former: None,
            count: None,
            reached: None,
        }
    }

    pub(super) async fn aim(&mut self) -> Aim {
        if self.is_primary() {
            self.writes = true;
            self.forget();
            return self.own(self.member.is_open());
        }
        if self.leads_standbys() {
            // Nobody takes writes any longer, so there is nobody to send those clients to.
            self.writes = false;
            self.forget();
        }
        if self.writes && self.has_left().await {
            info!("no client of the former primary is left");
            self.writes = false;
            self.forget();
        }
        if self.writes {
            self.new_primary().await
        } else {
            self.own(self.serves_reads())
        }
    }

    fn forget(&mut self) {
        self.former = None;
        self.count = None;
        self.reached = None;
    }

    fn own(&self, open: bool) -> Aim {
        Aim {
            server: self.member.config.pod_ip,
            elsewhere: false,
            open,
            writes: self.writes,
            again: None,
        }
    }

    fn is_primary(&self) -> bool {
        self.member.view.borrow().role == Some(Role::Primary)
    }

    fn leads_standbys(&self) -> bool {
        self.member.view.borrow().role == Some(Role::StandbyLeader)
    }

    /// A standby that is about to be promoted keeps its clients out by itself.
    fn serves_reads(&self) -> bool {
        let view = self.member.view.borrow();
        view.phase == Phase::Running && view.ha.phase != "promoting"
    }

    /// True if no client of the time as primary is there any more.
    async fn has_left(&mut self) -> bool {
        let now = Instant::now();
        if now < *self.count.get_or_insert(now + COUNT) {
            return false;
        }
        self.count = Some(now + COUNT);
        let sockets = self.member.instance.layout().sockets();
        let present = match Console::open(&sockets).await {
            Ok(console) => console.clients().await.unwrap_or_default(),
            // With the pooler its clients are gone.
            Err(_) => BTreeSet::new(),
        };
        let former = self.former.get_or_insert_with(|| present.clone());
        former.is_disjoint(&present)
    }

    /// The primary by the control record, once it lets clients in: who comes too early would be turned away.
    async fn new_primary(&mut self) -> Aim {
        let member = &self.member;
        let lease = member.known_lease();
        let primary = lease.as_ref().and_then(record::primary);
        let other = primary.filter(|name| *name != member.config.instance);
        let found = other.and_then(|name| member.address(&name).map(|address| (name, address)));
        let waiting = Aim {
            again: Some(ASK),
            ..self.own(false)
        };
        let Some((name, address)) = found else {
            return waiting;
        };
        if self.reached.as_ref() != Some(&(name.clone(), address)) {
            let authenticator = member.mounted.borrow().credentials.authenticator.clone();
            // Its Postgres is not asked itself: a pooler that is paused keeps the transactions of others waiting, too.
            if !takes_writes(address, POOLER_PORT, &authenticator, PATIENCE).await {
                return waiting;
            }
            info!(primary = %name, "clients are sent on to the new primary");
            self.reached = Some((name, address));
        }
        Aim {
            server: address,
            elsewhere: true,
            open: true,
            writes: true,
            again: Some(COUNT),
        }
    }
}

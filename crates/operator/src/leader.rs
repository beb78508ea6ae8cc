//! Which of several operators works: the holder of a Lease.
//!
//! Every write to the Lease is a compare-and-set. Another holder's end is judged by how long its
//! Lease stays unchanged as seen from here, so clocks need not agree.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api, PostParams};
use kube::{Client, Error};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::Config;
use crate::cluster::Chain;

/// Name of the Lease, in the operator's namespace.
pub(crate) const NAME: &str = "howdah-operator";

/// A Lease that was not renewed for so long is free.
const DURATION: Duration = Duration::from_secs(15);
const DURATION_SECONDS: i32 = 15;

/// How often the holder renews, and how often the others look.
const PERIOD: Duration = Duration::from_secs(5);

/// The holder stops working so long after its last renewal: passes that have begun then end before
/// anybody else begins.
const GIVE_UP: Duration = Duration::from_secs(10);

/// This operator's part in the election.
pub(crate) struct Leader {
    api: Api<Lease>,
    identity: String,
}

/// What to do about the Lease as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Create,
    Take,
    Wait,
}

impl Leader {
    pub(crate) fn new(client: Client, config: &Config) -> Self {
        Self {
            api: Api::namespaced(client, &config.namespace),
            identity: config.identity.clone(),
        }
    }

    /// Waits until this operator leads; false if it is told to stop first.
    pub(crate) async fn acquire(&self, shutdown: &CancellationToken) -> bool {
        let mut seen = Unchanged::default();
        while !shutdown.is_cancelled() {
            match self.try_acquire(&mut seen).await {
                Ok(true) => {
                    info!(identity = self.identity, "leading");
                    return true;
                }
                Ok(false) => {}
                Err(error) => warn!(error = %Chain(&error), "leader lease not acquired"),
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = sleep(PERIOD) => {}
            }
        }
        false
    }

    /// Renews the Lease; returns when it is lost or when this operator is told to stop.
    pub(crate) async fn hold(&self, stop: &CancellationToken) {
        let mut renewed = Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(PERIOD) => {}
            }
            let renewal = tokio::time::timeout_at(renewed + GIVE_UP, self.renew()).await;
            match renewal {
                Ok(Ok(true)) => renewed = Instant::now(),
                Ok(Ok(false)) => {
                    warn!("another operator leads");
                    return;
                }
                Ok(Err(error)) => warn!(error = %Chain(&error), "leader lease not renewed"),
                Err(_) => {
                    warn!("leader lease given up");
                    return;
                }
            }
        }
    }

    /// Lets another operator lead at once.
    pub(crate) async fn release(&self) {
        let released = async {
            if let Some(lease) = self
                .api
                .get_opt(NAME)
                .await?
                .filter(|lease| self.holds(lease))
            {
                self.replace(lease, String::new()).await?;
            }
            Ok::<(), Error>(())
        };
        if let Err(error) = released.await {
            warn!(error = %Chain(&error), "leader lease not released");
        }
    }

    async fn try_acquire(&self, seen: &mut Unchanged) -> Result<bool, Error> {
        let stored = self.api.get_opt(NAME).await?;
        let unchanged_for = seen.note(stored.as_ref());
        let written = match (
            decide(stored.as_ref(), &self.identity, unchanged_for),
            stored,
        ) {
            (Step::Wait, _) => return Ok(false),
            (Step::Take, Some(lease)) => self.replace(lease, self.identity.clone()).await,
            (Step::Take | Step::Create, _) => self.create().await,
        };
        match written {
            Err(Error::Api(status)) if status.code == 409 => Ok(false),
            other => other.map(|()| true),
        }
    }

    /// False if somebody else has the Lease.
    async fn renew(&self) -> Result<bool, Error> {
        match self.api.get_opt(NAME).await? {
            None => self.create().await.map(|()| true),
            Some(lease) if self.holds(&lease) => self
                .replace(lease, self.identity.clone())
                .await
                .map(|()| true),
            Some(_) => Ok(false),
        }
    }

    fn holds(&self, lease: &Lease) -> bool {
        holder(lease) == Some(self.identity.as_str())
    }

    async fn create(&self) -> Result<(), Error> {
        let lease = Lease {
            metadata: ObjectMeta {
                name: Some(NAME.to_owned()),
                ..ObjectMeta::default()
            },
            spec: Some(self.spec(None, self.identity.clone())),
        };
        self.api
            .create(&PostParams::default(), &lease)
            .await
            .map(drop)
    }

    async fn replace(&self, mut lease: Lease, holder: String) -> Result<(), Error> {
        lease.spec = Some(self.spec(lease.spec.take(), holder));
        self.api
            .replace(NAME, &PostParams::default(), &lease)
            .await
            .map(drop)
    }

    fn spec(&self, before: Option<LeaseSpec>, holder: String) -> LeaseSpec {
        let before = before.unwrap_or_default();
        let now = MicroTime(Timestamp::now());
        let same = before.holder_identity.as_deref() == Some(holder.as_str());
        let transitions = before.lease_transitions.unwrap_or(0);
        LeaseSpec {
            lease_duration_seconds: Some(DURATION_SECONDS),
            acquire_time: if same {
                before.acquire_time
            } else {
                Some(now.clone())
            },
            renew_time: Some(now),
            lease_transitions: Some(if same {
                transitions
            } else {
                transitions.saturating_add(1)
            }),
            holder_identity: Some(holder),
            ..LeaseSpec::default()
        }
    }
}

/// Since when the Lease has been what it is, as seen from here.
#[derive(Default)]
struct Unchanged {
    version: Option<String>,
    since: Option<Instant>,
}

impl Unchanged {
    fn note(&mut self, lease: Option<&Lease>) -> Duration {
        let version = lease.and_then(|lease| lease.metadata.resource_version.clone());
        if self.version != version {
            self.version = version;
            self.since = None;
        }
        self.since.get_or_insert_with(Instant::now).elapsed()
    }
}

/// An operator that restarted under its own name goes on at once.
fn decide(stored: Option<&Lease>, identity: &str, unchanged_for: Duration) -> Step {
    let Some(lease) = stored else {
        return Step::Create;
    };
    let free = holder(lease).is_none_or(|holder| holder.is_empty() || holder == identity);
    if free || unchanged_for > DURATION {
        Step::Take
    } else {
        Step::Wait
    }
}

fn holder(lease: &Lease) -> Option<&str> {
    lease.spec.as_ref()?.holder_identity.as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held_by(holder: &str) -> Lease {
        Lease {
            spec: Some(LeaseSpec {
                holder_identity: Some(holder.to_owned()),
                ..LeaseSpec::default()
            }),
            ..Lease::default()
        }
    }

    #[test]
    fn only_a_free_or_abandoned_lease_is_taken() {
        let just_now = Duration::ZERO;
        assert_eq!(decide(None, "me", just_now), Step::Create);
        for free in ["", "me"] {
            assert_eq!(decide(Some(&held_by(free)), "me", just_now), Step::Take);
        }
        let other = held_by("other");
        assert_eq!(decide(Some(&other), "me", DURATION), Step::Wait);
        let later = DURATION + Duration::from_millis(1);
        assert_eq!(decide(Some(&other), "me", later), Step::Take);
    }
}

//! The source of a standby cluster: where it is, and what it says of itself.

use std::sync::Arc;
use std::time::Duration;

use howdah_ha::machine::Source;
use howdah_postgres::{PORT, Session, SourceError, SqlError};
use howdah_types::ClusterName;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::chain::Complaint;
use crate::cluster::{self, call};
use crate::member::{Feed, Input, Member, Place};
use crate::observer::position;
use crate::settings::{self, ReplicateFrom};

/// The pause between two questions.
const PAUSE: Duration = Duration::from_secs(1);
/// The time for one answer; a source that does not answer is as good as away.
const PATIENCE: Duration = Duration::from_secs(4);

/// Why nothing is known of the source.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("find the source cluster")]
    Api(#[source] cluster::Error),
    #[error("the source cluster {0} has no primary at the moment")]
    NoPrimary(ClusterName),
    #[error("connect to the source")]
    Connect(#[source] SqlError),
    #[error(transparent)]
    Ask(SourceError),
    #[error("the source gives no answer within {} seconds", PATIENCE.as_secs())]
    Silent,
}

/// Asks the source again and again, as long as there is one.
pub(crate) async fn watch(member: Arc<Member>) {
    let mut watcher = Watcher {
        member,
        session: None,
        complaint: Complaint::default(),
        known: None,
        seen: false,
    };
    loop {
        watcher.pass().await;
        tokio::time::sleep(PAUSE).await;
    }
}

struct Watcher {
    member: Arc<Member>,
    session: Option<Session>,
    complaint: Complaint,
    /// What the cluster streams from, as it was told last.
    known: Option<ReplicateFrom>,
    /// True if it answered last.
    seen: bool,
}

impl Watcher {
    async fn pass(&mut self) {
        // Settings that cannot be understood are told elsewhere, and change nothing.
        let Ok(wanted) = settings::wanted(&self.member) else {
            return;
        };
        if wanted.replicate_from != self.known {
            self.known = wanted.replicate_from;
            self.session = None;
            self.seen = false;
            // Nothing that was known is about the other one.
            self.set_place(None);
            self.member.tell(Input::Source(None));
        }
        let Some(from) = self.known.clone() else {
            return;
        };
        let asked = timeout(PATIENCE, self.ask(&from)).await;
        match asked.unwrap_or(Err(Error::Silent)) {
            Ok(source) => {
                self.complaint.clear();
                if !std::mem::replace(&mut self.seen, true) {
                    info!(system = %source.system, at = %source.position.end, "the source answers");
                }
                self.member.tell(Input::Source(Some(source)));
            }
            Err(error) => {
                self.session = None;
                self.seen = false;
                if let Some(error) = self.complaint.new_one(&error) {
                    warn!(error, "the source gives no account of itself");
                }
                self.member.tell(Input::Source(None));
            }
        }
    }

    async fn ask(&mut self, from: &ReplicateFrom) -> Result<Source, Error> {
        let place = self.find(from).await?;
        if self.set_place(Some(place)) || self.session.as_ref().is_none_or(Session::is_closed) {
            self.session = None;
        }
        if self.session.is_none() {
            let upstream = self.member.reach(&Feed::Source).ok_or(Error::Silent)?;
            self.session = Some(upstream.connect().await.map_err(Error::Connect)?);
        }
        let Some(session) = &self.session else {
            return Err(Error::Silent);
        };
        let (system, place) = session.source().await.map_err(Error::Ask)?;
        Ok(Source {
            system,
            position: position(place),
        })
    }

    async fn find(&self, from: &ReplicateFrom) -> Result<Place, Error> {
        match from {
            ReplicateFrom::External { host, port } => Ok(Place {
                host: host.clone(),
                port: *port,
            }),
            ReplicateFrom::Cluster(name) => {
                let slices = &self.member.cluster.slices;
                let route = call("read the route", slices.get_opt(name.as_str())).await;
                let route = route.map_err(Error::Api)?;
                route
                    .as_ref()
                    .and_then(place)
                    .ok_or_else(|| Error::NoPrimary(name.clone()))
            }
        }
    }

    /// Tells whether that is new. Postgres is configured anew then.
    fn set_place(&self, place: Option<Place>) -> bool {
        let changed = self.member.source.send_if_modified(|known| {
            let changed = *known != place;
            *known = place;
            changed
        });
        if changed {
            self.member.look.notify_one();
        }
        changed
    }
}

/// Where the route of a cluster leads.
fn place(route: &EndpointSlice) -> Option<Place> {
    let endpoint = route.endpoints.as_ref()?.first()?;
    let host = endpoint.addresses.first()?.clone();
    Some(Place {
        host,
        // The route leads to what is in front of it.
        port: PORT,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cluster_is_where_its_route_leads_past_what_is_in_front() {
        let route = |value| serde_json::from_value::<EndpointSlice>(value).unwrap();
        let ports =
            json!([{"name": "pgport", "port": 6432}, {"name": "pgreplication", "port": 7433}]);
        let leads = route(json!({
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.0.0.7"]}],
            "ports": ports,
        }));
        let expected = Place {
            host: "10.0.0.7".to_owned(),
            port: 5432,
        };
        assert_eq!(place(&leads), Some(expected));
        let nowhere = route(json!({"addressType": "IPv4", "endpoints": [], "ports": ports}));
        assert_eq!(place(&nowhere), None);
    }
}

//! The cluster's objects at the API, with a deadline for each call.

use std::future::Future;
use std::time::Duration;

use howdah_types::ClusterName;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::{Api, Client};

/// Who writes, for the API server's record of that.
pub(crate) const MANAGER: &str = "howdah-instance";
/// The time for one call.
const CALL: Duration = Duration::from_secs(5);

/// A call to the API that gave no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{what}")]
    Call {
        what: &'static str,
        #[source]
        source: Box<kube::Error>,
    },
    #[error("{what}: no answer within {} ms", time.as_millis())]
    Deadline { what: &'static str, time: Duration },
}

/// The namespace's objects that an agent touches.
#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) name: ClusterName,
    pub(crate) leases: Api<Lease>,
    pub(crate) pods: Api<Pod>,
    pub(crate) slices: Api<EndpointSlice>,
}

impl Cluster {
    pub(crate) fn new(client: Client, namespace: &str, name: ClusterName) -> Self {
        Self {
            name,
            leases: Api::namespaced(client.clone(), namespace),
            pods: Api::namespaced(client.clone(), namespace),
            slices: Api::namespaced(client, namespace),
        }
    }

    /// Selects the Pods of the cluster's instances.
    pub(crate) fn instance_selector(&self) -> String {
        format!(
            "stackgres.io/cluster-name={},stackgres.io/cluster=true",
            self.name
        )
    }
}

/// Waits for an answer of the API, with the usual deadline.
pub(crate) async fn call<T>(
    what: &'static str,
    answer: impl Future<Output = kube::Result<T>>,
) -> Result<T, Error> {
    within(CALL, what, answer).await
}

/// Waits for an answer of the API for so long.
pub(crate) async fn within<T>(
    time: Duration,
    what: &'static str,
    answer: impl Future<Output = kube::Result<T>>,
) -> Result<T, Error> {
    tokio::time::timeout(time, answer)
        .await
        .map_err(|_| Error::Deadline { what, time })?
        .map_err(|source| Error::Call {
            what,
            source: Box::new(source),
        })
}

impl Error {
    /// True if the API answered that the object changed meanwhile, or exists already.
    pub(crate) fn is_conflict(&self) -> bool {
        self.code() == Some(409)
    }

    /// True if the API answered that there is no such object.
    pub(crate) fn is_missing(&self) -> bool {
        self.code() == Some(404)
    }

    fn code(&self) -> Option<u16> {
        match self {
            Self::Call { source, .. } => match source.as_ref() {
                kube::Error::Api(status) => Some(status.code),
                _ => None,
            },
            Self::Deadline { .. } => None,
        }
    }
}

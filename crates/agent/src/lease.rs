//! Reading and writing the control record, by compare-and-set. How a call ended is told as it was: one
//! without an answer may have been applied, or may be yet, and the machine finds that out.

use std::time::Duration;

use howdah_ha::machine::{ApiEnd, Record, Version};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;

use crate::cluster::{self, within};
use crate::member::Member;
use crate::record;

/// The time for one call. A renewal that takes longer is of no use, and the next one is due.
const CALL: Duration = Duration::from_millis(800);

/// Why a call was of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Api(#[from] cluster::Error),
    #[error("the API does not know this Pod")]
    NoPod,
    #[error(transparent)]
    Record(#[from] record::Error),
}

/// How a call ended, and what is worth a line in the log.
pub(crate) type Ended = (ApiEnd, Option<Error>);

/// Reads the record.
pub(crate) async fn read(member: &Member) -> Ended {
    let name = member.cluster.name.as_str();
    let answer = within(
        CALL,
        "read the control record",
        member.cluster.leases.get_opt(name),
    );
    match answer.await {
        Ok(lease) => match record::view(lease.as_ref()) {
            Ok(read) => {
                member.seen_lease(lease);
                (ApiEnd::Read(read), None)
            }
            Err(error) => (ApiEnd::Unknown, Some(error.into())),
        },
        Err(error) => (ApiEnd::Unknown, Some(error.into())),
    }
}

/// Writes the record if the stored one still has the version that is expected (none: if there is none).
///
/// `refused` is why a wish of people is no longer in it.
pub(crate) async fn write(
    member: &Member,
    expected: Option<Version>,
    record: &Record,
    refused: Option<&str>,
) -> Ended {
    match try_write(member, expected, record, refused).await {
        Ok(lease) => match record::view(Some(&lease)) {
            Ok(howdah_ha::machine::Read::Found(_, version)) => {
                member.seen_lease(Some(lease));
                (ApiEnd::Written(version), None)
            }
            Ok(howdah_ha::machine::Read::Missing) => (ApiEnd::Unknown, None),
            Err(error) => (ApiEnd::Unknown, Some(error.into())),
        },
        // The record is another one, or gone: both are found out by reading.
        Err(Error::Api(error)) if error.is_conflict() || error.is_missing() => {
            (ApiEnd::Conflict, None)
        }
        Err(error) => (ApiEnd::Unknown, Some(error)),
    }
}

async fn try_write(
    member: &Member,
    expected: Option<Version>,
    record: &Record,
    refused: Option<&str>,
) -> Result<Lease, Error> {
    let cluster = &member.cluster;
    let known = member.known_lease();
    let now = Timestamp::now();
    let mut content = record::content(&cluster.name, record, refused, known.as_ref(), now)?;
    let expected = expected.map(|version| version.0.to_string());
    let Some(expected) = expected.or_else(|| record::stripped(known.as_ref())) else {
        // The record belongs to the cluster's owner, as the Pod does, so that it ends with the cluster.
        let own = member.own_pod().ok_or(Error::NoPod)?;
        let metadata = &mut content["metadata"];
        metadata["name"] = cluster.name.to_string().into();
        metadata["labels"] = json!(own.labels);
        metadata["ownerReferences"] = json!(own.owners);
        let lease: Lease = serde_json::from_value(content).map_err(record::Error::Json)?;
        let parameters = PostParams::default();
        let created = cluster.leases.create(&parameters, &lease);
        return Ok(within(CALL, "create the control record", created).await?);
    };
    // A patch that names a version is refused with 409 if that is not the stored one
    // (https://kubernetes.io/docs/reference/using-api/api-concepts/#patch-and-update).
    content["metadata"]["resourceVersion"] = expected.into();
    let patch = Patch::Merge(content);
    let parameters = PatchParams::default();
    let patched = cluster
        .leases
        .patch(cluster.name.as_str(), &parameters, &patch);
    Ok(within(CALL, "write the control record", patched).await?)
}

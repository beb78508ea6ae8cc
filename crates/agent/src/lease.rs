//! Writing the control record: by compare-and-set, and read again when the answer is in doubt.

use howdah_ha::{Record, RecordVersion, RecordView};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams};

use crate::cluster::{self, call};
use crate::member::Member;
use crate::record;

/// Why the record is not what was to be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("write the control record")]
    Api(#[source] cluster::Error),
    #[error("the control record was changed by somebody else")]
    Changed,
    #[error("the API does not know this Pod")]
    NoPod,
    #[error("the control record cannot be understood")]
    Record(#[source] record::Error),
}

/// What a write led to: the record as it is now, if that could be found out, and whether it is the
/// one that was to be written.
pub(crate) struct Written {
    pub(crate) view: Option<RecordView>,
    pub(crate) result: Result<(), Error>,
}

/// Writes the record if the stored one still has the version that is expected (none: if there is none).
pub(crate) async fn write(
    member: &Member,
    expected: Option<&RecordVersion>,
    record: &Record,
) -> Written {
    let failure = match try_write(member, expected, record).await {
        Ok(lease) => return Written::from_answer(record::view(Some(&lease))),
        Err(error) => error,
    };
    // A timeout or a lost connection says nothing about what was stored; a conflict says that
    // something newer is. Both are settled by reading.
    match read(member).await {
        Ok(view) if holds(&view, record) => Written::from_answer(Ok(view)),
        Ok(view) => Written {
            view: Some(view),
            result: Err(match failure {
                Error::Api(error) if error.is_conflict() => Error::Changed,
                failure => failure,
            }),
        },
        Err(_) => Written {
            view: None,
            result: Err(failure),
        },
    }
}

impl Written {
    fn from_answer(view: Result<RecordView, record::Error>) -> Self {
        match view {
            Ok(view) => Self {
                view: Some(view),
                result: Ok(()),
            },
            Err(error) => Self {
                view: None,
                result: Err(Error::Record(error)),
            },
        }
    }
}

fn holds(view: &RecordView, record: &Record) -> bool {
    matches!(view, RecordView::Present(stored, _) if stored == record)
}

async fn try_write(
    member: &Member,
    expected: Option<&RecordVersion>,
    record: &Record,
) -> Result<Lease, Error> {
    let leases = &member.cluster.leases;
    let name = member.cluster.name.as_str();
    let parameters = PostParams::default();
    let now = MicroTime(jiff::Timestamp::now());
    let Some(expected) = expected else {
        let mut lease = new_lease(member).await?;
        record::write(&mut lease, record, now);
        let created = leases.create(&parameters, &lease);
        return call("create the Lease", created).await.map_err(Error::Api);
    };
    let stored = call("read the Lease", leases.get_opt(name))
        .await
        .map_err(Error::Api)?;
    let mut lease = stored.ok_or(Error::Changed)?;
    if lease.metadata.resource_version.as_ref() != Some(&expected.0) {
        return Err(Error::Changed);
    }
    record::write(&mut lease, record, now);
    let replaced = leases.replace(name, &parameters, &lease);
    call("replace the Lease", replaced)
        .await
        .map_err(Error::Api)
}

async fn read(member: &Member) -> Result<RecordView, Error> {
    let leases = &member.cluster.leases;
    let lease = call(
        "read the Lease",
        leases.get_opt(member.cluster.name.as_str()),
    )
    .await
    .map_err(Error::Api)?;
    record::view(lease.as_ref()).map_err(Error::Record)
}

/// The record belongs to the cluster's owner, as the Pod does, so that it ends with the cluster.
async fn new_lease(member: &Member) -> Result<Lease, Error> {
    let own = member.await_own_pod().await.ok_or(Error::NoPod)?;
    Ok(Lease {
        metadata: ObjectMeta {
            name: Some(member.cluster.name.to_string()),
            labels: Some(own.labels),
            owner_references: Some(own.owners),
            ..ObjectMeta::default()
        },
        spec: None,
    })
}

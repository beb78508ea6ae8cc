//! The control record as a Lease: the one place that knows its annotations.

use std::collections::BTreeMap;

use howdah_ha::{Epoch, Holder, Record, RecordVersion, RecordView};
use howdah_types::SystemIdentifier;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

const EPOCH: &str = "howdah.io/epoch";
const PRIMARY: &str = "howdah.io/primary";
const SYSTEM: &str = "howdah.io/system-identifier";
const VERSION: &str = "howdah.io/record-version";
/// The only format there is so far.
const CURRENT: &str = "1";

/// A Lease that is no control record. It is unknown what holds then, never free.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    #[error("the control record has no {0}")]
    Missing(&'static str),
    #[error("the control record's {0} is invalid")]
    Invalid(&'static str),
    #[error("the control record has the unknown format {0}")]
    Format(String),
}

/// Reads a Lease.
pub(crate) fn read(lease: &Lease) -> Result<(Record, RecordVersion), Error> {
    let none = BTreeMap::new();
    let annotations = lease.metadata.annotations.as_ref().unwrap_or(&none);
    let get = |name: &'static str| annotations.get(name).ok_or(Error::Missing(name));
    match get(VERSION)?.as_str() {
        CURRENT => {}
        other => return Err(Error::Format(other.to_owned())),
    }
    let holder = lease
        .spec
        .as_ref()
        .and_then(|spec| spec.holder_identity.as_deref());
    let record = Record {
        epoch: get(EPOCH)?.parse().map_err(|_| Error::Invalid(EPOCH))?,
        primary: get(PRIMARY)?.parse().map_err(|_| Error::Invalid(PRIMARY))?,
        holder: Holder::new(holder.ok_or(Error::Missing("holderIdentity"))?),
        system: system(annotations)?,
    };
    let version = lease.metadata.resource_version.clone();
    Ok((
        record,
        RecordVersion(version.ok_or(Error::Missing("resourceVersion"))?),
    ))
}

fn system(annotations: &BTreeMap<String, String>) -> Result<Option<SystemIdentifier>, Error> {
    let parse = |text: &String| text.parse().map_err(|_| Error::Invalid(SYSTEM));
    annotations.get(SYSTEM).map(parse).transpose()
}

/// The view of what the API answered.
pub(crate) fn view(lease: Option<&Lease>) -> Result<RecordView, Error> {
    match lease {
        None => Ok(RecordView::Missing),
        Some(lease) => read(lease).map(|(record, version)| RecordView::Present(record, version)),
    }
}

/// Puts a record into a Lease; what else the Lease carries stays as it is.
pub(crate) fn write(lease: &mut Lease, record: &Record, now: MicroTime) {
    let annotations = lease.metadata.annotations.get_or_insert_default();
    annotations.insert(VERSION.to_owned(), CURRENT.to_owned());
    annotations.insert(EPOCH.to_owned(), record.epoch.to_string());
    annotations.insert(PRIMARY.to_owned(), record.primary.to_string());
    match record.system {
        Some(system) => annotations.insert(SYSTEM.to_owned(), system.to_string()),
        None => annotations.remove(SYSTEM),
    };
    let spec = lease.spec.get_or_insert_with(LeaseSpec::default);
    let holder = record.holder.as_str();
    if spec.holder_identity.as_deref() != Some(holder) {
        spec.acquire_time = Some(now.clone());
    }
    spec.holder_identity = Some(holder.to_owned());
    // For people alone; the epoch itself is an annotation, since it may outgrow this field.
    spec.lease_transitions = i32::try_from(record.epoch.number()).ok();
    spec.renew_time = Some(now);
}

/// The epoch annotation of a routed object, if it has one.
pub(crate) fn routed_epoch(annotations: Option<&BTreeMap<String, String>>) -> Option<Epoch> {
    annotations?.get(EPOCH)?.parse().ok()
}

/// The annotation that marks a routed object with an epoch.
pub(crate) fn epoch_annotation(epoch: Epoch) -> (String, String) {
    (EPOCH.to_owned(), epoch.to_string())
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn record() -> Record {
        Record {
            epoch: Epoch::FIRST.next(),
            primary: "simple-0".parse().unwrap(),
            holder: Holder::new("simple-0/u/1"),
            system: Some("7340121".parse().unwrap()),
        }
    }

    fn lease() -> Lease {
        let mut lease = Lease::default();
        lease.metadata.resource_version = Some("7".to_owned());
        lease.metadata.annotations = Some([("kept".to_owned(), "yes".to_owned())].into());
        write(
            &mut lease,
            &record(),
            MicroTime(jiff::Timestamp::UNIX_EPOCH),
        );
        lease
    }

    #[test]
    fn a_record_survives_the_lease() {
        let lease = lease();
        assert_eq!(
            read(&lease).unwrap(),
            (record(), RecordVersion("7".to_owned()))
        );
        assert_eq!(lease.metadata.annotations.unwrap()["kept"], "yes");
        assert_eq!(lease.spec.unwrap().lease_transitions, Some(2));
    }

    #[test]
    fn a_lease_that_is_no_record_is_an_error_and_never_missing() {
        let mut without_epoch = lease();
        without_epoch
            .metadata
            .annotations
            .as_mut()
            .unwrap()
            .remove(EPOCH);
        assert_eq!(view(Some(&without_epoch)), Err(Error::Missing(EPOCH)));
        let mut newer = lease();
        let annotations = newer.metadata.annotations.as_mut().unwrap();
        annotations.insert(VERSION.to_owned(), "2".to_owned());
        assert_eq!(view(Some(&newer)), Err(Error::Format("2".to_owned())));
        assert!(view(Some(&Lease::default())).is_err());
        assert_eq!(view(None), Ok(RecordView::Missing));
    }
}

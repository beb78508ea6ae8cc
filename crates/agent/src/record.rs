//! The control record as a Lease: the one place that knows its annotations.

use std::collections::BTreeMap;

use howdah_ha::Epoch;
use howdah_ha::machine::{Boot, Cohort, Holder, Read, Record, Version};
use howdah_types::{ClusterName, InstanceName, SystemIdentifier, Timeline};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ids;
use crate::refusal::{self, REFUSED};

/// The record itself, as JSON.
const RECORD: &str = "howdah.io/record";
const EPOCH: &str = "howdah.io/epoch";
const PRIMARY: &str = "howdah.io/primary";
const SYSTEM: &str = "howdah.io/system-identifier";
const VERSION: &str = "howdah.io/record-version";
const HISTORY: &str = "howdah.io/history";
const CURRENT: &str = "2";
/// The same of a standby cluster, which agents of before would take for an ordinary one.
const REPLICATING: &str = "3";
/// The format before this one: no cohort, and only ever one primary.
const FORMER: &str = "1";
/// The longest record that is read, in bytes.
const LONGEST: usize = 64 << 10;
/// The most changes of the holder that are remembered for people.
const MOST_HISTORY: usize = 50;

/// A Lease that is no control record. It is unknown what holds then, never free.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the control record has no {0}")]
    Missing(&'static str),
    #[error("the control record's {0} is invalid")]
    Invalid(&'static str),
    #[error("the control record has more than {LONGEST} bytes")]
    TooLong,
    #[error("the control record cannot be understood")]
    Json(#[source] serde_json::Error),
    #[error("the control record has the unknown format {0}")]
    Format(String),
}

/// A change of the holder, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) epoch: u64,
    pub(crate) timeline: u32,
    pub(crate) lsn: String,
    pub(crate) reason: String,
    pub(crate) at: String,
    pub(crate) holder: String,
}

/// Reads a Lease.
fn read(lease: &Lease) -> Result<(Record, Version), Error> {
    let none = BTreeMap::new();
    let annotations = lease.metadata.annotations.as_ref().unwrap_or(&none);
    let get = |name: &'static str| annotations.get(name).ok_or(Error::Missing(name));
    let record = match get(VERSION)?.as_str() {
        CURRENT | REPLICATING => parse(get(RECORD)?)?,
        FORMER => former(annotations)?,
        other => return Err(Error::Format(other.to_owned())),
    };
    let version = lease.metadata.resource_version.as_deref();
    let version = version.ok_or(Error::Missing("resourceVersion"))?;
    let version = version
        .parse()
        .map_err(|_| Error::Invalid("resourceVersion"))?;
    Ok((record, Version(version)))
}

/// The primary that a Lease names, for those to whom nothing else of it matters.
pub(crate) fn primary(lease: &Lease) -> Option<InstanceName> {
    lease
        .metadata
        .annotations
        .as_ref()?
        .get(PRIMARY)?
        .parse()
        .ok()
}

fn parse(text: &str) -> Result<Record, Error> {
    if text.len() > LONGEST {
        return Err(Error::TooLong);
    }
    serde_json::from_str(text).map_err(Error::Json)
}

/// A record from before there were cohorts: the one primary that there ever was holds everything, and
/// only its own copy may come back.
fn former(annotations: &BTreeMap<String, String>) -> Result<Record, Error> {
    let get = |name: &'static str| annotations.get(name).ok_or(Error::Missing(name));
    let epoch: Epoch = get(EPOCH)?.parse().map_err(|_| Error::Invalid(EPOCH))?;
    let primary: InstanceName = get(PRIMARY)?.parse().map_err(|_| Error::Invalid(PRIMARY))?;
    let member = ids::number(&primary).ok_or(Error::Invalid(PRIMARY))?;
    let parse = |text: &String| text.parse().map_err(|_| Error::Invalid(SYSTEM));
    let system: Option<SystemIdentifier> = annotations.get(SYSTEM).map(parse).transpose()?;
    Ok(Record {
        epoch,
        revision: 1,
        holder: Holder {
            member,
            boot: Boot(0),
        },
        nonce: 0,
        system,
        timeline: Timeline::FIRST,
        cohort: Cohort {
            standbys: [].into(),
            acks: 0,
            writer: member,
            timeline: Timeline::FIRST,
            floor: None,
        },
        older: Vec::new(),
        serving: true,
        released: false,
        paused: false,
        fenced: [].into(),
        intent: None,
        wait_out: None,
        replicates: false,
    })
}

/// What the API answered, for the machine. A Lease out of which somebody took the record is as good as none: the
/// record is lost, and only the holder that its peers still stand by puts it back.
pub(crate) fn view(lease: Option<&Lease>) -> Result<Read, Error> {
    match lease.map(read) {
        None | Some(Err(Error::Missing(VERSION | RECORD))) => Ok(Read::Missing),
        Some(Ok((record, version))) => Ok(Read::Found(Box::new(record), version)),
        Some(Err(error)) => Err(error),
    }
}

/// The version of a Lease out of which somebody took the record; none where there is no Lease, or a record in it.
pub(crate) fn stripped(lease: Option<&Lease>) -> Option<String> {
    let lost = matches!(view(lease), Ok(Read::Missing));
    lease
        .filter(|_| lost)
        .and_then(|lease| lease.metadata.resource_version.clone())
}

/// What of a Lease says the record: annotations and, for people, its spec.
///
/// `known` is the Lease as it was seen last: a change of the holder is added to its history. `refused` is why
/// what people asked for is no longer in the record.
pub(crate) fn content(
    cluster: &ClusterName,
    record: &Record,
    refused: Option<&str>,
    known: Option<&Lease>,
    now: Timestamp,
) -> Result<Value, Error> {
    let holder = ids::name(cluster, record.holder.member).to_string();
    let mut annotations = json!({
        VERSION: if record.replicates { REPLICATING } else { CURRENT },
        RECORD: serde_json::to_string(record).map_err(Error::Json)?,
        EPOCH: record.epoch.to_string(),
        PRIMARY: holder,
    });
    if let Some(system) = record.system {
        annotations[SYSTEM] = system.to_string().into();
    }
    if let Some(why) = refused {
        annotations[REFUSED] = refusal::annotation(record, why).into();
    }
    let at = format!("{now:.6}");
    let mut spec = json!({
        "holderIdentity": holder,
        "renewTime": at,
        // For people alone; the epoch itself is an annotation, since it may outgrow this field.
        "leaseTransitions": i32::try_from(record.epoch.number()).ok(),
    });
    let before = known
        .and_then(|lease| read(lease).ok())
        .map(|(before, _)| before);
    let leads = |record: &Record| (record.holder, record.replicates);
    if before.as_ref().map(leads) != Some(leads(record)) {
        spec["acquireTime"] = at.clone().into();
        let changes = changed(known, before.as_ref(), record, &holder, at);
        annotations[HISTORY] = serde_json::to_string(&changes).map_err(Error::Json)?.into();
    }
    Ok(json!({"metadata": {"annotations": annotations}, "spec": spec}))
}

fn changed(
    known: Option<&Lease>,
    before: Option<&Record>,
    record: &Record,
    holder: &str,
    at: String,
) -> Vec<Change> {
    let mut changes = known.map(history).unwrap_or_default();
    let reason = match before {
        None => "created",
        Some(before) if before.replicates && !record.replicates => "promoted",
        Some(before) if record.replicates && !before.replicates => "a standby cluster from now on",
        Some(before) if before.intent.is_some() => "asked for",
        Some(before) if before.released => "released by the one before",
        Some(_) => "the one before was silent",
    };
    changes.push(Change {
        epoch: record.epoch.number(),
        timeline: record.timeline.number(),
        lsn: record
            .cohort
            .floor
            .map(|floor| floor.lsn.to_string())
            .unwrap_or_default(),
        reason: reason.to_owned(),
        at,
        holder: holder.to_owned(),
    });
    let excess = changes.len().saturating_sub(MOST_HISTORY);
    changes.drain(..excess);
    changes
}

/// The changes of the holder that a Lease remembers; none if somebody made something else of them.
pub(crate) fn history(lease: &Lease) -> Vec<Change> {
    let annotations = lease.metadata.annotations.as_ref();
    annotations
        .and_then(|annotations| annotations.get(HISTORY))
        .filter(|text| text.len() <= LONGEST)
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// The stored text of the record.
pub(crate) fn text(lease: &Lease) -> Option<&str> {
    let annotations = lease.metadata.annotations.as_ref()?;
    annotations.get(RECORD).map(String::as_str)
}

/// Replaces the stored text of the record.
pub(crate) fn set_text(lease: &mut Lease, text: String) {
    let annotations = lease.metadata.annotations.get_or_insert_default();
    annotations.insert(RECORD.to_owned(), text);
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
pub(crate) mod tests;

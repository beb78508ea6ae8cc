//! Records as Leases, and back.

use pretty_assertions::assert_eq;

use super::*;

fn cluster() -> ClusterName {
    "simple".parse().unwrap()
}

pub(crate) fn record() -> Record {
    let annotations = [
        (EPOCH, "2"),
        (PRIMARY, "simple-1"),
        (SYSTEM, "7340121"),
        (VERSION, FORMER),
    ];
    let annotations = annotations.map(|(name, value)| (name.to_owned(), value.to_owned()));
    former(&annotations.into()).unwrap()
}

fn lease(record: &Record, known: Option<&Lease>) -> Lease {
    let mut content = content(&cluster(), record, None, known, Timestamp::UNIX_EPOCH).unwrap();
    content["metadata"]["resourceVersion"] = "7".into();
    serde_json::from_value(content).unwrap()
}

#[test]
fn a_record_survives_the_lease() {
    let lease = lease(&record(), None);
    assert_eq!(read(&lease).unwrap(), (record(), Version(7)));
    let spec = lease.spec.unwrap();
    assert_eq!(spec.lease_transitions, Some(2));
    assert_eq!(spec.holder_identity.as_deref(), Some("simple-1"));
}

#[test]
fn agents_that_know_no_standby_clusters_do_not_read_the_record_of_one() {
    let ordinary = lease(&record(), None).metadata.annotations.unwrap();
    assert_eq!(ordinary[VERSION], "2");
    assert!(!ordinary[RECORD].contains("replicates"));
    let standby = Record {
        replicates: true,
        ..record()
    };
    let stored = lease(&standby, None);
    assert_eq!(read(&stored).unwrap().0, standby);
    let promoted = lease(&record(), Some(&stored));
    assert_eq!(history(&promoted).last().unwrap().reason, "promoted");
    assert_eq!(stored.metadata.annotations.unwrap()[VERSION], "3");
}

#[test]
fn a_refusal_is_told_beside_the_record_that_says_so() {
    let now = Timestamp::UNIX_EPOCH;
    let why = Some("simple-2 is fenced");
    let written = content(&cluster(), &record(), why, None, now).unwrap();
    let told = &written["metadata"]["annotations"][REFUSED];
    let expected = r#"{"epoch":2,"revision":1,"why":"simple-2 is fenced"}"#;
    assert_eq!(told, expected);
}

#[test]
fn a_record_of_the_former_format_lets_only_its_primary_come_back() {
    let record = record();
    assert_eq!(record.cohort.writer, record.holder.member);
    assert_eq!(record.cohort.blocking(), 0);
    assert!(record.serving && !record.released);
}

#[test]
fn changes_of_the_holder_are_remembered_up_to_a_limit() {
    let mut record = record();
    let mut known = lease(&record, None);
    assert_eq!(history(&known).len(), 1);
    known = lease(&record, Some(&known));
    let annotations = known.metadata.annotations.clone().unwrap();
    assert!(
        !annotations.contains_key(HISTORY),
        "a renewal leaves it alone"
    );
    for boot in 1..100 {
        record.holder.boot = Boot(boot);
        record.epoch = record.epoch.next();
        let next = lease(&record, Some(&known));
        known = next;
    }
    let history = history(&known);
    assert_eq!(history.len(), MOST_HISTORY);
    assert_eq!(history.last().unwrap().epoch, record.epoch.number());
    assert_eq!(history.last().unwrap().reason, "the one before was silent");
}

#[test]
fn a_record_that_cannot_be_understood_is_an_error_and_never_missing() {
    let edited = |name: &str, value: &str| {
        let mut lease = lease(&record(), None);
        let annotations = lease.metadata.annotations.as_mut().unwrap();
        annotations.insert(name.to_owned(), value.to_owned());
        assert_eq!(stripped(Some(&lease)), None);
        view(Some(&lease)).unwrap_err().to_string()
    };
    assert!(edited(RECORD, "{}").contains("cannot be understood"));
    assert!(edited(RECORD, &" ".repeat(LONGEST + 1)).contains("more than 65536"));
    assert!(edited(VERSION, "4").contains("unknown format 4"));
}

#[test]
fn a_lease_out_of_which_the_record_was_taken_is_as_good_as_none() {
    let whole = lease(&record(), None);
    assert_eq!(stripped(Some(&whole)), None);
    for taken in [&[RECORD][..], &[VERSION], &[RECORD, VERSION, EPOCH]] {
        let mut lease = whole.clone();
        let annotations = lease.metadata.annotations.as_mut().unwrap();
        annotations.retain(|name, _| !taken.contains(&name.as_str()));
        assert!(matches!(view(Some(&lease)), Ok(Read::Missing)), "{taken:?}");
        assert_eq!(stripped(Some(&lease)), whole.metadata.resource_version);
    }
    assert!(matches!(view(None), Ok(Read::Missing)));
    assert_eq!(stripped(None), None);
}

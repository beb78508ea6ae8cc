//! Wishes, one by one.

use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;
use crate::machine::{Boot, Cohort, Holder};
use crate::{Epoch, machine::Point};
use howdah_types::{Lsn, Timeline};

fn record() -> Record {
    let floor = Point {
        timeline: Timeline::FIRST,
        lsn: Lsn::new(1),
    };
    Record {
        epoch: Epoch::FIRST,
        revision: 7,
        holder: Holder {
            member: Member(0),
            boot: Boot(1),
        },
        nonce: 1,
        system: None,
        timeline: Timeline::FIRST,
        cohort: Cohort {
            standbys: [Member(1), Member(2)].into(),
            acks: 1,
            writer: Member(0),
            timeline: Timeline::FIRST,
            floor: Some(floor),
        },
        older: Vec::new(),
        serving: true,
        released: false,
        intent: None,
        paused: false,
        fenced: [].into(),
        wait_out: None,
        replicates: false,
    }
}

const TO_ONE: Request = Request::Switchover {
    to: Some(Member(1)),
};

#[test]
fn a_switchover_is_written_down_once() {
    let asked = request(&record(), TO_ONE).unwrap();
    let to = Some(Member(1));
    assert_eq!(asked.intent, Some(Intent::Switchover { to }));
    assert_eq!(request(&asked, TO_ONE), Ok(asked.clone()));
    let other = Request::Switchover { to: None };
    assert_eq!(request(&asked, other), Err(Refused::Busy));
    assert_eq!(request(&asked, Request::Cancel), Ok(record()));
    assert_eq!(
        request(&record(), Request::Cancel),
        Err(Refused::NothingAsked)
    );
}

#[test]
fn a_switchover_needs_a_primary_and_one_that_may_run() {
    let mut without = record();
    without.released = true;
    assert_eq!(request(&without, TO_ONE), Err(Refused::NoPrimary));
    let mut fenced = record();
    fenced.fenced.insert(Member(1));
    assert_eq!(request(&fenced, TO_ONE), Err(Refused::Fenced));
    let failover = Request::Failover { to: Member(1) };
    assert_eq!(request(&fenced, failover), Err(Refused::Fenced));
}

#[test]
fn what_is_so_already_changes_nothing() {
    let record = record();
    for wish in [
        Request::Switchover {
            to: Some(Member(0)),
        },
        Request::Failover { to: Member(0) },
        Request::Resume,
        Request::Unfence(Member(2)),
    ] {
        assert_eq!(request(&record, wish), Ok(record.clone()), "{wish:?}");
        assert_eq!(progress(&record, wish, &record), Progress::Done, "{wish:?}");
    }
}

#[test]
fn a_failover_replaces_a_switchover_that_nobody_answers() {
    let asked = request(&record(), TO_ONE).unwrap();
    let failover = |to| Request::Failover { to: Member(to) };
    let forced = request(&asked, failover(2)).unwrap();
    assert_eq!(forced.intent, Some(Intent::Failover { to: Member(2) }));
    assert_eq!(request(&forced, failover(1)), Err(Refused::Busy));
    let mut released = record();
    released.released = true;
    let again = request(&released, failover(0)).unwrap();
    assert_eq!(
        again.intent,
        Some(Intent::Failover { to: Member(0) }),
        "it may come back"
    );
}

#[test]
fn pauses_and_fences_come_and_go() {
    let paused = request(&record(), Request::Pause).unwrap();
    assert!(paused.paused);
    assert_eq!(request(&paused, Request::Resume), Ok(record()));
    let fenced = request(&record(), Request::Fence(Member(2))).unwrap();
    assert_eq!(fenced.fenced, [Member(2)].into());
    assert_eq!(request(&fenced, Request::Unfence(Member(2))), Ok(record()));
}

#[test]
fn an_edit_keeps_what_it_does_not_know() {
    let mut stored = serde_json::to_value(record()).unwrap();
    stored["newer"] = json!({"a": [1, 2]});
    stored["cohort"]["newer"] = json!(true);
    let edited = edit(&stored.to_string(), Request::Pause).unwrap();
    assert_eq!(edited.before, record());
    let mut expected = stored.clone();
    expected["paused"] = json!(true);
    let text = edited.text.unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
    assert_eq!(edit(&text, Request::Pause).unwrap().text, None);
    for text in ["", "{}", "[]", "null", "1"] {
        assert_eq!(edit(text, Request::Pause), Err(Refused::NoRecord), "{text}");
    }
}

#[test]
fn a_switchover_is_done_when_the_next_one_serves() {
    let before = record();
    let at = |change: fn(&mut Record)| {
        let mut now = request(&before, TO_ONE).unwrap();
        change(&mut now);
        progress(&before, TO_ONE, &now)
    };
    assert!(matches!(at(|_| ()), Progress::Waiting(_)));
    assert!(matches!(
        at(|now| now.released = true),
        Progress::Waiting(_)
    ));
    assert_eq!(at(|now| now.intent = None), Progress::Dropped);
    let begun = at(|now| {
        now.epoch = now.epoch.next();
        now.serving = false;
        now.intent = None;
    });
    assert!(matches!(begun, Progress::Waiting(_)));
    let done = at(|now| {
        now.epoch = now.epoch.next();
        now.intent = None;
    });
    assert_eq!(done, Progress::Done);
}

#[test]
fn a_fence_is_up_when_another_one_holds() {
    let wish = Request::Fence(Member(0));
    let before = record();
    let mut now = request(&before, wish).unwrap();
    assert!(matches!(
        progress(&before, wish, &now),
        Progress::Waiting(_)
    ));
    now.released = true;
    assert_eq!(progress(&before, wish, &now), Progress::Done);
    let standby = Request::Fence(Member(1));
    let now = request(&before, standby).unwrap();
    assert_eq!(progress(&before, standby, &now), Progress::Done);
}

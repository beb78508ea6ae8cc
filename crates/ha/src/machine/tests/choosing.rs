//! Which seals are enough, and who is chosen (I6, I8).

use pretty_assertions::assert_eq;

use super::*;

fn choose<const N: usize>(record: &Record, sealed: [Report; N]) -> Option<Member> {
    let sealed = sealed
        .into_iter()
        .map(|report| (report.holder.member, report));
    record.choose(&sealed.collect(), Rules::default())
}

#[test]
fn one_of_two_is_not_enough_when_either_may_have_acknowledged() {
    assert_eq!(choose(&record(), [report(1, 3, 50)]), None);
    let both = [report(1, 3, 50), report(2, 3, 60)];
    assert_eq!(choose(&record(), both), Some(Member(2)));
}

#[test]
fn one_of_two_is_enough_when_both_had_to_acknowledge() {
    let mut record = record();
    record.cohort.acks = 2;
    assert_eq!(choose(&record, [report(1, 3, 50)]), Some(Member(1)));
}

#[test]
fn the_writers_own_copy_is_enough() {
    assert_eq!(choose(&record(), [report(0, 3, 50)]), Some(Member(0)));
    assert_eq!(
        choose(&record(), [report(0, 2, 20)]),
        None,
        "it was rewound meanwhile"
    );
}

#[test]
fn the_newer_timeline_is_ahead_whatever_the_place() {
    let both = [report(1, 2, 900), report(2, 3, 31)];
    assert_eq!(choose(&record(), both), Some(Member(2)));
}

#[test]
fn below_the_floor_the_cohort_of_before_is_asked_too() {
    let mut record = record();
    let before = record.cohort.clone();
    record.cohort.standbys = members([2]);
    record.cohort.floor = Some(Point {
        timeline: timeline(3),
        lsn: Lsn::new(45),
    });
    record.older = vec![before];
    assert_eq!(choose(&record, [report(2, 3, 44)]), None);
    assert_eq!(choose(&record, [report(2, 3, 45)]), Some(Member(2)));
    let both = [report(2, 3, 44), report(1, 3, 44)];
    assert_eq!(choose(&record, both), Some(Member(1)));
}

#[test]
fn an_epoch_that_never_served_binds_by_its_floor_or_by_what_was_before() {
    let mut claimed = record();
    claimed.older = vec![claimed.cohort.clone()];
    claimed.serving = false;
    claimed.cohort = Cohort {
        standbys: members([]),
        acks: 1,
        writer: Member(1),
        timeline: timeline(4),
        floor: Some(Point {
            timeline: timeline(3),
            lsn: Lsn::new(50),
        }),
    };
    assert_eq!(choose(&claimed, [report(2, 3, 50)]), Some(Member(2)));
    assert_eq!(choose(&claimed, [report(2, 3, 49)]), None);
    let both = [report(2, 3, 49), report(1, 3, 49)];
    assert_eq!(choose(&claimed, both), Some(Member(1)));
}

#[test]
fn without_acknowledgements_those_who_cannot_be_bound_must_agree() {
    let mut record = record();
    record.cohort.acks = 0;
    assert_eq!(record.cohort.blocking(), 1);
    assert_eq!(choose(&record, [report(1, 3, 50)]), None);
    record.cohort.standbys = members([1]);
    assert_eq!(choose(&record, [report(1, 3, 50)]), Some(Member(1)));
    record.cohort.standbys = members([]);
    assert_eq!(
        choose(&record, [report(1, 3, 50)]),
        None,
        "only the writer comes back"
    );
    assert_eq!(choose(&record, [report(0, 3, 50)]), Some(Member(0)));
}

#[test]
fn among_equals_the_wanted_member_is_chosen() {
    let mut record = record();
    let both = || [report(1, 3, 50), report(2, 3, 50)];
    assert_eq!(choose(&record, both()), Some(Member(1)));
    record.intent = Some(Intent::Switchover {
        to: Some(Member(2)),
    });
    assert_eq!(choose(&record, both()), Some(Member(2)));
    let behind = [report(1, 3, 51), report(2, 3, 50)];
    assert_eq!(choose(&record, behind), Some(Member(1)));
}

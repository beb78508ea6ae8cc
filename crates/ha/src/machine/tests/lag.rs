//! The limit of the lag with which a member takes over.

use pretty_assertions::assert_eq;

use super::*;

/// m1 in the async mode with that limit: it heard m0 at 50, was not greeted since, and asks its peers.
fn canvassing(limit: Option<u64>, edit: impl FnOnce(&mut Record)) -> State {
    let mut state = member(1);
    state.config.settings.policy = Policy::Async;
    state.config.settings.maximum_lag = limit;
    let record = &mut state.observed.as_mut().unwrap().record;
    record.cohort.acks = 0;
    edit(record);
    let known = record.clone();
    let state = step(state, heartbeat(0, 3, Some(position(3, 50))), at(0)).next;
    let state = step(state, Event::Job(JobEnd::Done), at(1)).next;
    let quiet = view(Server::Standby {
        upstream: None,
        receiving: false,
    });
    let state = step(state, seen(quiet, 7000), at(7000)).next;
    let state = step(state, Event::Tick, at(7000)).next;
    assert!(
        matches!(state.phase, Phase::Candidate(_)),
        "{:?}",
        state.phase
    );
    let found = Read::Found(Box::new(known), Version(5));
    step(state, Event::Api(ApiEnd::Read(found)), at(7010)).next
}

/// True if m1, whose copy ends at 40, goes on to seal after m2 said so.
fn seals(state: State, told: Report) -> bool {
    let message = Message::Canvassed {
        epoch: epoch(4),
        willing: Some(told),
        promised: Some(epoch(3)),
        seen: Some((epoch(3), 9)),
    };
    let next = step(state, Event::Message(holder(2), message), at(7020)).next;
    next.durable.promised == Some(epoch(4))
}

#[test]
fn who_lags_by_more_than_the_limit_does_not_take_over() {
    let none = |_: &mut Record| {};
    assert!(seals(canvassing(None, none), report(2, 3, 40)));
    assert!(seals(canvassing(Some(10), none), report(2, 3, 40)));
    assert!(!seals(canvassing(Some(9), none), report(2, 3, 40)));
    assert!(
        seals(canvassing(Some(9), none), report(2, 3, 41)),
        "the farthest counts, and m2 can be it"
    );
}

#[test]
fn what_any_of_those_asked_heard_of_the_holder_counts() {
    let far = Report {
        reached: Some(Point {
            timeline: timeline(3),
            lsn: Lsn::new(51),
        }),
        ..report(2, 3, 40)
    };
    assert!(!seals(canvassing(Some(10), |_| {}), far));
}

#[test]
fn the_limit_asks_nothing_where_standbys_acknowledge() {
    let acknowledged = |record: &mut Record| record.cohort.acks = 1;
    assert!(seals(canvassing(Some(0), acknowledged), report(2, 3, 40)));
}

#[test]
fn the_copy_of_the_writer_itself_is_never_too_far_behind() {
    let own = |record: &mut Record| record.cohort.writer = Member(1);
    assert!(seals(canvassing(Some(0), own), report(2, 3, 40)));
}

#[test]
fn what_an_epoch_that_never_served_began_without_is_not_counted_again() {
    let unserved = |record: &mut Record| {
        record.older = vec![record.cohort.clone()];
        record.timeline = timeline(4);
        record.cohort.timeline = timeline(4);
        record.serving = false;
    };
    let begun = Report {
        position: Position {
            end: Point {
                timeline: timeline(4),
                lsn: Lsn::new(42),
            },
            history: vec![position(3, 41).end],
        },
        ..report(2, 3, 41)
    };
    assert!(!seals(canvassing(Some(8), unserved), report(2, 3, 41)));
    assert!(seals(canvassing(Some(8), unserved), begun));
}

#[test]
fn people_may_let_a_member_take_over_that_lags_by_more() {
    let wish = |record: &mut Record| record.intent = Some(Intent::Failover { to: Member(1) });
    let state = canvassing(Some(0), wish);
    assert!(!seals(state.clone(), report(2, 3, 40)), "not at once");
    let next = step(state, Event::Tick, at(8010)).next;
    assert_eq!(next.durable.promised, Some(epoch(4)));
}

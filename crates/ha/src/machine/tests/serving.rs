//! primary and fenced.

use pretty_assertions::assert_eq;

use super::*;

fn grant(mut state: State, from: u16, sent: Instant) -> State {
    let message = Message::Grant {
        epoch: epoch(3),
        sent,
        granted: true,
        lasts: Timing::FAST.grant,
        promised: Some(epoch(3)),
        seen: Some(epoch(3)),
    };
    state = step(state, Event::Message(holder(from), message), sent).next;
    state
}

#[test]
fn the_holder_renews_by_the_exact_version() {
    let quiet = step(primary(), Event::Tick, at(999));
    assert_eq!(quiet.actions, []);
    let step = step(primary(), Event::Tick, at(1000));
    let written = write_of(&step).unwrap();
    let nonce = written.nonce;
    let record = Box::new(Record { nonce, ..record() });
    let expected = Some(Version(5));
    assert_eq!(step.actions, [Action::WriteRecord { expected, record }]);
}

#[test]
fn a_renewal_counts_from_before_it_was_sent() {
    let state = step(primary(), Event::Tick, at(1000)).next;
    let step = step(state, Event::Api(ApiEnd::Written(Version(6))), at(1700));
    assert_eq!(step.next.renewed, Some(at(1000)));
    assert_eq!(step.actions, [Action::Guard(Some(at(6000)))]);
}

#[test]
fn a_renewal_without_an_answer_counts_once_it_is_found() {
    let sent = step(primary(), Event::Tick, at(1000));
    let record = Box::new(write_of(&sent).unwrap());
    let unknown = step(sent.next, Event::Api(ApiEnd::Unknown), at(1800)).next;
    assert_eq!(unknown.renewed, Some(at(0)));
    let reading = step(unknown, Event::Tick, at(1900));
    assert_eq!(reading.actions, [Action::ReadRecord]);
    let found = Event::Api(ApiEnd::Read(Read::Found(record, Version(6))));
    assert_eq!(
        step(reading.next, found, at(1950)).next.renewed,
        Some(at(1000))
    );
}

#[test]
fn at_the_end_of_its_authority_it_is_killed() {
    let early = step(primary(), Event::Tick, at(4999)).next;
    assert!(matches!(early.phase, Phase::Primary(_)));
    let late = step(primary(), Event::Tick, at(5000));
    assert_eq!(late.actions[0], Action::Do(Job::Kill));
    assert!(matches!(
        late.next.phase,
        Phase::Fenced(Fenced { release: true, .. })
    ));
}

#[test]
fn grants_keep_it_serving_without_the_api() {
    let state = grant(primary(), 1, at(4000));
    assert_eq!(state.guard, Some(at(5990)));
    let late = step(state, Event::Tick, at(5989)).next;
    assert!(matches!(late.phase, Phase::Primary(_)));
}

#[test]
fn another_holder_means_kill_now() {
    let mut other = record();
    other.epoch = epoch(4);
    other.holder = holder(1);
    let event = Event::Watched(Read::Found(Box::new(other), Version(6)));
    let step = step(primary(), event, at(1));
    assert_eq!(step.actions, [Action::Do(Job::Kill)]);
    assert_eq!(step.next.guard, Some(at(5000)), "the kill may never begin");
    assert_eq!(
        step.next.forfeited, None,
        "the record names another already"
    );
}

#[test]
fn a_test_write_that_fails_ends_it() {
    let mut pg = primary().pg;
    pg.writes = false;
    let step = step(primary(), seen(pg, 1), at(1));
    assert_eq!(step.actions[0], Action::Do(Job::Kill));
}

#[test]
fn a_crash_is_restarted_after_a_renewal_that_was_sent_since() {
    let crashed = step(primary(), seen(view(Server::Stopped), 500), at(500));
    assert!(write_of(&crashed).is_some(), "a renewal is due at once");
    assert_eq!(crashed.actions.len(), 1, "the last one was sent before");
    let step = step(
        crashed.next,
        Event::Api(ApiEnd::Written(Version(6))),
        at(520),
    );
    let restart = Action::Do(Job::Restart);
    assert_eq!(step.actions, [restart, Action::Guard(Some(at(5500)))]);
}

#[test]
fn a_crash_of_what_was_restarted_needs_a_renewal_again() {
    let written = |version| Event::Api(ApiEnd::Written(Version(version)));
    let restart = Action::Do(Job::Restart);
    for end in [JobEnd::Done, JobEnd::Failed] {
        let crashed = step(primary(), seen(view(Server::Stopped), 500), at(500)).next;
        let first = step(crashed, written(6), at(520));
        assert!(first.actions.contains(&restart));
        let ended = step(first.next, Event::Job(end), at(700)).next;
        let again = step(ended, seen(view(Server::Stopped), 1300), at(1300));
        assert!(
            write_of(&again).is_some(),
            "{end:?}: the last one was sent before"
        );
        assert!(!again.actions.contains(&restart), "{end:?}");
        let renewed = step(again.next, written(7), at(1320));
        assert!(renewed.actions.contains(&restart), "{end:?}");
    }
}

#[test]
fn a_crash_takes_nobody_out_of_the_cohort() {
    for (policy, acks) in [(Policy::Async, 0), (Policy::Sync { acks: 1 }, 1)] {
        let mut state = primary();
        state.config.settings.policy = policy;
        let observed = state.observed.as_mut().unwrap();
        observed.record.cohort.acks = acks;
        let cohort = observed.record.cohort.clone();
        let standbys = cohort.standbys.clone();
        state.names = Some(Names { standbys, acks });
        state.cut = Some(Lsn::new(40));
        let crashed = step(state, seen(view(Server::Stopped), 500), at(500));
        let renewed = write_of(&crashed).unwrap();
        assert_eq!(
            renewed.cohort, cohort,
            "it may not come back, and then they take over"
        );
    }
}

/// An async primary at 50, whose standby m1 is there and whose m2 is at 45.
fn followed() -> (State, PgView) {
    let mut state = primary();
    state.config.settings.policy = Policy::Async;
    let observed = state.observed.as_mut().unwrap();
    observed.record.cohort.acks = 0;
    observed.record.cohort.standbys = members([1]);
    state.names = Some(observed.record.cohort.names());
    state.cut = Some(Lsn::new(48));
    state.marks.clear();
    state.progress.clear();
    let mut pg = state.pg.clone();
    pg.position = Some(position(3, 50));
    pg.standbys = [(Member(1), Lsn::new(50)), (Member(2), Lsn::new(45))].into();
    (state, pg)
}

#[test]
fn who_may_take_over_in_async_is_nothing_to_postgres() {
    let (state, mut pg) = followed();
    let lagging = step(state, seen(pg.clone(), 10), at(10));
    assert_eq!(write_of(&lagging), None, "m2 was never there");
    pg.standbys.insert(Member(2), Lsn::new(50));
    let near = step(lagging.next, seen(pg.clone(), 20), at(20));
    let record_now = write_of(&near).unwrap();
    assert_eq!(record_now.cohort.standbys, members([1, 2]));
    assert_eq!(
        record_now.cohort.floor,
        record().cohort.floor,
        "whoever is in the cohort holds it"
    );
    let written = step(near.next, Event::Api(ApiEnd::Written(Version(6))), at(30));
    assert_eq!(written.next.job, None, "nothing is loaded again");
}

#[test]
fn who_was_nobodys_follower_must_hold_what_was_acknowledged_before() {
    let (mut state, pg) = followed();
    let observed = state.observed.as_mut().unwrap();
    observed.record.cohort.standbys = members([]);
    let joined = step(state, seen(pg, 10), at(10));
    let cohort = write_of(&joined).unwrap().cohort;
    assert_eq!(cohort.standbys, members([1]));
    assert_eq!(cohort.floor.unwrap().lsn, Lsn::new(48));
}

#[test]
fn a_recovered_tail_is_acknowledged_before_clients_come_back() {
    let mut state = primary();
    let Phase::Primary(primary) = &mut state.phase else {
        panic!("primary");
    };
    primary.tail = Lsn::new(45);
    state.pg.open = false;
    let mut pg = state.pg.clone();
    pg.position = Some(position(3, 45));
    let step_early = step(state, seen(pg.clone(), 1), at(1));
    assert_eq!(step_early.actions, []);
    pg.standbys.insert(Member(2), Lsn::new(45));
    let step = step(step_early.next, seen(pg, 2), at(2));
    assert_eq!(step.actions, [Action::Do(Job::Open)]);
}

/// m2 stopped moving at 0.
fn one_stuck(now: u64) -> (State, PgView) {
    let mut state = primary();
    state.renewed = Some(at(now));
    let mut pg = state.pg.clone();
    pg.position = Some(position(3, 50));
    pg.standbys.insert(Member(1), Lsn::new(50));
    (state, pg)
}

#[test]
fn a_dead_standby_leaves_postgres_first_then_the_record_with_a_floor() {
    let (state, pg) = one_stuck(3000);
    let step_one = step(state, seen(pg, 3000), at(3000));
    let names = Names {
        standbys: members([1]),
        acks: 1,
    };
    assert_eq!(step_one.actions, [Action::Guard(Some(at(8000)))]);
    let step_two = step(step_one.next, Event::Tick, at(3001));
    assert_eq!(step_two.actions, [Action::Do(Job::SetNames(names))]);
    let ended = step(
        step_two.next,
        Event::Job(JobEnd::NamesSet(Lsn::new(52))),
        at(3010),
    );
    let record_now = write_of(&ended).unwrap();
    assert_eq!(record_now.cohort.standbys, members([1]));
    assert_eq!(record_now.cohort.floor.unwrap().lsn, Lsn::new(52));
    assert_eq!(record_now.older, [record().cohort]);
}

#[test]
fn a_standby_that_caught_up_joins_the_record_first() {
    let mut state = primary();
    let observed = state.observed.as_mut().unwrap();
    observed.record.cohort.standbys = members([1]);
    state.names = Some(Names {
        standbys: members([1]),
        acks: 1,
    });
    let pg = state.pg.clone();
    let added = step(state, seen(pg, 10), at(10));
    let record = write_of(&added).unwrap();
    assert_eq!(record.cohort.standbys, members([1, 2]));
    assert_eq!(added.next.job, None, "Postgres follows");
    let set = step(added.next, Event::Api(ApiEnd::Written(Version(6))), at(30));
    let names = Names {
        standbys: members([1, 2]),
        acks: 1,
    };
    assert_eq!(set.next.job, Some(Job::SetNames(names)));
}

#[test]
fn sync_without_standbys_degrades_in_the_record_first() {
    let mut state = primary();
    state.config.settings.policy = Policy::Sync { acks: 1 };
    state.renewed = Some(at(2900));
    state.pg.standbys.clear();
    let pg = state.pg.clone();
    let step_one = step(state, seen(pg, 3000), at(3000));
    let record = write_of(&step_one).unwrap();
    assert_eq!(
        (record.cohort.acks, record.cohort.standbys),
        (0, members([]))
    );
    assert_eq!(step_one.next.job, None);
    let step_two = step(
        step_one.next,
        Event::Api(ApiEnd::Written(Version(6))),
        at(3020),
    );
    let names = Names {
        standbys: members([]),
        acks: 0,
    };
    assert_eq!(step_two.next.job, Some(Job::SetNames(names)));
}

#[test]
fn a_higher_promise_of_a_peer_is_outbid_by_a_new_epoch() {
    let refused = granted(3, false, Some(6));
    let step = step(primary(), Event::Message(holder(1), refused), at(1));
    let record = write_of(&step).unwrap();
    assert_eq!((record.epoch, record.holder), (epoch(7), holder(0)));
}

#[test]
fn a_switchover_stops_then_releases() {
    let mut asked = record();
    asked.revision = 10;
    asked.intent = Some(Intent::Switchover {
        to: Some(Member(2)),
    });
    let event = Event::Watched(Read::Found(Box::new(asked), Version(6)));
    let asked = step(primary(), event, at(1));
    assert_eq!(
        asked.actions,
        [],
        "a standby may have ended since the last look"
    );
    let pg = asked.next.pg.clone();
    let asked = step(asked.next, seen(pg.clone(), 2), at(2));
    assert_eq!(asked.actions, [Action::Do(Job::Checkpoint)]);
    let prepared = step(asked.next, Event::Job(JobEnd::Failed), at(5)).next;
    let stopping = step(prepared, seen(pg, 600), at(600));
    assert_eq!(stopping.actions, [Action::Do(Job::Stop)]);
    let ended = step(stopping.next, Event::Job(JobEnd::Done), at(700));
    assert_eq!(ended.actions, [], "it was not seen yet");
    let ended = step(ended.next, seen(view(Server::Stopped), 701), at(701));
    assert_eq!(ended.actions.last(), Some(&Action::Guard(None)));
    let released = write_of(&ended).unwrap();
    assert!(released.released);
    let written = Event::Api(ApiEnd::Written(Version(7)));
    let done = step(ended.next, written, at(320)).next;
    assert_eq!(done.phase, Phase::Follower);
    assert_eq!(done.yield_until, at(5320));
}

#[test]
fn a_route_names_its_epoch_and_gives_way() {
    let mut state = primary();
    state.routed = None;
    let step = step(state, Event::Tick, at(1));
    let route = Action::Route {
        epoch: epoch(3),
        unless_newer: true,
    };
    assert_eq!(step.actions, [route]);
}

//! Settings that change while a member runs.

use pretty_assertions::assert_eq;

use super::*;

fn settings(state: &State, edit: impl FnOnce(&mut Settings)) -> Event {
    let mut settings = state.config.settings.clone();
    edit(&mut settings);
    Event::Configured(settings)
}

fn names<const N: usize>(standbys: [u16; N], acks: u16) -> Names {
    Names {
        standbys: members(standbys),
        acks,
    }
}

/// The next write of the record, or none.
fn after(state: State, policy: Policy) -> (State, Option<Record>) {
    let event = settings(&state, |settings| settings.policy = policy);
    let step = step(state, event, at(10));
    (step.next.clone(), write_of(&step))
}

#[test]
fn more_acknowledgements_begin_in_postgres() {
    let (state, write) = after(primary(), Policy::Strict { acks: 2 });
    assert_eq!(write, None);
    let state = step(state, Event::Tick, at(11)).next;
    assert_eq!(state.job, Some(Job::SetNames(names([1, 2], 2))));
    let set = step(state, Event::Job(JobEnd::NamesSet(Lsn::new(70))), at(20));
    let next = write_of(&set).unwrap();
    assert_eq!(
        (next.cohort.acks, next.cohort.floor.unwrap().lsn),
        (2, Lsn::new(70))
    );
    assert_eq!(next.older, [record().cohort]);
}

#[test]
fn more_acknowledgements_come_from_no_member_that_the_record_does_not_know() {
    let mut state = primary();
    state.observed.as_mut().unwrap().record.cohort.standbys = members([1]);
    state.names = Some(names([1], 1));
    state.call = Some(Call::Read);
    let state = after(state, Policy::Strict { acks: 2 }).0;
    let state = step(state, Event::Tick, at(11)).next;
    assert_eq!(state.job, Some(Job::SetNames(names([1], 2))), "writes wait");
}

#[test]
fn fewer_acknowledgements_begin_in_the_record() {
    let mut state = primary();
    state.observed.as_mut().unwrap().record.cohort.acks = 2;
    state.names = Some(names([1, 2], 2));
    let (state, write) = after(state, Policy::Strict { acks: 1 });
    let next = write.unwrap();
    assert_eq!(
        (next.cohort.acks, next.cohort.standbys),
        (1, members([1, 2]))
    );
    assert_eq!(state.job, None);
    let state = step(state, Event::Api(ApiEnd::Written(Version(6))), at(30)).next;
    assert_eq!(state.job, Some(Job::SetNames(names([1, 2], 1))));
}

#[test]
fn the_async_mode_begins_with_nobody_and_a_floor_for_those_who_come() {
    let (state, write) = after(primary(), Policy::Async);
    let next = write.unwrap();
    assert_eq!((next.cohort.acks, next.cohort.standbys), (0, members([])));
    let state = step(state, Event::Api(ApiEnd::Written(Version(6))), at(30)).next;
    assert_eq!(state.job, Some(Job::SetNames(names([], 0))));
    // The log had grown to 70 before the last commit that was waited for.
    let set = step(state, Event::Job(JobEnd::NamesSet(Lsn::new(70))), at(40));
    assert_eq!(write_of(&set), None, "nobody holds that much");
    let mut pg = set.next.pg.clone();
    pg.position = Some(position(3, 70));
    pg.standbys = [(Member(1), Lsn::new(70)), (Member(2), Lsn::new(69))].into();
    let joined = step(set.next, seen(pg, 50), at(50));
    let next = write_of(&joined).unwrap();
    assert_eq!((next.cohort.acks, next.cohort.standbys), (0, members([1])));
    assert_eq!(next.cohort.floor.unwrap().lsn, Lsn::new(70));
}

#[test]
fn the_strict_mode_comes_back_from_async_without_standbys_and_writes_wait() {
    let mut state = primary();
    let record = &mut state.observed.as_mut().unwrap().record;
    record.cohort.acks = 0;
    record.cohort.standbys = members([]);
    state.names = Some(names([], 0));
    state.marks.clear();
    let (state, write) = after(state, Policy::Strict { acks: 1 });
    assert_eq!(write, None);
    let state = step(state, Event::Tick, at(11)).next;
    assert_eq!(state.job, Some(Job::SetNames(names([], 1))));
}

#[test]
fn sync_with_fewer_standbys_goes_down_to_those_there_are() {
    let mut state = primary();
    state.config.settings.policy = Policy::Sync { acks: 2 };
    state.observed.as_mut().unwrap().record.cohort.acks = 2;
    state.names = Some(names([1, 2], 2));
    state.renewed = Some(at(2900));
    state.progress.remove(&Member(2));
    state.progress.get_mut(&Member(1)).unwrap().1 = at(2900);
    let lowered = step(state, Event::Tick, at(3000));
    let next = write_of(&lowered).unwrap();
    assert_eq!(
        (next.cohort.acks, next.cohort.standbys),
        (1, members([1, 2]))
    );
}

#[test]
fn a_member_that_may_not_acknowledge_any_longer_leaves_postgres_first() {
    let state = primary();
    let event = settings(&state, |settings| settings.synchronous = members([0, 1]));
    let state = step(state, event, at(10)).next;
    let state = step(state, Event::Tick, at(11)).next;
    assert_eq!(state.job, Some(Job::SetNames(names([1], 1))));
}

#[test]
fn who_is_no_voter_runs_no_round_and_accepts_no_seal() {
    let state = member(1);
    let event = settings(&state, |settings| settings.voters = members([0, 2]));
    let state = step(state, event, at(10)).next;
    assert_eq!(
        step(state.clone(), Event::Tick, at(9000)).next.round_at,
        None
    );
    let seal = Message::Seal {
        epoch: epoch(4),
        record: Box::new(record()),
    };
    let sealed = step(state.clone(), Event::Message(holder(2), seal), at(9000)).next;
    assert_eq!(sealed.durable.promised, None);
    let follows = step(state, heartbeat(0, 3, Some(position(3, 50))), at(11));
    assert_eq!(follows.next.job, Some(Job::Receive(Some(Member(0)))));
}

#[test]
fn a_renewal_holds_no_longer_than_others_wait_by_the_record() {
    let mut state = primary();
    let event = settings(&state, |settings| settings.timing = Timing::FLEET);
    state = step(state, event, at(10)).next;
    // By the record others wait six seconds, less the margin of a second and a half.
    assert_eq!(state.guard, Some(at(4500)));
    let sent = step(state, Event::Tick, at(2000));
    assert_eq!(
        write_of(&sent).unwrap().wait_out,
        Some(Timing::FLEET.wait_out)
    );
    let state = step(sent.next, Event::Api(ApiEnd::Written(Version(6))), at(2100)).next;
    assert_eq!(state.guard, Some(at(10_500)));
}

#[test]
fn a_candidate_waits_as_long_as_the_holder_counts_on() {
    let mut state = member(2);
    let record = &mut state.observed.as_mut().unwrap().record;
    record.cohort.acks = 0;
    record.wait_out = Some(Timing::FLEET.wait_out);
    assert_eq!(
        step(state.clone(), Event::Tick, at(9999)).next.round_at,
        None
    );
    let waited = step(state, Event::Tick, at(10_000)).next;
    assert_eq!(waited.round_at, Some(at(10_150)));
}

#[test]
fn a_grant_binds_its_giver_also_after_its_settings_were_shortened() {
    let mut state = member(1);
    state.config.settings.timing = Timing::FLEET;
    let mut state = step(state, heartbeat(0, 3, None), at(0)).next;
    state.config.settings.timing = Timing::FAST;
    let state = step(state, heartbeat(0, 3, None), at(10)).next;
    assert_eq!(state.given.unwrap().until, at(4000));
}

#[test]
fn a_grant_is_relied_on_only_as_long_as_its_giver_is_bound() {
    let mut state = primary();
    state.config.settings.timing.rely = Timing::FLEET.rely;
    let message = Message::Grant {
        epoch: epoch(3),
        sent: at(0),
        granted: true,
        lasts: Timing::FAST.grant,
        promised: None,
        seen: Some(epoch(3)),
    };
    let state = step(state, Event::Message(holder(1), message), at(1)).next;
    assert_eq!(state.grants[&Member(1)], at(1990));
}

#[test]
fn what_a_boot_before_granted_still_binds() {
    let mut state = member(1);
    state.booted = at(2900);
    let seal = Message::Seal {
        epoch: epoch(4),
        record: Box::new(record()),
    };
    let promised = |from, millis| {
        let event = Event::Message(holder(from), seal.clone());
        step(state.clone(), event, at(millis)).next.durable.promised
    };
    assert_eq!(promised(2, 4899), None);
    assert_eq!(promised(2, 4900), Some(epoch(4)));
    assert_eq!(
        promised(0, 3000),
        Some(epoch(4)),
        "the holder itself was born again"
    );
}

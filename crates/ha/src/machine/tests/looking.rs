//! Views of Postgres are late, and jobs take long.

use pretty_assertions::assert_eq;

use super::*;

#[test]
fn a_view_that_is_older_than_the_one_before_is_left_out() {
    let state = step(member(1), seen(view(Server::Stopped), 50), at(60)).next;
    let late = seen(view(Server::Primary), 49);
    assert_eq!(step(state.clone(), late, at(61)).next.pg, state.pg);
}

#[test]
fn what_was_seen_before_a_job_ended_says_nothing_about_after() {
    let mut state = primary();
    state.pg.open = false;
    let opening = step(state, Event::Tick, at(10));
    assert_eq!(opening.actions, [Action::Do(Job::Open)]);
    let opened = step(opening.next, Event::Job(JobEnd::Done), at(20));
    assert_eq!(opened.actions, [], "it is not told again");
    let mut before = view(Server::Primary);
    before.position = None;
    let step_early = step(opened.next, seen(before, 19), at(21));
    assert_eq!(step_early.actions, []);
    assert!(step_early.next.pg.position.is_some());
}

#[test]
fn a_start_that_was_not_seen_yet_is_not_taken_for_a_stopped_server() {
    let mut state = member(1);
    state.phase = Phase::Fenced(Fenced {
        release: true,
        until: at(5000),
    });
    state.observed.as_mut().unwrap().record.holder = holder(1);
    state.pg = view(Server::Stopped);
    state.job = Some(Job::Restart);
    let ended = step(state, Event::Job(JobEnd::Done), at(100));
    assert_eq!(
        ended.actions,
        [],
        "nothing is released before it was looked at"
    );
    let killed = step(ended.next, seen(view(Server::Primary), 101), at(101));
    assert_eq!(killed.actions, [Action::Do(Job::Kill)]);
    let stopped = step(killed.next, Event::Job(JobEnd::Done), at(150)).next;
    let released = step(stopped, seen(view(Server::Stopped), 151), at(151));
    assert!(write_of(&released).unwrap().released);
}

#[test]
fn the_guard_stays_until_postgres_is_seen_stopped() {
    let fenced = step(primary(), Event::Tick, at(5000));
    assert!(matches!(fenced.next.phase, Phase::Fenced(_)));
    assert_eq!(fenced.next.guard, Some(at(5000)));
    let killed = step(fenced.next, Event::Job(JobEnd::Done), at(5100)).next;
    assert_eq!(killed.guard, Some(at(5000)));
    let gone = step(killed, seen(view(Server::Stopped), 5101), at(5101)).next;
    assert_eq!(gone.guard, None);
}

#[test]
fn lag_is_counted_from_when_it_was_seen() {
    let state = primary();
    let mut pg = state.pg.clone();
    pg.position = Some(position(3, 60));
    let state = step(state, seen(pg.clone(), 100), at(300)).next;
    pg.standbys.insert(Member(1), Lsn::new(60));
    let state = step(state, seen(pg, 200), at(400)).next;
    let mark = state.marks[&Member(1)];
    assert_eq!((mark.has, mark.goal), (at(200), Lsn::new(60)));
    let mark = state.marks[&Member(2)];
    assert_eq!((mark.has, mark.goal), (at(0), Lsn::new(60)));
}

#[test]
fn who_is_gone_for_a_moment_stays_in_the_cohort() {
    let state = primary();
    let mut pg = state.pg.clone();
    pg.standbys.remove(&Member(2));
    let state = step(state, seen(pg.clone(), 100), at(100)).next;
    let Phase::Primary(primary) = &state.phase else {
        panic!("{:?}", state.phase);
    };
    assert_eq!(primary.change, None);
    let state = step(state, seen(pg, 3000), at(3000)).next;
    let Phase::Primary(primary) = state.phase else {
        panic!("{:?}", state.phase);
    };
    assert_eq!(primary.change.unwrap().standbys, members([1]));
}

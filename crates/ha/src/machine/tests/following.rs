//! init, follower, sealed, rejoin, quarantine.

use pretty_assertions::assert_eq;

use super::*;

fn fresh(may_bootstrap: bool) -> State {
    let mut config = member(1).config;
    config.may_bootstrap = may_bootstrap;
    State::new(config, Durable::default(), at(0))
}

fn empty() -> PgView {
    PgView {
        data: Data::Empty,
        ..PgView::unknown()
    }
}

#[test]
fn a_new_member_reads_the_record() {
    let step = step(fresh(false), Event::Tick, at(0));
    assert_eq!(step.actions, [Action::ReadRecord]);
    assert_eq!(step.next.phase, Phase::Init);
}

#[test]
fn a_missing_record_is_created_only_by_an_empty_member_that_may() {
    for (may, seen, creates) in [
        (true, None, true),
        (false, None, false),
        (true, Some((epoch(1), 1)), false),
    ] {
        let mut state = fresh(may);
        state.durable.seen = seen;
        state.pg = empty();
        let state = step(state, Event::Tick, at(0)).next;
        let step = step(state, Event::Api(ApiEnd::Read(Read::Missing)), at(1));
        let wrote = step
            .actions
            .iter()
            .any(|action| matches!(action, Action::WriteRecord { expected: None, .. }));
        assert_eq!(wrote, creates, "{may} {seen:?}");
    }
}

#[test]
fn a_copy_starts_as_a_standby() {
    let mut state = member(1);
    state.phase = Phase::Init;
    let step = step(state, seen(view(Server::Stopped), 1), at(1));
    assert_eq!(step.next.phase, Phase::Follower);
    assert_eq!(step.actions, [Action::Do(Job::Start { writable: false })]);
}

#[test]
fn an_empty_member_waits_for_a_holder_to_clone() {
    let mut state = member(1);
    let step = step(state.clone(), seen(empty(), 1), at(1));
    assert_eq!(step.next.phase, Phase::Rejoin(Rejoin::default()));
    assert_eq!(step.actions, []);
    state.pg = empty();
    let step = super::super::step(state, heartbeat(0, 3, Some(position(3, 50))), at(1));
    assert_eq!(
        step.actions,
        [
            Action::Send(Member(0), granted(3, true, Some(3))),
            Action::Do(Job::Clone { from: Member(0) }),
        ]
    );
}

#[test]
fn a_follower_receives_from_the_holder_it_hears() {
    let step = step(member(1), heartbeat(0, 3, Some(position(3, 50))), at(1));
    assert_eq!(
        step.actions,
        [
            Action::Send(Member(0), granted(3, true, Some(3))),
            Action::Do(Job::Receive(Some(Member(0)))),
        ]
    );
    assert!(!step.persist, "the epoch was known");
}

#[test]
fn a_holder_that_is_not_promoted_gets_a_grant_and_is_not_followed() {
    let step = step(member(1), heartbeat(0, 4, None), at(1));
    assert_eq!(
        step.actions,
        [Action::Send(Member(0), granted(4, true, Some(3)))]
    );
    assert!(step.persist, "the newer epoch is kept on disk");
}

#[test]
fn a_copy_that_is_past_the_fork_is_rewound_with_the_fork_named() {
    let mut state = member(1);
    state.pg.position = Some(position(3, 40));
    let mut source = position(4, 60);
    source.history[2].lsn = Lsn::new(35);
    let step = step(state, heartbeat(0, 4, Some(source)), at(1));
    let rejoin = Rejoin {
        end: Some(position(3, 40).end),
        ..Rejoin::default()
    };
    assert_eq!(step.next.phase, Phase::Rejoin(rejoin));
    assert_eq!(step.actions[1..], [Action::Do(Job::Stop)]);
    let state = super::super::step(step.next, Event::Job(JobEnd::Done), at(2)).next;
    let step = super::super::step(state, seen(view(Server::Stopped), 3), at(3));
    let rewind = Job::Rewind {
        from: Member(0),
        fork: Some(Lsn::new(35)),
    };
    assert_eq!(step.actions, [Action::Do(rewind)]);
}

#[test]
fn a_copy_that_cannot_tell_its_place_by_itself_is_fed_after_a_moment() {
    let mut state = member(1);
    state.pg.position = None;
    let heard = step(state, heartbeat(0, 3, Some(position(3, 50))), at(900));
    assert_eq!(heard.actions.len(), 1, "a grant alone: {:?}", heard.actions);
    let step = step(heard.next, Event::Tick, at(1000));
    assert_eq!(step.actions, [Action::Do(Job::Receive(Some(Member(0))))]);
}

/// m1 with a stopped copy that is to get onto the history of m0, which is at 50 on timeline 3.
fn rejoining(rejoin: Rejoin, serving: bool) -> Step {
    let mut state = step(member(1), heartbeat(0, 3, Some(position(3, 50))), at(1)).next;
    state.leader.as_mut().unwrap().serving = serving;
    state.pg = view(Server::Stopped);
    state.job = None;
    state.phase = Phase::Rejoin(rejoin);
    step(state, Event::Tick, at(2))
}

#[test]
fn a_copy_whose_wal_is_gone_is_replaced_and_never_rewound() {
    for serving in [true, false] {
        let rejoin = Rejoin {
            stale: true,
            ..Rejoin::default()
        };
        let step = rejoining(rejoin, serving);
        let clone = Action::Do(Job::Clone { from: Member(0) });
        let expected = if serving { vec![clone] } else { vec![] };
        assert_eq!(step.actions, expected);
    }
}

#[test]
fn after_two_failed_rewinds_a_copy_is_replaced_while_the_holder_serves() {
    for serving in [true, false] {
        let rejoin = Rejoin {
            end: Some(position(3, 60).end),
            failed: 2,
            ..Rejoin::default()
        };
        let step = rejoining(rejoin, serving);
        let clone = Action::Do(Job::Clone { from: Member(0) });
        let rewind = Action::Do(Job::Rewind {
            from: Member(0),
            fork: Some(Lsn::new(50)),
        });
        let expected = if serving { clone } else { rewind };
        assert_eq!(step.actions, [expected]);
    }
}

#[test]
fn a_foreign_or_damaged_copy_is_kept_and_not_run() {
    let mut foreign = view(Server::Standby {
        upstream: None,
        receiving: false,
    });
    foreign.data = Data::Copy(SystemIdentifier::new(1).unwrap());
    let mut damaged = view(Server::Stopped);
    damaged.data = Data::Damaged;
    let step = step(member(1), seen(foreign, 1), at(1));
    assert_eq!(step.next.phase, Phase::Quarantine);
    assert_eq!(step.actions, [Action::Do(Job::Kill)]);
    let step = super::super::step(member(1), seen(damaged, 1), at(1));
    assert_eq!((step.next.phase, step.actions), (Phase::Quarantine, vec![]));
}

fn seal(from: u16, of: u64) -> Event {
    let record = Box::new(record());
    let epoch = epoch(of);
    Event::Message(holder(from), Message::Seal { epoch, record })
}

#[test]
fn a_seal_is_promised_on_disk_then_reported_when_nothing_is_received() {
    let mut state = member(1);
    state.pg.server = Server::Standby {
        upstream: Some(Member(0)),
        receiving: true,
    };
    let step = step(state, seal(2, 4), at(3000));
    assert!(step.persist);
    assert_eq!(step.next.durable.promised, Some(epoch(4)));
    assert_eq!(step.actions, [Action::Do(Job::Receive(None))]);
    let mut lingering = view(Server::Standby {
        upstream: None,
        receiving: true,
    });
    let step = super::super::step(step.next, seen(lingering.clone(), 3001), at(3001));
    let step = super::super::step(step.next, Event::Job(JobEnd::Done), at(3002));
    assert_eq!(step.actions, [], "the receiver still lives");
    lingering.server = Server::Standby {
        upstream: None,
        receiving: false,
    };
    let step = super::super::step(step.next, seen(lingering, 3003), at(3003));
    let epoch = epoch(4);
    let report = report(1, 3, 40);
    assert_eq!(
        step.actions,
        [Action::Send(Member(2), Message::Sealed { epoch, report })]
    );
}

#[test]
fn a_grant_refuses_seals_until_it_ends_or_its_holder_released_or_was_born_again() {
    let bound = step(member(1), heartbeat(0, 3, None), at(0)).next;
    let promised = |state: State, event, now| step(state, event, now).next.durable.promised;
    assert_eq!(promised(bound.clone(), seal(2, 4), at(1999)), None);
    assert_eq!(
        promised(bound.clone(), seal(2, 4), at(2000)),
        Some(epoch(4))
    );
    assert_eq!(promised(bound.clone(), seal(0, 4), at(1)), Some(epoch(4)));
    let mut released = record();
    released.released = true;
    let record = Box::new(released);
    let epoch4 = epoch(4);
    let event = Event::Message(
        holder(2),
        Message::Seal {
            epoch: epoch4,
            record,
        },
    );
    assert_eq!(promised(bound, event, at(1)), Some(epoch(4)));
}

#[test]
fn an_old_seal_is_refused() {
    let sealed = step(member(1), seal(2, 6), at(3000)).next;
    for old in [3, 5] {
        let step = step(sealed.clone(), seal(2, old), at(3001));
        assert_eq!(step.next.durable.promised, Some(epoch(6)));
    }
    let old = step(member(1), seal(2, 3), at(3000));
    assert_eq!(old.next.durable.promised, None, "epoch 3 exists already");
}

#[test]
fn a_sealed_member_follows_no_epoch_below_its_promise() {
    let sealed = step(member(1), seal(2, 6), at(3000)).next;
    let below = step(
        sealed.clone(),
        heartbeat(0, 5, Some(position(3, 50))),
        at(3001),
    );
    assert_eq!(
        below.actions,
        [Action::Send(Member(0), granted(5, false, Some(6)))]
    );
    let at_it = step(sealed, heartbeat(0, 6, Some(position(3, 50))), at(3001));
    assert_eq!(at_it.next.phase, Phase::Follower);
    assert_eq!(
        at_it.actions[1..],
        [Action::Do(Job::Receive(Some(Member(0))))]
    );
}

#[test]
fn a_record_that_went_back_is_not_believed() {
    let state = member(1);
    let mut old = record();
    old.epoch = epoch(2);
    let event = Event::Watched(Read::Found(Box::new(old), Version(6)));
    let next = step(state.clone(), event, at(1)).next;
    assert_eq!(next, state);
}

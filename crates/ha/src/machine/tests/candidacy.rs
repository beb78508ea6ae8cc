//! candidate and promoting.

use pretty_assertions::assert_eq;

use super::*;

/// m1 after the holder was silent: it asks its peers and reads the record.
fn canvassing() -> Step {
    let mut state = member(1);
    // Delays a second round, not this one.
    state.config.jitter = 99;
    step(state, Event::Tick, at(2150))
}

fn canvassed(from: u16, lsn: u64) -> Event {
    let message = Message::Canvassed {
        epoch: epoch(4),
        willing: Some(report(from, 3, lsn)),
        promised: Some(epoch(3)),
        seen: Some((epoch(3), 9)),
    };
    Event::Message(holder(from), message)
}

fn sealed(from: u16, lsn: u64) -> Event {
    let message = Message::Sealed {
        epoch: epoch(4),
        report: report(from, 3, lsn),
    };
    Event::Message(holder(from), message)
}

fn read_again() -> Event {
    let found = Read::Found(Box::new(record()), Version(5));
    Event::Api(ApiEnd::Read(found))
}

fn sealing() -> State {
    let state = step(canvassing().next, read_again(), at(2160)).next;
    step(state, canvassed(2, 40), at(2170)).next
}

#[test]
fn a_silent_holder_is_suspected_in_the_order_of_the_members() {
    let early = step(member(1), Event::Tick, at(1999)).next;
    assert_eq!(early.round_at, None);
    let first = step(member(1), Event::Tick, at(2000)).next;
    assert!(
        matches!(first.phase, Phase::Candidate(_)),
        "the silent one starts no round"
    );
    assert_eq!(
        step(member(2), Event::Tick, at(2000)).next.round_at,
        Some(at(2150))
    );
}

#[test]
fn a_holder_whose_process_is_gone_is_suspected_at_once_if_standbys_acknowledge() {
    let state = step(member(2), heartbeat(0, 3, None), at(100)).next;
    assert_eq!(
        step(state.clone(), Event::Tick, at(150)).next.round_at,
        None
    );
    let gone = step(state.clone(), Event::Gone(Member(0)), at(150)).next;
    assert_eq!(gone.round_at, Some(at(300)));
    let other = step(state.clone(), Event::Gone(Member(1)), at(150)).next;
    assert_eq!(other.round_at, None);
    let mut alone = state;
    alone.observed.as_mut().unwrap().record.cohort.acks = 0;
    let gone = step(alone, Event::Gone(Member(0)), at(150)).next;
    assert_eq!((gone.round_at, gone.given.is_some()), (None, true));
}

#[test]
fn whom_people_want_starts_first_and_is_waited_for() {
    let mut released = record();
    released.released = true;
    released.intent = Some(Intent::Switchover {
        to: Some(Member(2)),
    });
    let seen = |record: Record| Event::Watched(Read::Found(Box::new(record), Version(6)));
    let wanted = step(member(2), seen(released.clone()), at(10)).next;
    assert!(matches!(wanted.phase, Phase::Candidate(_)));
    let other = step(member(1), seen(released.clone()), at(10)).next;
    assert_eq!(other.round_at, Some(at(610)));
    assert!(released.suits(Member(2)) && !released.suits(Member(1)));
    released.intent = Some(Intent::Switchover { to: None });
    assert!(released.suits(Member(1)) && !released.suits(Member(0)));
    let sealed = [(Member(0), report(0, 3, 40)), (Member(1), report(1, 3, 40))];
    let chosen = released.choose(&sealed.into(), Rules::default());
    assert_eq!(chosen, Some(Member(1)), "not the one that hands over");
}

#[test]
fn a_holder_that_gave_its_epoch_up_leads_no_longer() {
    let state = step(member(1), heartbeat(0, 3, Some(position(3, 40))), at(100)).next;
    let mut released = record();
    released.released = true;
    let seen = Event::Watched(Read::Found(Box::new(released), Version(6)));
    let next = step(state, seen, at(110)).next;
    assert!(
        matches!(next.phase, Phase::Candidate(_)),
        "{:?}",
        next.phase
    );
}

#[test]
fn who_gave_an_epoch_up_leaves_the_next_to_the_others_and_not_what_follows() {
    let mut gave_up = primary();
    gave_up.phase = Phase::Follower;
    gave_up.pg = member(1).pg;
    gave_up.yield_until = at(5000);
    let mut released = record();
    released.released = true;
    let seen = |record: &Record, version| {
        Event::Watched(Read::Found(Box::new(record.clone()), Version(version)))
    };
    let state = step(gave_up, seen(&released, 6), at(10)).next;
    assert_eq!((&state.phase, state.round_at), (&Phase::Follower, None));
    let mut later = released;
    later.epoch = epoch(4);
    later.holder = holder(1);
    let state = step(state, seen(&later, 7), at(20)).next;
    assert!(
        matches!(state.phase, Phase::Candidate(_)),
        "{:?}",
        state.phase
    );
}

#[test]
fn whom_it_promised_an_epoch_that_is_free_has_a_round_to_claim_it() {
    let mut released = record();
    released.released = true;
    let record = Box::new(released.clone());
    let seen = Event::Watched(Read::Found(Box::new(released), Version(6)));
    let state = step(member(2), seen, at(10)).next;
    assert_eq!(state.round_at, Some(at(160)), "it comes after m1");
    let epoch = epoch(4);
    let seal = Event::Message(holder(1), Message::Seal { epoch, record });
    let sealed = step(state, seal, at(50)).next;
    let early = step(sealed, Event::Tick, at(2049)).next;
    assert!(matches!(early.phase, Phase::Sealed { .. }));
    assert_eq!(early.round_at, None);
    let late = step(early, Event::Tick, at(2050)).next;
    let again = step(late, Event::Tick, at(2200)).next;
    assert!(matches!(again.phase, Phase::Candidate(_)));
}

#[test]
fn a_candidate_asks_before_it_promises() {
    let step = canvassing();
    let message = Message::Canvass {
        epoch: epoch(4),
        record: Box::new(record()),
    };
    assert_eq!(
        step.actions,
        [
            Action::ReadRecord,
            Action::Send(Member(0), message.clone()),
            Action::Send(Member(2), message),
        ]
    );
    assert!(!step.persist);
    assert_eq!(step.next.durable.promised, None);
}

#[test]
fn it_seals_itself_and_its_peers_once_enough_would_agree_and_the_record_was_read() {
    let state = step(canvassing().next, canvassed(2, 40), at(2160)).next;
    assert_eq!(state.durable.promised, None, "the record was not read yet");
    let step = step(state, read_again(), at(2170));
    assert!(step.persist);
    assert_eq!(step.next.durable.promised, Some(epoch(4)));
    let message = Message::Seal {
        epoch: epoch(4),
        record: Box::new(record()),
    };
    assert_eq!(
        step.actions,
        [
            Action::Send(Member(0), message.clone()),
            Action::Send(Member(2), message),
        ],
        "it was another question that peers were asked just now"
    );
}

#[test]
fn it_claims_for_the_best_of_the_sealed() {
    let step = step(sealing(), sealed(2, 41), at(2180));
    let [
        Action::WriteRecord {
            expected,
            record: claim,
        },
    ] = &step.actions[..]
    else {
        panic!("{:?}", step.actions);
    };
    assert_eq!(*expected, Some(Version(5)));
    let expected = Record {
        epoch: epoch(4),
        revision: 10,
        holder: holder(2),
        nonce: claim.nonce,
        timeline: timeline(4),
        cohort: Cohort {
            standbys: members([]),
            acks: 1,
            writer: Member(2),
            timeline: timeline(4),
            floor: Some(position(3, 41).end),
        },
        older: vec![record().cohort],
        serving: false,
        ..record()
    };
    assert_eq!(**claim, expected);
}

#[test]
fn a_holder_without_acknowledgements_is_waited_out() {
    let mut state = member(2);
    let record = &mut state.observed.as_mut().unwrap().record;
    record.cohort.acks = 0;
    let early = step(state.clone(), Event::Tick, at(5999)).next;
    assert_eq!(early.round_at, None);
    assert_eq!(
        step(state, Event::Tick, at(6000)).next.round_at,
        Some(at(6150))
    );
}

#[test]
fn a_round_ends_when_the_holder_is_heard_or_another_won_or_time_is_up() {
    let heard = step(canvassing().next, heartbeat(0, 3, None), at(2200)).next;
    assert_eq!(heard.phase, Phase::Follower);
    let mut other = record();
    other.epoch = epoch(4);
    other.holder = holder(2);
    let won = Event::Watched(Read::Found(Box::new(other), Version(6)));
    let next = step(sealing(), won, at(2200)).next;
    assert_eq!(next.phase, Phase::Follower);
    let late = step(sealing(), Event::Tick, at(9000)).next;
    assert!(
        matches!(late.phase, Phase::Sealed { .. }),
        "{:?}",
        late.phase
    );
    assert_eq!(late.rounds_lost, 1);
}

/// m1 chosen for epoch 4.
fn chosen() -> State {
    let state = step(sealing(), sealed(2, 40), at(2180)).next;
    step(state, Event::Api(ApiEnd::Written(Version(6))), at(2200)).next
}

#[test]
fn names_come_before_the_promotion_and_the_timeline_is_that_of_the_claim() {
    let state = chosen();
    assert_eq!(state.phase, Phase::Promoting(Promoting::default()));
    let blocked = Names {
        standbys: members([]),
        acks: 1,
    };
    assert_eq!(state.job, Some(Job::SetNames(blocked)));
    let set = step(state, Event::Job(JobEnd::NamesSet(Lsn::new(40))), at(2210));
    assert_eq!(set.actions, [], "what it did was not seen yet");
    let quiet = view(Server::Standby {
        upstream: None,
        receiving: false,
    });
    let step = step(set.next, seen(quiet, 2211), at(2211));
    let timeline = Some(timeline(4));
    assert_eq!(step.actions, [Action::Do(Job::Promote { timeline })]);
}

#[test]
fn an_epoch_serves_once_its_first_write_was_acknowledged() {
    let mut state = chosen();
    let names = Names {
        standbys: members([2]),
        acks: 1,
    };
    state.job = None;
    state.names = Some(names);
    let mut pg = view(Server::Primary);
    pg.position = Some(position(4, 42));
    pg.standbys = [(Member(2), Lsn::new(41))].into();
    let step_early = step(state, seen(pg.clone(), 2300), at(2300));
    let wrote = |step: &Step| {
        let write = step.actions.iter().find_map(|action| match action {
            Action::WriteRecord { record, .. } => Some(record.clone()),
            _ => None,
        });
        write.filter(|record| record.serving)
    };
    assert_eq!(wrote(&step_early), None);
    pg.standbys = [(Member(2), Lsn::new(42))].into();
    let step = step(step_early.next, seen(pg, 2310), at(2310));
    let record = wrote(&step).unwrap();
    assert_eq!(record.older, []);
    assert_eq!(record.cohort.standbys, members([2]));
    assert_eq!(record.cohort.floor, Some(position(4, 42).end));
}

/// m1, whose promotion was ordered, and whose server is seen stopped after that order ended.
fn died_while_promoting() -> State {
    let mut state = chosen();
    state.job = None;
    state.phase = Phase::Promoting(Promoting {
        told: true,
        ..Promoting::default()
    });
    let step = step(state, seen(view(Server::Stopped), 2300), at(2300));
    assert_eq!(step.actions, [Action::Do(Job::Start { writable: false })]);
    let mut state = step.next;
    state.job = None;
    state
}

#[test]
fn who_died_before_its_promotion_is_promoted_again() {
    let quiet = view(Server::Standby {
        upstream: None,
        receiving: false,
    });
    let mut state = died_while_promoting();
    state.names = Some(Names {
        standbys: members([]),
        acks: 1,
    });
    let step = step(state, seen(quiet, 2400), at(2400));
    let timeline = Some(timeline(4));
    assert_eq!(step.actions, [Action::Do(Job::Promote { timeline })]);
}

#[test]
fn who_died_after_its_promotion_gives_the_epoch_up() {
    let mut pg = view(Server::Standby {
        upstream: None,
        receiving: false,
    });
    pg.position = Some(position(4, 41));
    let step = step(died_while_promoting(), seen(pg, 2400), at(2400));
    assert!(
        matches!(step.next.phase, Phase::Fenced(Fenced { release: true, .. })),
        "{:?}",
        step.next.phase
    );
}

#[test]
fn who_lost_the_epoch_while_promoting_is_fenced() {
    let mut other = record();
    other.epoch = epoch(5);
    other.holder = holder(2);
    let seen = Event::Watched(Read::Found(Box::new(other), Version(9)));
    let step = step(chosen(), seen, at(2300));
    assert_eq!(step.actions, [Action::Do(Job::Kill)]);
    assert!(matches!(
        step.next.phase,
        Phase::Fenced(Fenced { release: false, .. })
    ));
}

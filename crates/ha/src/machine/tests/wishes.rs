//! What people ask for: switchover, failover, pause, fencing, a new copy.

use pretty_assertions::assert_eq;

use super::*;

fn intent(intent: Intent) -> Event {
    edited(6, |record| record.intent = Some(intent))
}

fn switchover(to: u16) -> Intent {
    let to = Some(Member(to));
    Intent::Switchover { to }
}

fn refusal(step: &Step) -> Option<Refusal> {
    step.actions.iter().find_map(|action| match action {
        Action::Refuse { why, .. } => Some(*why),
        _ => None,
    })
}

#[test]
fn a_switchover_to_who_cannot_is_cleared_at_once_and_says_why() {
    for (to, why) in [
        (0, Refusal::Holds),
        (7, Refusal::NoVoter),
        (2, Refusal::Fenced),
    ] {
        let event = edited(6, |record| {
            record.intent = Some(switchover(to));
            record.fenced = members([2]);
        });
        let step = step(primary(), event, at(10));
        assert_eq!(refusal(&step), Some(why));
        assert_eq!(write_of(&step).unwrap().intent, None);
        assert!(matches!(step.next.phase, Phase::Primary(_)));
    }
}

#[test]
fn a_switchover_waits_a_little_for_a_standby_that_is_behind() {
    let mut state = primary();
    state.pg.standbys.remove(&Member(2));
    let state = step(state, intent(switchover(2)), at(10)).next;
    assert_eq!(state.job, None);
    let mut later = step(state, Event::Tick, at(1000)).next;
    later.call = None;
    let refused = step(later.clone(), Event::Tick, at(2010));
    assert_eq!(refusal(&refused), Some(Refusal::NotStreaming));
    assert_eq!(write_of(&refused).unwrap().intent, None);
    let mut pg = primary().pg;
    pg.standbys.insert(Member(2), Lsn::new(40));
    let goes = step(later, seen(pg, 1500), at(1500));
    assert_eq!(goes.next.job, Some(Job::Checkpoint));
}

/// A primary that looked at its standbys after people asked for something.
fn looked(asked: Intent) -> State {
    let state = step(primary(), intent(asked), at(10)).next;
    let pg = state.pg.clone();
    step(state, seen(pg, 20), at(20)).next
}

#[test]
fn a_switchover_to_anyone_needs_someone() {
    let mut state = primary();
    state.marks.clear();
    let anyone = Intent::Switchover { to: None };
    let state = step(state, intent(anyone), at(10)).next;
    assert_eq!(state.job, None);
    assert_eq!(looked(anyone).job, Some(Job::Checkpoint));
}

#[test]
fn a_holder_that_lives_takes_a_failover_for_a_switchover() {
    let failover = Intent::Failover { to: Member(2) };
    assert_eq!(looked(failover).job, Some(Job::Checkpoint));
}

#[test]
fn a_standby_that_ended_just_before_it_was_wanted_is_not_handed_over_to() {
    let asked = step(primary(), intent(switchover(2)), at(10)).next;
    assert_eq!(asked.job, None, "the last look was before that");
    let mut pg = asked.pg.clone();
    pg.standbys.remove(&Member(2));
    let late = step(asked, seen(pg, 20), at(20)).next;
    assert_eq!(late.job, None);
}

/// m1 alone with a record that people edited at 0, when m0 and m2 are gone.
fn alone(edit: impl FnOnce(&mut Record)) -> State {
    step(member(1), edited(6, edit), at(0)).next
}

fn play(mut state: State, millis: std::ops::Range<u64>) -> (State, Vec<Record>) {
    let mut writes = Vec::new();
    for now in millis.step_by(50) {
        let stepped = step(state, Event::Tick, at(now));
        writes.extend(write_of(&stepped));
        state = stepped.next;
        if state.call == Some(Call::Read) {
            let observed = state.observed.clone().unwrap();
            let found = Read::Found(Box::new(observed.record), observed.version);
            let stepped = step(state, Event::Api(ApiEnd::Read(found)), at(now));
            writes.extend(write_of(&stepped));
            state = stepped.next;
        }
    }
    (state, writes)
}

#[test]
fn without_a_quorum_only_people_let_a_member_take_over() {
    assert_eq!(play(alone(|_| {}), 0..30_000).1, []);
    let other = alone(|record| record.intent = Some(Intent::Failover { to: Member(2) }));
    assert_eq!(play(other, 0..30_000).1, []);
    let forced = alone(|record| record.intent = Some(Intent::Failover { to: Member(1) }));
    let (early, writes) = play(forced, 0..5950);
    assert_eq!(writes, [], "the holder may still renew");
    let (_, writes) = play(early, 5950..12_000);
    assert_eq!((writes[0].holder, writes[0].intent), (holder(1), None));
    assert_eq!(writes[0].cohort.floor, Some(position(3, 40).end));
}

#[test]
fn while_paused_a_silent_holder_is_not_suspected_by_others() {
    let paused = |record: &mut Record| record.paused = true;
    assert_eq!(play(alone(paused), 0..30_000).0.durable.promised, None);
    let released = alone(|record| {
        record.paused = true;
        record.released = true;
    });
    let next = step(released, Event::Tick, at(9000)).next;
    assert!(matches!(next.phase, Phase::Candidate(_)));
    let own = alone(|record| {
        record.paused = true;
        record.holder = Holder {
            boot: Boot(1),
            ..holder(1)
        };
        record.cohort.writer = Member(1);
    });
    let mut own = own;
    own.config.settings.policy = Policy::Sync { acks: 1 };
    let (_, writes) = play(own, 0..9000);
    assert_eq!(writes[0].holder, holder(1));
    assert!(writes[0].paused, "it stays paused");
}

#[test]
fn while_paused_a_holder_that_fails_does_not_offer_its_epoch() {
    let mut state = primary();
    state.observed.as_mut().unwrap().record.paused = true;
    let late = step(state, Event::Tick, at(5000)).next;
    assert!(matches!(
        late.phase,
        Phase::Fenced(Fenced { release: false, .. })
    ));
}

#[test]
fn a_fenced_standby_stops_and_stays_stopped_until_it_is_let_go() {
    let fenced = |record: &mut Record| record.fenced = members([1]);
    let stopping = step(member(1), edited(6, fenced), at(10));
    assert_eq!(stopping.actions, [Action::Do(Job::Stop)]);
    let stopped = step(stopping.next, Event::Job(JobEnd::Done), at(20)).next;
    let stopped = step(stopped, seen(view(Server::Stopped), 21), at(21));
    assert_eq!(stopped.actions, []);
    assert_eq!(
        step(stopped.next.clone(), Event::Tick, at(9000)).actions,
        []
    );
    let freed = step(stopped.next, edited(7, |_| {}), at(9001));
    assert_eq!(freed.actions, [Action::Do(Job::Start { writable: false })]);
}

#[test]
fn a_fenced_holder_stops_in_order_and_releases() {
    let fenced = |record: &mut Record| record.fenced = members([0]);
    let asked = step(primary(), edited(6, fenced), at(10));
    assert_eq!(asked.actions, [Action::Do(Job::Checkpoint)]);
    let pg = asked.next.pg.clone();
    let prepared = step(asked.next, Event::Job(JobEnd::Done), at(15)).next;
    let stopping = step(prepared, seen(pg, 16), at(16));
    assert_eq!(stopping.actions, [Action::Do(Job::Stop)]);
    let stopped = step(stopping.next, Event::Job(JobEnd::Done), at(20)).next;
    let released = step(stopped, seen(view(Server::Stopped), 21), at(21));
    let next = write_of(&released).unwrap();
    assert!(next.released && next.fenced == members([0]));
}

#[test]
fn a_fenced_member_is_not_chosen_and_leaves_the_cohort() {
    let mut record = record();
    record.fenced = members([1]);
    let report_of = |lsn| (Member(1), report(1, 3, lsn));
    let equal = [report_of(50), (Member(2), report(2, 3, 50))].into();
    assert_eq!(record.choose(&equal, Rules::default()), Some(Member(2)));
    let ahead = [report_of(51), (Member(2), report(2, 3, 50))].into();
    assert_eq!(record.choose(&ahead, Rules::default()), None);
    let fenced = |record: &mut Record| record.fenced = members([2]);
    let state = step(primary(), edited(6, fenced), at(10)).next;
    let state = step(state, Event::Tick, at(11)).next;
    let names = Names {
        standbys: members([1]),
        acks: 1,
    };
    assert_eq!(state.job, Some(Job::SetNames(names)));
}

#[test]
fn a_standby_is_cloned_again_while_the_holder_serves_and_not_before() {
    for serving in [false, true] {
        let mut state = step(member(1), heartbeat(0, 3, Some(position(3, 50))), at(1)).next;
        state.job = None;
        state.leader.as_mut().unwrap().serving = serving;
        let asked = step(state, Event::Reinitialise, at(2));
        assert!(asked.next.reinitialise);
        let expected = if serving {
            Job::Stop
        } else {
            Job::Receive(Some(Member(0)))
        };
        assert_eq!(asked.next.job, Some(expected));
        if !serving {
            continue;
        }
        let killed = step(asked.next, Event::Job(JobEnd::Done), at(3)).next;
        let cloning = step(killed, seen(view(Server::Stopped), 4), at(4));
        assert_eq!(
            cloning.actions,
            [Action::Do(Job::Clone { from: Member(0) })]
        );
        let done = step(cloning.next, Event::Job(JobEnd::Done), at(500)).next;
        assert!(!done.reinitialise);
    }
}

#[test]
fn a_holder_is_not_cloned() {
    let step = step(primary(), Event::Reinitialise, at(2));
    let why = Refusal::Holds;
    let asked = Asked::Reinitialise;
    assert_eq!(step.actions, [Action::Refuse { asked, why }]);
    assert!(!step.next.reinitialise);
}

#[test]
fn a_rewind_that_was_cut_short_leaves_a_copy_that_is_only_replaced() {
    let mut unfinished = view(Server::Stopped);
    unfinished.data = Data::Unfinished(system());
    let mut state = member(1);
    state.phase = Phase::Init;
    let state = step(state, seen(unfinished, 1), at(1));
    assert_eq!(state.actions, [], "it is not started");
    let seal = Message::Seal {
        epoch: epoch(4),
        record: Box::new(record()),
    };
    let sealed = step(
        state.next.clone(),
        Event::Message(holder(2), seal),
        at(9000),
    )
    .next;
    assert_eq!(sealed.durable.promised, None);
    let heard = step(state.next, heartbeat(0, 3, Some(position(3, 50))), at(2));
    assert_eq!(heard.next.job, Some(Job::Clone { from: Member(0) }));
}

#[test]
fn what_people_changed_after_an_own_write_is_not_written_over() {
    let sent = step(primary(), Event::Tick, at(1000));
    let mut record = write_of(&sent).unwrap();
    let unknown = step(sent.next, Event::Api(ApiEnd::Unknown), at(1800)).next;
    let reading = step(unknown, Event::Tick, at(1900)).next;
    record.paused = true;
    let found = Event::Api(ApiEnd::Read(Read::Found(Box::new(record), Version(7))));
    let known = step(reading, found, at(1950));
    assert_eq!(known.next.renewed, Some(at(1000)), "its own write counts");
    let next = step(known.next, Event::Tick, at(2100));
    assert!(write_of(&next).unwrap().paused);
}

#[test]
fn a_record_of_an_older_or_newer_howdah_is_understood() {
    let mut json = serde_json::to_value(record()).unwrap();
    let fields = json.as_object_mut().unwrap();
    for field in ["intent", "paused", "fenced", "wait_out"] {
        fields.remove(field);
    }
    fields.insert("weather".to_owned(), "fine".into());
    let expected = Record {
        wait_out: None,
        ..record()
    };
    assert_eq!(serde_json::from_value::<Record>(json).unwrap(), expected);
}

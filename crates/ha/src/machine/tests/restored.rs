//! The API went back in time: a store was restored, or its record deleted.

use pretty_assertions::assert_eq;

use super::*;

/// What a member answers to a heartbeat of epoch 3 when it knows of that epoch.
fn knows(seen: u64) -> Event {
    let message = Message::Grant {
        epoch: epoch(3),
        sent: at(0),
        granted: false,
        lasts: Timing::FAST.grant,
        promised: Some(epoch(seen)),
        seen: Some(epoch(seen)),
    };
    Event::Message(holder(1), message)
}

#[test]
fn a_holder_is_deposed_by_a_peer_that_knows_a_newer_one_whatever_the_record_says() {
    let step = step(primary(), knows(4), at(10));
    assert_eq!(step.actions, [Action::Do(Job::Kill)]);
    assert!(matches!(
        step.next.phase,
        Phase::Fenced(Fenced { release: false, .. })
    ));
}

#[test]
fn its_own_write_of_a_newer_epoch_does_not_depose_it() {
    let mut state = primary();
    let mut own = record();
    own.epoch = epoch(4);
    state.unsure.push((Box::new(own), at(5)));
    let next = step(state, knows(4), at(10)).next;
    assert!(matches!(next.phase, Phase::Primary(_)));
}

fn went_back(mut state: State) -> Step {
    state.call = Some(Call::Read);
    let mut old = record();
    old.revision = 2;
    let read = Read::Found(Box::new(old), Version(4));
    let read = step(state, Event::Api(ApiEnd::Read(read)), at(10));
    assert_eq!(write_of(&read), None, "there is a pause between such reads");
    step(read.next, Event::Tick, at(110))
}

#[test]
fn the_holder_that_peers_stand_by_writes_over_a_record_that_went_back() {
    let granted = Message::Grant {
        epoch: epoch(3),
        sent: at(0),
        granted: true,
        lasts: Timing::FAST.grant,
        promised: Some(epoch(3)),
        seen: Some(epoch(3)),
    };
    let stood_by = step(primary(), Event::Message(holder(1), granted), at(5)).next;
    let step = went_back(stood_by);
    let Some(Action::WriteRecord { expected, record }) = step.actions.last() else {
        panic!("{:?}", step.actions);
    };
    assert_eq!((*expected, record.epoch), (Some(Version(4)), epoch(4)));
    assert_eq!(
        record.cohort,
        super::record().cohort,
        "what it knows, not what was stored"
    );
    assert_eq!(write_of(&went_back(primary())), None, "nobody stands by it");
}

#[test]
fn nobody_seals_for_who_goes_by_a_record_older_than_one_seen() {
    let mut old = record();
    old.revision = 8;
    let epoch4 = epoch(4);
    for (record, promised) in [(old, None), (record(), Some(epoch4))] {
        let seal = Message::Seal {
            epoch: epoch4,
            record: Box::new(record),
        };
        let next = step(member(1), Event::Message(holder(2), seal), at(3000)).next;
        assert_eq!(next.durable.promised, promised);
    }
}

#[test]
fn in_the_strict_mode_a_round_needs_as_many_answers_as_acknowledgements() {
    let mut own = member(1);
    let record = &mut own.observed.as_mut().unwrap().record;
    record.cohort.writer = Member(1);
    let round = |mut state: State, read_at| {
        state = step(state, Event::Tick, at(2000)).next;
        state = step(state, Event::Tick, at(2150)).next;
        let read = Read::Found(Box::new(state.observed.clone().unwrap().record), Version(5));
        step(state, Event::Api(ApiEnd::Read(read)), at(read_at)).next
    };
    let asked = round(own.clone(), 2160);
    assert_eq!(
        asked.durable.promised, None,
        "its own copy is enough, and nobody answered"
    );
    let answer = |seen| {
        let message = Message::Canvassed {
            epoch: epoch(4),
            willing: None,
            promised: Some(epoch(3)),
            seen: Some((epoch(3), seen)),
        };
        let event = Event::Message(holder(2), message);
        step(asked.clone(), event, at(2170)).next.durable.promised
    };
    assert_eq!(answer(10), None, "it knows a newer record");
    assert_eq!(answer(9), Some(epoch(4)));
    own.config.settings.policy = Policy::Sync { acks: 1 };
    let asked = round(own.clone(), 2160);
    assert_eq!(asked.durable.promised, None, "somebody may know better");
    let early = step(asked, Event::Tick, at(3159)).next;
    assert_eq!(early.durable.promised, None);
    let waited = step(early, Event::Tick, at(3160)).next;
    assert_eq!(waited.durable.promised, Some(epoch(4)));
    let cut_off = round(own, 4100);
    assert_eq!(
        cut_off.durable.promised, None,
        "who read it so late could not ask anybody before"
    );
}

//! What the machine does in every state, by its exact answers. The members are m0, m1 and m2.

mod candidacy;
mod choosing;
mod following;
mod lag;
mod looking;
mod replicating;
mod restored;
mod serving;
mod settings;
mod wishes;

use std::collections::BTreeSet;
use std::time::Duration;

use howdah_types::{Lsn, SystemIdentifier, Timeline};

use super::*;
use crate::epoch::Epoch;
use crate::time::Instant;

fn at(millis: u64) -> Instant {
    Instant::from_nanos(1_000_000_000_000) + Duration::from_millis(millis)
}

fn epoch(number: u64) -> Epoch {
    number.to_string().parse().unwrap()
}

fn holder(member: u16) -> Holder {
    Holder {
        member: Member(member),
        boot: Boot(u64::from(member) + 100),
    }
}

fn members<const N: usize>(members: [u16; N]) -> BTreeSet<Member> {
    members.into_iter().map(Member).collect()
}

fn system() -> SystemIdentifier {
    SystemIdentifier::new(77).unwrap()
}

fn timeline(number: u32) -> Timeline {
    Timeline::new(number).unwrap()
}

fn position(tli: u32, lsn: u64) -> Position {
    let left = (1..tli).map(|old| Point {
        timeline: timeline(old),
        lsn: Lsn::new(u64::from(old) * 10),
    });
    Position {
        end: Point {
            timeline: timeline(tli),
            lsn: Lsn::new(lsn),
        },
        history: left.collect(),
    }
}

fn report(member: u16, tli: u32, lsn: u64) -> Report {
    Report {
        holder: holder(member),
        system: system(),
        position: position(tli, lsn),
        reached: None,
    }
}

/// Epoch 3 of m0, which serves on timeline 3 with m1 and m2, one of which acknowledges.
fn record() -> Record {
    Record {
        epoch: epoch(3),
        revision: 9,
        holder: holder(0),
        nonce: 1,
        system: Some(system()),
        timeline: timeline(3),
        cohort: Cohort {
            standbys: members([1, 2]),
            acks: 1,
            writer: Member(0),
            timeline: timeline(3),
            floor: Some(Point {
                timeline: timeline(3),
                lsn: Lsn::new(30),
            }),
        },
        older: Vec::new(),
        serving: true,
        released: false,
        intent: None,
        paused: false,
        fenced: members([]),
        wait_out: Some(Timing::FAST.wait_out),
        replicates: false,
    }
}

/// A member that just started, with a copy that ends at 40 on timeline 3, and knows the record.
fn member(me: u16) -> State {
    let config = Config {
        me: holder(me),
        settings: Settings {
            peers: [0, 1, 2]
                .into_iter()
                .filter(|peer| *peer != me)
                .map(Member)
                .collect(),
            voters: members([0, 1, 2]),
            synchronous: members([0, 1, 2]),
            policy: Policy::Strict { acks: 1 },
            timing: Timing::FAST,
            maximum_lag: None,
            replicates: Some(false),
        },
        may_bootstrap: false,
        jitter: 0,
        rules: Rules::default(),
    };
    let mut state = State::new(config, Durable::default(), at(0));
    state.pg = view(Server::Standby {
        upstream: None,
        receiving: false,
    });
    state.phase = Phase::Follower;
    let seen = Event::Watched(Read::Found(Box::new(record()), Version(5)));
    step(state, seen, at(0)).next
}

fn view(server: Server) -> PgView {
    PgView {
        data: Data::Copy(system()),
        server,
        position: (server != Server::Stopped).then(|| position(3, 40)),
        ..PgView::unknown()
    }
}

/// m0 serves epoch 3, m1 and m2 stream all it has, and its last renewal was sent at 0.
fn primary() -> State {
    let mut state = member(0);
    state.call = None;
    state.round_at = None;
    state.phase = Phase::Primary(Primary {
        tail: Lsn::new(30),
        ..Primary::default()
    });
    state.names = Some(Names {
        standbys: members([1, 2]),
        acks: 1,
    });
    state.renewed = Some(at(0));
    state.greet_at = at(10_000);
    state.routed = Some((epoch(3), at(0)));
    let mut pg = view(Server::Primary);
    pg.open = true;
    pg.standbys = [(Member(1), Lsn::new(40)), (Member(2), Lsn::new(40))].into();
    step(state, seen(pg, 0), at(0)).next
}

/// What was seen at that time.
fn seen(view: PgView, millis: u64) -> Event {
    Event::Postgres(PgView {
        taken: at(millis),
        ..view
    })
}

fn write_of(step: &Step) -> Option<Record> {
    step.actions.iter().find_map(|action| match action {
        Action::WriteRecord { record, .. } => Some((**record).clone()),
        _ => None,
    })
}

/// What people wrote into the record: their fields alone, so neither revision nor nonce.
fn edited(version: u64, edit: impl FnOnce(&mut Record)) -> Event {
    let mut record = record();
    edit(&mut record);
    Event::Watched(Read::Found(Box::new(record), Version(version)))
}

fn heartbeat(from: u16, of: u64, follow: Option<Position>) -> Event {
    Event::Message(
        holder(from),
        Message::Heartbeat {
            epoch: epoch(of),
            revision: 9,
            sent: at(0),
            follow,
            serving: true,
        },
    )
}

fn granted(of: u64, yes: bool, promised: Option<u64>) -> Message {
    Message::Grant {
        epoch: epoch(of),
        sent: at(0),
        granted: yes,
        lasts: Timing::FAST.grant,
        promised: promised.map(epoch),
        seen: Some(epoch(if yes { of.max(3) } else { 3 })),
    }
}

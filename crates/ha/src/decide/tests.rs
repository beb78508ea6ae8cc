//! One test for each transition; each asserts the exact actions.

use pretty_assertions::assert_eq;

use super::*;
use crate::{Holder, Member};

const START: Instant = Instant::from_nanos(1_000_000_000);

fn system(number: u64) -> SystemIdentifier {
    SystemIdentifier::new(number).unwrap()
}

fn member(name: &str, may_bootstrap: bool) -> State {
    State::new(Member {
        instance: name.parse().unwrap(),
        holder: Holder::new(format!("{name}/boot-1")),
        may_bootstrap,
    })
}

fn record(primary: &str, boot: &str, epoch: &str, of: Option<u64>) -> Record {
    Record {
        epoch: epoch.parse().unwrap(),
        primary: primary.parse().unwrap(),
        holder: Holder::new(format!("{primary}/{boot}")),
        system: of.map(system),
    }
}

fn present(record: Record) -> Event {
    Event::Record(RecordView::Present(record, version()))
}

fn version() -> RecordVersion {
    RecordVersion("7".to_owned())
}

/// Feeds the events in order and gives the last step; actions in flight end well in between.
fn run(state: State, events: impl IntoIterator<Item = Event>) -> Step {
    let mut last = Step {
        next: state,
        actions: vec![],
    };
    for event in events {
        last.next.in_flight = None;
        last = step(&last.next, event, START);
    }
    last
}

fn running(role: Role) -> Event {
    Event::Postgres(PostgresView::Running(role))
}

fn standby_of(primary: &str) -> Role {
    Role::Standby {
        of: primary.parse().unwrap(),
    }
}

#[test]
fn inspects_its_volume_before_anything_else() {
    let next = run(member("a-0", true), [Event::Tick]);
    assert_eq!(next.actions, [Action::Inspect]);
}

#[test]
fn creates_the_record_only_with_leave_and_an_empty_volume() {
    let missing = || Event::Record(RecordView::Missing);
    let allowed = run(
        member("a-0", true),
        [Event::Data(DataView::Empty), missing()],
    );
    assert_eq!(
        allowed.actions,
        [Action::WriteRecord {
            expected: None,
            record: record("a-0", "boot-1", "1", None)
        }]
    );
    for (state, data) in [
        (member("a-0", false), DataView::Empty),
        (member("a-0", true), DataView::Initialised(system(9))),
    ] {
        let refused = run(state, [Event::Data(data), missing()]);
        assert_eq!(refused.actions, []);
        assert_eq!(refused.next.standstill, Some(Standstill::RecordMissing));
    }
}

#[test]
fn a_record_that_vanishes_is_unknown_and_not_free() {
    let vanished = run(
        member("a-0", true),
        [
            Event::Data(DataView::Empty),
            present(record("a-0", "boot-1", "1", None)),
            Event::Record(RecordView::Missing),
        ],
    );
    assert_eq!(vanished.actions, []);
    assert_eq!(vanished.next.standstill, Some(Standstill::RecordMissing));
}

#[test]
fn the_running_primary_puts_a_deleted_record_back_in_a_new_epoch() {
    let deleted = run(
        member("a-0", false),
        [
            Event::Data(DataView::Initialised(system(9))),
            present(record("a-0", "boot-1", "3", Some(9))),
            running(Role::Primary),
            Event::Record(RecordView::Missing),
        ],
    );
    assert_eq!(
        deleted.actions,
        [Action::WriteRecord {
            expected: None,
            record: record("a-0", "boot-1", "4", Some(9))
        }]
    );
}

#[test]
fn the_holder_initialises_then_records_the_system_then_starts_then_routes() {
    let held = run(
        member("a-0", true),
        [
            Event::Data(DataView::Empty),
            present(record("a-0", "boot-1", "1", None)),
        ],
    );
    assert_eq!(held.actions, [Action::Initialise]);

    let initialised = run(held.next, [Event::Data(DataView::Initialised(system(9)))]);
    let complete = record("a-0", "boot-1", "1", Some(9));
    assert_eq!(
        initialised.actions,
        [Action::WriteRecord {
            expected: Some(version()),
            record: complete.clone()
        }]
    );

    let recorded = run(initialised.next, [present(complete)]);
    assert_eq!(recorded.actions, [Action::StartPrimary]);

    let started = run(recorded.next, [running(Role::Primary)]);
    assert_eq!(
        started.actions,
        [Action::Route {
            epoch: Epoch::FIRST
        }]
    );

    let routed = step(&started.next, Event::Finished(Outcome::Done), START);
    assert_eq!(routed.actions, []);
    assert_eq!(routed.next.routed, Some(Epoch::FIRST));
}

#[test]
fn a_new_boot_of_the_primary_claims_the_next_epoch_first() {
    let restarted = run(
        member("a-0", false),
        [
            Event::Data(DataView::Initialised(system(9))),
            present(record("a-0", "boot-0", "4", Some(9))),
        ],
    );
    assert_eq!(
        restarted.actions,
        [Action::WriteRecord {
            expected: Some(version()),
            record: record("a-0", "boot-1", "5", Some(9)),
        }]
    );
}

#[test]
fn a_primary_whose_volume_is_empty_or_foreign_is_never_initialised_again() {
    for (data, reason) in [
        (DataView::Empty, Standstill::PrimaryDataMissing),
        (DataView::Initialised(system(8)), Standstill::ForeignData),
    ] {
        let stuck = run(
            member("a-0", true),
            [
                Event::Data(data),
                present(record("a-0", "boot-1", "1", Some(9))),
            ],
        );
        assert_eq!(stuck.actions, []);
        assert_eq!(stuck.next.standstill, Some(reason));
    }
}

#[test]
fn a_follower_clones_starts_and_follows_the_recorded_primary() {
    let source = || present(record("a-0", "boot-0", "1", Some(9)));
    let empty = run(
        member("a-1", true),
        [Event::Data(DataView::Empty), source()],
    );
    assert_eq!(
        empty.actions,
        [Action::Clone {
            from: "a-0".parse().unwrap()
        }]
    );

    let cloned = run(empty.next, [Event::Data(DataView::Initialised(system(9)))]);
    assert_eq!(
        cloned.actions,
        [Action::StartStandby {
            of: "a-0".parse().unwrap()
        }]
    );

    let streaming = run(cloned.next, [running(standby_of("a-0"))]);
    assert_eq!(streaming.actions, []);

    let moved = run(
        streaming.next,
        [present(record("a-2", "boot-0", "2", Some(9)))],
    );
    assert_eq!(
        moved.actions,
        [Action::Follow {
            primary: "a-2".parse().unwrap()
        }]
    );
}

#[test]
fn a_follower_waits_until_the_primary_has_a_database() {
    let waiting = run(
        member("a-1", true),
        [
            Event::Data(DataView::Empty),
            present(record("a-0", "boot-0", "1", None)),
        ],
    );
    assert_eq!(waiting.actions, []);
    assert_eq!(waiting.next.standstill, Some(Standstill::WaitingForPrimary));
}

#[test]
fn a_stale_copy_is_stopped_then_cloned_again() {
    let source = || present(record("a-0", "boot-0", "1", Some(9)));
    let stale = run(
        member("a-1", false),
        [
            source(),
            running(standby_of("a-0")),
            Event::Data(DataView::Stale(system(9))),
        ],
    );
    assert_eq!(stale.actions, [Action::StopPostgres { at_once: false }]);
    let stopped = run(stale.next, [Event::Postgres(PostgresView::Stopped)]);
    assert_eq!(
        stopped.actions,
        [Action::Clone {
            from: "a-0".parse().unwrap()
        }]
    );
}

#[test]
fn a_foreign_copy_is_never_replaced() {
    for data in [DataView::Initialised(system(8)), DataView::Stale(system(8))] {
        let foreign = run(
            member("a-1", false),
            [
                Event::Data(data),
                present(record("a-0", "boot-0", "1", Some(9))),
            ],
        );
        assert_eq!(foreign.actions, []);
        assert_eq!(foreign.next.standstill, Some(Standstill::ForeignData));
    }
}

#[test]
fn lost_authority_stops_postgres_even_while_another_action_runs() {
    let mut primary = run(
        member("a-0", false),
        [
            Event::Data(DataView::Initialised(system(9))),
            present(record("a-0", "boot-1", "1", Some(9))),
            running(Role::Primary),
        ],
    )
    .next;
    primary.in_flight = Some(Action::Route {
        epoch: Epoch::FIRST,
    });
    let lost = step(
        &primary,
        present(record("a-1", "boot-0", "2", Some(9))),
        START,
    );
    assert_eq!(lost.actions, [Action::StopPostgres { at_once: true }]);
}

#[test]
fn an_unreadable_record_leaves_a_running_primary_alone() {
    let primary = run(
        member("a-0", false),
        [
            Event::Data(DataView::Initialised(system(9))),
            present(record("a-0", "boot-1", "1", Some(9))),
            running(Role::Primary),
            Event::Finished(Outcome::Done),
            Event::Record(RecordView::Unknown),
        ],
    );
    assert_eq!(primary.actions, []);
}

#[test]
fn a_record_from_the_past_is_refused() {
    let data = Event::Data(DataView::Initialised(system(9)));
    let back = run(
        member("a-1", false),
        [
            data,
            present(record("a-0", "b", "5", Some(9))),
            present(record("a-1", "b", "4", Some(9))),
        ],
    );
    assert_eq!(back.actions, []);
    assert_eq!(back.next.standstill, Some(Standstill::RecordWentBack));
    let repaired = run(back.next, [present(record("a-0", "b", "6", Some(9)))]);
    assert_eq!(
        repaired.actions,
        [Action::StartStandby {
            of: "a-0".parse().unwrap()
        }]
    );
}

#[test]
fn a_failed_action_is_tried_again_after_a_pause_that_grows_to_a_limit() {
    let mut state = run(member("a-0", true), [Event::Tick]).next;
    let mut now = START;
    let mut pauses = vec![];
    for _ in 0..8 {
        let failed = step(&state, Event::Finished(Outcome::Failed), now);
        let [Action::WakeAt(until)] = failed.actions[..] else {
            panic!("{:?}", failed.actions)
        };
        assert_eq!(
            step(&failed.next, Event::Tick, now).actions,
            failed.actions,
            "not before time"
        );
        pauses.push(until.since(now).as_millis());
        now = until;
        let again = step(&failed.next, Event::Tick, now);
        assert_eq!(again.actions, [Action::Inspect]);
        state = again.next;
    }
    assert_eq!(
        pauses,
        [250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]
    );
}

#[test]
fn one_action_is_in_flight_at_a_time() {
    let inspecting = step(&member("a-0", true), Event::Tick, START);
    let meanwhile = step(&inspecting.next, Event::Record(RecordView::Missing), START);
    assert_eq!(meanwhile.actions, []);
}

#[test]
fn stop_ends_postgres_first_and_then_the_process() {
    let primary = run(
        member("a-0", false),
        [
            Event::Data(DataView::Initialised(system(9))),
            present(record("a-0", "boot-1", "1", Some(9))),
            running(Role::Primary),
            Event::Stop,
        ],
    );
    assert_eq!(primary.actions, [Action::StopPostgres { at_once: false }]);
    let stopped = run(primary.next, [Event::Postgres(PostgresView::Stopped)]);
    assert_eq!(stopped.actions, [Action::Exit]);
}

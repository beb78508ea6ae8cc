//! The step function: take in an event, then compare the views and choose the next action.

use std::time::Duration;

use howdah_types::SystemIdentifier;

use crate::action::{Action, Standstill};
use crate::event::{DataView, Event, Outcome, PostgresView, RecordView, Role};
use crate::record::{Epoch, Record, RecordVersion};
use crate::state::{State, Step};
use crate::time::Instant;

/// The pause after the first failed action; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Takes in one event and decides what to do next.
///
/// At most one action is in flight; the driver reports its end with [`Event::Finished`]. The one
/// exception is a stop at once on lost authority (I2), which does not wait for the action in flight.
pub fn step(state: &State, event: Event, now: Instant) -> Step {
    let mut next = state.clone();
    let lost_before = authority_lost(&next);
    take_in(&mut next, event, now);
    let mut actions = Vec::new();
    if !lost_before && authority_lost(&next) {
        next.in_flight = Some(Action::StopPostgres { at_once: true });
        actions.extend(next.in_flight.clone());
    } else if next.in_flight.is_none() {
        actions.extend(choose(&mut next, now));
    }
    Step { next, actions }
}

fn take_in(state: &mut State, event: Event, now: Instant) {
    match event {
        Event::Record(view) => take_in_record(state, view),
        Event::Data(view) => state.data = view,
        Event::Postgres(view) => {
            if view != PostgresView::Running(Role::Primary) {
                state.routed = None;
            }
            state.postgres = view;
        }
        Event::Finished(outcome) => take_in_outcome(state, outcome, now),
        Event::Stop => state.stopping = true,
        Event::Tick => {}
    }
}

/// INVARIANT I1: a record whose epoch is below one seen before is never believed.
fn take_in_record(state: &mut State, view: RecordView) {
    if let RecordView::Present(record, _) = &view {
        if state
            .highest_epoch
            .is_some_and(|highest| record.epoch < highest)
        {
            state.record = RecordView::Unknown;
            state.standstill = Some(Standstill::RecordWentBack);
            return;
        }
        state.highest_epoch = Some(record.epoch);
    }
    state.record = view;
}

fn take_in_outcome(state: &mut State, outcome: Outcome, now: Instant) {
    let ended = state.in_flight.take();
    match outcome {
        Outcome::Done => {
            state.failures = 0;
            state.pause_until = None;
            if let Some(Action::Route { epoch }) = ended {
                state.routed = Some(epoch);
            }
        }
        Outcome::Failed => {
            let pause = FIRST_PAUSE * 2_u32.saturating_pow(state.failures.min(16));
            state.failures = state.failures.saturating_add(1);
            state.pause_until = Some(now + pause.min(LONGEST_PAUSE));
        }
    }
}

/// INVARIANT I2: writable only while the record names this boot. A record that could not be read
/// is no news; one that names another boot, or another member, is.
fn authority_lost(state: &State) -> bool {
    state.postgres == PostgresView::Running(Role::Primary)
        && matches!(&state.record, RecordView::Present(record, _) if record.holder != state.me.holder)
}

/// Chooses the next action, or the time at which to look again, or notes why there is none.
fn choose(state: &mut State, now: Instant) -> Option<Action> {
    if !state.stopping
        && let Some(until) = state.pause_until.filter(|until| now < *until)
    {
        return Some(Action::WakeAt(until));
    }
    match next_action(state) {
        Ok(action) => {
            state.standstill = None;
            state.in_flight.clone_from(&action);
            action
        }
        Err(standstill) => {
            state.standstill = Some(standstill);
            None
        }
    }
}

fn next_action(state: &State) -> Result<Option<Action>, Standstill> {
    if state.stopping {
        return Ok(Some(match state.postgres {
            PostgresView::Running(_) => Action::StopPostgres { at_once: false },
            PostgresView::Stopped => Action::Exit,
        }));
    }
    match (&state.record, &state.data) {
        (_, DataView::Unknown) => Ok(Some(Action::Inspect)),
        (_, DataView::Damaged(reason)) => Err(Standstill::DataDamaged(reason.clone())),
        (RecordView::Unknown, _) => match &state.standstill {
            Some(went_back @ Standstill::RecordWentBack) => Err(went_back.clone()),
            _ => Ok(None),
        },
        (RecordView::Missing, _) => without_record(state),
        (RecordView::Present(record, version), _) if record.primary == state.me.instance => {
            as_primary(state, record, version)
        }
        (RecordView::Present(record, _), _) => as_follower(state, record),
    }
}

/// INVARIANT I1: a missing record is unknown, never free. Only a member that the operator allows to
/// and whose volume is empty may create the first one; a lost one is put back only by the primary
/// that still runs under it (I2), in a new epoch.
fn without_record(state: &State) -> Result<Option<Action>, Standstill> {
    if let (PostgresView::Running(Role::Primary), DataView::Initialised(own), Some(highest)) =
        (&state.postgres, &state.data, state.highest_epoch)
    {
        return Ok(Some(claim(state, None, highest.next(), Some(*own))));
    }
    let fresh = state.highest_epoch.is_none() && state.data == DataView::Empty;
    if !(fresh && state.me.may_bootstrap) {
        return Err(Standstill::RecordMissing);
    }
    Ok(Some(claim(state, None, Epoch::FIRST, None)))
}

fn as_primary(
    state: &State,
    record: &Record,
    version: &RecordVersion,
) -> Result<Option<Action>, Standstill> {
    let own = match (&state.data, record.system) {
        (DataView::Initialised(own) | DataView::Stale(own), Some(system)) if *own != system => {
            return Err(Standstill::ForeignData);
        }
        (DataView::Initialised(own) | DataView::Stale(own), _) => Some(*own),
        (_, Some(_)) => return Err(Standstill::PrimaryDataMissing),
        (_, None) => None,
    };
    if record.holder != state.me.holder {
        return Ok(Some(claim(
            state,
            Some(version),
            record.epoch.next(),
            record.system,
        )));
    }
    Ok(match (own, record.system, &state.postgres) {
        (None, ..) => Some(Action::Initialise),
        (Some(own), None, _) => Some(claim(state, Some(version), record.epoch, Some(own))),
        (.., PostgresView::Stopped) => Some(Action::StartPrimary),
        (.., PostgresView::Running(Role::Standby { .. })) => {
            Some(Action::StopPostgres { at_once: false })
        }
        (.., PostgresView::Running(Role::Primary)) if state.routed != Some(record.epoch) => {
            Some(Action::Route {
                epoch: record.epoch,
            })
        }
        _ => None,
    })
}

fn as_follower(state: &State, record: &Record) -> Result<Option<Action>, Standstill> {
    let system = record.system.ok_or(Standstill::WaitingForPrimary)?;
    let primary = record.primary.clone();
    if state.postgres == PostgresView::Running(Role::Primary) {
        return Ok(Some(Action::StopPostgres { at_once: true }));
    }
    match &state.data {
        DataView::Initialised(own) | DataView::Stale(own) if *own != system => {
            Err(Standstill::ForeignData)
        }
        DataView::Stale(_) if state.postgres != PostgresView::Stopped => {
            Ok(Some(Action::StopPostgres { at_once: false }))
        }
        DataView::Empty | DataView::Stale(_) => Ok(Some(Action::Clone { from: primary })),
        _ => Ok(match &state.postgres {
            PostgresView::Stopped => Some(Action::StartStandby { of: primary }),
            PostgresView::Running(Role::Standby { of }) if *of != primary => {
                Some(Action::Follow { primary })
            }
            PostgresView::Running(_) => None,
        }),
    }
}

fn claim(
    state: &State,
    expected: Option<&RecordVersion>,
    epoch: Epoch,
    system: Option<SystemIdentifier>,
) -> Action {
    Action::WriteRecord {
        expected: expected.cloned(),
        record: Record {
            epoch,
            primary: state.me.instance.clone(),
            holder: state.me.holder.clone(),
            system,
        },
    }
}

#[cfg(test)]
mod tests;

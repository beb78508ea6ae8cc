//! The driver of the decision machine: the only owner of its state.
//!
//! Events go in one by one; actions are executed one at a time, each in a task of its own, so that a
//! long clone does not keep the driver from hearing that authority was lost or the Pod must end.

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use howdah_ha::{self as ha, Action, Event, Outcome, PostgresView, Standstill, State};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{debug, info, warn};

use crate::actions::{self, Done};
use crate::chain::{Chain, Complaint};
use crate::clock;
use crate::member::{Input, Member};
use crate::view::Phase;

/// How often the driver shows that it lives.
const BEAT: Duration = Duration::from_secs(5);
/// A postmaster that ran at least so long is started again at once.
const STEADY: Duration = Duration::from_secs(30);
/// The first pause before a postmaster that keeps dying is started again; it doubles.
const PAUSE: Duration = Duration::from_millis(250);
/// How often it doubles.
const DOUBLINGS: u32 = 6;

/// Drives the machine of one member until it exits.
pub(crate) struct Driver {
    member: Arc<Member>,
    state: State,
    inputs: mpsc::UnboundedReceiver<Input>,
    current: Option<Current>,
    wake: Option<Instant>,
    exit: bool,
    deaths: Deaths,
    complaint: Complaint,
}

/// The action in flight.
struct Current {
    action: Action,
    task: JoinHandle<Done>,
}

impl Current {
    /// Gives the action up, and waits until it really does nothing any longer: it may just be about to
    /// take note of a postmaster that it started.
    async fn give_up(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

/// Postmasters that died without being told to.
#[derive(Debug, Default)]
struct Deaths {
    in_a_row: u32,
    started: Option<Instant>,
}

impl Deaths {
    fn note(&mut self, now: Instant) {
        let steady = self
            .started
            .is_some_and(|started| now.duration_since(started) >= STEADY);
        self.in_a_row = if steady { 1 } else { self.in_a_row + 1 };
    }

    /// The pause before the next start: none after the first death.
    fn pause(&self) -> Duration {
        match self.in_a_row {
            0 | 1 => Duration::ZERO,
            more => PAUSE * 2_u32.pow((more - 2).min(DOUBLINGS)),
        }
    }
}

impl Driver {
    pub(crate) fn new(
        member: Arc<Member>,
        state: State,
        inputs: mpsc::UnboundedReceiver<Input>,
    ) -> Self {
        Self {
            member,
            state,
            inputs,
            current: None,
            wake: None,
            exit: false,
            deaths: Deaths::default(),
            complaint: Complaint::default(),
        }
    }

    /// Runs until the machine says that everything is stopped.
    pub(crate) async fn run(mut self) {
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.step(Event::Tick);
        while !self.exit {
            let wake = self.wake;
            tokio::select! {
                Some(input) = self.inputs.recv() => self.take(input).await,
                done = ended(self.current.as_mut()) => self.finish(done),
                () = sleep_until(wake) => {
                    self.wake = None;
                    self.step(Event::Tick);
                }
                _ = beat.tick() => {}
            }
            self.member.beat();
        }
    }

    async fn take(&mut self, input: Input) {
        match input {
            Input::Event(event) => self.step(event),
            Input::Ended { pid, status } => self.postmaster_ended(pid, status),
            Input::Stop => self.stop().await,
        }
    }

    fn postmaster_ended(&mut self, pid: i32, status: ExitStatus) {
        if !self.member.forget(pid) {
            return;
        }
        let stopping = matches!(
            self.current.as_ref().map(|current| &current.action),
            Some(Action::StopPostgres { .. })
        );
        if !stopping {
            if status.success() {
                info!(pid, "postgres was shut down");
            } else {
                warn!(pid, %status, "postgres died");
            }
            self.deaths.note(Instant::now());
            self.member.show(|view| {
                if view.phase != Phase::StartFailed {
                    view.phase = Phase::Crashed;
                }
                view.status = None;
                view.routed = false;
            });
        }
        self.step(Event::Postgres(PostgresView::Stopped));
    }

    /// The Pod ends: whatever is being done is given up, except a stop.
    async fn stop(&mut self) {
        if self.state.stopping {
            return;
        }
        info!("shutting down");
        let current = self
            .current
            .take_if(|current| !matches!(current.action, Action::StopPostgres { .. }));
        self.step(Event::Stop);
        if let Some(current) = current {
            current.give_up().await;
            self.report_postgres();
            self.step(Event::Finished(Outcome::Failed));
        }
    }

    fn finish(&mut self, done: Done) {
        let ended = self.current.take();
        for event in done.events {
            self.step(event);
        }
        self.report_postgres();
        let outcome = match done.result {
            Ok(()) => {
                self.complaint.clear();
                Outcome::Done
            }
            Err(error) => {
                if let Some(error) = self.complaint.new_one(&error) {
                    warn!(error, "action failed, trying again");
                } else {
                    debug!(error = %Chain(&error), action = ?ended.as_ref().map(|c| &c.action), "action failed again");
                }
                Outcome::Failed
            }
        };
        self.step(Event::Finished(outcome));
    }

    fn report_postgres(&mut self) {
        let view = match self.member.running() {
            None => PostgresView::Stopped,
            Some(running) => PostgresView::Running(match running.following {
                None => ha::Role::Primary,
                Some(of) => ha::Role::Standby { of },
            }),
        };
        if view != self.state.postgres {
            self.step(Event::Postgres(view));
        }
    }

    /// One step of the machine, and the start of what it decided.
    fn step(&mut self, event: Event) {
        let before = self.state.standstill.clone();
        let step = ha::step(&self.state, event, clock::now());
        self.state = step.next;
        if self.state.standstill != before {
            tell_standstill(self.state.standstill.as_ref());
        }
        for action in step.actions {
            self.begin(action);
        }
    }

    fn begin(&mut self, action: Action) {
        match action {
            Action::WakeAt(time) => self.wake = Some(Instant::now() + time.since(clock::now())),
            Action::Exit => self.exit = true,
            action => {
                let pause = self.pause_before(&action);
                let member = Arc::clone(&self.member);
                let doing = action.clone();
                // The machine replaces the one in flight only to stop at once.
                let replaced = self.current.take();
                let task = tokio::spawn(async move {
                    if let Some(replaced) = replaced {
                        replaced.give_up().await;
                    }
                    tokio::time::sleep(pause).await;
                    actions::execute(&member, doing).await
                });
                self.current = Some(Current { action, task });
            }
        }
    }

    fn pause_before(&mut self, action: &Action) -> Duration {
        if !matches!(action, Action::StartPrimary | Action::StartStandby { .. }) {
            return Duration::ZERO;
        }
        let pause = self.deaths.pause();
        self.deaths.started = Some(Instant::now() + pause);
        pause
    }
}

/// The end of the action in flight; never, if there is none.
async fn ended(current: Option<&mut Current>) -> Done {
    match current {
        None => std::future::pending().await,
        Some(current) => match (&mut current.task).await {
            Ok(done) => done,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // Aborted tasks are not waited for.
            Err(_) => std::future::pending().await,
        },
    }
}

async fn sleep_until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

fn tell_standstill(standstill: Option<&Standstill>) {
    match standstill {
        None => info!("going on"),
        Some(Standstill::WaitingForPrimary) => info!("waiting for the primary to be initialised"),
        Some(Standstill::RecordMissing) => {
            warn!("the control record is missing, and this instance may not create it");
        }
        Some(Standstill::RecordWentBack) => {
            warn!("the control record is older than one seen before");
        }
        Some(Standstill::PrimaryDataMissing) => {
            warn!("this instance is recorded as primary, but its volume is empty");
        }
        Some(Standstill::ForeignData) => {
            warn!("the volume holds another database system than the control record names");
        }
        Some(Standstill::DataDamaged(why)) => warn!(why, "the data directory cannot be used"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_postmaster_that_keeps_dying_is_started_ever_later() {
        let mut deaths = Deaths::default();
        let mut now = Instant::now();
        let mut pauses = Vec::new();
        for _ in 0..4 {
            deaths.started = Some(now);
            deaths.note(now);
            pauses.push(deaths.pause());
        }
        assert_eq!(pauses, [Duration::ZERO, PAUSE, PAUSE * 2, PAUSE * 4]);
        now += STEADY;
        deaths.note(now);
        assert_eq!(deaths.pause(), Duration::ZERO, "it had run well in between");
        for _ in 0..100 {
            deaths.started = Some(now);
            deaths.note(now);
        }
        assert_eq!(deaths.pause(), PAUSE * 64);
    }
}

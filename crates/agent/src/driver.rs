//! The driver of the decision machine: the only owner of its state.
//!
//! Events go in one by one. Jobs on Postgres, calls to the API and the route are tasks of their own, so
//! that a long clone does not keep the driver from hearing that authority was lost.

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use howdah_ha::machine::{self as ha, Action, Asked, Event, Job, JobEnd, State};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{debug, error, info, warn};

use crate::chain::{Chain, Complaint};
use crate::clock;
use crate::durable::{self, Promises};
use crate::guard::Guard;
use crate::member::{Input, Member};
use crate::view::{HaView, Phase};
use crate::wire::{self, Incoming, Wire};
use crate::{jobs, lease, refusal, route};

/// How often time is told to the machine.
const TICK: Duration = Duration::from_millis(50);
/// A postmaster that ran at least so long is started again at once.
const STEADY: Duration = Duration::from_secs(30);
/// How far the starts of a postmaster that keeps dying are apart at first; it doubles.
const APART: Duration = Duration::from_millis(250);
/// How often it doubles.
const DOUBLINGS: u32 = 6;
/// The longest pause before a primary is started again, since everybody who writes waits with it. Postgres itself makes
/// none after the crash of a backend.
const PRIMARY_PAUSE: Duration = Duration::from_millis(500);
/// The time for a promise to reach the disk. Nothing is done until it has.
const PERSIST: Duration = Duration::from_secs(5);

/// Without a guard for so long, a primary gives up.
const UNGUARDED: Duration = Duration::from_secs(1);
/// The time in which a machine says that nobody listens.
const REFUSAL: Duration = Duration::from_millis(300);

/// Why the driver cannot go on. Postgres was killed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The volume does not take what this member must remember.
    #[error("keep what this member promises to others")]
    Promise(#[source] durable::Error),
    /// The same, by not answering.
    #[error("keep what this member promises to others: the volume does not answer")]
    Hangs,
}

/// Drives the machine of one member until it exits.
pub(crate) struct Driver {
    member: Arc<Member>,
    state: State,
    inputs: mpsc::UnboundedReceiver<Input>,
    incoming: mpsc::Receiver<Incoming>,
    promises: Promises,
    wire: Wire,
    guard: Guard,
    current: Option<Current>,
    routing: Option<JoinHandle<()>>,
    /// The postmaster that the guard knows.
    watched: Option<i32>,
    /// Since when there is no guard that answers.
    unguarded: Option<Instant>,
    /// Why a wish is refused, for the next write of the record, which is without it.
    refused: Option<String>,
    exit: bool,
    deaths: Deaths,
    complaint: Complaint,
    api_complaint: Complaint,
}

/// What the driver has to itself.
pub(crate) struct Means {
    /// What other members say.
    pub(crate) incoming: mpsc::Receiver<Incoming>,
    pub(crate) promises: Promises,
    pub(crate) wire: Wire,
    pub(crate) guard: Guard,
}

/// The job in flight.
struct Current {
    job: Job,
    task: JoinHandle<Done>,
}

/// How a job ended.
type Done = Result<JobEnd, jobs::Error>;

impl Current {
    /// Gives the job up, and waits until it really does nothing any longer: it may just be about to
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

    /// The pause before the next start: none after the first death, nor where the last one had its time.
    fn pause(&self, now: Instant) -> Duration {
        let apart = match self.in_a_row {
            0 | 1 => Duration::ZERO,
            more => APART * 2_u32.pow((more - 2).min(DOUBLINGS)),
        };
        let since = self.started.map(|started| now.duration_since(started));
        apart.saturating_sub(since.unwrap_or_default())
    }
}

impl Driver {
    pub(crate) fn new(
        member: Arc<Member>,
        state: State,
        inputs: mpsc::UnboundedReceiver<Input>,
        means: Means,
    ) -> Self {
        let Means {
            incoming,
            promises,
            wire,
            guard,
        } = means;
        Self {
            member,
            state,
            inputs,
            incoming,
            promises,
            wire,
            guard,
            current: None,
            routing: None,
            watched: None,
            unguarded: None,
            refused: None,
            exit: false,
            deaths: Deaths::default(),
            complaint: Complaint::default(),
            api_complaint: Complaint::default(),
        }
    }

    /// Runs until the machine says that everything is stopped, or nothing more can be promised.
    pub(crate) async fn run(mut self) -> Result<(), Error> {
        let driven = self.drive().await;
        if driven.is_err() {
            // Whoever cannot keep a promise must not go on, least of all as primary.
            if let Some(current) = self.current.take() {
                current.give_up().await;
            }
            if let Err(error) = jobs::execute(&self.member, Job::Kill, Duration::ZERO).await {
                error!(error = %Chain(&error), "postgres not killed");
            }
        }
        if let Some(routing) = self.routing.take() {
            routing.abort();
        }
        driven
    }

    async fn drive(&mut self) -> Result<(), Error> {
        self.await_settings().await;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.exit {
            tokio::select! {
                Some(input) = self.inputs.recv() => self.take(input).await?,
                Some(incoming) = self.incoming.recv() => self.hear(incoming).await?,
                done = ended(self.current.as_mut()) => self.finish(done).await?,
                _ = tick.tick() => {
                    if self.unguarded.is_some() {
                        self.keep_guard();
                    }
                    self.step(Event::Tick).await?;
                }
            }
            self.watch_postmaster();
            self.member.beat();
        }
        Ok(())
    }

    /// The guard kills what runs now.
    fn watch_postmaster(&mut self) {
        let pid = self
            .member
            .running()
            .map(|running| running.postmaster.pid());
        if pid != self.watched
            && let Some(pid) = pid
        {
            self.guard.watch(pid);
        }
        self.watched = pid;
    }

    /// INVARIANT I3: sets the guard to where the machine wants it; it may just be starting again.
    fn keep_guard(&mut self) {
        match self.guard.arm(self.state.guard) {
            Ok(()) => {
                self.unguarded = None;
                self.member.set_guarded(true);
            }
            Err(error) => {
                let since = *self.unguarded.get_or_insert_with(|| {
                    warn!(%error, "nothing would end this member's authority in time");
                    Instant::now()
                });
                self.member.set_guarded(since.elapsed() < UNGUARDED);
            }
        }
    }

    /// Nothing is decided before it is known who the members are and how they replicate.
    async fn await_settings(&mut self) {
        while let Some(input) = self.inputs.recv().await {
            match input {
                Input::Settings(settings) => {
                    self.wire.set_peers(self.member.peer_addresses());
                    self.state.config.settings = settings;
                    return;
                }
                Input::Stop => {
                    self.exit = true;
                    return;
                }
                _ => self.member.beat(),
            }
        }
    }

    async fn take(&mut self, input: Input) -> Result<(), Error> {
        match input {
            Input::Observed(view) => self.step(Event::Postgres(view)).await?,
            Input::Watched(read) => self.step(Event::Watched(read)).await?,
            Input::Api((end, error)) => {
                self.note_api(error);
                self.step(Event::Api(end)).await?;
            }
            Input::Settings(settings) => {
                self.wire.set_peers(self.member.peer_addresses());
                if settings != self.state.config.settings {
                    self.step(Event::Configured(settings)).await?;
                }
            }
            Input::Gone(member) => {
                debug!(%member, "a member's process is gone");
                self.step(Event::Gone(member)).await?;
            }
            Input::Source(source) => self.step(Event::Source(source)).await?,
            Input::Reinitialise => self.step(Event::Reinitialise).await?,
            Input::Ended { pid, status } => self.postmaster_ended(pid, status).await?,
            Input::Stop => self.stop().await?,
        }
        Ok(())
    }

    async fn hear(&mut self, incoming: Incoming) -> Result<(), Error> {
        match incoming {
            Incoming::Message(from, message) => self.step(Event::Message(from, message)).await,
            Incoming::Lost(lost) => {
                let member = Arc::clone(&self.member);
                tokio::spawn(async move {
                    if is_gone(&member, lost).await {
                        member.tell(Input::Gone(lost));
                    }
                });
                Ok(())
            }
        }
    }

    fn note_api(&mut self, error: Option<lease::Error>) {
        match error {
            None => self.api_complaint.clear(),
            Some(error) => {
                if let Some(error) = self.api_complaint.new_one(&error) {
                    warn!(error, "no answer about the control record, trying again");
                }
            }
        }
    }

    async fn postmaster_ended(&mut self, pid: i32, status: ExitStatus) -> Result<(), Error> {
        if !self.member.forget(pid) {
            return Ok(());
        }
        let expected = matches!(
            self.current.as_ref().map(|current| &current.job),
            Some(Job::Stop | Job::Kill)
        );
        if !expected {
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
            });
            if let Err(error) = jobs::inspect(&self.member).await {
                warn!(error = %Chain(&error), "data directory not looked at");
            }
        }
        self.step(Event::Postgres(self.member.stopped())).await
    }

    /// The Pod ends: a copy that is being made is given up.
    async fn stop(&mut self) -> Result<(), Error> {
        if self.state.stopping {
            return Ok(());
        }
        info!("shutting down");
        let copying = self.current.take_if(|current| {
            matches!(
                current.job,
                Job::Clone { .. } | Job::Rewind { .. } | Job::Initialise
            )
        });
        if let Some(current) = copying {
            current.give_up().await;
            self.step(Event::Job(JobEnd::Failed)).await?;
        }
        self.step(Event::Stop).await
    }

    async fn finish(&mut self, done: Done) -> Result<(), Error> {
        let ended = self.current.take();
        let end = match done {
            Ok(end) => {
                self.complaint.clear();
                end
            }
            Err(error) => {
                let job = ended.as_ref().map(|current| &current.job);
                if let Some(error) = self.complaint.new_one(&error) {
                    warn!(error, ?job, "job failed, trying again");
                } else {
                    debug!(error = %Chain(&error), ?job, "job failed again");
                }
                JobEnd::Failed
            }
        };
        self.step(Event::Job(end)).await?;
        // The machine waits for what Postgres is after it.
        self.member.observe.notify_one();
        Ok(())
    }

    /// One step of the machine, and the start of what it decided.
    async fn step(&mut self, event: Event) -> Result<(), Error> {
        let before = std::mem::discriminant(&self.state.phase);
        let step = ha::step(self.state.clone(), event, clock::now());
        self.state = step.next;
        if step.persist {
            self.persist().await?;
        }
        if std::mem::discriminant(&self.state.phase) != before {
            self.note_phase();
        } else {
            self.note_record();
        }
        for action in step.actions {
            self.begin(action)?;
        }
        self.member.set_unsettled(is_unsettled(&self.state));
        Ok(())
    }

    /// Before anything else happens: what was promised must hold through a crash (I5).
    async fn persist(&self) -> Result<(), Error> {
        let promises = self.promises.clone();
        let durable = self.state.durable;
        let written = tokio::task::spawn_blocking(move || promises.write(durable));
        match tokio::time::timeout(PERSIST, written).await {
            Ok(Ok(written)) => written.map_err(Error::Promise),
            Ok(Err(_)) | Err(_) => Err(Error::Hangs),
        }
    }

    fn note_phase(&self) {
        let seen = HaView::of(&self.state);
        info!(
            state = seen.phase,
            epoch = seen.epoch,
            "this member's state"
        );
        let leads = matches!(
            self.state.phase,
            ha::Phase::Primary(_) | ha::Phase::Replicating(_)
        );
        if !leads && let Some(routing) = &self.routing {
            routing.abort();
        }
        self.member.show(|view| {
            view.routed &= leads;
            view.ha = seen;
            view.role = view.ha.role();
        });
        self.member.look.notify_one();
    }

    /// Who acknowledges, and whether people hold the cluster, may change in any state.
    fn note_record(&self) {
        let seen = HaView::of(&self.state);
        if self.member.view.borrow().ha != seen {
            self.member.show(|view| view.ha = seen);
        }
    }

    fn begin(&mut self, action: Action) -> Result<(), Error> {
        let member = Arc::clone(&self.member);
        match action {
            Action::ReadRecord => {
                tokio::spawn(async move {
                    let ended = lease::read(&member).await;
                    member.tell(Input::Api(ended));
                });
            }
            Action::WriteRecord { expected, record } => {
                let refused = self.refused.take();
                tokio::spawn(async move {
                    let refused = refused.as_deref();
                    let ended = lease::write(&member, expected, &record, refused).await;
                    member.tell(Input::Api(ended));
                });
            }
            Action::Do(job) => self.begin_job(job),
            Action::Send(to, message) => self.wire.send(to, message),
            Action::Guard(_) => self.keep_guard(),
            Action::Route {
                epoch,
                unless_newer: _,
            } => {
                if let Some(former) = self.routing.take() {
                    former.abort();
                }
                self.routing = Some(tokio::spawn(route::keep_trying(member, epoch)));
            }
            Action::Refuse { asked, why } => {
                warn!(?asked, %why, "what people asked for cannot be done");
                if let Asked::Intent(intent) = asked {
                    let reason = refusal::reason(&self.member.cluster.name, intent, why);
                    self.refused = Some(reason);
                }
            }
            Action::Exit => self.exit = true,
        }
        Ok(())
    }

    fn begin_job(&mut self, job: Job) {
        debug!(?job, "begin");
        let pause = self.pause_before(&job);
        let member = Arc::clone(&self.member);
        let doing = job.clone();
        // The machine replaces the one in flight only to kill.
        let replaced = self.current.take();
        let task = tokio::spawn(async move {
            if let Some(replaced) = replaced {
                replaced.give_up().await;
            }
            jobs::execute(&member, doing, pause).await
        });
        self.current = Some(Current { job, task });
    }

    fn pause_before(&mut self, job: &Job) -> Duration {
        let now = Instant::now();
        let pause = match job {
            Job::Start { .. } => self.deaths.pause(now),
            Job::Restart => self.deaths.pause(now).min(PRIMARY_PAUSE),
            _ => return Duration::ZERO,
        };
        self.deaths.started = Some(now + pause);
        pause
    }
}

/// True if a member whose connection was reset does not listen either: its process ended, and the guard
/// of that process has ended its Postgres. A machine that is cut off gives no such answer.
async fn is_gone(member: &Member, lost: ha::Member) -> bool {
    let addresses = member.peer_addresses();
    let Some(address) = addresses.get(&lost) else {
        return false;
    };
    let connecting = TcpStream::connect((*address, wire::PORT));
    let connected = tokio::time::timeout(REFUSAL, connecting).await;
    matches!(connected, Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused)
}

/// True if Postgres is about to become something else, so that a second look is worth its price.
fn is_unsettled(state: &State) -> bool {
    match &state.phase {
        ha::Phase::Primary(primary) => {
            let moves = primary.change.is_some() || primary.restart.is_some();
            !state.pg.open || moves || primary.asked.is_some()
        }
        ha::Phase::Follower | ha::Phase::Replicating(_) => !matches!(
            state.pg.server,
            ha::Server::Standby {
                upstream: Some(_),
                ..
            }
        ),
        ha::Phase::Quarantine | ha::Phase::Init => false,
        _ => true,
    }
}

/// The end of the job in flight; never, if there is none.
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
            pauses.push(deaths.pause(now));
        }
        assert_eq!(pauses, [Duration::ZERO, APART, APART * 2, APART * 4]);
        assert_eq!(deaths.pause(now + APART * 3), APART, "it had run meanwhile");
        now += STEADY;
        deaths.note(now);
        let none = deaths.pause(now);
        assert_eq!(none, Duration::ZERO, "it had run well in between");
        for _ in 0..100 {
            deaths.started = Some(now);
            deaths.note(now);
        }
        assert_eq!(deaths.pause(now), APART * 64);
    }
}

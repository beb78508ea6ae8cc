//! Looking after the running Postgres: configuration, roles, slots, status. It decides nothing about who
//! is primary, and does everything again when something changed, in short passes.

mod primary;
mod standby;

use std::sync::Arc;
use std::time::Duration;

use howdah_postgres::{ConfigurationError, PendingRestart, Reload, Session, SqlError};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::chain::{Chain, Complaint};
use crate::member::{Member, Running};
use crate::mounted::Files;
use crate::view::{Contact, Phase};

/// The pause between passes when all is well; the mounted files are looked at in each.
const REST: Duration = Duration::from_secs(1);
/// The pause while something is about to change.
const SOON: Duration = Duration::from_millis(200);
/// How often Postgres is asked for its status when all is well.
const STATUS: Duration = Duration::from_secs(3);
/// How often things are checked that change only by somebody's hand.
const AUDIT: Duration = Duration::from_secs(10);

/// Why a pass was not completed.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("ask postgres")]
    Sql(#[source] SqlError),
    #[error("configure postgres")]
    Configure(#[source] ConfigurationError),
}

/// Looks after Postgres for as long as the agent runs.
pub(crate) async fn keep(member: Arc<Member>, files: Files) {
    let mut keeper = Keeper {
        member: Arc::clone(&member),
        files,
        care: None,
        complaint: Complaint::default(),
        files_complaint: Complaint::default(),
    };
    loop {
        let pause = keeper.pass().await;
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = member.look.notified() => {}
        }
    }
}

struct Keeper {
    member: Arc<Member>,
    files: Files,
    care: Option<Care>,
    complaint: Complaint,
    files_complaint: Complaint,
}

/// What is known about one run of a postmaster.
struct Care {
    member: Arc<Member>,
    running: Running,
    session: Option<Session>,
    configured: Option<Inputs>,
    asked: Option<Instant>,
    audited: Option<Instant>,
    pending_known: bool,
    primary: primary::Duties,
    standby: standby::Duties,
}

/// What a configuration was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Inputs {
    generation: u64,
    upstream: Option<(String, u16)>,
    /// The values that the primary requires may have changed while it was away.
    streaming: bool,
}

impl Keeper {
    /// One pass; gives the pause until the next.
    async fn pass(&mut self) -> Duration {
        self.read_files();
        let Some(running) = self.member.running() else {
            self.care = None;
            return REST;
        };
        if !running.postmaster.is_ready() {
            return SOON;
        }
        let care = Care::of(&mut self.care, &self.member, running);
        match care.pass().await {
            Ok(pause) => {
                self.complaint.clear();
                pause
            }
            Err(error) => {
                // A session that failed may be in any state.
                care.session = None;
                care.note_silence();
                let ended = care.running.postmaster.ended().is_some();
                if !ended && let Some(error) = self.complaint.new_one(&error) {
                    warn!(error, "postgres needs another look");
                }
                REST
            }
        }
    }

    fn read_files(&mut self) {
        match self.files.changed() {
            Ok(None) => self.files_complaint.clear(),
            Ok(Some(mounted)) => {
                info!(
                    generation = mounted.generation,
                    "configuration or credentials changed"
                );
                self.member.mounted.send_replace(Arc::new(mounted));
            }
            Err(error) => {
                if let Some(error) = self.files_complaint.new_one(&error) {
                    warn!(
                        error,
                        "mounted files cannot be used, the former ones stay in force"
                    );
                }
            }
        }
    }
}

impl Care {
    /// The care for this run; a new one if the postmaster is.
    fn of<'a>(care: &'a mut Option<Self>, member: &Arc<Member>, running: Running) -> &'a mut Self {
        let same = |care: &&mut Self| care.running.postmaster.pid() == running.postmaster.pid();
        if care.as_mut().filter(same).is_none() {
            *care = None;
        }
        let care = care.get_or_insert_with(|| Self {
            member: Arc::clone(member),
            running: running.clone(),
            session: None,
            configured: None,
            asked: None,
            audited: None,
            pending_known: false,
            primary: primary::Duties::default(),
            standby: standby::Duties::default(),
        });
        care.running = running;
        care
    }

    async fn pass(&mut self) -> Result<Duration, Error> {
        if self.session.as_ref().is_none_or(Session::is_closed) {
            self.session = Some(self.member.instance.connect().await.map_err(Error::Sql)?);
            self.pending_known = false;
        }
        let audit = self.audited.is_none_or(|at| at.elapsed() >= AUDIT);
        if audit {
            // The values that a standby's primary requires may have changed.
            self.configured = None;
        }
        self.configure().await?;
        self.ask_status().await?;
        if audit || !self.pending_known {
            self.ask_pending().await?;
        }
        let settled = if self.running.writable {
            self.keep_primary(audit).await?
        } else {
            self.keep_standby(audit).await?
        };
        if audit {
            self.audited = Some(Instant::now());
        }
        Ok(if settled { REST } else { SOON })
    }

    fn session(&self) -> &Session {
        self.session
            .as_ref()
            .expect("a pass begins by opening a session")
    }

    /// Writes the configuration again if something it is made from changed, and has it read.
    async fn configure(&mut self) -> Result<(), Error> {
        let inputs = self.inputs();
        if self.configured.as_ref() == Some(&inputs) {
            return Ok(());
        }
        let changed = {
            let _volume = self.member.volume.lock().await;
            // Jobs change whom to follow while they hold the volume, so it is asked for only now.
            let upstream = match self.member.feed() {
                None => None,
                Some(feed) => match self.member.reach(&feed) {
                    // As long as nobody knows the address, the one from before stays.
                    None => return Ok(()),
                    known => known,
                },
            };
            let configuration = self.member.configuration(upstream);
            self.member
                .instance
                .configure(&configuration)
                .await
                .map_err(Error::Configure)?
        };
        if changed {
            match self.session().reload().await.map_err(Error::Sql)? {
                Reload::Applied => info!("configuration reloaded"),
                Reload::Refused(why) => warn!(why, "postgres refuses the configuration"),
            }
            self.pending_known = false;
        }
        self.configured = Some(inputs);
        Ok(())
    }

    fn inputs(&self) -> Inputs {
        let upstream = self.member.feed().and_then(|feed| self.member.reach(&feed));
        Inputs {
            generation: self.member.mounted.borrow().generation,
            upstream: upstream.map(|upstream| (upstream.host, upstream.port)),
            streaming: self.standby.streaming,
        }
    }

    async fn ask_status(&mut self) -> Result<(), Error> {
        let due = self.asked.is_none_or(|at| at.elapsed() >= STATUS);
        let standby = !self.running.writable;
        if !(due || standby && self.standby.unsettled()) {
            return Ok(());
        }
        let status = self.session().status().await.map_err(Error::Sql)?;
        self.asked = Some(Instant::now());
        self.standby.note(&status);
        let streaming = status.is_streaming();
        self.member.show(|view| {
            // A stop that began meanwhile has set another phase.
            if matches!(view.phase, Phase::Starting | Phase::Running) {
                view.phase = Phase::Running;
                view.status = Some((status, Instant::now()));
            }
            view.silent_since = None;
            if streaming {
                view.contact = Contact::Reachable;
            }
        });
        Ok(())
    }

    async fn ask_pending(&mut self) -> Result<(), Error> {
        let pending = self.session().pending_restart().await.map_err(Error::Sql)?;
        self.pending_known = true;
        self.member.view.send_if_modified(|view| {
            let changed = view.pending != pending;
            if changed {
                tell_pending(&pending);
                view.pending = pending;
            }
            changed
        });
        Ok(())
    }

    fn note_silence(&self) {
        self.member.show(|view| {
            view.silent_since.get_or_insert_with(Instant::now);
        });
    }
}

fn tell_pending(pending: &[PendingRestart]) {
    if pending.is_empty() {
        info!("no parameter waits for a restart any longer");
        return;
    }
    let names: Vec<_> = pending.iter().map(|one| one.name.as_str()).collect();
    info!(
        parameters = names.join(","),
        "parameters wait for a restart"
    );
}

/// For what is worth a line but not a failed pass.
fn shrug(error: &(dyn std::error::Error + 'static), what: &'static str) {
    tracing::debug!(error = %Chain(error), what, "not possible now");
}

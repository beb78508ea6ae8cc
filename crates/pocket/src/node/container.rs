//! One attempt to run a container, from launch or adoption to its end, as a task of its own.
//!
//! It knows how to start a shim, how to notice its death, how to stop it gently and then not gently, and that an
//! attempt is over only when no process with its mark is left. Whether to try again is the Pod's business.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use camino::Utf8PathBuf;
use jiff::Timestamp;
use nix::sys::signal::Signal;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tracing::warn;

use self::shim_process::ShimProcess;
use super::check::{self, Target};
use super::layout::PodDir;
use super::plan::probes::Check;
use super::plan::{mark, mark_prefix};
use super::procfs::{self, MARK, ProcessId};
use super::shim::KILL_ALL;
use super::shim::spec::{self, EXIT_FILE, Exit, SHIM_LOG, SPEC_FILE, STATE_FILE, Spec, Started};
use super::shim::talk::SOCKET;

mod shim_process;

/// How long processes may take to die of SIGKILL before somebody is told.
const KILL_PATIENCE: Duration = Duration::from_secs(10);
/// After a hook has used up the grace period the container still gets this, as from a kubelet.
const LEAST_GRACE: Duration = Duration::from_secs(2);

/// Which attempt of which container.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    /// The Pod's folder.
    pub(super) dir: PodDir,
    /// The Pod's uid.
    pub(super) pod_uid: String,
    /// The container's name.
    pub(super) container: String,
    /// The attempt's number, from 0.
    pub(super) number: u32,
    /// The account number its processes run under.
    pub(super) uid: u32,
    /// The `howdah` program.
    pub(super) program: Utf8PathBuf,
    /// What it takes to run its `preStop` hook.
    pub(super) target: Target,
    /// The hook.
    pub(super) pre_stop: Option<Check>,
}

/// How an attempt begins.
#[derive(Debug)]
pub(super) enum Begin {
    /// Start this; the mark and the log file are filled in.
    Launch(Box<Spec>),
    /// It runs already.
    Adopt(Started),
}

/// What happens to an attempt.
#[derive(Debug)]
pub(super) enum Progress {
    /// The main process runs.
    Running(Timestamp),
    /// The attempt could not even be made.
    NotLaunched(String),
    /// Everything is over, and no process is left.
    Ended(Exit),
}

/// When a container that is to stop must be dead at the latest; it can be moved forward.
pub(super) type StopSignal = watch::Receiver<Option<Instant>>;

impl Attempt {
    fn folder(&self) -> Utf8PathBuf {
        self.dir.attempt(&self.container, self.number)
    }

    fn mark(&self) -> String {
        mark(&self.pod_uid, &self.container, self.number)
    }

    fn mark_prefix(&self) -> String {
        mark_prefix(&self.pod_uid, &self.container)
    }

    /// What is still running of this attempt, if anything.
    pub(super) fn find_running(&self) -> Option<Started> {
        let started: Started = spec::read(&self.folder().join(STATE_FILE)).ok()??;
        // The file belongs to the Pod's user, so it is believed only as far as the processes agree.
        let is_ours = started.boot_id == procfs::boot_id()
            && started.shim.is_alive()
            && started.shim.uid() == Some(self.uid)
            && procfs::has_mark(started.shim.pid, &self.mark());
        is_ours.then_some(started)
    }

    /// How the attempt ended while nobody was looking.
    pub(super) fn find_end(&self) -> Option<Exit> {
        spec::read(&self.folder().join(EXIT_FILE)).ok().flatten()
    }

    /// Sees the attempt through to its end.
    pub(super) async fn run(
        self,
        begin: Begin,
        mut stop: StopSignal,
        progress: mpsc::Sender<Progress>,
    ) {
        let (mut shim, started_at) = match begin {
            Begin::Adopt(started) => {
                let shim = ShimProcess::new(started.shim, None, self.uid);
                (shim, Some(started.started_at))
            }
            Begin::Launch(spec) => match self.launch(*spec).await {
                Ok((shim, pipe)) => (shim, self.wait_for_start(pipe, &mut stop).await),
                Err(error) => {
                    let _ = progress
                        .send(Progress::NotLaunched(error.to_string()))
                        .await;
                    return;
                }
            },
        };
        if let Some(started_at) = started_at {
            let _ = progress.send(Progress::Running(started_at)).await;
        }
        tokio::select! {
            () = shim.wait() => {}
            () = wait_for_order(&mut stop) => self.stop(&mut shim, &mut stop).await,
        }
        let exit = self.collect(started_at).await;
        let _ = progress.send(Progress::Ended(exit)).await;
    }

    /// Starts a shim, after making sure that nothing of an earlier attempt is alive.
    async fn launch(&self, mut spec: Spec) -> io::Result<(ShimProcess, pipe::Receiver)> {
        procfs::kill_marked(self.mark_prefix(), self.uid, KILL_PATIENCE)
            .await
            .map_err(|pids| {
                io::Error::other(format!("processes of an earlier run do not die: {pids:?}"))
            })?;
        spec.mark = self.mark();
        spec.env.insert(MARK.to_owned(), self.mark());
        let attempt = self.clone();
        let spawned = tokio::task::spawn_blocking(move || attempt.spawn(&spec));
        let mut child = spawned.await.map_err(io::Error::other)??;
        let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
        let identity = ProcessId::of(pid).ok_or(io::ErrorKind::NotFound)?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let pipe = pipe::Receiver::from_owned_fd(stdout.into())?;
        Ok((ShimProcess::new(identity, Some(child), self.uid), pipe))
    }

    /// When the program was started; `None` if it could not be, or if it is to stop already.
    async fn wait_for_start(
        &self,
        mut pipe: pipe::Receiver,
        stop: &mut StopSignal,
    ) -> Option<Timestamp> {
        let mut byte = [0];
        tokio::select! {
            // The shim closes its end when the program runs, or by ending.
            _ = pipe.read(&mut byte) => {}
            () = wait_for_order(stop) => {}
        }
        let state = spec::read::<Started>(&self.folder().join(STATE_FILE));
        state.ok().flatten().map(|started| started.started_at)
    }

    fn spawn(&self, spec: &Spec) -> io::Result<std::process::Child> {
        let folder = self.dir.create_attempt(&self.container, self.number)?;
        let file = folder.join(SPEC_FILE);
        spec::write_for(&file, spec, |open| self.dir.give_file(open))?;
        let complaints = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(folder.join(SHIM_LOG))?;
        let mut command = Command::new(&self.program);
        command
            .arg("pocket-shim")
            .arg(file)
            .env_clear()
            .env(MARK, self.mark())
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(complaints);
        if let Some(user) = &self.target.user {
            // Also drops all other groups when root does it.
            command.uid(user.uid).gid(user.gid);
        }
        command.spawn()
    }

    /// The ladder: hook, SIGTERM, and at the deadline SIGKILL for everything.
    async fn stop(&self, shim: &mut ShimProcess, stop: &mut StopSignal) {
        if let Some(hook) = &self.pre_stop {
            tokio::select! {
                () = shim.wait() => return,
                () = deadline(stop, Duration::ZERO) => {}
                result = check::carry_out(hook, &self.target, Duration::from_secs(3600)) => {
                    if let Err(error) = result {
                        warn!(container = %self.container, error, "preStop hook failed");
                    }
                }
            }
        }
        shim.signal(Signal::SIGTERM);
        let least = if self.pre_stop.is_some() {
            LEAST_GRACE
        } else {
            Duration::ZERO
        };
        tokio::select! {
            () = shim.wait() => return,
            () = deadline(stop, least) => {}
        }
        shim.signal(KILL_ALL);
        if tokio::time::timeout(KILL_PATIENCE, shim.wait())
            .await
            .is_err()
        {
            warn!(container = %self.container, "shim does not end, killing it");
            shim.signal(Signal::SIGKILL);
            shim.wait().await;
        }
    }

    /// How it ended, once the shim is gone and nothing with the mark is left.
    async fn collect(&self, started_at: Option<Timestamp>) -> Exit {
        while let Err(pids) = procfs::kill_marked(self.mark_prefix(), self.uid, KILL_PATIENCE).await
        {
            warn!(container = %self.container, ?pids, "processes survive SIGKILL");
        }
        // A shim that was killed has not done it.
        let _ = std::fs::remove_file(self.folder().join(SOCKET));
        self.find_end().unwrap_or_else(|| Exit {
            exit_code: 137,
            signal: Some(Signal::SIGKILL as i32),
            reason: None,
            message: Some("the shim above the container was killed".to_owned()),
            started_at,
            finished_at: Timestamp::now(),
        })
    }

    /// The end of an attempt that is neither running nor recorded as ended: the machine went down, or its shim was
    /// killed while no node was looking. Nothing of it is left when this returns.
    pub(super) async fn bury(&self) -> Exit {
        // A shim that has not read it yet will not begin.
        let _ = std::fs::remove_file(self.folder().join(SPEC_FILE));
        let exit = self.collect(None).await;
        if exit.message.is_none() {
            return exit;
        }
        Exit {
            signal: None,
            reason: Some("ContainerStatusUnknown".to_owned()),
            message: Some("the container was gone when the node came back".to_owned()),
            ..exit
        }
    }
}

async fn wait_for_order(stop: &mut StopSignal) {
    if stop.wait_for(Option::is_some).await.is_err() {
        // Nobody can ask any more, so the container simply goes on.
        std::future::pending().await
    }
}

/// Returns at the deadline, wherever it is moved meanwhile, but not before `least` has passed.
async fn deadline(stop: &mut StopSignal, least: Duration) {
    let earliest = Instant::now() + least;
    loop {
        let Some(at) = *stop.borrow_and_update() else {
            return std::future::pending().await;
        };
        tokio::select! {
            () = tokio::time::sleep_until(at.max(earliest)) => return,
            changed = stop.changed() => if changed.is_err() {
                return tokio::time::sleep_until(at.max(earliest)).await;
            },
        }
    }
}

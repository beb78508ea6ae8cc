//! A world of its own for each test: folders, a pocket in it, and the commands people type.

use std::cell::Cell;
use std::fs;
use std::net::{SocketAddrV4, TcpListener};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use howdah_testkit::{Components, RunAs, TempWorld, components, unprivileged_user};
use howdah_types::catalogue::ComponentName;

use crate::cluster::Cluster;
use crate::outcome::Outcome;
use crate::processes::{Processes, listeners};

/// A pocket with its own state folder, and everything that is needed to use it.
#[derive(Debug)]
pub struct World {
    folder: TempWorld,
    program: Utf8PathBuf,
    components: Components,
    user: Option<RunAs>,
    stopped: Cell<bool>,
}

/// Runs a test in a new world. When it fails, what the world knows is printed.
///
/// # Errors
/// Those of the test.
pub async fn run(test: impl AsyncFnOnce(&World) -> Result<()>) -> Result<()> {
    let world = World::new()?;
    let result = test(&world).await;
    if result.is_err() {
        world.explain();
    }
    result
}

impl World {
    /// Makes the folders; nothing is started.
    ///
    /// # Errors
    /// When the binary or the components are not there.
    pub fn new() -> Result<Self> {
        Self::make(None)
    }

    /// A world in which everything is run as an ordinary user, also when the tests run as root.
    ///
    /// # Errors
    /// As [`World::new`].
    pub fn of_ordinary_user() -> Result<Self> {
        Self::make(unprivileged_user()?)
    }

    fn make(user: Option<RunAs>) -> Result<Self> {
        let original = std::env::var("HOWDAH_BIN")
            .context("HOWDAH_BIN does not name the howdah program: run `make e2e`")?;
        let folder = TempWorld::new()?;
        let program = folder.path().join("howdah");
        // A copy, because an ordinary user may not be able to reach the build folder.
        fs::copy(&original, &program).with_context(|| format!("copy {original}"))?;
        for name in ["home", "tmp"] {
            folder.folder(name)?;
        }
        Ok(Self {
            folder,
            program,
            components: components()?,
            user,
            stopped: Cell::new(true),
        })
    }

    /// The folder that holds everything.
    #[must_use]
    pub fn path(&self) -> &Utf8Path {
        self.folder.path()
    }

    /// The state folder of the pocket.
    #[must_use]
    pub fn state(&self) -> Utf8PathBuf {
        self.path().join("s")
    }

    /// The components that everything runs with.
    #[must_use]
    pub fn components(&self) -> &Components {
        &self.components
    }

    fn prepared(&self, program: &Utf8Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path())
            .stdin(Stdio::null())
            .env_remove("KUBECONFIG")
            .env_remove("XDG_DATA_HOME")
            .env("HOME", self.path().join("home"))
            .env("TMPDIR", self.path().join("tmp"))
            .env("HOWDAH_STATE_DIR", self.state())
            .env("HOWDAH_COMPONENTS", self.components.folder());
        if let Some(user) = &self.user {
            command.uid(user.uid).gid(user.gid);
        }
        command
    }

    /// A `howdah` command that is not run yet.
    #[must_use]
    pub fn howdah_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.prepared(&self.program);
        command.args(arguments);
        command
    }

    /// Runs `howdah` with these arguments.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn howdah(&self, arguments: &[&str]) -> Result<Outcome> {
        Outcome::of(&mut self.howdah_command(arguments))
    }

    /// Runs `kubectl` with these arguments on the pocket's kubeconfig.
    ///
    /// # Errors
    /// When the component is missing.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<Outcome> {
        let found = self.components.newest(ComponentName::Kubectl)?;
        let mut command = self.prepared(&found.bin.join("kubectl"));
        command
            .envs(found.env)
            .env("KUBECONFIG", self.state().join("kubeconfig"))
            .args(arguments);
        Outcome::of(&mut command)
    }

    /// `howdah up`.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn up(&self) -> Result<()> {
        self.stopped.set(false);
        self.howdah(&["up"])?.ok().map(drop)
    }

    /// `howdah down`.
    ///
    /// # Errors
    /// When something does not stop.
    pub fn down(&self) -> Result<()> {
        self.howdah(&["down"])?.ok()?;
        self.stopped.set(true);
        Ok(())
    }

    /// Writes a file and returns its path.
    ///
    /// # Errors
    /// When the folder is full or gone.
    pub fn file(&self, name: &str, text: &str) -> Result<String> {
        let path = self.path().join(name);
        fs::write(&path, text).with_context(|| format!("write {path}"))?;
        Ok(path.into_string())
    }

    /// `howdah apply` of a text; returns what it printed.
    ///
    /// # Errors
    /// When it is refused.
    pub fn apply(&self, manifest: &str) -> Result<String> {
        let file = self.file("applied.yaml", manifest)?;
        self.howdah(&["apply", "-f", &file])?.ok()
    }

    /// A cluster by its name.
    #[must_use]
    pub fn cluster<'a>(&'a self, name: &'a str) -> Cluster<'a> {
        Cluster::new(self, name)
    }

    /// The processes that belong to this world.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub fn processes(&self) -> Result<Processes> {
        Processes::of(self.path())
    }

    /// The second number of the loopback addresses that the pocket took.
    ///
    /// # Errors
    /// Before the first `up`.
    pub fn network(&self) -> Result<u8> {
        let kubeconfig = fs::read_to_string(self.state().join("kubeconfig"))
            .context("there is a kubeconfig after `howdah up`")?;
        let (_, rest) = kubeconfig
            .split_once("https://127.")
            .context("the API has a loopback address")?;
        let number = rest.split('.').next().unwrap_or_default();
        number.parse().context("the address is a number")
    }

    /// The addresses of the pocket's network that somebody listens on.
    ///
    /// # Errors
    /// Before the first `up`.
    pub fn listeners(&self) -> Result<Vec<SocketAddrV4>> {
        Ok(listeners(self.network()?)?.into_iter().collect())
    }

    /// Checks that nothing is left of what ran: no process, no port, no temporary file.
    ///
    /// # Errors
    /// With a list of what is left.
    pub fn check_that_nothing_is_left(&self) -> Result<()> {
        let processes = self.processes()?;
        ensure!(
            processes.all().is_empty(),
            "processes are left:\n{}",
            processes.lines().join("\n")
        );
        let listeners = self.listeners()?;
        ensure!(listeners.is_empty(), "ports are left: {listeners:?}");
        let temporary = fs::read_dir(self.path().join("tmp"))?
            .map(|entry| Ok(entry?.file_name()))
            .collect::<Result<Vec<_>>>()?;
        ensure!(temporary.is_empty(), "files are left: {temporary:?}");
        Ok(())
    }

    /// Holds a port of the pocket's network, so that nobody else can.
    ///
    /// # Errors
    /// When it is taken.
    pub fn occupy(&self, address: SocketAddrV4) -> Result<TcpListener> {
        TcpListener::bind(address).with_context(|| format!("listen on {address}"))
    }

    /// Prints what helps to understand a failure.
    fn explain(&self) {
        let log = fs::read_to_string(self.state().join("howdah.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let tail = &lines[lines.len().saturating_sub(60)..];
        eprintln!("=== end of howdah.log\n{}", tail.join("\n"));
        for arguments in [
            &["get", "sgclusters,pods,services", "-A", "-o", "wide"][..],
            &["events", "-A"],
        ] {
            if let Ok(outcome) = self.howdah(arguments) {
                eprintln!("=== {}\n{}{}", outcome.line, outcome.stdout, outcome.stderr);
            }
        }
        if let Ok(pods) = self.howdah(&["get", "pods", "-o", "name"]) {
            for pod in pods.stdout.lines() {
                if let Ok(logs) = self.howdah(&["logs", pod, "--tail", "40"]) {
                    eprintln!("=== {}\n{}{}", logs.line, logs.stdout, logs.stderr);
                }
            }
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !self.stopped.get() {
            // A test that failed half-way; what this does not stop is killed with the folder.
            let _ = self.howdah(&["down"]);
        }
    }
}

/// Waits for something that depends on other processes.
///
/// # Errors
/// When it does not happen in time.
pub async fn eventually(what: &str, mut probe: impl AsyncFnMut() -> Result<()>) -> Result<()> {
    howdah_testkit::wait_until(Duration::from_secs(90), what, async || {
        probe().await.map_err(|error| format!("{error:#}"))
    })
    .await
}

/// Fails with a sentence unless the text has the part.
///
/// # Errors
/// When it has not.
pub fn contains(text: &str, part: &str) -> Result<()> {
    if text.contains(part) {
        return Ok(());
    }
    bail!("{text:?} does not contain {part:?}")
}

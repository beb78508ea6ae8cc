//! One member of a test: an instance with a volume and an address of its own.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use howdah_postgres::{
    Configuration, Credential, Credentials, Identity, Instance, Layout, Place, Postmaster,
    Programs, PromoteError, Session, StopMode, Synchronous, Upstream, VolumeLock,
};
use howdah_testkit::{Components, LoopbackAddress, TempWorld, free_loopback_address};
use howdah_types::Timeline;

/// How long anything may take on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// An instance, and what keeps its world alive.
pub(crate) struct Member {
    pub(crate) instance: Instance,
    pub(crate) parameters: String,
    address: LoopbackAddress,
    _lock: VolumeLock,
    // Dropped last: it ends whatever still runs.
    _world: TempWorld,
}

/// The components folder. The first call also gives up root, for good: Postgres refuses it, and so
/// does [`Instance`]. The folder of components is found first, since root has its own.
pub(crate) fn components() -> Result<&'static Components> {
    static COMPONENTS: OnceLock<Result<Components, String>> = OnceLock::new();
    COMPONENTS
        .get_or_init(|| {
            let components = howdah_testkit::components().map_err(|error| format!("{error:#}"))?;
            give_up_root().map_err(|error| format!("{error:#}"))?;
            Ok(components)
        })
        .as_ref()
        .map_err(|error| anyhow::anyhow!("{error}"))
}

fn give_up_root() -> Result<()> {
    use nix::unistd::{Gid, Uid, setgid, setgroups, setuid};
    if let Some(user) = howdah_testkit::unprivileged_user()? {
        let group = Gid::from_raw(user.gid);
        setgroups(&[group])?;
        setgid(group)?;
        setuid(Uid::from_raw(user.uid))?;
    }
    Ok(())
}

/// The programs of one major version.
pub(crate) async fn programs(major: u32) -> Result<Programs> {
    let found = components()?.postgres(major)?;
    Ok(Programs::in_folder(&found.bin, found.env).await?)
}

/// The credentials that all members of a test share.
pub(crate) fn credentials(password: &str) -> Credentials {
    let credential = |name: &str| Credential {
        name: name.to_owned(),
        password: format!("{password} of '{name}'").into(),
    };
    Credentials {
        superuser: credential("postgres"),
        replication: credential("replicator"),
        authenticator: credential("authenticator"),
    }
}

impl Member {
    /// A member with an empty volume.
    pub(crate) async fn new(major: u32, name: &str) -> Result<Self> {
        let programs = programs(major).await?;
        let world = TempWorld::new()?;
        let address = free_loopback_address()?;
        let layout = Layout::below(world.path());
        for folder in [layout.volume(), layout.sockets()] {
            std::fs::create_dir_all(folder)?;
        }
        let identity = Identity {
            name: name.parse()?,
            superuser: "postgres".to_owned(),
            replication: "replicator".to_owned(),
            listen: Some(address.ip()),
        };
        let instance = Instance::new(layout, programs, identity)?;
        Ok(Self {
            _lock: instance.take_volume().await?,
            instance,
            parameters: "shared_buffers = '16MB'\nwal_level = 'replica'\n".to_owned(),
            address,
            _world: world,
        })
    }

    /// A running primary with its roles.
    pub(crate) async fn primary(major: u32) -> Result<(Self, Postmaster)> {
        let member = Self::new(major, "simple-0").await?;
        member.instance.initialise().await?;
        let postmaster = member.start_primary().await?;
        let session = member.instance.connect().await?;
        session.ensure_roles(&credentials("first")).await?;
        Ok((member, postmaster))
    }

    /// A running standby of `primary`.
    pub(crate) async fn standby_of(primary: &Self, major: u32) -> Result<(Self, Postmaster)> {
        Self::standby_named(primary, major, "simple-1").await
    }

    /// A running standby of `primary` with that name, that streams.
    pub(crate) async fn standby_named(
        primary: &Self,
        major: u32,
        name: &str,
    ) -> Result<(Self, Postmaster)> {
        let member = Self::new(major, name).await?;
        let configuration = member.configuration(Some(primary.as_upstream()));
        member.instance.clone_from_upstream(&configuration).await?;
        let postmaster = member.instance.start_standby().await?;
        postmaster.wait_ready(PATIENCE).await?;
        Ok((member, postmaster))
    }

    pub(crate) fn configuration(&self, upstream: Option<Upstream>) -> Configuration {
        Configuration {
            parameters: self.parameters.clone(),
            hba: "host all all 127.0.0.0/8 scram-sha-256\n\
                  host replication all 127.0.0.0/8 scram-sha-256\n"
                .to_owned(),
            upstream,
            synchronous: Synchronous::none(),
            admits: true,
        }
    }

    /// Makes the running server follow `upstream`, or nobody.
    pub(crate) async fn follow(&self, upstream: Option<Upstream>) -> Result<()> {
        self.instance
            .configure(&self.configuration(upstream))
            .await?;
        self.instance.connect().await?.reload().await?;
        Ok(())
    }

    /// Cuts a standby off from its upstream.
    pub(crate) async fn seal(&self) -> Result<()> {
        self.instance.configure(&self.configuration(None)).await?;
        let session = self.instance.connect().await?;
        timed("stop_receiving", session.stop_receiving(PATIENCE)).await?;
        Ok(())
    }

    /// Makes the standby a primary on that timeline.
    pub(crate) async fn promote(&self, timeline: Timeline) -> Result<(), PromoteError> {
        let session = self.instance.connect().await.map_err(PromoteError::Sql)?;
        self.instance.promote(&session, timeline, PATIENCE).await
    }

    /// Where the server is, once it has replayed everything.
    pub(crate) async fn place(&self) -> Result<Place> {
        howdah_testkit::wait_until(PATIENCE, "a place", async || match self.place_now().await {
            Ok(Some(place)) => Ok(place),
            Ok(None) => Err("not yet".to_owned()),
            Err(error) => Err(format!("{error:#}")),
        })
        .await
    }

    /// Where the server is, if it has replayed everything.
    pub(crate) async fn place_now(&self) -> Result<Option<Place>> {
        let session = self.instance.connect().await?;
        Ok(self.instance.place(&session).await?)
    }

    /// A file or folder in the folder of the WAL.
    pub(crate) fn wal(&self, name: &str) -> Utf8PathBuf {
        self.instance.layout().data().join("pg_wal").join(name)
    }

    pub(crate) async fn start_primary(&self) -> Result<Postmaster> {
        self.instance.configure(&self.configuration(None)).await?;
        let postmaster = self.instance.start_primary().await?;
        postmaster.wait_ready(PATIENCE).await?;
        Ok(postmaster)
    }

    pub(crate) fn as_upstream(&self) -> Upstream {
        self.upstream_with("first")
    }

    pub(crate) fn upstream_with(&self, password: &str) -> Upstream {
        Upstream::member(self.address.ip(), credentials(password).replication)
    }

    /// One value as text, asked for through psql as a user would.
    pub(crate) async fn value(&self, sql: &str) -> Result<String> {
        let major = u32::from(self.instance.programs().version().major().number());
        let mut command = components()?.postgres(major)?.command("psql");
        command
            .args([
                "-XAtq",
                "-v",
                "ON_ERROR_STOP=1",
                "-d",
                "postgres",
                "-U",
                "postgres",
            ])
            .args(["-h", self.instance.layout().sockets().as_str(), "-c", sql]);
        let output = tokio::process::Command::from(command).output().await?;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        anyhow::ensure!(output.status.success(), "psql: {error}");
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Waits until a statement gives that value.
    pub(crate) async fn wait_for(&self, sql: &str, expected: &str) -> Result<()> {
        howdah_testkit::wait_until(PATIENCE, sql, async || match self.value(sql).await {
            Ok(value) if value == expected => Ok(()),
            Ok(value) => Err(value),
            Err(error) => Err(format!("{error:#}")),
        })
        .await
    }

    /// Waits until the standby streams, and gives its session.
    pub(crate) async fn wait_streaming(&self) -> Result<Session> {
        let session = self.instance.connect().await?;
        howdah_testkit::wait_until(PATIENCE, "streaming", async || {
            let status = session.status().await.map_err(|error| error.to_string())?;
            if status.is_streaming() {
                Ok(())
            } else {
                Err(format!("{status:?}"))
            }
        })
        .await?;
        Ok(session)
    }
}

/// Tells how long something took, in the output of the test.
pub(crate) async fn timed<T>(what: &str, work: impl Future<Output = T>) -> T {
    let start = std::time::Instant::now();
    let done = work.await;
    eprintln!("{what} took {} ms", start.elapsed().as_millis());
    done
}

/// A timeline by its number.
pub(crate) fn timeline(number: u32) -> Timeline {
    Timeline::new(number).unwrap_or(Timeline::FIRST)
}

/// Stops in order, and checks that the first signal was enough.
pub(crate) async fn stop(postmaster: &Postmaster) -> Result<()> {
    let stopped = postmaster.stop(StopMode::Fast, PATIENCE).await?;
    anyhow::ensure!(!stopped.escalated, "the stop had to be forced");
    anyhow::ensure!(
        stopped.status.success(),
        "postgres ended with {}",
        stopped.status
    );
    postmaster.ended().context("it has ended")?;
    Ok(())
}

//! Postgres, PgBouncer and Envoy, each once, and the ways through them.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use howdah_testkit::{
    Components, LoopbackAddress, Programs, TempWorld, components, free_loopback_address,
    unprivileged, wait_until,
};
use howdah_types::catalogue::ComponentName;
use tokio::process::Child;

use super::arguments::Arguments;
use super::envoy;

pub(crate) const POSTGRES: u16 = 5432;
pub(crate) const PGBOUNCER: u16 = 6432;
/// How many servers PgBouncer has for its clients.
pub(crate) const POOL_SIZE: u32 = 20;
const PATIENCE: Duration = Duration::from_secs(60);

/// A way from pgbench to Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Direct,
    DirectTls,
    Pgbouncer,
    PgbouncerTls,
    Envoy,
    EnvoyTls,
    Filter,
    FilterTls,
    Both,
    Full,
    FullTls,
}

impl Way {
    pub(crate) const ALL: [Self; 11] = [
        Self::Direct,
        Self::DirectTls,
        Self::Pgbouncer,
        Self::PgbouncerTls,
        Self::Envoy,
        Self::EnvoyTls,
        Self::Filter,
        Self::FilterTls,
        Self::Both,
        Self::Full,
        Self::FullTls,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::DirectTls => "direct-tls",
            Self::Pgbouncer => "pgbouncer",
            Self::PgbouncerTls => "pgbouncer-tls",
            Self::Envoy => "envoy",
            Self::EnvoyTls => "envoy-tls",
            Self::Filter => "filter",
            Self::FilterTls => "filter-tls",
            Self::Both => "both",
            Self::Full => "full",
            Self::FullTls => "full-tls",
        }
    }

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Direct => "Postgres itself",
            Self::DirectTls => "Postgres itself, TLS",
            Self::Pgbouncer => "PgBouncer in transaction mode",
            Self::PgbouncerTls => "PgBouncer in transaction mode, TLS from the client to it",
            Self::Envoy => "Envoy with tcp_proxy and nothing else",
            Self::EnvoyTls => "the same, TLS from the client to Envoy",
            Self::Filter => "Envoy with our filter",
            Self::FilterTls => "the same, TLS from the client to Envoy",
            Self::Both => "Envoy with tcp_proxy and nothing else, then PgBouncer",
            Self::Full => "Envoy with our filter, then PgBouncer",
            Self::FullTls => "the same, TLS from the client to Envoy",
        }
    }

    pub(crate) const fn is_tls(self) -> bool {
        matches!(
            self,
            Self::DirectTls | Self::PgbouncerTls | Self::EnvoyTls | Self::FilterTls | Self::FullTls
        )
    }

    pub(crate) const fn is_envoy(self) -> bool {
        self as u16 >= Self::Envoy as u16
    }

    pub(crate) const fn is_pooled(self) -> bool {
        matches!(self, Self::Both | Self::Full | Self::FullTls)
    }

    /// Whether PgBouncer is on the way.
    pub(crate) const fn ends_at_pooler(self) -> bool {
        self.is_pooled() || matches!(self, Self::Pgbouncer | Self::PgbouncerTls)
    }

    pub(crate) const fn has_filter(self) -> bool {
        matches!(
            self,
            Self::Filter | Self::FilterTls | Self::Full | Self::FullTls
        )
    }

    pub(crate) const fn port(self) -> u16 {
        match self {
            Self::Direct | Self::DirectTls => POSTGRES,
            Self::Pgbouncer | Self::PgbouncerTls => PGBOUNCER,
            _ => 7400 + self as u16,
        }
    }
}

/// All that runs.
pub(crate) struct Stack {
    address: LoopbackAddress,
    folder: Utf8PathBuf,
    programs: Found,
    pub(crate) postgres: u32,
    pub(crate) pgbouncer: u32,
    pub(crate) envoy: u32,
    // Kept so that nobody waits for them before the world ends them.
    _children: [Child; 2],
    running: Child,
    // Dropped last: it ends whatever still runs.
    _world: TempWorld,
}

struct Found {
    postgres: Programs,
    pgbouncer: Programs,
    envoy: Programs,
}

impl Stack {
    pub(crate) async fn start(arguments: &Arguments) -> Result<Self> {
        let (address, world) = (free_loopback_address()?, TempWorld::new()?);
        let folder = world.folder("w")?;
        world.folder("w/log")?;
        let components = components()?;
        let programs = Found::among(&components)?;
        let ip = address.ip().to_string();
        let certificate = rcgen::generate_simple_self_signed(["pg.test".to_owned(), ip.clone()])?;
        let library = folder.join("libhowdah_envoy_filter.so");
        fs::copy(&arguments.filter, &library)?;
        world.give(&library)?;
        for (name, text) in [
            ("tls.crt", certificate.cert.pem()),
            ("tls.key", certificate.signing_key.serialize_pem()),
            ("envoy.yaml", envoy::config(&ip, &folder)),
            ("pgbouncer.ini", pgbouncer(&ip, &folder)),
        ] {
            let path = folder.join(name);
            fs::write(&path, text)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
            world.give(&path)?;
        }
        let postgres = start_postgres(&programs.postgres, &ip, &folder).await?;
        fill(&programs.postgres, &ip, arguments.scale).await?;
        let mut command = unprivileged(programs.pgbouncer.command("pgbouncer"))?;
        command.arg("-q").arg(folder.join("pgbouncer.ini"));
        let pgbouncer = spawn(command, &folder, "pgbouncer")?;
        let running = start_envoy(&programs.envoy, &folder)?;
        let stack = Self {
            postgres: pid(&postgres)?,
            pgbouncer: pid(&pgbouncer)?,
            envoy: pid(&running)?,
            address,
            folder,
            programs,
            _children: [postgres, pgbouncer],
            running,
            _world: world,
        };
        for way in Way::ALL {
            answers(stack.at(way), way.name()).await?;
        }
        Ok(stack)
    }

    /// A new Envoy in the place of the one that runs.
    pub(crate) async fn renew_envoy(&mut self) -> Result<()> {
        self.running.kill().await?;
        self.running = start_envoy(&self.programs.envoy, &self.folder)?;
        self.envoy = pid(&self.running)?;
        answers(self.at(Way::FullTls), "Envoy").await
    }

    pub(crate) fn at(&self, way: Way) -> SocketAddr {
        self.address.port(way.port())
    }

    pub(crate) fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    /// A client of Postgres that comes this way.
    pub(crate) fn client(&self, program: &str, way: Way) -> Result<Command> {
        let mut command = unprivileged(self.programs.postgres.command(program))?;
        command
            .env("PGHOST", self.at(way).ip().to_string())
            .env("PGPORT", way.port().to_string())
            .env("PGUSER", "postgres")
            .env(
                "PGSSLMODE",
                if way.is_tls() { "require" } else { "disable" },
            )
            .env("PGGSSENCMODE", "disable");
        Ok(command)
    }
}

impl Found {
    fn among(components: &Components) -> Result<Self> {
        Ok(Self {
            postgres: components.postgres(18)?,
            pgbouncer: components.newest(ComponentName::Pgbouncer)?,
            envoy: components.newest(ComponentName::Envoy)?,
        })
    }
}

fn start_envoy(programs: &Programs, folder: &Utf8Path) -> Result<Child> {
    let mut command = unprivileged(programs.command("envoy"))?;
    command
        .args([
            "--disable-hot-restart",
            "--concurrency",
            "2",
            "-l",
            "warn",
            "-c",
        ])
        .arg(folder.join("envoy.yaml"))
        .env("ENVOY_DYNAMIC_MODULES_SEARCH_PATH", folder);
    spawn(command, folder, "envoy")
}

async fn start_postgres(programs: &Programs, ip: &str, folder: &Utf8Path) -> Result<Child> {
    let data = folder.join("data");
    let mut initdb = unprivileged(programs.command("initdb"))?;
    initdb.args(["-D", data.as_str(), "-U", "postgres", "-A", "trust", "-N"]);
    finish(initdb, "initdb").await?;
    fs::write(
        data.join("pg_hba.conf"),
        "local all all trust\nhost all all all trust\n",
    )?;
    let mut command = unprivileged(programs.command("postgres"))?;
    command.args(["-D", data.as_str()]);
    for setting in [
        format!("listen_addresses={ip}"),
        format!("port={POSTGRES}"),
        format!("unix_socket_directories={folder}"),
        format!("ssl_cert_file={folder}/tls.crt"),
        format!("ssl_key_file={folder}/tls.key"),
        "ssl=on".to_owned(),
        // What is measured is the way, not the disk.
        "fsync=off".to_owned(),
        "synchronous_commit=off".to_owned(),
        "max_connections=300".to_owned(),
        "shared_buffers=256MB".to_owned(),
    ] {
        command.args(["-c", &setting]);
    }
    spawn(command, folder, "postgres")
}

/// Fills a database for pgbench, once Postgres lets anybody in.
async fn fill(programs: &Programs, ip: &str, scale: u32) -> Result<()> {
    wait_until(PATIENCE, "Postgres", async || {
        let mut create = unprivileged(programs.command("createdb"))?;
        create.args(["-h", ip, "-U", "postgres", "bench"]);
        finish(create, "createdb").await
    })
    .await?;
    let mut fill = unprivileged(programs.command("pgbench"))?;
    fill.args(["-i", "-q", "-s", &scale.to_string()]);
    fill.args(["-h", ip, "-U", "postgres", "bench"]);
    finish(fill, "pgbench -i").await
}

fn pgbouncer(ip: &str, folder: &Utf8Path) -> String {
    format!(
        "[databases]\nbench = host={ip} port={POSTGRES} dbname=bench user=postgres\n\
         [pgbouncer]\nlisten_addr = {ip}\nlisten_port = {PGBOUNCER}\nunix_socket_dir =\nauth_type = any\n\
         pool_mode = transaction\ndefault_pool_size = {POOL_SIZE}\nmax_client_conn = 10000\nmax_prepared_statements = 200\n\
         client_tls_sslmode = allow\nclient_tls_cert_file = {folder}/tls.crt\nclient_tls_key_file = {folder}/tls.key\n"
    )
}

fn spawn(mut command: Command, folder: &Utf8Path, name: &str) -> Result<Child> {
    let log = fs::File::create(folder.join(format!("{name}.log")))?;
    command.stderr(log.try_clone()?).stdout(log);
    let mut command = tokio::process::Command::from(command);
    command
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("start {name}"))
}

fn pid(child: &Child) -> Result<u32> {
    child.id().context("it has ended")
}

async fn finish(command: Command, what: &str) -> Result<()> {
    let output = tokio::process::Command::from(command).output().await?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{what}: {}", complaint.trim());
    Ok(())
}

async fn answers(address: SocketAddr, what: &str) -> Result<()> {
    wait_until(
        PATIENCE,
        what,
        async || match tokio::net::TcpStream::connect(address).await {
            Ok(_) => Ok(()),
            Err(error) => bail!("{address}: {error}"),
        },
    )
    .await
}

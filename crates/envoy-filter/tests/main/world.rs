//! One Postgres, one Envoy in front of it, and an address of their own.

use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use howdah_testkit::{LoopbackAddress, TempWorld, free_loopback_address, wait_until};
use tokio_postgres::{Client, NoTls};

use crate::config::{self, ADMIN, HOST, POSTGRES, Way};
use crate::programs::{self, PATIENCE};

/// The test's part of the machine.
pub(crate) struct World {
    address: LoopbackAddress,
    folder: Utf8PathBuf,
    // Dropped last: it ends whatever still runs.
    _world: TempWorld,
}

/// What there is before anything runs.
pub(crate) struct Ground {
    pub(crate) address: LoopbackAddress,
    pub(crate) folder: Utf8PathBuf,
    pub(crate) world: TempWorld,
}

impl Ground {
    /// A folder with Envoy's configuration, a certificate and the library.
    pub(crate) fn new() -> Result<Self> {
        let (address, world) = (free_loopback_address()?, TempWorld::new()?);
        let folder = world.folder("w")?;
        let certificate = rcgen::generate_simple_self_signed([HOST.to_owned()])?;
        let files = [
            ("tls.crt", certificate.cert.pem()),
            ("tls.key", certificate.signing_key.serialize_pem()),
            ("envoy.yaml", config::envoy(address.port(0), &folder)),
        ];
        for (name, text) in files {
            fs::write(folder.join(name), text)?;
            world.give(&folder.join(name))?;
        }
        let library = folder.join("libhowdah_envoy_filter.so");
        fs::copy(programs::library()?, &library)?;
        world.give(&library)?;
        Ok(Self {
            address,
            folder,
            world,
        })
    }

    /// Envoy with the configuration of the folder.
    pub(crate) fn envoy(&self) -> Result<Command> {
        let mut command = programs::envoy()?;
        command
            .args(["--disable-hot-restart", "--concurrency", "2"])
            .args(["--file-flush-interval-msec", "50", "-c"])
            .arg(self.folder.join("envoy.yaml"))
            .env("ENVOY_DYNAMIC_MODULES_SEARCH_PATH", &self.folder)
            .stdout(Stdio::null());
        Ok(command)
    }
}

impl World {
    /// Envoy in front of Postgres.
    pub(crate) async fn new() -> Result<Self> {
        let ground = Ground::new()?;
        tokio::try_join!(start_postgres(&ground), async {
            wait_for_envoy(&ground, start_envoy(&ground)?).await
        })
        .map(|_| Self::on(ground))
    }

    /// Envoy without Postgres.
    pub(crate) async fn without_postgres() -> Result<Self> {
        let ground = Ground::new()?;
        wait_for_envoy(&ground, start_envoy(&ground)?).await?;
        Ok(Self::on(ground))
    }

    fn on(ground: Ground) -> Self {
        Self {
            address: ground.address,
            folder: ground.folder,
            _world: ground.world,
        }
    }

    /// An address with this port.
    pub(crate) const fn at(&self, port: u16) -> SocketAddr {
        self.address.port(port)
    }

    /// The address of a listener.
    pub(crate) const fn way(&self, way: Way) -> SocketAddr {
        self.at(way.port())
    }

    /// A folder for files, which the programs may write to.
    pub(crate) fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    /// What libpq is told to come in this way, and as what.
    pub(crate) fn conninfo(&self, way: Way, more: &str) -> String {
        let (ip, port) = (self.way(way).ip(), way.port());
        let folder = &self.folder;
        format!(
            "host={HOST} hostaddr={ip} port={port} user=postgres dbname=postgres gssencmode=disable \
             connect_timeout=30 sslrootcert={folder}/tls.crt {more}"
        )
    }

    /// Has psql run a statement; what it prints, or its complaint.
    pub(crate) async fn psql(
        &self,
        way: Way,
        more: &str,
        sql: &str,
    ) -> Result<Result<String, String>> {
        programs::run(self.psql_command(way, more, &["-c", sql])?).await
    }

    /// psql, about to come in this way.
    pub(crate) fn psql_command(&self, way: Way, more: &str, args: &[&str]) -> Result<Command> {
        let mut command = programs::command(&programs::postgres()?, "psql")?;
        command
            .args(["-XAtqd", &self.conninfo(way, more)])
            .args(args);
        Ok(command)
    }

    /// A session of a driver.
    pub(crate) async fn session(&self, way: Way) -> Result<Client> {
        self.session_at(self.way(way)).await
    }

    /// A session past Envoy.
    pub(crate) async fn direct(&self) -> Result<Client> {
        self.session_at(self.at(POSTGRES)).await
    }

    async fn session_at(&self, address: SocketAddr) -> Result<Client> {
        let (ip, port) = (address.ip(), address.port());
        let config =
            format!("host={ip} port={port} user=postgres dbname=postgres connect_timeout=30");
        let (client, connection) = tokio_postgres::connect(&config, NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Envoy's log so far.
    pub(crate) fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(self.folder.join("envoy.log"))?)
    }
}

fn start_envoy(ground: &Ground) -> Result<Command> {
    let log = fs::File::create(ground.folder.join("envoy.log"))?;
    let mut command = ground.envoy()?;
    command.stderr(log);
    Ok(command)
}

/// Waits until it answers.
async fn wait_for_envoy(ground: &Ground, command: Command) -> Result<()> {
    // The world ends it.
    let mut child = tokio::process::Command::from(command).spawn()?;
    let admin = ground.address.port(ADMIN);
    wait_until(PATIENCE, "Envoy to be ready", async || {
        if let Some(status) = child.try_wait()? {
            let log = fs::read_to_string(ground.folder.join("envoy.log"))?;
            bail!("it ended with {status}: {log}");
        }
        match crate::admin::get(admin, "/ready").await? {
            (200, _) => Ok(()),
            (status, body) => bail!("{status}: {body}"),
        }
    })
    .await
}

const HBA: &str = "local all all trust\nhost all app all scram-sha-256\nhost all all all trust\n\
                   host replication all all trust\n";

async fn start_postgres(ground: &Ground) -> Result<()> {
    let found = programs::postgres()?;
    let data = ground.folder.join("data");
    let mut initdb = programs::command(&found, "initdb")?;
    initdb.args(["-D", data.as_str(), "-U", "postgres", "-A", "trust", "-N"]);
    initdb.args(["-E", "UTF8", "--locale", "C.UTF-8"]);
    if let Err(complaint) = programs::run(initdb).await? {
        bail!("initdb: {complaint}");
    }
    fs::write(data.join("pg_hba.conf"), HBA)?;
    let mut postgres = programs::command(&found, "postgres")?;
    let (ip, folder) = (ground.address.ip(), &ground.folder);
    postgres.args(["-D", data.as_str()]);
    for setting in [
        format!("listen_addresses={ip}"),
        format!("port={POSTGRES}"),
        format!("unix_socket_directories={folder}"),
        "fsync=off".to_owned(),
        "max_connections=60".to_owned(),
        "shared_buffers=32MB".to_owned(),
        "logging_collector=off".to_owned(),
    ] {
        postgres.args(["-c", &setting]);
    }
    let log = fs::File::create(folder.join("postgres.log"))?;
    postgres.stderr(log.try_clone()?).stdout(log);
    let mut child = tokio::process::Command::from(postgres).spawn()?;
    let config = format!("host={ip} port={POSTGRES} user=postgres connect_timeout=5");
    wait_until(PATIENCE, "Postgres to answer", async || {
        if let Some(status) = child.try_wait()? {
            bail!("it ended with {status}");
        }
        let _connected = tokio_postgres::connect(&config, NoTls).await?;
        Ok(())
    })
    .await
}

//! The Postgres bundles run for real: as an unprivileged user, with their extensions, and with nothing of the host.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use howdah_testkit::{
    LoopbackAddress, Programs, TempWorld, components, free_loopback_address, unprivileged_user,
    wait_until,
};
use howdah_types::catalogue::ComponentName;
use tokio_postgres::{Client, NoTls};

/// A server that ends with its world.
struct Server {
    programs: Programs,
    address: LoopbackAddress,
    data: Utf8PathBuf,
    world: TempWorld,
    postmaster: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        // The world kills the rest; the parent's duty is to take note of the end.
        let _ = self.postmaster.kill();
        let _ = self.postmaster.wait();
    }
}

fn command(programs: &Programs, program: &str) -> Result<Command> {
    let mut command = programs.command(program);
    if let Some(user) = unprivileged_user()? {
        user.apply(&mut command);
    }
    command
        .stdin(Stdio::null())
        .env("LC_ALL", "C.UTF-8")
        .env_remove("LD_LIBRARY_PATH");
    Ok(command)
}

fn run(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{command:?} ended with {}: {told}",
        output.status
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

async fn start(major: u32) -> Result<Server> {
    let programs = components()?.postgres(major)?;
    let world = TempWorld::new()?;
    let data = world.folder("data")?;
    run(command(&programs, "initdb")?
        .args([
            "-D",
            data.as_str(),
            "-U",
            "postgres",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        ])
        .arg("--data-checksums"))?;
    let address = free_loopback_address()?;
    let log = world.path().join("log");
    let postmaster = command(&programs, "postgres")?
        .args(["-D", data.as_str(), "-k", world.path().as_str()])
        .args(["-h", &address.ip().to_string(), "-p", "5432"])
        .args(["-c", "shared_preload_libraries=pg_stat_statements"])
        .stderr(std::fs::File::create(&log)?)
        .spawn()?;
    let server = Server {
        programs,
        address,
        data,
        world,
        postmaster,
    };
    wait_until(Duration::from_secs(60), "postgres", async || {
        server.connect().await.map_err(|error| {
            format!(
                "{error:#}; {}",
                std::fs::read_to_string(&log).unwrap_or_default()
            )
        })
    })
    .await?;
    Ok(server)
}

impl Server {
    async fn connect(&self) -> Result<Client> {
        let mut config = tokio_postgres::Config::new();
        config
            .host(self.address.ip().to_string())
            .user("postgres")
            .dbname("postgres");
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    fn psql(&self, statement: &str) -> Result<String> {
        run(command(&self.programs, "psql")?
            .args([
                "-XAt",
                "-h",
                &self.address.ip().to_string(),
                "-U",
                "postgres",
            ])
            .args(["-v", "ON_ERROR_STOP=1", "-c", statement]))
    }

    /// Every library that a backend has mapped after it used XML, ICU and an extension.
    fn libraries(&self) -> Result<Vec<String>> {
        let maps =
            self.psql("select xmlparse(document '<a/>'); select pg_read_file('/proc/self/maps')")?;
        let files = maps
            .lines()
            .filter_map(|line| line.split_whitespace().nth(5));
        Ok(files
            .filter(|file| file.contains(".so"))
            .map(str::to_owned)
            .collect())
    }
}

async fn serves_with(major: u32, extensions: &[&str]) -> Result<()> {
    let server = start(major).await?;
    for extension in extensions {
        server.psql(&format!("create extension {extension}"))?;
    }
    let version = server.psql("show server_version")?;
    let found = version.split_whitespace().next().context("a version")?;
    ensure!(
        found == server.programs.version,
        "{version} is not the catalogue's version"
    );
    ensure!(
        server.psql("show data_checksums")?.trim() == "on",
        "checksums are off"
    );
    let ordered = server.psql("select 'B' collate \"en-x-icu\" > 'a' collate \"en-x-icu\"")?;
    ensure!(ordered.trim() == "t", "ICU did not order");
    let folder = components()?.folder().to_owned();
    let libraries = server.libraries()?;
    ensure!(
        libraries.iter().any(|file| file.contains("libc.so")),
        "no C library was seen"
    );
    for library in &libraries {
        ensure!(
            Utf8Path::new(library).starts_with(&folder),
            "{library} is not of the bundle"
        );
    }
    let copy = server.world.folder("copy")?;
    run(command(&server.programs, "pg_basebackup")?
        .args(["-h", &server.address.ip().to_string(), "-U", "postgres"])
        .args([
            "-D",
            copy.as_str(),
            "--checkpoint=fast",
            "--wal-method=stream",
        ]))?;
    ensure!(
        copy.join("PG_VERSION").exists() && server.data.join("PG_VERSION").exists(),
        "no copy"
    );
    Ok(())
}

#[tokio::test]
async fn postgres_18_serves_with_its_extensions() {
    serves_with(18, &["vector", "pg_repack", "pg_stat_statements", "hstore"])
        .await
        .unwrap();
}

#[tokio::test]
async fn postgres_17_serves_with_its_extensions() {
    serves_with(17, &["vector", "pg_repack", "pg_stat_statements", "hstore"])
        .await
        .unwrap();
}

#[tokio::test]
async fn postgres_15_serves_with_its_extensions() {
    serves_with(15, &["pg_repack", "pg_stat_statements", "hstore"])
        .await
        .unwrap();
}

#[test]
fn the_other_components_run() {
    let components = components().unwrap();
    for (name, program, arguments) in [
        (ComponentName::Pgbouncer, "pgbouncer", &["--version"][..]),
        (ComponentName::Kubectl, "kubectl", &["version", "--client"]),
        (ComponentName::PostgresUtil, "psql", &["--version"]),
    ] {
        let programs = components.newest(name).unwrap();
        let printed = run(command(&programs, program).unwrap().args(arguments)).unwrap();
        assert!(printed.contains(&programs.version), "{printed}");
    }
}

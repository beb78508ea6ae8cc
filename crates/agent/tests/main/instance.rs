//! One instance: its mounted files, its agent, and people who use its database.

use std::net::IpAddr;

use anyhow::{Context, Result, bail, ensure};
use camino::Utf8PathBuf;
use howdah_agent::Args;
use howdah_postgres::Programs;
use howdah_testkit::{LoopbackAddress, free_loopback_address};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::world::{World, components, eventually, expect};

const PARAMETERS: &str = "\
shared_buffers = '16MB'
max_connections = '50'
wal_level = 'replica'
";

/// An instance with a volume; its agent may run or not.
pub(crate) struct Instance {
    pub(crate) name: String,
    root: Utf8PathBuf,
    address: LoopbackAddress,
    agent: Option<Agent>,
}

struct Agent {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), howdah_agent::Error>>,
}

/// The example of that name, which is built with the tests.
fn guard_program() -> Utf8PathBuf {
    let test = std::env::current_exe().expect("a test has a program");
    let folder = test.parent().and_then(std::path::Path::parent);
    let program = folder.expect("a built program lies in a folder");
    Utf8PathBuf::try_from(program.join("examples/guard")).expect("paths are text here")
}

impl Instance {
    /// An instance with an empty volume.
    pub(crate) fn new(world: &World, index: u32) -> Result<Self> {
        let name = format!("simple-{index}");
        let instance = Self {
            root: world.folder.folder(&name)?,
            name,
            address: free_loopback_address()?,
            agent: None,
        };
        for folder in ["var/lib/postgresql", "var/run/postgresql"] {
            std::fs::create_dir_all(instance.root.join(folder))?;
        }
        instance.mount("postgres/postgresql.conf", PARAMETERS)?;
        instance.mount(
            "postgres/pg_hba.conf",
            "host all all 127.0.0.0/8 scram-sha-256\nhost replication replicator 127.0.0.0/8 scram-sha-256\n",
        )?;
        for (kind, name) in [
            ("superuser", "postgres"),
            ("replication", "replicator"),
            ("authenticator", "authenticator"),
        ] {
            instance.mount(&format!("credentials/{kind}-username"), name)?;
            instance.mount(
                &format!("credentials/{kind}-password"),
                &format!("{kind}-1"),
            )?;
        }
        for (name, content) in world.certificates.files() {
            instance.mount(&format!("peer/{name}"), content)?;
        }
        Ok(instance)
    }

    /// Writes a mounted file, by renaming as a kubelet does.
    pub(crate) fn mount(&self, path: &str, content: &str) -> Result<()> {
        let path = self.root.join("etc/howdah").join(path);
        std::fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
        let new = path.with_extension("new");
        std::fs::write(&new, content)?;
        Ok(std::fs::rename(new, path)?)
    }

    /// Adds lines to the mounted parameters.
    pub(crate) fn set_parameters(&self, lines: &str) -> Result<()> {
        self.mount("postgres/postgresql.conf", &format!("{PARAMETERS}{lines}"))
    }

    pub(crate) fn ip(&self) -> IpAddr {
        self.address.ip()
    }

    pub(crate) fn volume(&self) -> Utf8PathBuf {
        self.root.join("var/lib/postgresql")
    }

    /// Makes the Pod and starts the agent, at a new address if there was a Pod before.
    pub(crate) async fn start(&mut self, world: &World, may_bootstrap: bool) -> Result<()> {
        if world.pods().get_opt(&self.name).await?.is_some() {
            world.delete_pod(&self.name).await?;
            self.address = free_loopback_address()?;
        }
        let uid = world.make_pod(&self.name, &self.ip().to_string()).await?;
        self.start_agent(world, uid, may_bootstrap).await
    }

    /// Ends the agent as SIGKILL does, and starts it in the same Pod.
    pub(crate) async fn crash(&mut self, world: &World) -> Result<()> {
        self.kill_agent().await?;
        let uid = self.uid(world).await?;
        self.start_agent(world, uid, false).await
    }

    /// Ends the agent as SIGKILL does.
    pub(crate) async fn kill_agent(&mut self) -> Result<()> {
        let agent = self.agent.take().context("no agent runs")?;
        agent.task.abort();
        let _ = agent.task.await;
        Ok(())
    }

    /// The UID of its Pod.
    pub(crate) async fn uid(&self, world: &World) -> Result<String> {
        let pod = world.pods().get(&self.name).await?;
        pod.metadata.uid.context("a stored Pod has a UID")
    }

    pub(crate) async fn start_agent(
        &mut self,
        world: &World,
        uid: String,
        may_bootstrap: bool,
    ) -> Result<()> {
        ensure!(self.agent.is_none(), "{} runs", self.name);
        let ip = self.ip().to_string();
        let found = components()?.postgres(18)?;
        let programs = Programs::in_folder(&found.bin, found.env).await?;
        let args = Args {
            root: self.root.to_string(),
            bind_address: ip.clone(),
            cluster: "simple".to_owned(),
            postgres_version: programs.version().to_string(),
            may_bootstrap: may_bootstrap.to_string(),
            pod_name: self.name.clone(),
            pod_namespace: "default".to_owned(),
            pod_uid: uid,
            pgport: String::new(),
            direct_port: String::new(),
            server_tls: String::new(),
            pod_ip: ip,
        };
        let (stop, stopped) = oneshot::channel();
        let client = world.client();
        let task = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            let guard = guard_program();
            Box::pin(howdah_agent::run_with(
                args, client, programs, &guard, stopped,
            ))
            .await
        });
        self.agent = Some(Agent { stop, task });
        Ok(())
    }

    /// Stops the agent as SIGTERM does, and waits for its end.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        let agent = self.agent.take().context("no agent runs")?;
        let _ = agent.stop.send(());
        let ended = tokio::time::timeout(crate::world::PATIENCE, agent.task).await?;
        Ok(ended??)
    }

    /// The status code and body of a path of the REST API.
    pub(crate) async fn rest(&self, method: &str, path: &str) -> Result<(u16, String)> {
        let mut stream = tokio::net::TcpStream::connect((self.ip(), 8008)).await?;
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (head, body) = answer.split_once("\r\n\r\n").context("no answer")?;
        let code = head.split(' ').nth(1).context("no status")?.parse()?;
        Ok((code, body.to_owned()))
    }

    pub(crate) async fn code(&self, path: &str) -> Result<u16> {
        Ok(self.rest("GET", path).await?.0)
    }

    pub(crate) async fn json(&self, path: &str) -> Result<Value> {
        let (_, body) = self.rest("GET", path).await?;
        serde_json::from_str(&body).with_context(|| body)
    }

    /// Waits until a path answers 200.
    pub(crate) async fn wait_ok(&self, path: &str) -> Result<()> {
        eventually(&format!("{} {path}", self.name), async || {
            expect(self.code(path).await?, 200)
        })
        .await
    }

    /// One value, asked for as an application does: over TCP, with a password.
    pub(crate) async fn value(&self, sql: &str) -> Result<String> {
        self.value_as("postgres", "superuser-1", sql).await
    }

    pub(crate) async fn value_as(&self, user: &str, password: &str, sql: &str) -> Result<String> {
        let mut command = components()?.postgres(18)?.command("psql");
        command
            .env("PGPASSWORD", password)
            .env("PGCONNECT_TIMEOUT", "5")
            .args([
                "-XAtq",
                "-v",
                "ON_ERROR_STOP=1",
                "-d",
                "postgres",
                "-U",
                user,
            ])
            .args(["-h", &self.ip().to_string(), "-c", sql]);
        let output = tokio::process::Command::from(command).output().await?;
        if !output.status.success() {
            bail!("psql: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Waits until a statement gives that value.
    pub(crate) async fn wait_value(&self, sql: &str, expected: &str) -> Result<()> {
        eventually(sql, async || {
            expect(self.value(sql).await?, expected.to_owned())
        })
        .await
    }

    /// The number of the postmaster.
    pub(crate) fn postmaster(&self) -> Result<i32> {
        let file = std::fs::read_to_string(self.volume().join("data/postmaster.pid"))?;
        Ok(file.lines().next().context("an empty PID file")?.parse()?)
    }
}

//! Patroni with etcd on loopback addresses: three members, the same Postgres programs as ours, supervised as by
//! systemd: what ends is started again after 100 ms.

#[path = "patroni/member.rs"]
mod member;
#[path = "patroni/rest.rs"]
mod rest;
#[path = "patroni/settings.rs"]
mod settings;

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use camino::Utf8PathBuf;
use howdah_e2e::faults::{Fault, Host, Injected, Mode, Scene, Side, Undo, kill_all, pause_all};
use howdah_e2e::{Target, eventually};
use howdah_testkit::{
    LoopbackAddress, TempWorld, components, free_loopback_address, unprivileged_user,
};
use howdah_types::catalogue::ComponentName;
use serde_json::{Value, json};
use tokio::time::Instant;

use self::member::Member;

/// What is installed from the Python package index.
const PACKAGES: [&str; 2] = ["patroni[etcd3]==4.1.*", "psycopg[binary]>=3"];
const MEMBERS: usize = 3;

/// A running cluster. Dropping it ends it.
pub(crate) struct Patroni {
    fast: bool,
    mode: Mode,
    members: Vec<Member>,
    etcd: Child,
    _etcd_address: LoopbackAddress,
    _folder: TempWorld,
}

impl Patroni {
    pub(crate) async fn start(mode: Mode, fast: bool) -> Result<Self> {
        let folder = TempWorld::new()?;
        let program = install(&folder)?;
        let etcd_address = free_loopback_address()?;
        let etcd = etcd(&folder, &etcd_address)?;
        let mut patroni = Self {
            fast,
            mode,
            members: Vec::new(),
            etcd,
            _etcd_address: etcd_address,
            _folder: folder,
        };
        for index in 0..MEMBERS {
            let settings = settings::Settings {
                etcd: patroni._etcd_address.ip(),
                mode,
                fast,
            };
            let member = Member::start(&patroni._folder, &program, index, &settings)?;
            patroni.members.push(member);
        }
        eventually("Patroni to be complete", async || patroni.complete().await).await?;
        Ok(patroni)
    }

    fn member(&self, name: &str) -> Result<&Member> {
        let found = self.members.iter().find(|member| member.name == name);
        found.with_context(|| format!("there is no {name}"))
    }

    async fn cluster(&self) -> Result<Value> {
        for member in &self.members {
            if let Ok(text) = rest::ask(member.ip(), "GET", "/cluster", "").await {
                return serde_json::from_str(&text).context("Patroni speaks JSON");
            }
        }
        bail!("no member answers")
    }
}

impl Drop for Patroni {
    fn drop(&mut self) {
        // Members end themselves when they are dropped, and the folder ends what they leave.
        let _ = self.etcd.kill();
        let _ = self.etcd.wait();
    }
}

impl Side for Patroni {
    fn name(&self) -> &'static str {
        if self.fast { "patroni-fast" } else { "patroni" }
    }

    async fn hosts(&self) -> Result<Vec<Host>> {
        let hosts = self.members.iter().map(|member| Host {
            name: member.name.clone(),
            target: Target {
                address: format!("{}:5432", member.ip()),
                password: settings::PASSWORD.to_owned(),
            },
        });
        Ok(hosts.collect())
    }

    async fn address(&self) -> Result<Option<Target>> {
        Ok(None)
    }

    async fn complete(&self) -> Result<()> {
        let cluster = self.cluster().await?;
        let members = cluster["members"].as_array().context("it has members")?;
        let count = |fits: &dyn Fn(&Value) -> bool| members.iter().filter(|it| fits(it)).count();
        let leaders = count(&|it| it["role"] == "leader" && it["state"] == "running");
        let streaming = count(&|it| it["role"] != "leader" && it["state"] == "streaming");
        ensure!(leaders == 1 && streaming == MEMBERS - 1, "{members:?}");
        if self.mode != Mode::Async {
            let waits = count(&|it| it["role"] == "sync_standby");
            ensure!(waits >= 1, "no standby is synchronous: {members:?}");
        }
        Ok(())
    }

    async fn inject(&self, fault: Fault, scene: &Scene) -> Result<Injected> {
        let member = self.member(&scene.primary.name)?;
        match fault {
            Fault::PostmasterKill => kill_all(&[member.postmaster()?]),
            Fault::PodKill => kill_all(&member.processes()?),
            Fault::Freeze => pause_all(member.processes()?),
            Fault::PowerLoss => {
                let processes = member.processes()?;
                let Injected { at, undo } = pause_all(processes.clone())?;
                let undo = undo.and(move || {
                    let _ = kill_all(&processes);
                });
                Ok(Injected { at, undo })
            }
            Fault::Switchover => {
                let (ip, body) = (member.ip(), json!({"leader": member.name}).to_string());
                let at = Instant::now();
                // The answer comes when all is done.
                let asking = tokio::spawn(async move {
                    rest::ask(ip, "POST", "/switchover", &body).await.map(drop)
                });
                let undo = Undo::nothing().and(move || drop(asking));
                Ok(Injected { at, undo })
            }
            _ => bail!("{} is not done to Patroni", fault.title()),
        }
    }
}

/// Makes a virtual environment and installs Patroni into it.
fn install(folder: &TempWorld) -> Result<Utf8PathBuf> {
    let path = folder.path().join("python");
    let mut failures = Vec::new();
    // The user that Patroni runs as has to reach the interpreter, so the machine's own comes first.
    for python in ["/usr/bin/python3", "python3"] {
        let made = run(Command::new(python).args(["-m", "venv", path.as_str()]));
        match made {
            Ok(()) => {
                let pip = path.join("bin/pip");
                run(Command::new(pip)
                    .args(["install", "--quiet"])
                    .args(PACKAGES))?;
                return Ok(path.join("bin/patroni"));
            }
            Err(error) => failures.push(format!("{error:#}")),
        }
    }
    bail!(
        "Patroni needs Python with the Debian package python3-venv: {}",
        failures.join("; ")
    )
}

fn etcd(folder: &TempWorld, address: &LoopbackAddress) -> Result<Child> {
    let programs = components()?.newest(ComponentName::Etcd)?;
    let data = folder.folder("etcd")?;
    let (client, peer) = (
        format!("http://{}:2379", address.ip()),
        format!("http://{}:2380", address.ip()),
    );
    let log = fs::File::create(folder.path().join("etcd.log"))?;
    let mut command = programs.command("etcd");
    if let Some(user) = unprivileged_user()? {
        user.apply(&mut command);
    }
    command
        .args(["--name=one", "--data-dir", data.as_str()])
        .args(["--listen-client-urls", &client])
        .args(["--advertise-client-urls", &client])
        .args(["--listen-peer-urls", &peer])
        .args(["--initial-advertise-peer-urls", &peer])
        .args(["--initial-cluster", &format!("one={peer}")])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    command.spawn().context("start etcd")
}

fn run(command: &mut Command) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("run {command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed: {said}");
    Ok(())
}

/// The pause of the supervisor.
const PAUSE: Duration = Duration::from_millis(100);

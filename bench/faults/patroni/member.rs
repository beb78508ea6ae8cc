//! One member, with the supervisor that starts it again.

use std::fs::{self, OpenOptions};
use std::net::IpAddr;
use std::process::Stdio;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use howdah_e2e::{Process, Processes};
use howdah_testkit::{
    LoopbackAddress, Programs, TempWorld, components, free_loopback_address, unprivileged_user,
};
use tokio::process::Command;
use tokio::task::JoinHandle;

use super::PAUSE;
use super::settings::Settings;

/// The same major version as the clusters of ours.
const MAJOR: u32 = 18;

/// Dropping it ends the supervisor and with it the member.
pub(super) struct Member {
    pub(super) name: String,
    folder: Utf8PathBuf,
    address: LoopbackAddress,
    supervisor: JoinHandle<()>,
}

impl Member {
    pub(super) fn start(
        world: &TempWorld,
        program: &Utf8Path,
        index: usize,
        settings: &Settings,
    ) -> Result<Self> {
        let name = format!("member-{index}");
        let folder = world.folder(&name)?;
        let address = free_loopback_address()?;
        let programs = components()?.postgres(MAJOR)?;
        let file = folder.join("patroni.yaml");
        let text = settings.text(&name, address.ip(), &folder, &programs.bin);
        fs::write(&file, text).with_context(|| format!("write {file}"))?;
        world.give(&file)?;
        let log = folder.join("log");
        let start = Start {
            program: program.to_owned(),
            programs,
            file,
            log,
        };
        Ok(Self {
            supervisor: tokio::spawn(start.again_and_again()),
            name,
            folder,
            address,
        })
    }

    pub(super) const fn ip(&self) -> IpAddr {
        self.address.ip()
    }

    /// Patroni and its Postgres with all children.
    pub(super) fn processes(&self) -> Result<Vec<Process>> {
        Ok(Processes::of(&self.folder)?.all().to_vec())
    }

    pub(super) fn postmaster(&self) -> Result<Process> {
        let found = Processes::of(&self.folder)?.postmasters();
        found.into_iter().next().context("it has a postmaster")
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.supervisor.abort();
    }
}

struct Start {
    program: Utf8PathBuf,
    programs: Programs,
    file: Utf8PathBuf,
    log: Utf8PathBuf,
}

impl Start {
    async fn again_and_again(self) {
        loop {
            if let Ok(mut child) = self.once() {
                // How it ended is in its log.
                let _ = child.wait().await;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn once(&self) -> Result<tokio::process::Child> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)?;
        let mut command = Command::new(&self.program);
        command
            .arg(&self.file)
            .envs(self.programs.env.iter().cloned())
            .env("LC_ALL", "C.UTF-8")
            .env_remove("LD_LIBRARY_PATH")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        if let Some(user) = unprivileged_user()? {
            command.uid(user.uid).gid(user.gid);
        }
        Ok(command.spawn()?)
    }
}

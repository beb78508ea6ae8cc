//! Carries out one probe or hook: run a program, get a page, ask a health service, or connect.

mod grpc;
mod http;

use std::io;
use std::net::Ipv4Addr;
use std::process::Stdio;
use std::time::Duration;

use camino::Utf8PathBuf;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::process::Command;

use super::ProcessUser;
use super::plan::probes::Check;
use super::shim::spec::{self, SPEC_FILE, Spec};

/// No more of a program's output than this goes into a message.
const OUTPUT_LIMIT: u64 = 4 * 1024;

/// The container that is checked.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// The Pod's address.
    pub(super) ip: Ipv4Addr,
    /// The folder of the running attempt.
    pub(super) attempt: Utf8PathBuf,
    /// Who runs it.
    pub(super) user: Option<ProcessUser>,
}

/// Carries it out; the error says in words what was seen instead.
pub(super) async fn carry_out(
    check: &Check,
    target: &Target,
    timeout: Duration,
) -> Result<(), String> {
    match check {
        Check::Exec(argv) => exec(argv, target, timeout).await,
        Check::Http(page) => within(timeout, http::get(page, target.ip)).await,
        Check::Grpc { port, service } => {
            let address = (target.ip, *port).into();
            within(timeout, grpc::ask(address, service)).await
        }
        Check::Tcp { host, port } => {
            let address = (host.clone().unwrap_or(target.ip.to_string()), *port);
            within(timeout, async {
                TcpStream::connect(address)
                    .await
                    .map(drop)
                    .map_err(|error| error.to_string())
            })
            .await
        }
        Check::Sleep(time) => {
            tokio::time::sleep(*time).await;
            Ok(())
        }
    }
}

async fn within(
    timeout: Duration,
    work: impl Future<Output = Result<(), String>>,
) -> Result<(), String> {
    tokio::time::timeout(timeout, work)
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {}s", timeout.as_secs())))
}

async fn exec(argv: &[String], target: &Target, timeout: Duration) -> Result<(), String> {
    let spec: Spec = spec::read(&target.attempt.join(SPEC_FILE))
        .map_err(|error| error.to_string())?
        .ok_or("the container is gone")?;
    let mut command = command(argv, &spec, target).map_err(|error| error.to_string())?;
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let group = child.id().and_then(|id| i32::try_from(id).ok());
    let finish = async {
        let mut output = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            // What goes past the limit meets a closed pipe.
            let _ = stdout.take(OUTPUT_LIMIT).read_to_end(&mut output).await;
        }
        child.wait().await.map(|status| (status, output))
    };
    match tokio::time::timeout(timeout, finish).await {
        Ok(Ok((status, _))) if status.success() => Ok(()),
        Ok(Ok((status, output))) => {
            let output = String::from_utf8_lossy(&output);
            Err(format!("{status}: {}", output.trim_end()))
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => {
            if let Some(group) = group {
                // INVARIANT: the child is not reaped yet, so its group is still its own.
                let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
            }
            Err(format!(
                "command {argv:?} timed out after {}s",
                timeout.as_secs()
            ))
        }
    }
}

fn command(argv: &[String], spec: &Spec, target: &Target) -> io::Result<Command> {
    let (name, arguments) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(spec.find(name)?);
    command
        .args(arguments)
        .env_clear()
        .envs(&spec.env)
        .current_dir(&spec.working_dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    if let Some(user) = &target.user {
        command.uid(user.uid).gid(user.gid);
    }
    Ok(command)
}

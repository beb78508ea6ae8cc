//! Starts programs with pipes or a terminal, for the shim.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::pty::openpty;
use nix::unistd::{Pid, pipe2};

use super::spec::Spec;
use super::talk::Streams;
use crate::node::process::{Input, spawn_tied};

/// A program that runs.
#[derive(Debug)]
pub(super) struct Started {
    /// Its number.
    pub(super) pid: Pid,
    /// The streams that it was given.
    pub(super) streams: Streams,
    /// Our ends of them, in this order.
    pub(super) ends: Vec<OwnedFd>,
    /// Held by whoever must know that it is reaped by nobody else.
    pub(super) child: Child,
}

/// Runs a program as the container's own: its account, environment and folder.
pub(super) fn start(
    spec: &Spec,
    argv: &[String],
    terminal: bool,
    wanted: Streams,
) -> io::Result<Started> {
    let name = argv.first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(spec.find(name)?);
    command.arg0(name).args(&argv[1..]);
    start_as(command, spec, terminal, wanted)
        .map_err(|error| io::Error::new(error.kind(), format!("exec: {name:?}: {error}")))
}

/// Starts a command with the environment and the folder of the container.
pub(super) fn start_as(
    mut command: Command,
    spec: &Spec,
    terminal: bool,
    wanted: Streams,
) -> io::Result<Started> {
    command
        .env_clear()
        .envs(&spec.env)
        .current_dir(&spec.working_dir);
    if terminal {
        if !spec.env.contains_key("TERM") {
            command.env("TERM", "xterm");
        }
        return start_on_terminal(command);
    }
    let mut ends = Vec::new();
    command.stdin(Stdio::null()).stdout(null()?).stderr(null()?);
    if wanted.stdin {
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
        command.stdin(reader);
        ends.push(not_blocking(writer)?);
    }
    if wanted.stdout {
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
        command.stdout(writer);
        ends.push(not_blocking(reader)?);
    }
    if wanted.stderr {
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
        command.stderr(writer);
        ends.push(not_blocking(reader)?);
    }
    finish(command, Input::Plain, wanted, ends)
}

fn start_on_terminal(mut command: Command) -> io::Result<Started> {
    let pty = openpty(None, None)?;
    for end in [&pty.master, &pty.slave] {
        fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    }
    command
        .stdin(pty.slave.try_clone()?)
        .stdout(pty.slave.try_clone()?)
        .stderr(pty.slave);
    let streams = Streams {
        stdin: true,
        stdout: true,
        stderr: false,
    };
    finish(
        command,
        Input::Terminal,
        streams,
        vec![not_blocking(pty.master)?],
    )
}

fn finish(
    mut command: Command,
    input: Input,
    streams: Streams,
    ends: Vec<OwnedFd>,
) -> io::Result<Started> {
    let child = spawn_tied(&mut command, input)?;
    let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
    Ok(Started {
        pid: Pid::from_raw(pid),
        streams,
        ends,
        child,
    })
}

/// The flag is that of one end of a pipe, so the program's own end is not touched; the two ends of a terminal are
/// different files altogether.
fn not_blocking(end: OwnedFd) -> io::Result<OwnedFd> {
    debug_assert!(end.as_fd().as_raw_fd() > 2);
    fcntl(&end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok(end)
}

fn null() -> io::Result<Stdio> {
    Ok(OpenOptions::new().write(true).open("/dev/null")?.into())
}

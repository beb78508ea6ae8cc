//! The shim: one small process that stands above a container and outlives `howdah up`.
//!
//! It starts the container's main process, passes signals on, writes its output to the log, takes in orphans, and
//! ends with the main process after killing whatever that left behind, as the end of PID 1 ends a PID namespace.
//! It is single-threaded, uses no async runtime and decides nothing: restarts and probes are the node's business.
//! When the shim itself is killed the kernel kills the main process (`PR_SET_PDEATHSIG`); the node then hunts down
//! the rest by the mark in their environment.

use std::fs;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use jiff::Timestamp;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, pipe2, setsid};

use self::log::{LineCutter, LogFile, ROTATE_AT};
use self::spec::{EXIT_FILE, Exit, STATE_FILE, Spec, Started};
use super::process;
use super::procfs::{ProcessId, boot_id, children_of};

pub(crate) mod log;
pub(crate) mod spec;

/// What the node sends to a shim to have everything in the container killed at once.
pub const KILL_ALL: Signal = Signal::SIGALRM;

/// Signals that are passed on to the main process.
const FORWARDED: [Signal; 6] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGHUP,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
];

/// How long leftovers of a container may take to die of SIGKILL before the shim gives up on them.
const LEFTOVER_PATIENCE: Duration = Duration::from_secs(20);

/// Enough reads to empty a pipe of the largest size an ordinary process may ask for (1 MiB), twice over.
const FINAL_READS: usize = 64;

/// Runs one container as the given file says, until it ends.
///
/// The exit code says whether the shim did its work, not how the container ended: that is in the exit file.
#[must_use]
pub fn main(spec: &Utf8Path) -> ExitCode {
    match run(spec) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error is a file beside the specification.
            let _ = io::Write::write_all(
                &mut io::stderr(),
                format!("shim for {spec}: {error}\n").as_bytes(),
            );
            ExitCode::FAILURE
        }
    }
}

fn run(path: &Utf8Path) -> io::Result<()> {
    let spec: Spec = spec::read(path)?.ok_or(io::ErrorKind::NotFound)?;
    let folder = path.parent().unwrap_or(Utf8Path::new("."));
    // Fails only for a process that leads a group already, which then has what it needs.
    let _ = setsid();
    prctl::set_child_subreaper(true)?;
    let _ = prctl::set_name(c"howdah-shim");
    let signals = take_signals()?;

    let exit = match start(&spec, folder) {
        Ok(mut container) => container.supervise(&signals)?,
        Err(error) => Exit {
            exit_code: 128,
            signal: None,
            reason: Some("StartError".to_owned()),
            message: Some(format!("{}: {error}", spec.program)),
            started_at: None,
            finished_at: Timestamp::now(),
        },
    };
    spec::write(&folder.join(EXIT_FILE), &exit)
}

fn take_signals() -> io::Result<SignalFd> {
    let mut set = SigSet::empty();
    for signal in FORWARDED.into_iter().chain([Signal::SIGCHLD, KILL_ALL]) {
        set.add(signal);
    }
    set.thread_block()?;
    let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
    Ok(SignalFd::with_flags(&set, flags)?)
}

/// The main process with the reading ends of its output.
#[derive(Debug)]
struct Container {
    main: Pid,
    started_at: Timestamp,
    log: LogFile,
    streams: Vec<OutputStream>,
    // Held so that nothing reaps the main process behind our back.
    _child: Child,
}

#[derive(Debug)]
struct OutputStream {
    pipe: fs::File,
    cutter: LineCutter,
    open: bool,
}

fn start(spec: &Spec, folder: &Utf8Path) -> io::Result<Container> {
    materialise(spec)?;
    let log = LogFile::open(&spec.log, ROTATE_AT)?;
    let (stdout, stdout_end) = output("stdout")?;
    let (stderr, stderr_end) = output("stderr")?;
    let mut command = Command::new(&spec.program);
    command
        .args(spec.argv.iter().skip(1))
        .env_clear()
        .envs(&spec.env)
        .current_dir(&spec.working_dir)
        .stdin(Stdio::null())
        .stdout(stdout_end)
        .stderr(stderr_end);
    if let Some(name) = spec.argv.first() {
        std::os::unix::process::CommandExt::arg0(&mut command, name);
    }
    let child = process::spawn_tied(&mut command)?;
    let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
    let started_at = Timestamp::now();
    announce(folder, pid, started_at)?;
    Ok(Container {
        main: Pid::from_raw(pid),
        started_at,
        log,
        streams: vec![stdout, stderr],
        _child: child,
    })
}

/// Records what runs and tells the node by closing standard output.
fn announce(folder: &Utf8Path, main: i32, started_at: Timestamp) -> io::Result<()> {
    let identity = |pid| ProcessId::of(pid).ok_or(io::ErrorKind::NotFound);
    let me = i32::try_from(std::process::id()).map_err(io::Error::other)?;
    let started = Started {
        boot_id: boot_id(),
        shim: identity(me)?,
        main: identity(main)?,
        started_at,
    };
    spec::write(&folder.join(STATE_FILE), &started)?;
    let null = fs::OpenOptions::new().write(true).open("/dev/null")?;
    nix::unistd::dup2_stdout(null)?;
    Ok(())
}

fn output(stream: &'static str) -> io::Result<(OutputStream, Stdio)> {
    let (reader, writer): (OwnedFd, OwnedFd) = pipe2(OFlag::O_CLOEXEC)?;
    fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let output = OutputStream {
        pipe: fs::File::from(reader),
        cutter: LineCutter::new(stream),
        open: true,
    };
    Ok((output, Stdio::from(writer)))
}

/// Creates folders and links with the rights of the Pod's user, so that a hostile Pod can only trick itself.
fn materialise(spec: &Spec) -> io::Result<()> {
    for link in &spec.links {
        if link.create_target && !link.target.exists() {
            fs::create_dir_all(&link.target)?;
        }
        if fs::read_link(&link.path).is_ok_and(|target| target == link.target.as_std_path()) {
            continue;
        }
        if let Some(parent) = link.path.parent() {
            fs::create_dir_all(parent)?;
        }
        match fs::symlink_metadata(&link.path) {
            Ok(found) if found.is_dir() => fs::remove_dir(&link.path)?,
            Ok(_) => fs::remove_file(&link.path)?,
            Err(_) => {}
        }
        std::os::unix::fs::symlink(&link.target, &link.path)?;
    }
    for folder in &spec.directories {
        fs::create_dir_all(folder)?;
    }
    fs::create_dir_all(&spec.working_dir)
}

impl Container {
    fn supervise(&mut self, signals: &SignalFd) -> io::Result<Exit> {
        let status = loop {
            self.wait_for_news(signals)?;
            self.pump(1);
            if let Some(status) = self.take_signals(signals)? {
                break status;
            }
        };
        let finished_at = Timestamp::now();
        kill_leftovers();
        self.pump(FINAL_READS);
        for stream in &mut self.streams {
            stream.cutter.finish(finished_at, &mut self.log);
        }
        Ok(Exit {
            exit_code: status.code,
            signal: status.signal,
            reason: None,
            message: None,
            started_at: Some(self.started_at),
            finished_at,
        })
    }

    fn wait_for_news(&self, signals: &SignalFd) -> io::Result<()> {
        let mut fds = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        let open = self.streams.iter().filter(|stream| stream.open);
        fds.extend(open.map(|stream| PollFd::new(stream.pipe.as_fd(), PollFlags::POLLIN)));
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes out the output that is there without waiting for more. At most `reads` pieces are taken of each stream,
    /// so that a chatty one does not keep the other stream and the signals waiting.
    fn pump(&mut self, reads: usize) {
        let mut buffer = [0; 32 * 1024];
        for stream in &mut self.streams {
            for _ in 0..reads {
                if !stream.open {
                    break;
                }
                match stream.pipe.read(&mut buffer) {
                    Ok(0) => stream.open = false,
                    Ok(count) => {
                        let now = Timestamp::now();
                        stream.cutter.push(&buffer[..count], now, &mut self.log);
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(_) => stream.open = false,
                }
            }
        }
    }

    /// Handles what has been signalled; the status of the main process once it has ended.
    fn take_signals(&self, signals: &SignalFd) -> io::Result<Option<Status>> {
        while let Some(info) = signals.read_signal()? {
            let number = i32::try_from(info.ssi_signo).map_err(io::Error::other)?;
            match Signal::try_from(number)? {
                Signal::SIGCHLD => {}
                KILL_ALL => {
                    let _ = kill(self.main, Signal::SIGKILL);
                }
                // INVARIANT: the main process is not reaped yet, so its pid is still its own.
                signal => {
                    let _ = kill(self.main, signal);
                }
            }
        }
        self.reap()
    }

    fn reap(&self) -> io::Result<Option<Status>> {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) if pid == self.main => {
                    return Ok(Some(Status { code, signal: None }));
                }
                Ok(WaitStatus::Signaled(pid, signal, _)) if pid == self.main => {
                    let signal = signal as i32;
                    return Ok(Some(Status {
                        code: 128 + signal,
                        signal: Some(signal),
                    }));
                }
                Ok(WaitStatus::StillAlive) => return Ok(None),
                Ok(_) => {}
                // A real-time signal has no name in nix, which reaps and then gives up; the next call finds nobody.
                Err(Errno::EINVAL) => {}
                Err(Errno::ECHILD) => {
                    return Ok(Some(Status {
                        code: 255,
                        signal: None,
                    }));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[derive(Debug)]
struct Status {
    code: i32,
    signal: Option<i32>,
}

/// Kills everything that descends from the container. Only our own children are signalled, whose pids cannot be
/// reused before we reap them; their children become ours when they die, and so on until none is left.
fn kill_leftovers() {
    let me = i32::try_from(std::process::id()).unwrap_or_default();
    let deadline = Instant::now() + LEFTOVER_PATIENCE;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Err(Errno::ECHILD) => return,
            Ok(WaitStatus::StillAlive) => {}
            _ => continue,
        }
        if Instant::now() >= deadline {
            return;
        }
        for child in children_of(me) {
            let _ = kill(Pid::from_raw(child), Signal::SIGKILL);
        }
        let _ = poll(&mut [], PollTimeout::from(2_u8));
    }
}

//! The shim: one small process that stands above a container and outlives `howdah up`.
//!
//! It starts the container's main process, passes signals on, writes its output to the log, takes in orphans, and
//! ends with the main process after killing whatever that left behind, as the end of PID 1 ends a PID namespace.
//! Through a socket beside its files it also runs further programs in the container, and lets others listen to it.
//! It is single-threaded, uses no async runtime and decides nothing: restarts and probes are the node's business.
//! When the shim itself is killed the kernel kills the main process (`PR_SET_PDEATHSIG`); the node then hunts down
//! the rest by the mark in their environment.

use std::fs;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use jiff::Timestamp;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, setsid};

use self::log::{LineCutter, LogFile, ROTATE_AT};
use self::sessions::{Sessions, Stdin};
use self::spec::{EXIT_FILE, Exit, STATE_FILE, Spec, Started};
use self::talk::{SOCKET, Streams};
use super::procfs::{ProcessId, boot_id, children_of};

pub(crate) mod log;
mod programs;
mod sessions;
pub(crate) mod spec;
pub(crate) mod talk;

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
        Ok(mut container) => container.supervise(&spec, &signals)?,
        Err(error) => Exit {
            exit_code: 128,
            signal: None,
            reason: Some("StartError".to_owned()),
            message: Some(format!("{}: {error}", spec.program)),
            started_at: None,
            finished_at: Timestamp::now(),
        },
    };
    // A shim that cannot clean up leaves that to the node.
    let _ = fs::remove_file(folder.join(SOCKET));
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
    stdin: Stdin,
    sessions: Sessions,
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
    let mut command = Command::new(&spec.program);
    command.args(spec.argv.iter().skip(1));
    if let Some(name) = spec.argv.first() {
        std::os::unix::process::CommandExt::arg0(&mut command, name);
    }
    let streams = Streams {
        stdin: spec.stdin,
        stdout: true,
        stderr: true,
    };
    let started = programs::start_as(command, spec, spec.terminal, streams)?;
    let started_at = Timestamp::now();
    let mut ends = started.ends.into_iter();
    let stdin = match spec.stdin && !spec.terminal {
        true => ends.next().map(|end| Stdin::Pipe(end, spec.stdin_once)),
        false => None,
    };
    let names = ["stdout", "stderr"];
    let outputs = ends.zip(names).map(|(end, name)| OutputStream {
        pipe: fs::File::from(end),
        cutter: LineCutter::new(name),
        open: true,
    });
    let streams: Vec<OutputStream> = outputs.collect();
    let stdin = match (stdin, streams.first()) {
        (None, Some(master)) if spec.terminal => Stdin::Terminal(master.pipe.try_clone()?.into()),
        (stdin, _) => stdin.unwrap_or_default(),
    };
    let sessions = Sessions::open(folder);
    announce(folder, started.pid.as_raw(), started_at)?;
    Ok(Container {
        main: started.pid,
        started_at,
        log,
        streams,
        stdin,
        sessions,
        _child: started.child,
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

/// Creates folders and links with the rights of the Pod's user, so that a hostile Pod can only trick itself.
fn materialise(spec: &Spec) -> io::Result<()> {
    for link in &spec.links {
        if link.create_target && !link.target.exists() {
            fs::create_dir_all(&link.target)?;
        }
        let is_there =
            || fs::read_link(&link.path).is_ok_and(|target| target == link.target.as_std_path());
        if is_there() {
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
        match std::os::unix::fs::symlink(&link.target, &link.path) {
            // Another container of the Pod, which starts at the same time, may have made the same.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_there() => {}
            made => made?,
        }
    }
    for folder in &spec.directories {
        fs::create_dir_all(folder)?;
    }
    fs::create_dir_all(&spec.working_dir)
}

impl Container {
    fn supervise(&mut self, spec: &Spec, signals: &SignalFd) -> io::Result<Exit> {
        let status = loop {
            self.wait_for_news(signals)?;
            self.pump(1);
            self.sessions.serve(spec, &mut self.stdin);
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
        self.sessions.close(status.code);
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
        fds.extend(self.sessions.watched());
        let timeout = self.sessions.next_deadline().map(|at| {
            let left = at.saturating_duration_since(Instant::now());
            PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut fds, timeout.unwrap_or(PollTimeout::NONE)) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes out the output that is there without waiting for more. At most `reads` pieces are taken of each stream,
    /// so that a chatty one does not keep the other stream and the signals waiting.
    fn pump(&mut self, reads: usize) {
        let mut buffer = [0; 32 * 1024];
        for (number, stream) in self.streams.iter_mut().enumerate() {
            for _ in 0..reads {
                if !stream.open {
                    break;
                }
                match stream.pipe.read(&mut buffer) {
                    Ok(0) => stream.open = false,
                    Ok(count) => {
                        let now = Timestamp::now();
                        stream.cutter.push(&buffer[..count], now, &mut self.log);
                        self.sessions.copy(number, &buffer[..count]);
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(_) => stream.open = false,
                }
            }
        }
    }

    /// Handles what has been signalled; the status of the main process once it has ended.
    fn take_signals(&mut self, signals: &SignalFd) -> io::Result<Option<Status>> {
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

    fn reap(&mut self) -> io::Result<Option<Status>> {
        loop {
            let (pid, status) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => (pid, Status { code, signal: None }),
                Ok(WaitStatus::Signaled(pid, signal, _)) => {
                    let signal = signal as i32;
                    let status = Status {
                        code: 128 + signal,
                        signal: Some(signal),
                    };
                    (pid, status)
                }
                Ok(WaitStatus::StillAlive) => return Ok(None),
                Ok(_) => continue,
                // A real-time signal has no name in nix, which reaps and then gives up; the next call finds nobody.
                Err(Errno::EINVAL) => {
                    self.sessions.find_lost();
                    continue;
                }
                Err(Errno::ECHILD) => {
                    return Ok(Some(Status {
                        code: 255,
                        signal: None,
                    }));
                }
                Err(error) => return Err(error.into()),
            };
            if pid == self.main {
                return Ok(Some(status));
            }
            self.sessions.ended(pid, status.code);
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

//! The shim's visitors: programs run beside the main process, and those who listen to it.
//!
//! Programs are children of the shim, so they end with the container. A visitor who hangs up takes his program with
//! him: SIGHUP for all of its session, and SIGKILL for what is left a little later. A listener who does not keep up
//! loses his stream; the container never waits for him.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, pipe2};

use super::programs::{Started, start};
use super::spec::Spec;
use super::talk::{self, LONGEST_REQUEST, Reply, Request, Streams};
use crate::node::process::send_with_fds;
use crate::node::procfs::{ProcessId, session_of};

/// How many visitors there may be at a time.
const MOST: usize = 64;
/// What a program may do after SIGHUP before it is killed.
const PATIENCE: Duration = Duration::from_secs(2);
/// How far a listener may be behind.
const TAP_SIZE: i32 = 1 << 20;

/// All visitors.
#[derive(Debug)]
pub(super) struct Sessions {
    listener: Option<UnixListener>,
    visitors: Vec<Visitor>,
    leaving: Vec<Leaving>,
}

#[derive(Debug)]
struct Visitor {
    stream: UnixStream,
    request: Vec<u8>,
    role: Role,
    /// He has nothing more to write to the main process, but still listens.
    half_closed: bool,
}

#[derive(Debug)]
enum Role {
    /// Has not said yet what he wants.
    New,
    /// His program runs.
    Runs(Pid),
    /// His program has ended; he may read the rest of its output.
    Done,
    /// Listens to the main process.
    Listens { taps: [Option<File>; 2] },
}

/// What is left of a program whose visitor has gone.
#[derive(Debug)]
struct Leaving {
    leader: i32,
    family: Vec<ProcessId>,
    kill_at: Instant,
}

/// The input of the main process.
#[derive(Debug, Default)]
pub(super) enum Stdin {
    /// It has none, or it has been closed.
    #[default]
    None,
    /// A pipe; closed when the first visitor who may write leaves, if it says so.
    Pipe(OwnedFd, bool),
    /// The terminal of the container.
    Terminal(OwnedFd),
}

impl Stdin {
    /// One who could write has nothing more to say.
    fn close_once(&mut self) {
        if matches!(self, Self::Pipe(_, true)) {
            *self = Self::None;
        }
    }
}

impl Sessions {
    /// Opens the door; a shim without one still runs its container.
    pub(super) fn open(folder: &Utf8Path) -> Self {
        let listener = talk::socket(folder).and_then(|(_folder, path)| {
            let listener = UnixListener::bind(path)?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        Self {
            listener: listener.ok(),
            visitors: Vec::new(),
            leaving: Vec::new(),
        }
    }

    /// What to wait for.
    pub(super) fn watched(&self) -> impl Iterator<Item = PollFd<'_>> {
        let room = self.visitors.len() < MOST;
        let listener = self.listener.iter().filter(move |_| room);
        let listener = listener.map(|one| PollFd::new(one.as_fd(), PollFlags::POLLIN));
        let visitors = self.visitors.iter();
        listener.chain(visitors.map(|one| {
            // That he has hung up is always told.
            let wanted = match one.half_closed {
                true => PollFlags::empty(),
                false => PollFlags::POLLIN,
            };
            PollFd::new(one.stream.as_fd(), wanted)
        }))
    }

    /// When to look again although nothing has happened.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.leaving.iter().map(|one| one.kill_at).min()
    }

    /// Serves everybody as far as is possible without waiting.
    pub(super) fn serve(&mut self, spec: &Spec, stdin: &mut Stdin) {
        self.kill_overdue();
        self.accept();
        let mut staying = Vec::new();
        for mut visitor in std::mem::take(&mut self.visitors) {
            if visitor.listen(spec, stdin) {
                staying.push(visitor);
            } else {
                self.leaving.extend(visitor.leave(stdin));
            }
        }
        self.visitors = staying;
    }

    fn accept(&mut self) {
        while self.visitors.len() < MOST
            && let Some(Ok((stream, _))) = self.listener.as_ref().map(UnixListener::accept)
        {
            if stream.set_nonblocking(true).is_ok() {
                self.visitors.push(Visitor {
                    stream,
                    request: Vec::new(),
                    role: Role::New,
                    half_closed: false,
                });
            }
        }
    }

    /// Copies output of the main process to those who listen: stream 0 or 1.
    pub(super) fn copy(&mut self, stream: usize, data: &[u8]) {
        for visitor in &mut self.visitors {
            if let Role::Listens { taps } = &mut visitor.role
                && let Some(tap) = &mut taps[stream]
                && !matches!(tap.write(data), Ok(count) if count == data.len())
            {
                taps[stream] = None;
            }
        }
    }

    /// A program has ended.
    pub(super) fn ended(&mut self, pid: Pid, code: i32) {
        for visitor in &mut self.visitors {
            if matches!(visitor.role, Role::Runs(own) if own == pid) {
                visitor.say(&Reply::Ended(code), &[]);
                visitor.role = Role::Done;
            }
        }
    }

    /// Some program has ended in a way that only the table of processes shows.
    pub(super) fn find_lost(&mut self) {
        let running = self
            .visitors
            .iter()
            .filter_map(|visitor| match visitor.role {
                Role::Runs(pid) => Some(pid),
                _ => None,
            });
        let gone = |pid: &Pid| ProcessId::of(pid.as_raw()).is_none();
        for pid in running.filter(gone).collect::<Vec<_>>() {
            self.ended(pid, 255);
        }
    }

    /// The container is over: tells everybody so.
    pub(super) fn close(&mut self, code: i32) {
        for visitor in &mut self.visitors {
            match visitor.role {
                Role::Runs(_) => visitor.say(&Reply::Ended(128 + Signal::SIGKILL as i32), &[]),
                Role::Listens { .. } => visitor.say(&Reply::Ended(code), &[]),
                Role::New | Role::Done => {}
            }
        }
        self.visitors.clear();
        self.listener = None;
    }

    fn kill_overdue(&mut self) {
        let now = Instant::now();
        self.leaving.retain(|one| {
            if now < one.kill_at {
                return true;
            }
            let late = session_of(one.leader);
            for process in one.family.iter().chain(&late).filter(|one| one.is_alive()) {
                let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
            }
            false
        });
    }
}

impl Visitor {
    /// Hears what there is to hear; whether he stays.
    fn listen(&mut self, spec: &Spec, stdin: &mut Stdin) -> bool {
        if self.half_closed {
            return !self.has_hung_up();
        }
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) if matches!(self.role, Role::Listens { .. }) && !self.has_hung_up() => {
                    self.half_closed = true;
                    stdin.close_once();
                    return true;
                }
                Ok(0) => return false,
                Ok(count) if matches!(self.role, Role::New) => {
                    self.request.extend_from_slice(&buffer[..count]);
                    if self.request.len() > LONGEST_REQUEST {
                        return false;
                    }
                    if self.request.ends_with(b"\n") {
                        self.answer(spec, stdin);
                    }
                }
                // Nothing is to be said a second time.
                Ok(_) => return false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
        }
    }

    fn has_hung_up(&self) -> bool {
        let mut asked = [PollFd::new(self.stream.as_fd(), PollFlags::empty())];
        let heard = poll(&mut asked, PollTimeout::ZERO);
        let flags = asked[0].revents().unwrap_or(PollFlags::empty());
        heard.is_ok() && flags.intersects(PollFlags::POLLHUP | PollFlags::POLLERR)
    }

    fn answer(&mut self, spec: &Spec, stdin: &Stdin) {
        let result = match serde_json::from_slice(&std::mem::take(&mut self.request)) {
            Ok(Request::Run {
                argv,
                terminal,
                streams,
            }) => self.run(spec, &argv, terminal, streams),
            Ok(Request::Attach { streams }) => self.attach(streams, stdin),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = result {
            self.say(&Reply::Refused(error.to_string()), &[]);
            self.role = Role::Done;
        }
    }

    fn run(
        &mut self,
        spec: &Spec,
        argv: &[String],
        terminal: bool,
        streams: Streams,
    ) -> io::Result<()> {
        let Started {
            pid,
            streams,
            ends,
            child: _,
        } = start(spec, argv, terminal, streams)?;
        self.role = Role::Runs(pid);
        let ends: Vec<BorrowedFd<'_>> = ends.iter().map(AsFd::as_fd).collect();
        self.say(&Reply::Begun { streams, terminal }, &ends);
        Ok(())
    }

    fn attach(&mut self, wanted: Streams, stdin: &Stdin) -> io::Result<()> {
        let terminal = matches!(stdin, Stdin::Terminal(_));
        let input = match stdin {
            Stdin::Pipe(input, _) if wanted.stdin => Some(input.try_clone()?),
            Stdin::Terminal(input) => Some(input.try_clone()?),
            Stdin::Pipe(..) | Stdin::None => None,
        };
        let streams = Streams {
            stdin: input.is_some(),
            stderr: wanted.stderr && !terminal,
            ..wanted
        };
        let mut ends: Vec<OwnedFd> = input.into_iter().collect();
        let mut taps = [None, None];
        for (tap, wanted) in taps.iter_mut().zip([streams.stdout, streams.stderr]) {
            if wanted {
                let (reader, writer) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
                // A smaller one only makes less patient.
                let _ = fcntl(&writer, FcntlArg::F_SETPIPE_SZ(TAP_SIZE));
                ends.push(reader);
                *tap = Some(File::from(writer));
            }
        }
        self.role = Role::Listens { taps };
        let ends: Vec<BorrowedFd<'_>> = ends.iter().map(AsFd::as_fd).collect();
        self.say(&Reply::Begun { streams, terminal }, &ends);
        Ok(())
    }

    /// Says it, or finds out at the next reading that nobody listens.
    fn say(&self, reply: &Reply, fds: &[BorrowedFd<'_>]) {
        let _ = send_with_fds(self.stream.as_fd(), &reply.line(), fds);
    }

    /// He has gone.
    fn leave(self, stdin: &mut Stdin) -> Option<Leaving> {
        match self.role {
            Role::Runs(pid) => {
                // INVARIANT: the program is not reaped yet, so its pid is still its own.
                let leader = pid.as_raw();
                let family = session_of(leader);
                for process in &family {
                    let pid = Pid::from_raw(process.pid);
                    let _ = kill(pid, Signal::SIGHUP);
                    let _ = kill(pid, Signal::SIGCONT);
                }
                Some(Leaving {
                    leader,
                    family,
                    kill_at: Instant::now() + PATIENCE,
                })
            }
            Role::Listens { .. } => {
                stdin.close_once();
                None
            }
            Role::New | Role::Done => None,
        }
    }
}

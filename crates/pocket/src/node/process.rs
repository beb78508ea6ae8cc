//! The few system calls about processes that have no safe wrapper; the only unsafe code of this crate.
//!
//! Deliberately without policy: who is started, watched or signalled is decided elsewhere.
#![expect(
    unsafe_code,
    reason = "pre_exec and the pidfd calls have no safe form in std or nix"
)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use nix::libc;
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{getpid, getppid, setsid};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Starts a program that the kernel kills when the calling thread ends, in a session of its own and with no
/// signal blocked.
pub(super) fn spawn_tied(command: &mut Command) -> io::Result<Child> {
    let parent = getpid();
    let prepare = move || {
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        // The parent may have died before the line above took effect.
        if getppid() != parent {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
        setsid()?;
        SigSet::empty().thread_set_mask()?;
        Ok(())
    };
    // SAFETY: between fork and exec the closure only makes the system calls prctl, getppid, setsid and
    // rt_sigprocmask, which are async-signal-safe; it allocates nothing and takes no lock.
    unsafe { command.pre_exec(prepare) };
    command.spawn()
}

/// A descriptor that becomes readable when the process ends (`pidfd_open(2)`).
pub(super) fn pidfd_open(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: pidfd_open takes two integers and touches no memory of ours.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    let fd = i32::try_from(result).map_err(io::Error::other)?;
    // SAFETY: the kernel has just returned this descriptor and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Lets tokio wait for the end of the process behind the descriptor.
pub(super) fn watch(pidfd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an OwnedFd is open, always gives the same number, and is closed only when the AsyncFd that owns it
    // from here on is dropped.
    unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE) }.map_err(io::Error::from)
}

/// Sends a signal to exactly the process behind the descriptor (`pidfd_send_signal(2)`).
pub(super) fn pidfd_send_signal(pidfd: BorrowedFd<'_>, signal: Signal) -> io::Result<()> {
    // SAFETY: the descriptor is valid for the call, and a null siginfo is allowed by the manual page.
    let result = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal as libc::c_int,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

//! A shim as seen from the node: noticed when it dies, and signalled only while it is surely itself.

use std::os::fd::{AsFd, OwnedFd};
use std::process::Child;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::unix::AsyncFd;

use crate::node::process::{pidfd_open, pidfd_send_signal, watch};
use crate::node::procfs::ProcessId;

/// How often to look where the kernel cannot tell (before Linux 5.3, or under a strict seccomp filter).
const POLL: Duration = Duration::from_millis(200);

/// Dropping it neither ends nor reaps the process: a shim outlives the node on purpose.
#[derive(Debug)]
pub(super) struct ShimProcess {
    identity: ProcessId,
    pidfd: Option<AsyncFd<OwnedFd>>,
    child: Option<Child>,
    uid: u32,
}

impl ShimProcess {
    /// Watches a process; `child` when it is ours to reap.
    pub(super) fn new(identity: ProcessId, child: Option<Child>, uid: u32) -> Self {
        let pidfd = pidfd_open(identity.pid)
            .and_then(watch)
            .ok()
            // The pid may have changed hands before the descriptor was opened.
            .filter(|_| identity.is_alive() || child.is_some());
        Self {
            identity,
            pidfd,
            child,
            uid,
        }
    }

    /// Returns when the process has ended.
    pub(super) async fn wait(&mut self) {
        match &self.pidfd {
            Some(pidfd) => {
                // An error would mean that the runtime is going away.
                let _ = pidfd.readable().await;
            }
            None => {
                while self.identity.is_alive() {
                    tokio::time::sleep(POLL).await;
                }
            }
        }
        if let Some(mut child) = self.child.take() {
            // It has ended, so this does not block; it takes the zombie away.
            let _ = child.wait();
        }
    }

    /// Sends a signal; a process of another user, or one that has ended, gets none.
    pub(super) fn signal(&self, signal: Signal) {
        if !self.identity.is_alive() || self.identity.uid() != Some(self.uid) {
            return;
        }
        let _ = match &self.pidfd {
            Some(pidfd) => pidfd_send_signal(pidfd.as_fd(), signal).map_err(drop),
            None => kill(Pid::from_raw(self.identity.pid), signal).map_err(drop),
        };
    }
}

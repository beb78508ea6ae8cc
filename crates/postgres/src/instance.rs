//! The handle on one instance: who it is, where it lies, with which programs it runs.

use std::fs::{File, OpenOptions};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;

use camino::Utf8PathBuf;
use howdah_types::InstanceName;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::{Uid, User};

use crate::disk::DiskProbe;
use crate::files;
use crate::layout::Layout;
use crate::programs::Programs;
use crate::staging::{self, Kind};

/// The port of Postgres inside a Pod.
pub const PORT: u16 = 5432;

/// The longest path of a Unix socket, in bytes.
const SOCKET_PATH_MAX: usize = 107;

/// Who an instance is.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Its name.
    pub name: InstanceName,
    /// The name of the superuser role.
    pub superuser: String,
    /// The name of the role that members connect to each other with.
    pub replication: String,
    /// The one address to listen on; none for all.
    pub listen: Option<IpAddr>,
}

/// Why an instance cannot be worked on.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Postgres refuses to run as root.
    #[error("Postgres does not run as root")]
    Root,
    /// Peer authentication needs a name.
    #[error("user {0} has no name on this machine")]
    Nameless(Uid),
    /// The kernel limits the path of a Unix socket to 107 bytes (unix(7)).
    #[error("the path of the folder {0} is too long for a Unix socket")]
    SocketPath(Utf8PathBuf),
    /// Another agent holds the volume.
    #[error("the volume is in use by another agent")]
    InUse,
    /// The volume could not be prepared.
    #[error("prepare the volume")]
    File(#[source] files::Error),
    /// The lock could not be taken.
    #[error("lock the volume")]
    Lock(#[source] std::io::Error),
}

/// One Postgres instance.
#[derive(Debug, Clone)]
pub struct Instance {
    layout: Layout,
    programs: Programs,
    identity: Identity,
    system_user: String,
    disk: DiskProbe,
}

/// The volume belongs to this process until the lock is dropped.
///
/// `postmaster.pid` protects only within one PID namespace; the lock also holds between containers
/// that share a volume.
#[derive(Debug)]
pub struct VolumeLock(#[expect(dead_code, reason = "held, never read")] Flock<File>);

impl Instance {
    /// The instance at `layout`, run as the current user.
    pub fn new(layout: Layout, programs: Programs, identity: Identity) -> Result<Self, OpenError> {
        let user = Uid::effective();
        if user.is_root() {
            return Err(OpenError::Root);
        }
        let system_user = User::from_uid(user)
            .ok()
            .flatten()
            .ok_or(OpenError::Nameless(user))?
            .name;
        let sockets = layout.sockets();
        if sockets.join(format!(".s.PGSQL.{PORT}")).as_str().len() > SOCKET_PATH_MAX {
            return Err(OpenError::SocketPath(sockets));
        }
        Ok(Self {
            layout,
            programs,
            identity,
            system_user,
            disk: DiskProbe::default(),
        })
    }

    /// Takes the volume, and brings it to a state in which it can be inspected: what a crash left
    /// half done is removed or undone.
    pub async fn take_volume(&self) -> Result<VolumeLock, OpenError> {
        let layout = self.layout.clone();
        files::blocking(move || files::make_private_folder(&layout.own()))
            .await
            .map_err(OpenError::File)?;
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(self.layout.lock())
            .map_err(OpenError::Lock)?;
        let lock =
            Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(
                |(_, errno)| match errno {
                    Errno::EWOULDBLOCK => OpenError::InUse,
                    errno => OpenError::Lock(errno.into()),
                },
            )?;
        let layout = self.layout.clone();
        files::blocking(move || {
            staging::remove_leftovers(&layout, Kind::Initdb)?;
            staging::remove_leftovers(&layout, Kind::Clone)?;
            staging::undo_set_aside(&layout)
        })
        .await
        .map_err(OpenError::File)?;
        Ok(VolumeLock(lock))
    }

    /// Removes a replaced data directory, if there is one: its replacement streams. Tells whether
    /// there was.
    pub async fn discard_replaced(&self) -> Result<bool, files::Error> {
        let layout = self.layout.clone();
        files::blocking(move || staging::discard_replaced(&layout)).await
    }

    /// Where it lies.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What it runs with.
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// Who it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The one probe of the volume that may be under way.
    pub(crate) fn disk(&self) -> &DiskProbe {
        &self.disk
    }

    /// The user of the operating system that everything runs as.
    pub(crate) fn system_user(&self) -> &str {
        &self.system_user
    }
}

//! One Postgres instance: its data directory, configuration files, postmaster, clones and probes.
//!
//! Everything here is about a single volume and the postmaster on it. Who is primary, and why, is
//! decided elsewhere: nothing in this crate knows Kubernetes, the control record or other members,
//! except as the host of an [`Upstream`]. Every wait has a deadline or can be dropped.

mod clients;
mod clone;
mod configuration;
mod console;
mod control;
mod disk;
mod diverged;
mod duty;
mod files;
mod history;
mod initialise;
mod inspect;
mod instance;
mod layout;
mod lookup;
mod place;
mod placeholder;
mod postmaster;
mod probe;
mod process;
mod programs;
mod promote;
mod quote;
mod receiving;
mod rewind;
mod roles;
mod rule;
mod scram;
mod session;
mod settings;
mod slots;
mod source;
mod staging;
mod status;
mod stream;
mod synchronous;
mod tree;
mod wal;

pub use clone::Error as CloneError;
pub use configuration::{Configuration, Error as ConfigurationError, Upstream};
pub use console::{Console, PORT as POOLER_PORT};
pub use control::{ClusterState, ControlData};
pub use disk::{Error as DiskError, Fault};
pub use duty::Duty;
pub use files::Error as FileError;
pub use initialise::Error as InitialiseError;
pub use inspect::{DataDirectory, Error as InspectError, Initialised};
pub use instance::{Identity, Instance, OpenError, PORT, VolumeLock};
pub use layout::Layout;
pub use lookup::takes_writes;
pub use place::{Error as PlaceError, Place};
pub use postmaster::{Error as PostmasterError, Postmaster, StopMode, Stopped};
pub use probe::Error as WriteError;
pub use programs::{Error as ProgramError, Programs};
pub use promote::Error as PromoteError;
pub use rewind::Error as RewindError;
pub use roles::{Credential, Credentials};
pub use session::{Error as SqlError, Session};
pub use settings::{PendingRestart, Reload};
pub use source::Error as SourceError;
pub use status::{ReceiverStatus, ReplicaStatus, Standing, Status, XlogPosition};
pub use stream::Continuity;
pub use synchronous::Synchronous;
pub use tree::{Process, ProcessTree, Remaining};

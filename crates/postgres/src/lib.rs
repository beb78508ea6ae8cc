//! One Postgres instance: its data directory, configuration files, postmaster, clones and probes.
//!
//! Everything here is about a single volume and the postmaster on it. Who is primary, and why, is
//! decided elsewhere: nothing in this crate knows Kubernetes, the control record or other members,
//! except as the address of an [`Upstream`]. Every wait has a deadline or can be dropped.

mod clone;
mod configuration;
mod control;
mod duty;
mod files;
mod initialise;
mod inspect;
mod instance;
mod layout;
mod postmaster;
mod process;
mod programs;
mod quote;
mod roles;
mod scram;
mod session;
mod settings;
mod slots;
mod staging;
mod status;
mod stream;

pub use clone::Error as CloneError;
pub use configuration::{Configuration, Error as ConfigurationError, Upstream};
pub use control::{ClusterState, ControlData};
pub use duty::Duty;
pub use files::Error as FileError;
pub use initialise::Error as InitialiseError;
pub use inspect::{DataDirectory, Error as InspectError, Initialised};
pub use instance::{Identity, Instance, OpenError, VolumeLock};
pub use layout::Layout;
pub use postmaster::{Error as PostmasterError, Postmaster, StopMode, Stopped};
pub use programs::{Error as ProgramError, Programs};
pub use roles::{Credential, Credentials};
pub use session::{Error as SqlError, Session};
pub use settings::{PendingRestart, Reload};
pub use status::{ReceiverStatus, ReplicaStatus, Standing, Status, XlogPosition};
pub use stream::Continuity;

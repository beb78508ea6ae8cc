//! What is in the data directory, found without a postmaster.

use howdah_types::{PgMajor, SystemIdentifier};

use crate::control::{self, ControlData};
use crate::files;
use crate::instance::Instance;
use crate::layout::Layout;
use crate::rewind;

/// The state of a data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataDirectory {
    /// There is none, or it has no content.
    Empty,
    /// It holds a database system.
    Initialised(Initialised),
    /// It was made by another major version of Postgres than the programs are.
    OtherMajor {
        /// The version that made it.
        found: PgMajor,
        /// The version of the programs.
        programs: PgMajor,
    },
    /// A rewind of a copy of that database system was cut short: it can only be replaced, or rewound
    /// once more.
    Unfinished(SystemIdentifier),
    /// There is something, but no usable database system.
    Damaged {
        /// What is wrong, for people.
        why: String,
    },
}

/// A usable database system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Initialised {
    /// Its control file.
    pub control: ControlData,
    /// True if the next start is one in recovery, by `standby.signal`.
    pub standby: bool,
}

/// Why the state could not be found out: nothing is said about the data.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read.
    #[error("look into the data directory")]
    File(#[source] files::Error),
    /// `pg_controldata` could not be run.
    #[error("read the control file of the data directory")]
    Control(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Instance {
    /// Looks into the data directory.
    pub async fn inspect(&self) -> Result<DataDirectory, Error> {
        let data = self.layout().data();
        if files::names(&data).map_err(Error::File)?.is_empty() {
            return Ok(DataDirectory::Empty);
        }
        match rewind::unfinished(self.layout()).map_err(Error::File)? {
            Some(Ok(system)) => return Ok(DataDirectory::Unfinished(system)),
            Some(Err(_)) => return Ok(damaged("a rewind was cut short, of an unknown system")),
            None => {}
        }
        let version = files::read_if_present(&data.join("PG_VERSION")).map_err(Error::File)?;
        let Some(version) = version else {
            return Ok(damaged("the data directory has files but no PG_VERSION"));
        };
        let Ok(found) = version.trim().parse::<PgMajor>() else {
            return Ok(damaged("PG_VERSION holds no version"));
        };
        let programs = self.programs().version().major();
        if found != programs {
            return Ok(DataDirectory::OtherMajor { found, programs });
        }
        match control::read(self.programs(), &data).await {
            Ok(control) => Ok(DataDirectory::Initialised(Initialised {
                control,
                standby: Layout::standby_signal(&data).exists(),
            })),
            Err(error) if error.is_damage() => Ok(damaged(&control::describe(&error))),
            Err(error) => Err(Error::Control(Box::new(error))),
        }
    }
}

fn damaged(why: &str) -> DataDirectory {
    DataDirectory::Damaged {
        why: why.to_owned(),
    }
}

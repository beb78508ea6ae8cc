//! Doing what the machine decided about Postgres. Every job may be given again, or dropped at any await.

mod copy;
mod replication;
mod server;

use std::sync::Arc;
use std::time::Duration;

use howdah_ha::machine::{Data, Job, JobEnd};
use howdah_postgres::{
    CloneError, ConfigurationError, DataDirectory, FileError, InitialiseError, InspectError,
    PlaceError, PostmasterError, PromoteError, Remaining, RewindError, SqlError,
};
use tracing::{error, warn};

use crate::member::{Feed, Member, NoAddress};

/// The time for the checkpoint before an ordered stop, which makes the stop itself short. Clients are
/// served meanwhile, but the end of a Pod does not wait for ever.
const CHECKPOINT: Duration = Duration::from_secs(20);

/// Why a job was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("inspect the data directory")]
    Inspect(#[from] InspectError),
    #[error("initialise the database system")]
    Initialise(#[from] InitialiseError),
    #[error("clone from {from}")]
    Clone {
        from: Feed,
        #[source]
        source: CloneError,
    },
    #[error("rewind to {from}")]
    Rewind {
        from: Feed,
        #[source]
        source: RewindError,
    },
    #[error("configure postgres")]
    Configure(#[from] ConfigurationError),
    #[error("{what}")]
    Postmaster {
        what: &'static str,
        #[source]
        source: PostmasterError,
    },
    #[error("promote postgres")]
    Promote(#[from] PromoteError),
    #[error("kill postgres")]
    Kill(#[from] Remaining),
    #[error("ask postgres")]
    Sql(#[from] SqlError),
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error("forget timelines that were not reached")]
    Forget(#[from] FileError),
    #[error(transparent)]
    NoAddress(#[from] NoAddress),
    #[error("postgres refuses its configuration: {0}")]
    Refused(String),
    #[error("postgres does not run")]
    NotRunning,
    #[error("the promotion has no timeline")]
    NoTimeline,
    #[error("this copy must not be started writable")]
    Writable,
}

/// Does one job, after a pause.
pub(crate) async fn execute(
    member: &Arc<Member>,
    job: Job,
    pause: Duration,
) -> Result<JobEnd, Error> {
    tokio::time::sleep(pause).await;
    match job {
        Job::SetNames(names) => {
            return replication::set_names(member, names)
                .await
                .map(JobEnd::NamesSet);
        }
        Job::Initialise => server::initialise(member).await?,
        Job::Start { writable: true } => return Err(Error::Writable),
        Job::Start { writable: false } => server::start(member).await?,
        Job::Restart => server::restart(member).await?,
        Job::Receive(from) => replication::receive(member, from).await?,
        Job::Promote { timeline } => replication::promote(member, timeline).await?,
        Job::Open => {
            replication::open(member).await?;
            tokio::spawn(replication::first_checkpoint(Arc::clone(member)));
        }
        Job::Checkpoint => member.instance.checkpoint(CHECKPOINT).await?,
        Job::Stop => server::stop(member).await?,
        Job::Kill => server::kill(member).await?,
        Job::Rewind { from, fork } => copy::rewind(member, from, fork).await?,
        Job::Clone { from } => copy::clone(member, from).await?,
    }
    Ok(JobEnd::Done)
}

/// Looks into the data directory and remembers what is there.
pub(crate) async fn inspect(member: &Member) -> Result<(), Error> {
    let data = match member.instance.inspect().await? {
        DataDirectory::Empty => Data::Empty,
        DataDirectory::Initialised(found) => Data::Copy(found.control.system),
        DataDirectory::Unfinished(system) => {
            warn!("a rewind was cut short: this copy will be replaced");
            Data::Unfinished(system)
        }
        DataDirectory::OtherMajor { found, programs } => {
            error!(%found, %programs, "the data directory was made by another version of Postgres");
            Data::Damaged
        }
        DataDirectory::Damaged { why } => {
            error!(
                why,
                "the data directory cannot be used and is kept as it is"
            );
            Data::Damaged
        }
    };
    member.set_data(data);
    Ok(())
}

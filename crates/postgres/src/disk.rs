//! Whether the volume takes writes, and whether what is on it is still a primary's.

use std::sync::Arc;
use std::time::Duration;

use camino::Utf8Path;
use tokio::sync::{Mutex, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::control;
use crate::files;
use crate::instance::Instance;
use crate::postmaster::Postmaster;

/// How often a control file with a wrong checksum is read: it may be in the middle of being written.
const READS: u32 = 3;

/// Why the volume was not shown to work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It refused the write.
    #[error("write to the volume")]
    Write(#[source] files::Error),
    /// It did not answer in time.
    #[error("the volume does not answer within {} ms", .0.as_millis())]
    Hangs(Duration),
    /// There is no thread to write with.
    #[error("start a thread to write to the volume")]
    Thread(#[source] std::io::Error),
}

/// What is wrong with the data directory of a running primary.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A file is not what it must be.
    #[error("{0}")]
    Damaged(String),
    /// It could not be read in time, or not be found out: nothing is said about the data.
    #[error("look at the data directory")]
    Unknown(#[source] Box<dyn std::error::Error + Send + Sync>),
}

type Answer = oneshot::Receiver<Result<(), files::Error>>;

/// The one write that may be under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct DiskProbe(Arc<Mutex<Option<Answer>>>);

impl Instance {
    /// Writes a small file on the volume and waits until it is on disk. As long as one write hangs no
    /// other is begun, and it does not keep this process from ending.
    pub async fn probe_disk(&self, deadline: Duration) -> Result<(), Error> {
        let until = Instant::now() + deadline;
        let late = || Error::Hangs(deadline);
        let mut slot = timeout_at(until, self.disk().0.lock())
            .await
            .map_err(|_| late())?;
        if let Some(earlier) = slot.as_mut() {
            let _ = timeout_at(until, earlier).await.map_err(|_| late())?;
        }
        let path = self.layout().own().join("probe");
        let answer = apart(move || files::write(&path, "", 0o600)).map_err(Error::Thread)?;
        let answer = slot.insert(answer);
        let answer = timeout_at(until, answer).await.map_err(|_| late())?;
        *slot = None;
        // The thread only goes without an answer if it panics.
        answer.map_err(|_| late())?.map_err(Error::Write)
    }

    /// Looks whether the data directory of a running Postgres is still there and its own.
    pub async fn check_data(
        &self,
        postmaster: &Postmaster,
        deadline: Duration,
    ) -> Result<(), Fault> {
        let until = Instant::now() + deadline;
        self.probe_disk(deadline).await.map_err(unknown)?;
        let data = self.layout().data();
        let (pid, major) = (postmaster.pid(), self.programs().version().major());
        let folder = data.clone();
        let checked = apart(move || check_files(&folder, pid, major)).map_err(unknown)?;
        let checked = timeout_at(until, checked).await.map_err(unknown)?;
        checked.map_err(unknown)??;
        let mut reads = 0;
        loop {
            reads += 1;
            let read = timeout_at(until, control::read(self.programs(), &data)).await;
            match read.map_err(unknown)? {
                Ok(_) => return Ok(()),
                Err(error) if !error.is_damage() => return Err(unknown(error)),
                Err(error) if reads == READS => {
                    return Err(Fault::Damaged(control::describe(&error)));
                }
                Err(_) => {}
            }
        }
    }
}

/// Does file work in a thread that is not the runtime's, whose end would wait for a disk that hangs.
fn apart<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<oneshot::Receiver<T>, std::io::Error> {
    let (tell, answer) = oneshot::channel();
    std::thread::Builder::new()
        .name("probe-disk".to_owned())
        .spawn(move || tell.send(work()))
        .map(|_| answer)
}

fn unknown(error: impl std::error::Error + Send + Sync + 'static) -> Fault {
    Fault::Unknown(Box::new(error))
}

fn check_files(data: &Utf8Path, pid: i32, major: howdah_types::PgMajor) -> Result<(), Fault> {
    let first_line = |name: &str| {
        let text = files::read_if_present(&data.join(name)).map_err(unknown)?;
        let text = text.ok_or_else(|| Fault::Damaged(format!("{name} is gone")))?;
        Ok(text.lines().next().unwrap_or_default().trim().to_owned())
    };
    if first_line("PG_VERSION")?.parse() != Ok(major) {
        return Err(Fault::Damaged(
            "PG_VERSION holds another version".to_owned(),
        ));
    }
    if first_line("postmaster.pid")?.parse() != Ok(pid) {
        return Err(Fault::Damaged(
            "postmaster.pid names another process".to_owned(),
        ));
    }
    Ok(())
}

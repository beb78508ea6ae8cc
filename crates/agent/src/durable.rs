//! What a member promised and saw, on its own volume: it must hold through any crash (I5).

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use howdah_ha::Epoch;
use howdah_ha::machine::Durable;
use serde::{Deserialize, Serialize};

const NAME: &str = "promises.json";

/// A promise that could not be read or made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("read {path}, which holds what this member has promised to others")]
    Read {
        path: Utf8PathBuf,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("write {path}, which holds what this member promises to others")]
    Write {
        path: Utf8PathBuf,
        #[source]
        source: std::io::Error,
    },
}

/// The file.
#[derive(Debug, Clone)]
pub(crate) struct Promises {
    folder: Utf8PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Content {
    promised: Option<Epoch>,
    seen: Option<(Epoch, u64)>,
}

impl Promises {
    /// Promises in that folder, which exists.
    pub(crate) fn in_folder(folder: Utf8PathBuf) -> Self {
        Self { folder }
    }

    /// What was written last; nothing, if nothing ever was.
    pub(crate) fn read(&self) -> Result<Durable, Error> {
        let path = self.folder.join(NAME);
        let wrong = |source: Box<dyn std::error::Error + Send + Sync>| Error::Read {
            path: path.clone(),
            source,
        };
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Durable::default());
            }
            Err(error) => return Err(wrong(error.into())),
        };
        let content: Content =
            serde_json::from_slice(&text).map_err(|error| wrong(error.into()))?;
        Ok(Durable {
            promised: content.promised,
            seen: content.seen,
        })
    }

    /// Writes them so that they survive a loss of power from here on: a new file is synced and takes the
    /// name of the old one, then the folder is synced.
    pub(crate) fn write(&self, durable: Durable) -> Result<(), Error> {
        let path = self.folder.join(NAME);
        write(&self.folder, &path, durable).map_err(|source| Error::Write { path, source })
    }
}

fn write(folder: &Utf8Path, path: &Utf8Path, durable: Durable) -> std::io::Result<()> {
    let content = Content {
        promised: durable.promised,
        seen: durable.seen,
    };
    let new = path.with_extension("tmp");
    let mut file = File::options()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(&serde_json::to_vec(&content)?)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promises_are_read_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        let promises = Promises::in_folder(path.clone());
        assert_eq!(promises.read().unwrap(), Durable::default());
        let second = Epoch::FIRST.next();
        let durable = Durable {
            promised: Some(second),
            seen: Some((Epoch::FIRST, 7)),
        };
        promises.write(durable).unwrap();
        assert_eq!(promises.read().unwrap(), durable);
        std::fs::write(path.join(NAME), "{").unwrap();
        let error = promises.read().unwrap_err().to_string();
        assert!(error.contains("promises.json"), "{error}");
    }
}

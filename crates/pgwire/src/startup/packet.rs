//! StartupMessage: which protocol, which user, which database, and settings for the session.

use std::ffi::CStr;

use super::{NAME, Parameter, Replication, malformed};
use crate::read::Reader;
use crate::{Error, List, ProtocolVersion, write};

/// The request for a session (54.7, StartupMessage).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartupMessage<'a> {
    /// What the client would like to speak; the major version is 3.
    pub version: ProtocolVersion,
    /// `user`, `database`, `options`, `replication`, protocol extensions (`_pq_.`...) and run-time parameters.
    pub parameters: List<'a, Parameter<'a>>,
}

impl<'a> StartupMessage<'a> {
    /// The value of a parameter; the last one if the client sent it twice, as the server has it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a CStr> {
        let named = |parameter: &Parameter<'_>| parameter.name.to_bytes() == name.as_bytes();
        self.parameters
            .iter()
            .filter(named)
            .last()
            .map(|parameter| parameter.value)
    }

    /// The user; the server refuses a startup message without one.
    #[must_use]
    pub fn user(&self) -> Option<&'a CStr> {
        self.get("user")
    }

    /// The database, which is named as the user if the client does not say.
    #[must_use]
    pub fn database(&self) -> Option<&'a CStr> {
        self.get("database")
            .filter(|name| !name.is_empty())
            .or_else(|| self.user())
    }

    /// Whether the connection is for replication; `None` if the server would refuse what the client asks for.
    #[must_use]
    pub fn replication(&self) -> Option<Replication> {
        self.get("replication")
            .map_or(Some(Replication::None), Replication::of)
    }

    /// Appends the packet.
    ///
    /// # Errors
    /// If it is larger than a length word can say; `out` is then as it was.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        write::frame(NAME, None, out, |out| {
            write::u32(out, self.version.code());
            self.parameters.write_terminated(out);
        })
    }

    pub(super) fn read(
        version: ProtocolVersion,
        mut reader: Reader<'a>,
        limit: usize,
    ) -> Result<Self, Error> {
        let parameters = List::terminated(&mut reader, limit).map_err(malformed(NAME))?;
        let parameters = parameters.ok_or(Error::TooMany {
            message: NAME,
            limit,
        })?;
        reader.finish().map_err(malformed(NAME))?;
        Ok(Self {
            version,
            parameters,
        })
    }
}

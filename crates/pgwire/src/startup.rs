//! What a client sends first: packets without a type byte, or a TLS handshake, and the server's one-byte answers.

mod cancel;
mod encryption;
mod packet;
mod parameters;

pub use cancel::CancelRequest;
pub use encryption::{EncryptionReply, parse_reply};
pub use packet::StartupMessage;
pub use parameters::{Parameter, Replication};

use crate::read::Reader;
use crate::{Error, ProtocolVersion, Shape, frame, write};

/// The codes that stand where a startup message has its version (54.7; 1234 in the upper half).
pub mod code {
    /// CancelRequest: 1234, 5678 (54.7, CancelRequest).
    pub const CANCEL: u32 = 80_877_102;
    /// SSLRequest: 1234, 5679 (54.7, SSLRequest).
    pub const SSL: u32 = 80_877_103;
    /// GSSENCRequest: 1234, 5680 (54.7, GSSENCRequest).
    pub const GSS_ENCRYPTION: u32 = 80_877_104;
}

/// The first byte of a TLS record that holds a handshake. A client may send it instead of an SSLRequest (54.2.10,
/// SSL Session Encryption); as the first byte of a length it would announce 352 MiB.
pub const TLS_HANDSHAKE: u8 = 0x16;

/// What a packet of this phase may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes after the length word, in a startup message. The server accepts 10,000.
    pub packet: u32,
    /// Parameters of a startup message. The server has no limit of its own; libpq sends about ten.
    pub parameters: usize,
}

impl Default for Limits {
    /// 10,000 bytes and 256 parameters.
    fn default() -> Self {
        Self {
            packet: 10_000,
            parameters: 256,
        }
    }
}

/// What a client can open a connection with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A session is wanted.
    Startup(StartupMessage<'a>),
    /// TLS is wanted before anything else; answer with an [`EncryptionReply`].
    SslRequest,
    /// GSSAPI encryption is wanted before anything else; answer with an [`EncryptionReply`].
    GssEncRequest,
    /// The running query of another connection is to be cancelled; there is no answer.
    Cancel(CancelRequest<'a>),
    /// A TLS handshake begins, which is left in place: no byte was taken.
    DirectTls,
}

const NAME: &str = "startup packet";

/// Takes one packet off the front; the number is its size in bytes, and `None` asks for more bytes.
///
/// # Errors
/// If the length is impossible or above the limit, the version is not 3.x, or the packet is not of its form.
pub fn parse<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Option<(Message<'a>, usize)>, Error> {
    if bytes.first() == Some(&TLS_HANDSHAKE) {
        return Ok(Some((Message::DirectTls, 0)));
    }
    let Some((body, size)) = frame::packet(NAME, bytes, limits.packet)? else {
        return Ok(None);
    };
    Message::decode(body, limits).map(|message| Some((message, size)))
}

impl<'a> Message<'a> {
    /// Reads what follows the length word.
    fn decode(body: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        let mut reader = Reader::new(body);
        let code = reader.u32().map_err(malformed(NAME))?;
        let version = ProtocolVersion::from_code(code);
        match code {
            code::SSL => bare(reader, Self::SslRequest, "SSLRequest"),
            code::GSS_ENCRYPTION => bare(reader, Self::GssEncRequest, "GSSENCRequest"),
            code::CANCEL => CancelRequest::read(reader)
                .map(Self::Cancel)
                .map_err(malformed(CancelRequest::NAME)),
            _ if version.major == 3 => {
                StartupMessage::read(version, reader, limits.parameters).map(Self::Startup)
            }
            _ => Err(Error::UnsupportedVersion(version)),
        }
    }

    /// Appends the packet; a direct TLS handshake has none.
    ///
    /// # Errors
    /// If the packet is larger than a length word can say; `out` is then as it was.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        match self {
            Self::Startup(message) => message.encode(out),
            Self::SslRequest => request("SSLRequest", code::SSL, out),
            Self::GssEncRequest => request("GSSENCRequest", code::GSS_ENCRYPTION, out),
            Self::Cancel(message) => message.encode(out),
            Self::DirectTls => Ok(()),
        }
    }
}

fn request(name: &'static str, code: u32, out: &mut Vec<u8>) -> Result<(), Error> {
    write::frame(name, None, out, |out| write::u32(out, code))
}

fn bare<'a>(
    rest: Reader<'_>,
    message: Message<'a>,
    name: &'static str,
) -> Result<Message<'a>, Error> {
    rest.finish().map(|()| message).map_err(malformed(name))
}

fn malformed(message: &'static str) -> impl Fn(Shape) -> Error {
    move |shape| crate::message::malformed(message, shape)
}

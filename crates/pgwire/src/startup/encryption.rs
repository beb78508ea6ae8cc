//! The server's answer to SSLRequest and GSSENCRequest.

use crate::Error;

/// One byte, before any message (54.2.10, SSL Session Encryption; 54.2.11, GSSAPI Session Encryption).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncryptionReply {
    /// `S`: the TLS handshake may begin.
    Ssl,
    /// `G`: the GSSAPI handshake may begin.
    Gss,
    /// `N`: not here; the client may go on in plain text.
    Refused,
    /// `E`: no answer but the start of an ErrorResponse, which is left in place. The server predates the request,
    /// or could not even start a process; the text is not to be trusted, since nothing protects it.
    Error,
}

/// Looks at the answer; the number is how many bytes it took, and `None` asks for more bytes.
///
/// # Errors
/// If it is none of the defined bytes.
pub fn parse_reply(bytes: &[u8]) -> Result<Option<(EncryptionReply, usize)>, Error> {
    let Some(byte) = bytes.first() else {
        return Ok(None);
    };
    let reply = match byte {
        b'S' => EncryptionReply::Ssl,
        b'G' => EncryptionReply::Gss,
        b'N' => EncryptionReply::Refused,
        b'E' => return Ok(Some((EncryptionReply::Error, 0))),
        other => return Err(Error::UnknownReply(*other)),
    };
    Ok(Some((reply, 1)))
}

impl EncryptionReply {
    /// Appends the answer; an error has no byte of its own.
    pub fn encode(self, out: &mut Vec<u8>) {
        out.extend(match self {
            Self::Ssl => Some(b'S'),
            Self::Gss => Some(b'G'),
            Self::Refused => Some(b'N'),
            Self::Error => None,
        });
    }
}

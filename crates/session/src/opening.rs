//! The client's first packet: what it wants, and whether it gets that here.

use howdah_pgwire::startup::{self, StartupMessage};
use howdah_pgwire::{Error, Limits, SqlState, backend, frontend};

use crate::report::fatal;

/// What holds for all connections of a listener.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Whether a session without TLS is refused. Cancel requests pass: clients send them without TLS even
    /// where they use it (libpq before 17), and they reveal nothing but a key that has then been used.
    pub require_tls: bool,
    /// How large a startup packet may be.
    pub startup: startup::Limits,
    /// How large a client's messages may be.
    pub frontend: Limits<frontend::Frontend>,
    /// How large a server's messages may be.
    pub backend: Limits<backend::Backend>,
}

/// What to do with the client's first packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening<'a> {
    /// Not all of it is there; ask again with more bytes behind these.
    More,
    /// Encryption is asked for, which is not on offer: drop [`crate::Greeting::SIZE`] bytes, answer `N`, and ask again
    /// with the bytes behind them. A client gets this answer once for each kind of encryption.
    Decline,
    /// A session is wanted: pass on this many bytes, and tell [`crate::Session::client`] of those behind them.
    Startup(StartupMessage<'a>, usize),
    /// A query of another connection is to be cancelled: pass everything on.
    Cancel,
    /// The client says good-bye before it has said who it is: close the connection without a word, as Postgres does.
    Farewell,
    /// Answer with [`Refusal::response`] and close the connection.
    Refuse(Refusal),
}

/// Why a client is sent away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// TLS is demanded, and the client came without.
    PlainText,
    /// The client asks for encryption where it has it already, or was told twice that there is none.
    EncryptionAgain,
    /// Protocol 2 or older, or a number that no client sends.
    Version,
    /// The packet is larger than any that a client needs.
    TooLarge,
    /// The packet is not of its form.
    Malformed,
}

impl Refusal {
    /// All reasons.
    pub const ALL: [Self; 5] = [
        Self::PlainText,
        Self::EncryptionAgain,
        Self::Version,
        Self::TooLarge,
        Self::Malformed,
    ];

    /// The name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PlainText => "plain_text",
            Self::EncryptionAgain => "encryption_again",
            Self::Version => "version",
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
        }
    }

    /// Where it is in [`Self::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The code that the client is told.
    #[must_use]
    pub const fn sqlstate(self) -> SqlState {
        match self {
            Self::PlainText => SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
            Self::Version => SqlState::FEATURE_NOT_SUPPORTED,
            Self::EncryptionAgain | Self::TooLarge | Self::Malformed => {
                SqlState::PROTOCOL_VIOLATION
            }
        }
    }

    /// The sentence that the client is told.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::PlainText => {
                "this server accepts only connections with TLS: set sslmode=require or higher"
            }
            Self::EncryptionAgain => "encryption was asked for a second time",
            Self::Version => "this server speaks protocol 3.0 and 3.2",
            Self::TooLarge => "the startup packet is too large",
            Self::Malformed => "the startup packet is malformed",
        }
    }

    /// The ErrorResponse for the client.
    #[must_use]
    pub fn response(self) -> Vec<u8> {
        fatal(self.sqlstate(), self.message())
    }

    const fn of(error: Error) -> Self {
        match error {
            Error::UnsupportedVersion(_) => Self::Version,
            Error::TooLong { .. } | Error::TooMany { .. } => Self::TooLarge,
            _ => Self::Malformed,
        }
    }
}

/// Terminate (54.7).
const TERMINATE: &[u8] = b"X\0\0\0\x04";

/// Looks at all bytes that the client has sent so far.
pub(crate) fn open<'a>(policy: &Policy, tls: bool, bytes: &'a [u8]) -> Opening<'a> {
    // As those of a packet the first four bytes are a length that is refused, so the fifth is waited for here.
    if bytes.starts_with(TERMINATE) {
        return Opening::Farewell;
    }
    if bytes.len() >= 4 && TERMINATE.starts_with(bytes) {
        return Opening::More;
    }
    match startup::parse(bytes, &policy.startup) {
        Ok(None) => Opening::More,
        Ok(Some((startup::Message::Cancel(_), _))) => Opening::Cancel,
        Ok(Some((startup::Message::Startup(startup), size))) => {
            if policy.require_tls && !tls {
                Opening::Refuse(Refusal::PlainText)
            } else {
                Opening::Startup(startup, size)
            }
        }
        Ok(Some((startup::Message::SslRequest | startup::Message::GssEncRequest, _))) => {
            Opening::Refuse(Refusal::EncryptionAgain)
        }
        // A handshake that is still to be seen here is one that nobody takes part in.
        Ok(Some((startup::Message::DirectTls, _))) => Opening::Refuse(Refusal::EncryptionAgain),
        Err(error) => Opening::Refuse(Refusal::of(error)),
    }
}

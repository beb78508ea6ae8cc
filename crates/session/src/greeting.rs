//! Requests for encryption, which come before the first packet and are answered with one byte.

use howdah_pgwire::startup::{Message, parse};

use crate::Policy;

/// What a client has asked for so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Greeting {
    tls: bool,
    gss: bool,
}

/// What to do about the client's first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Wait for more of them.
    More,
    /// Take [`Greeting::SIZE`] of them, answer `S`, and begin with TLS.
    Tls,
    /// Take [`Greeting::SIZE`] of them, answer `N`, and look at what comes next.
    No,
    /// Leave them for what comes behind: they are something else.
    Leave,
}

impl Greeting {
    pub(crate) const NEW: Self = Self {
        tls: false,
        gss: false,
    };

    /// The bytes of a request, which is all that ever needs to be seen.
    pub const SIZE: usize = 8;

    /// Looks at the bytes that have come. GSSAPI encryption is never on offer; TLS is if `offer` says so.
    ///
    /// A client asks for each at most once (54.2.10, SSL Session Encryption; 54.2.11, GSSAPI Session Encryption);
    /// what it asks for again is left for the session to refuse.
    pub fn look(&mut self, bytes: &[u8], offer: bool) -> Answer {
        let bytes = bytes.get(..Self::SIZE).unwrap_or(bytes);
        // A startup message begins with a length too, but never with this one.
        let length = [0, 0, 0, 8];
        if bytes.iter().zip(length).any(|(byte, of)| *byte != of) {
            return Answer::Leave;
        }
        if bytes.len() < Self::SIZE {
            return Answer::More;
        }
        match parse(bytes, &Policy::default().startup) {
            Ok(Some((Message::SslRequest, _))) if !self.tls => {
                self.tls = true;
                if offer { Answer::Tls } else { Answer::No }
            }
            Ok(Some((Message::GssEncRequest, _))) if !self.gss => {
                self.gss = true;
                Answer::No
            }
            _ => Answer::Leave,
        }
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    const TLS: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x2f";
    const GSS: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x30";

    #[test]
    fn each_kind_of_encryption_is_answered_once() {
        for offer in [true, false] {
            let mut greeting = Greeting::default();
            assert_eq!(greeting.look(GSS, offer), Answer::No);
            assert_eq!(greeting.look(GSS, offer), Answer::Leave);
            let expected = if offer { Answer::Tls } else { Answer::No };
            assert_eq!(greeting.look(TLS, offer), expected);
            assert_eq!(greeting.look(TLS, offer), Answer::Leave);
        }
    }

    #[test]
    fn a_request_is_waited_for_byte_by_byte_and_what_follows_is_left() {
        for cut in 0..8 {
            assert_eq!(Greeting::default().look(&TLS[..cut], true), Answer::More);
        }
        let more = [TLS, b"stuffed"].concat();
        assert_eq!(Greeting::default().look(&more, true), Answer::Tls);
    }

    #[test]
    fn everything_else_is_left() {
        for bytes in [
            &b"\x16\x03\x01"[..],
            b"GET / HTTP/1.1",
            b"\0\0\0\x10",
            b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x07abcd",
            b"\0\0\0\x08\0\x03\0\0",
            b"\0\x01",
        ] {
            assert_eq!(Greeting::default().look(bytes, true), Answer::Leave);
        }
    }
}

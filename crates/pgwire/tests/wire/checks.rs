//! Writing a message, reading it again, and comparing.

use howdah_pgwire::{Limits, backend, frontend, startup};
use pretty_assertions::assert_eq;

/// Writes a client's message, checks that it is read as it was, and hands out its bytes.
pub(crate) fn frontend(message: frontend::Message<'_>) -> Vec<u8> {
    let mut bytes = b"before".to_vec();
    message.encode(&mut bytes).unwrap();
    let bytes = bytes.split_off(6);
    assert_eq!(
        frontend::parse(&bytes, &Limits::default()),
        Ok(Some((message, bytes.len())))
    );
    assert_eq!(bytes.first(), Some(&message.tag()));
    assert_eq!(
        frontend::parse(&bytes[..bytes.len() - 1], &Limits::default()),
        Ok(None)
    );
    bytes
}

/// The same for a server's message.
pub(crate) fn backend(message: backend::Message<'_>) -> Vec<u8> {
    let mut bytes = b"before".to_vec();
    message.encode(&mut bytes).unwrap();
    let bytes = bytes.split_off(6);
    assert_eq!(
        backend::parse(&bytes, &Limits::default()),
        Ok(Some((message, bytes.len())))
    );
    assert_eq!(bytes.first(), Some(&message.tag()));
    assert_eq!(
        backend::parse(&bytes[..bytes.len() - 1], &Limits::default()),
        Ok(None)
    );
    bytes
}

/// The same for a packet of the startup phase.
pub(crate) fn startup(message: startup::Message<'_>) -> Vec<u8> {
    let mut bytes = b"before".to_vec();
    message.encode(&mut bytes).unwrap();
    let bytes = bytes.split_off(6);
    let limits = startup::Limits::default();
    assert_eq!(
        startup::parse(&bytes, &limits),
        Ok(Some((message, bytes.len())))
    );
    for cut in 0..bytes.len() {
        assert_eq!(startup::parse(&bytes[..cut], &limits), Ok(None));
    }
    bytes
}

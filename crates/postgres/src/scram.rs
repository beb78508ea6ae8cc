//! SCRAM-SHA-256 verifiers: what Postgres stores instead of a password (RFC 5802, RFC 7677).

use std::num::NonZeroU32;

use aws_lc_rs::{constant_time, digest, hmac, pbkdf2};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A new verifier for a password, with a random salt.
pub(crate) fn verifier(password: &str) -> String {
    postgres_protocol::password::scram_sha_256(password.as_bytes())
}

/// True if `verifier` was made from `password`. False is also the answer for anything that cannot be
/// told, such as an MD5 hash: then a new verifier is set.
///
/// Passwords outside ASCII that normalisation (RFC 4013) would change are not recognised.
pub(crate) fn matches(verifier: &str, password: &str) -> bool {
    let Some((iterations, salt, stored)) = parse(verifier) else {
        return false;
    };
    let mut salted = [0_u8; 32];
    let algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
    pbkdf2::derive(
        algorithm,
        iterations,
        &salt,
        password.as_bytes(),
        &mut salted,
    );
    let client = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &salted), b"Client Key");
    let expected = digest::digest(&digest::SHA256, client.as_ref());
    constant_time::verify_slices_are_equal(expected.as_ref(), &stored).is_ok()
}

/// Reads `SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>`.
fn parse(verifier: &str) -> Option<(NonZeroU32, Vec<u8>, Vec<u8>)> {
    let rest = verifier.strip_prefix("SCRAM-SHA-256$")?;
    let (parameters, keys) = rest.split_once('$')?;
    let (iterations, salt) = parameters.split_once(':')?;
    let (stored, _) = keys.split_once(':')?;
    // A verifier set by hand with a vast count would keep the agent busy.
    let iterations = iterations
        .parse()
        .ok()
        .filter(|count: &NonZeroU32| count.get() <= 1_000_000)?;
    Some((
        iterations,
        STANDARD.decode(salt).ok()?,
        STANDARD.decode(stored).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_matches_its_password_only() {
        let stored = verifier("pencil");
        assert!(matches(&stored, "pencil"));
        assert!(!matches(&stored, "Pencil"));
        assert_ne!(stored, verifier("pencil"), "salts must differ");
    }

    #[test]
    fn anything_else_matches_nothing() {
        for text in [
            "",
            "md5abc",
            "SCRAM-SHA-256$x:y$z",
            "SCRAM-SHA-256$0:AA==$AA==:AA==",
        ] {
            assert!(!matches(text, "pencil"), "{text} must not match");
        }
    }
}

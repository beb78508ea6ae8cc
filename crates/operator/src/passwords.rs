//! Generating passwords from the randomness of the operating system.

use rand::TryRngCore as _;
use rand::rngs::OsRng;

/// Letters and digits only, so that a password needs no quoting in any file, URI or shell.
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// 62^32 possibilities are 190 bits.
const LENGTH: usize = 32;

/// The operating system gave no randomness.
#[derive(Debug, thiserror::Error)]
#[error("read randomness from the operating system")]
pub(crate) struct Error(#[source] rand::rand_core::OsError);

/// A new password.
pub(crate) fn generate() -> Result<String, Error> {
    let mut password = String::with_capacity(LENGTH);
    let mut bytes = [0_u8; 64];
    while password.len() < LENGTH {
        OsRng.try_fill_bytes(&mut bytes).map_err(Error)?;
        // Values from 248 on would make the first eight letters more likely than the others.
        let fair = bytes.iter().filter(|byte| **byte < 248);
        let letters = fair.map(|byte| char::from(ALPHABET[usize::from(byte % 62)]));
        password.extend(letters.take(LENGTH - password.len()));
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn passwords_are_long_plain_and_different() {
        let passwords: BTreeSet<_> = (0..100).map(|_| generate().unwrap()).collect();
        assert_eq!(passwords.len(), 100);
        for password in passwords {
            assert_eq!(password.len(), LENGTH);
            assert!(password.bytes().all(|byte| ALPHABET.contains(&byte)));
        }
    }
}

//! Bytes that must not reach a log: passwords, tokens of an authentication exchange, keys of cancel requests.

use std::fmt;

use crate::Shape;

/// Bytes whose `Debug` shows only how many there are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret<'a>(&'a [u8]);

impl<'a> Secret<'a> {
    /// Marks these bytes as secret.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes themselves.
    #[must_use]
    pub const fn expose(self) -> &'a [u8] {
        self.0
    }
}

impl fmt::Debug for Secret<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<{} secret bytes>", self.0.len())
    }
}

/// What a CancelRequest must repeat: four bytes in protocol 3.0, up to 256 in 3.2 (54.7, BackendKeyData).
#[derive(Clone, Copy)]
pub struct SecretKey<'a>(&'a [u8]);

impl<'a> SecretKey<'a> {
    /// The shortest key, and the only length in protocol 3.0 (54.7, BackendKeyData).
    pub const MIN: usize = 4;
    /// The longest key (54.7, BackendKeyData).
    pub const MAX: usize = 256;

    /// Checks the length.
    ///
    /// # Errors
    /// If the key is shorter than [`Self::MIN`] or longer than [`Self::MAX`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, Shape> {
        if (Self::MIN..=Self::MAX).contains(&bytes.len()) {
            Ok(Self(bytes))
        } else {
            Err(Shape::KeyLength(bytes.len()))
        }
    }

    /// The key itself.
    #[must_use]
    pub const fn expose(self) -> &'a [u8] {
        self.0
    }
}

/// Takes as long for a wrong key as for the right one of the same length.
impl PartialEq for SecretKey<'_> {
    fn eq(&self, other: &Self) -> bool {
        let differences = self
            .0
            .iter()
            .zip(other.0)
            .fold(0, |seen, (a, b)| seen | (a ^ b));
        self.0.len() == other.0.len() && differences == 0
    }
}

impl Eq for SecretKey<'_> {}

impl fmt::Debug for SecretKey<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Secret(self.0), formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let key = SecretKey::new(b"hunter22").unwrap();
        assert_eq!(format!("{key:?}"), "<8 secret bytes>");
        assert_eq!(format!("{:?}", Secret::new(b"pw")), "<2 secret bytes>");
    }

    #[test]
    fn keys_are_equal_when_all_bytes_are() {
        let key = |bytes| SecretKey::new(bytes).unwrap();
        assert_eq!(key(b"abcd"), key(b"abcd"));
        assert_ne!(key(b"abcd"), key(b"abce"));
        assert_ne!(key(b"abcd"), key(b"abcde"));
    }

    #[test]
    fn a_key_has_4_to_256_bytes() {
        let bytes = [7; 257];
        for length in [0, 3, 257] {
            assert_eq!(
                SecretKey::new(&bytes[..length]),
                Err(Shape::KeyLength(length))
            );
        }
        for length in [4, 32, 256] {
            assert_eq!(
                SecretKey::new(&bytes[..length]).unwrap().expose().len(),
                length
            );
        }
    }
}

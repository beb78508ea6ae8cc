//! The protocol's version number.

use std::fmt;

/// A protocol version: the upper and the lower half of a 32-bit code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProtocolVersion {
    /// Changes when old peers cannot talk any more.
    pub major: u16,
    /// Is negotiated: the server names the newest that it knows.
    pub minor: u16,
}

impl ProtocolVersion {
    /// PostgreSQL 7.4 and later (54.1, Overview).
    pub const V3_0: Self = Self::new(3, 0);
    /// PostgreSQL 18 and later: longer keys in BackendKeyData and CancelRequest (54.1.4, Protocol Versions).
    pub const V3_2: Self = Self::new(3, 2);

    /// The version of these two halves.
    #[must_use]
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// The version as the wire carries it (54.7, StartupMessage).
    #[must_use]
    pub const fn code(self) -> u32 {
        // Widening; `From` is not const.
        ((self.major as u32) << 16) | self.minor as u32
    }

    /// The version that the wire carried.
    #[must_use]
    pub const fn from_code(code: u32) -> Self {
        let [a, b, c, d] = code.to_be_bytes();
        Self::new(u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

impl fmt::Debug for ProtocolVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_the_manuals_number() {
        assert_eq!(ProtocolVersion::V3_0.code(), 196_608);
        assert_eq!(ProtocolVersion::V3_2.code(), 196_610);
        assert_eq!(
            ProtocolVersion::from_code(196_610).to_string(),
            ProtocolVersion::V3_2.to_string()
        );
        assert_eq!(
            ProtocolVersion::from_code(u32::MAX).to_string(),
            "65535.65535"
        );
    }
}

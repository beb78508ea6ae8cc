//! Postgres versions as they are asked for and as they are offered.

use std::fmt;
use std::str::FromStr;

use crate::text::serde_as_text;

/// Why a text is no Postgres version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseVersionError {
    /// Not `MAJOR.MINOR`.
    #[error("Postgres version \"{0}\" must be MAJOR.MINOR, for example 18.1")]
    Version(String),
    /// Not a major version number.
    #[error("Postgres major version \"{0}\" must be a number from 10 to 99")]
    Major(String),
    /// None of the three forms a manifest may use.
    #[error(
        "Postgres version \"{0}\" must be latest, MAJOR or MAJOR.MINOR, for example 18 or 18.1"
    )]
    Request(String),
}

/// A major version of Postgres, 10 to 99: from 10 on the major is one number
/// (PostgreSQL versioning policy).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PgMajor(u8);

impl PgMajor {
    /// The major version as a number.
    pub fn number(self) -> u8 {
        self.0
    }
}

impl FromStr for PgMajor {
    type Err = ParseVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match decimal::<u8>(text) {
            Some(number @ 10..=99) => Ok(Self(number)),
            _ => Err(ParseVersionError::Major(text.to_owned())),
        }
    }
}

impl fmt::Display for PgMajor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

serde_as_text!(PgMajor);

/// One released version of Postgres, for example `18.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PgVersion {
    major: PgMajor,
    minor: u16,
}

impl PgVersion {
    /// The major version.
    pub fn major(self) -> PgMajor {
        self.major
    }

    /// The minor version.
    pub fn minor(self) -> u16 {
        self.minor
    }

    /// The number that the server reports as `server_version_num`, for example 180001.
    pub fn number(self) -> u32 {
        u32::from(self.major.0) * 10_000 + u32::from(self.minor)
    }
}

impl FromStr for PgVersion {
    type Err = ParseVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseVersionError::Version(text.to_owned());
        let (major, minor) = text.split_once('.').ok_or_else(wrong)?;
        Ok(Self {
            major: major.parse().map_err(|_| wrong())?,
            minor: decimal(minor)
                .filter(|minor| *minor < 10_000)
                .ok_or_else(wrong)?,
        })
    }
}

impl fmt::Display for PgVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

serde_as_text!(PgVersion);

/// The version that a manifest asks for: `latest`, `MAJOR` or `MAJOR.MINOR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionRequest {
    /// The newest that is offered.
    Latest,
    /// The newest minor of a major.
    Major(PgMajor),
    /// Exactly this one.
    Exact(PgVersion),
}

impl VersionRequest {
    /// The best of `offered` that meets the request; none if nothing does.
    pub fn resolve(self, offered: impl IntoIterator<Item = PgVersion>) -> Option<PgVersion> {
        offered
            .into_iter()
            .filter(|version| match self {
                Self::Latest => true,
                Self::Major(major) => version.major == major,
                Self::Exact(exact) => *version == exact,
            })
            .max()
    }
}

impl FromStr for VersionRequest {
    type Err = ParseVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "latest" {
            return Ok(Self::Latest);
        }
        let wrong = |_| ParseVersionError::Request(text.to_owned());
        if text.contains('.') {
            text.parse().map(Self::Exact).map_err(wrong)
        } else {
            text.parse().map(Self::Major).map_err(wrong)
        }
    }
}

impl fmt::Display for VersionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::Major(major) => major.fmt(f),
            Self::Exact(version) => version.fmt(f),
        }
    }
}

serde_as_text!(VersionRequest);

/// Digits only, without sign or leading zero.
fn decimal<N: FromStr>(text: &str) -> Option<N> {
    let canonical = text == "0" || !text.starts_with('0');
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (canonical && digits).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> PgVersion {
        text.parse().unwrap()
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(version("15.9") < version("15.10"));
        assert!(version("15.20") < version("18.0"));
        assert_eq!(version("18.6").number(), 180_006);
    }

    #[test]
    fn malformed_versions_are_refused() {
        for bad in [
            "", "18", "18.", ".1", "18.01", "9.6", "18.1.2", "18.x", "+18.1", "18.-1", "118.1",
        ] {
            assert!(bad.parse::<PgVersion>().is_err(), "{bad} must be refused");
        }
        for bad in ["", "newest", "Latest", "18.", "017", "9"] {
            assert!(
                bad.parse::<VersionRequest>().is_err(),
                "{bad} must be refused"
            );
        }
    }

    #[test]
    fn a_request_takes_the_newest_that_fits() {
        let offered = ["15.14", "18.1", "18.6", "17.9"].map(version);
        let resolve = |text: &str| text.parse::<VersionRequest>().unwrap().resolve(offered);
        assert_eq!(resolve("latest"), Some(version("18.6")));
        assert_eq!(resolve("17"), Some(version("17.9")));
        assert_eq!(resolve("18.1"), Some(version("18.1")));
        assert_eq!(resolve("16"), None);
        assert_eq!(resolve("18.5"), None);
    }
}

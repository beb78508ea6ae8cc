//! The `format` of strings and numbers that the server checks; all others it ignores.

mod time;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::OnceLock;

use base64::Engine as _;
use regex::Regex;

use super::node::JsonType;

/// A format that the server knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Int32,
    Int64,
    Float,
    Double,
    Byte,
    Cidr,
    CreditCard,
    Date,
    DateTime,
    Duration,
    Email,
    HexColor,
    Hostname,
    Ipv4,
    Ipv6,
    Isbn,
    Isbn10,
    Isbn13,
    LongName,
    Mac,
    ObjectId,
    Password,
    RgbColor,
    ShortName,
    Ssn,
    Uri,
    Uuid,
    Uuid3,
    Uuid4,
    Uuid5,
}

impl Format {
    /// The format that the server would check for this name on this type.
    pub(super) fn supported(
        name: &str,
        kind: Option<JsonType>,
        int_or_string: bool,
    ) -> Option<Self> {
        match kind {
            _ if int_or_string => Self::of_string(name),
            None | Some(JsonType::String) => Self::of_string(name),
            Some(JsonType::Integer) => match name {
                "int32" => Some(Self::Int32),
                "int64" => Some(Self::Int64),
                _ => None,
            },
            Some(JsonType::Number) => match name {
                "float" => Some(Self::Float),
                "double" => Some(Self::Double),
                _ => None,
            },
            Some(_) => None,
        }
    }

    fn of_string(name: &str) -> Option<Self> {
        Some(match name.replace('-', "").as_str() {
            "byte" => Self::Byte,
            "cidr" => Self::Cidr,
            "creditcard" => Self::CreditCard,
            "date" => Self::Date,
            "datetime" => Self::DateTime,
            "duration" => Self::Duration,
            "email" => Self::Email,
            "hexcolor" => Self::HexColor,
            "hostname" => Self::Hostname,
            "ipv4" => Self::Ipv4,
            "ipv6" => Self::Ipv6,
            "isbn" => Self::Isbn,
            "isbn10" => Self::Isbn10,
            "isbn13" => Self::Isbn13,
            "k8slongname" => Self::LongName,
            "mac" => Self::Mac,
            "bsonobjectid" => Self::ObjectId,
            "password" => Self::Password,
            "rgbcolor" => Self::RgbColor,
            "k8sshortname" => Self::ShortName,
            "ssn" => Self::Ssn,
            "uri" => Self::Uri,
            "uuid" => Self::Uuid,
            "uuid3" => Self::Uuid3,
            "uuid4" => Self::Uuid4,
            "uuid5" => Self::Uuid5,
            _ => return None,
        })
    }

    /// Whether a string has this format.
    pub(super) fn accepts(self, text: &str) -> bool {
        match self {
            Self::Int32 | Self::Int64 | Self::Float | Self::Double | Self::Password => true,
            Self::Byte => is_base64(text),
            Self::Cidr => is_cidr(text),
            Self::Date => time::is_date(text),
            Self::DateTime => time::is_date_time(text),
            Self::Duration => time::is_duration(text),
            Self::Email => is_email(text),
            Self::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
            Self::Ipv6 => text.contains(':') && text.parse::<Ipv6Addr>().is_ok(),
            Self::Isbn => is_isbn10(text) || is_isbn13(text),
            Self::Isbn10 => is_isbn10(text),
            Self::Isbn13 => is_isbn13(text),
            Self::Hostname => {
                text.len() <= 255
                    && text.split('.').all(|label| label.len() <= 63)
                    && self.matches(text)
            }
            Self::ShortName => text.len() <= 63 && self.matches(text),
            Self::LongName => text.len() <= 253 && self.matches(text),
            Self::Uri => is_uri(text),
            _ => self.matches(text),
        }
    }

    fn matches(self, text: &str) -> bool {
        static COMPILED: OnceLock<Vec<(Format, Regex)>> = OnceLock::new();
        let compiled = COMPILED.get_or_init(|| {
            PATTERNS
                .iter()
                .map(|(format, pattern)| {
                    (
                        *format,
                        Regex::new(pattern).expect("the patterns in this file are valid"),
                    )
                })
                .collect()
        });
        compiled
            .iter()
            .any(|(format, regex)| *format == self && regex.is_match(text))
    }
}

const PATTERNS: [(Format, &str); 13] = [
    (Format::CreditCard, r"^\D*(\d\D*){13,19}$"),
    (Format::HexColor, r"^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$"),
    (
        Format::Hostname,
        r"^([a-zA-Z0-9\p{S}\p{L}]((-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?)|([a-zA-Z0-9\p{S}\p{L}](([a-zA-Z0-9\-\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?)(\.)){1,}([a-zA-Z\p{L}]){2,63})$",
    ),
    (
        Format::LongName,
        r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
    ),
    (Format::ShortName, "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"),
    (
        Format::Mac,
        r"^([0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}|[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){7}|[0-9a-fA-F]{4}(\.[0-9a-fA-F]{4}){2}|[0-9a-fA-F]{4}(\.[0-9a-fA-F]{4}){3})$",
    ),
    (Format::ObjectId, "^[0-9a-fA-F]{24}$"),
    (
        Format::RgbColor,
        r"^rgb\(\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*\)$",
    ),
    (Format::Ssn, r"^\d{3}[- ]?\d{2}[- ]?\d{4}$"),
    (
        Format::Uuid,
        "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$",
    ),
    (
        Format::Uuid3,
        "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$",
    ),
    (
        Format::Uuid4,
        "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$",
    ),
    (
        Format::Uuid5,
        "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$",
    ),
];

fn is_base64(text: &str) -> bool {
    let engine = &base64::engine::general_purpose::STANDARD;
    !text.is_empty() && text.len().is_multiple_of(4) && engine.decode(text).is_ok()
}

fn is_cidr(text: &str) -> bool {
    let Some((address, prefix)) = text.split_once('/') else {
        return false;
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return false;
    };
    let is_plain = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
    let most = if address.is_ipv4() { 32 } else { 128 };
    is_plain && prefix.parse::<u16>().is_ok_and(|prefix| prefix <= most)
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let is_word = |part: &str| {
        !part.is_empty()
            && part.split('.').all(|atom| {
                !atom.is_empty() && !atom.contains([' ', '<', '>', '(', ')', ',', '"', '@'])
            })
    };
    is_word(local) && is_word(domain)
}

fn is_isbn10(text: &str) -> bool {
    let digits: Vec<u32> = text
        .chars()
        .filter(|c| !matches!(c, '-' | ' '))
        .enumerate()
        .map_while(|(index, c)| {
            if index == 9 && matches!(c, 'X' | 'x') {
                Some(10)
            } else {
                c.to_digit(10)
            }
        })
        .collect();
    let length = text.chars().filter(|c| !matches!(c, '-' | ' ')).count();
    length == 10
        && digits.len() == 10
        && digits
            .iter()
            .zip((1..=10).rev())
            .map(|(d, w)| d * w)
            .sum::<u32>()
            % 11
            == 0
}

fn is_isbn13(text: &str) -> bool {
    let plain: Vec<char> = text.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
    let digits: Vec<u32> = plain.iter().filter_map(|c| c.to_digit(10)).collect();
    plain.len() == 13
        && digits.len() == 13
        && digits
            .iter()
            .zip([1, 3].into_iter().cycle())
            .map(|(d, w)| d * w)
            .sum::<u32>()
            % 10
            == 0
}

/// An absolute URI or an absolute path.
fn is_uri(text: &str) -> bool {
    if text.is_empty() || text.contains(char::is_control) || text.contains(' ') {
        return false;
    }
    if text.starts_with('/') {
        return true;
    }
    text.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
            && !rest.is_empty()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_and_refuses_per_format() {
        let cases: [(&str, &str, bool); 27] = [
            ("date-time", "2026-11-22T10:00:00Z", true),
            ("date-time", "2026-11-22T10:00:00.123+01:00", true),
            ("date-time", "2026-11-22", false),
            ("date-time", "xyz", false),
            ("date", "2026-02-30", false),
            ("duration", "1h30m", true),
            ("duration", "22 ns", true),
            ("duration", "three days", false),
            ("uuid", "6bfab014-98be-4df2-9113-3d24808eb627", true),
            ("uuid4", "6bfab014-98be-3df2-9113-3d24808eb627", false),
            ("uuid5", "6bfab014-98be-5df2-9113-3d24808eb627", true),
            ("ipv4", "10.0.0.1", true),
            ("ipv4", "10.0.0.256", false),
            ("ipv6", "::1", true),
            ("cidr", "10.0.0.0/8", true),
            ("cidr", "10.0.0.0/33", false),
            ("byte", "aGk=", true),
            ("byte", "a", false),
            ("hostname", "a.example.org", true),
            ("hostname", "a_b", false),
            ("email", "a@example.org", true),
            ("email", "a@", false),
            ("uri", "https://example.org/x?y=1", true),
            ("uri", "no uri", false),
            ("k8s-short-name", "a-b", true),
            ("isbn", "978-0321751041", true),
            ("isbn10", "0321751043", true),
        ];
        for (format, text, expected) in cases {
            let known = Format::supported(format, Some(JsonType::String), false).unwrap();
            assert_eq!(known.accepts(text), expected, "{format} {text}");
        }
        assert_eq!(Format::supported("unheard-of", None, false), None);
        assert_eq!(
            Format::supported("int32", Some(JsonType::Number), false),
            None
        );
    }
}

//! What Envoy's configuration says to the filters: JSON, and nothing in it that is not understood.

use std::time::Duration;

use serde::Deserialize;

/// Of the listener filter `tls_request`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TlsRequest {
    /// What to answer to SSLRequest.
    pub(crate) tls: Tls,
}

/// The answer to SSLRequest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Tls {
    /// `S`: a filter chain for TLS is there.
    Offer,
    /// `N`.
    Refuse,
}

/// Of the network filter `postgres`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Postgres {
    /// Whether sessions without TLS are refused.
    pub(crate) require_tls: bool,
    /// How long a client may take for its startup message, in seconds from 1 to 3600.
    #[serde(default = "startup_seconds")]
    pub(crate) startup_seconds: f64,
}

const fn startup_seconds() -> f64 {
    15.0
}

impl Postgres {
    /// How long a client may take for its startup message.
    pub(crate) fn startup_timeout(&self) -> Duration {
        Duration::from_secs_f64(self.startup_seconds.clamp(1.0, 3600.0))
    }
}

/// Reads the configuration of the filter that must be named `expected`; a sentence if it cannot be.
pub(crate) fn parse<'a, T: Deserialize<'a>>(
    expected: &str,
    name: &[u8],
    json: &'a [u8],
) -> Result<T, String> {
    if name != expected.as_bytes() {
        let name = String::from_utf8_lossy(name);
        return Err(format!(
            "howdah_envoy_filter has no filter {name:?} here, only {expected:?}"
        ));
    }
    serde_json::from_slice(json)
        .map_err(|error| format!("the configuration of the filter {expected}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_forms_are_read() {
        let tls = |json: &str| parse::<TlsRequest>("tls_request", b"tls_request", json.as_bytes());
        assert_eq!(tls(r#"{"tls":"offer"}"#).unwrap().tls, Tls::Offer);
        assert_eq!(tls(r#"{"tls":"refuse"}"#).unwrap().tls, Tls::Refuse);
        let postgres = |json: &str| parse::<Postgres>("postgres", b"postgres", json.as_bytes());
        let plain = postgres(r#"{"requireTls":false}"#).unwrap();
        assert!(!plain.require_tls);
        assert_eq!(plain.startup_timeout(), Duration::from_secs(15));
        // A Struct of Envoy has only floating numbers.
        let all = postgres(r#"{"requireTls":true,"startupSeconds":2.0}"#).unwrap();
        assert_eq!(all.startup_timeout(), Duration::from_secs(2));
    }

    #[test]
    fn what_is_not_understood_is_refused_in_words() {
        for (name, json) in [
            ("postgres", ""),
            ("postgres", "{}"),
            ("postgres", r#"{"requireTLS":true}"#),
            ("postgres", r#"{"requireTls":true,"more":1}"#),
            ("mysql", r#"{"requireTls":true}"#),
        ] {
            let error = parse::<Postgres>("postgres", name.as_bytes(), json.as_bytes());
            assert!(error.unwrap_err().contains("filter"), "{name} {json}");
        }
    }

    #[test]
    fn the_time_for_the_startup_message_has_limits() {
        for (seconds, expected) in [(-1.0, 1), (0.5, 1), (3600.0, 3600), (1e300, 3600)] {
            let config = Postgres {
                require_tls: true,
                startup_seconds: seconds,
            };
            assert_eq!(config.startup_timeout(), Duration::from_secs(expected));
        }
    }
}

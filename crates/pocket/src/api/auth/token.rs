//! Tokens of ServiceAccounts: JSON web tokens (RFC 7519) signed with HMAC-SHA256.
//!
//! Only this server signs and checks them, so one secret key is enough.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::api::Time;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    /// Whom it is meant for.
    pub(crate) aud: Vec<String>,
    /// When it ends, in seconds since 1970.
    pub(crate) exp: i64,
    /// When it was made.
    pub(crate) iat: i64,
    pub(crate) iss: String,
    pub(crate) jti: String,
    /// The user it makes its bearer.
    pub(crate) sub: String,
    #[serde(rename = "kubernetes.io")]
    pub(crate) kubernetes: Bound,
}

/// The objects that must live for the token to be good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bound {
    pub(crate) namespace: String,
    pub(crate) serviceaccount: Reference,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pod: Option<Reference>,
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reference {
    pub(crate) name: String,
    pub(crate) uid: String,
}

/// The key of one cluster.
pub(crate) struct Tokens(hmac::Key);

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

impl Tokens {
    pub(crate) fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The token for these claims.
    pub(crate) fn sign(&self, claims: &Claims) -> String {
        let payload = serde_json::to_string(claims).expect("claims are plain text and numbers");
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let signed = format!(
            "{}.{}",
            encode(HEADER.as_bytes()),
            encode(payload.as_bytes())
        );
        let tag = hmac::sign(&self.0, signed.as_bytes());
        format!("{signed}.{}", encode(tag.as_ref()))
    }

    /// The claims of a token that this key signed and that has not ended.
    pub(crate) fn check(&self, token: &str, now: Time) -> Option<Claims> {
        let (signed, tag) = token.rsplit_once('.')?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        hmac::verify(&self.0, signed.as_bytes(), &tag).ok()?;
        let (header, payload) = signed.split_once('.')?;
        if URL_SAFE_NO_PAD.decode(header).ok()? != HEADER.as_bytes() {
            return None;
        }
        let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
        let claims: Claims = serde_json::from_slice(&payload).ok()?;
        (claims.exp > now.as_second()).then_some(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(exp: i64) -> Claims {
        let reference = |name: &str| Reference {
            name: name.into(),
            uid: "u".into(),
        };
        Claims {
            aud: vec!["a".into()],
            exp,
            iat: 0,
            iss: "i".into(),
            jti: "j".into(),
            sub: "system:serviceaccount:ns:sa".into(),
            kubernetes: Bound {
                namespace: "ns".into(),
                serviceaccount: reference("sa"),
                pod: Some(reference("p")),
            },
        }
    }

    #[test]
    fn only_tokens_of_this_key_count_and_only_until_they_end() {
        let (ours, theirs) = (Tokens::new(b"ours"), Tokens::new(b"theirs"));
        let now = Time::from_second(1000).unwrap();
        let token = ours.sign(&claims(2000));
        assert_eq!(ours.check(&token, now), Some(claims(2000)));
        assert_eq!(theirs.check(&token, now), None);
        assert_eq!(ours.check(&ours.sign(&claims(1000)), now), None);
        let mut forged = token.clone();
        forged.replace_range(40..41, "_");
        for bad in ["", "a.b.c", "..", &token[1..], &forged] {
            assert_eq!(ours.check(bad, now), None, "{bad}");
        }
    }
}

//! `spec.encryption`: encryption before the data leaves the instance.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::rules;
use crate::selectors::SecretKeySelector;

/// Encryption of everything before it leaves the instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[
    (
        "!has(self.method) || self.method != 'sodium' || has(self.sodium)",
        "method sodium needs the section sodium with the key",
    ),
    (
        "!has(self.method) || self.method != 'openpgp' || has(self.openpgp)",
        "method openpgp needs the section openpgp with the key",
    ),
    (
        "has(self.method) || (!has(self.sodium) && !has(self.openpgp))",
        "set method to sodium or openpgp; without it nothing would be encrypted",
    ),
])))]
pub struct Encryption {
    /// `sodium` or `openpgp`. The section of the same name must be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<EncryptionMethod>,
    /// Encryption with libsodium.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sodium: Option<Sodium>,
    /// Encryption with OpenPGP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openpgp: Option<OpenPgp>,
}

/// How data is encrypted.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum EncryptionMethod {
    /// With libsodium.
    Sodium,
    /// With OpenPGP.
    Openpgp,
}

/// Encryption with libsodium.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sodium {
    /// Secret key that holds the key of 32 bytes.
    pub key: SecretKeySelector,
    /// How the key is written: `none` (the bytes themselves), `hex` or `base64`.
    #[serde(default)]
    pub key_transform: KeyTransform,
}

/// How a key is written.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum KeyTransform {
    /// The bytes themselves.
    #[default]
    None,
    /// In hexadecimal digits.
    Hex,
    /// In base64.
    Base64,
}

/// Encryption with OpenPGP.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenPgp {
    /// Secret key that holds the private key, ASCII armored.
    pub key: SecretKeySelector,
    /// Secret key that holds the private key's passphrase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_passphrase: Option<SecretKeySelector>,
}

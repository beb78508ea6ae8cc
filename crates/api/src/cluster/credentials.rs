//! `spec.configurations.credentials`: user names and passwords from the user's own Secrets.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::selectors::SecretKeySelector;

/// User names and passwords taken from your own Secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    /// Credentials of the instances' REST interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patroni: Option<PatroniCredentials>,
    /// Credentials of the users that Howdah needs in Postgres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<UsersCredentials>,
}

/// Credentials of the instances' REST interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PatroniCredentials {
    /// Secret key that holds the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest_api_password: Option<SecretKeySelector>,
}

/// Credentials of the users that Howdah needs in Postgres.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsersCredentials {
    /// The superuser. Default name: `postgres`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superuser: Option<UserCredentials>,
    /// The user with which replicas connect. Default name: `replicator`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication: Option<UserCredentials>,
    /// The user with which the pooler looks passwords up. Default name: `authenticator`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authenticator: Option<UserCredentials>,
}

/// Where one user's name and password are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserCredentials {
    /// Secret key that holds the name. It can be chosen at creation only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<SecretKeySelector>,
    /// Secret key that holds the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretKeySelector>,
}

//! The users of a standby cluster, which are those of its source.

use std::borrow::Cow;

use howdah_api::SecretKeySelector;
use howdah_api::cluster::ClusterSpec;

use super::{SOURCE_CLUSTER, WantedSecretKey};
use crate::credentials::{
    AUTHENTICATOR_PASSWORD, AUTHENTICATOR_USERNAME, REPLICATION_PASSWORD, REPLICATION_USERNAME,
    SUPERUSER_PASSWORD, SUPERUSER_USERNAME,
};

const KEYS: [&str; 6] = [
    SUPERUSER_USERNAME,
    SUPERUSER_PASSWORD,
    REPLICATION_USERNAME,
    REPLICATION_PASSWORD,
    AUTHENTICATOR_USERNAME,
    AUTHENTICATOR_PASSWORD,
];

/// The database is a copy, so the roles and their passwords in it are those of the source.
pub(super) fn wanted_secret_keys(spec: &ClusterSpec) -> Vec<WantedSecretKey<'_>> {
    let Some(source) = &spec.replicate_from else {
        return Vec::new();
    };
    let cluster = source.instance.as_ref();
    if let Some(cluster) = cluster.and_then(|instance| instance.sg_cluster.as_ref()) {
        // Its Secret has the same keys as every cluster's.
        return KEYS
            .map(|key| WantedSecretKey {
                field: SOURCE_CLUSTER,
                credential: Some(key),
                selector: Cow::Owned(SecretKeySelector {
                    name: cluster.clone(),
                    key: key.to_owned(),
                }),
            })
            .into();
    }
    let Some(users) = &source.users else {
        return Vec::new();
    };
    [
        (
            "spec.replicateFrom.users.superuser.username",
            SUPERUSER_USERNAME,
            &users.superuser.username,
        ),
        (
            "spec.replicateFrom.users.superuser.password",
            SUPERUSER_PASSWORD,
            &users.superuser.password,
        ),
        (
            "spec.replicateFrom.users.replication.username",
            REPLICATION_USERNAME,
            &users.replication.username,
        ),
        (
            "spec.replicateFrom.users.replication.password",
            REPLICATION_PASSWORD,
            &users.replication.password,
        ),
        (
            "spec.replicateFrom.users.authenticator.username",
            AUTHENTICATOR_USERNAME,
            &users.authenticator.username,
        ),
        (
            "spec.replicateFrom.users.authenticator.password",
            AUTHENTICATOR_PASSWORD,
            &users.authenticator.password,
        ),
    ]
    .map(|(field, key, selector)| WantedSecretKey {
        field,
        credential: Some(key),
        selector: Cow::Borrowed(selector),
    })
    .into()
}

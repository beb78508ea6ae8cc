//! The configuration files that the agent turns into Postgres' own, and its own settings.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;

use crate::credentials::Credentials;
use crate::credentials::REPLICATION_USERNAME;
use crate::hba;
use crate::metadata::{Class, object_meta};
use crate::names::Names;
use crate::parameters;
use crate::validated::ValidatedCluster;

pub(super) fn config_map(cluster: &ValidatedCluster, credentials: &Credentials) -> ConfigMap {
    let replication_user = credentials
        .get(REPLICATION_USERNAME)
        .map_or("replicator", String::as_str);
    ConfigMap {
        metadata: object_meta(
            cluster,
            Names(&cluster.name).postgres_config_map(),
            Class::Other,
        ),
        data: Some(BTreeMap::from([
            (
                "postgresql.conf".to_owned(),
                parameters::render(&cluster.parameters),
            ),
            (
                "pg_hba.conf".to_owned(),
                hba::render(&cluster.hba_rules, replication_user),
            ),
            ("ha.json".to_owned(), cluster.ha.json()),
        ])),
        ..ConfigMap::default()
    }
}

//! The configuration files that the agent turns into those of Postgres, PgBouncer and Envoy, and its own settings.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;

use crate::credentials::{
    AUTHENTICATOR_USERNAME, Credentials, POOLER_ADMIN_USERNAME, POOLER_STATS_USERNAME,
    REPLICATION_USERNAME,
};
use crate::hba;
use crate::metadata::{Class, object_meta};
use crate::names::Names;
use crate::parameters;
use crate::pooling::{self, Server, Users};
use crate::proxy;
use crate::validated::ValidatedCluster;

/// All ConfigMaps of a cluster, that of Postgres first.
pub(super) fn config_maps(cluster: &ValidatedCluster, credentials: &Credentials) -> Vec<ConfigMap> {
    let mut maps = vec![postgres(cluster, credentials)];
    maps.extend(pooling(cluster, credentials));
    maps.extend(envoy(cluster));
    maps
}

fn envoy(cluster: &ValidatedCluster) -> Option<ConfigMap> {
    let name = Names(&cluster.name).proxy_config_map();
    Some(ConfigMap {
        metadata: object_meta(cluster, name, Class::Other),
        data: Some([("envoy.json".to_owned(), envoy_file(cluster)?)].into()),
        ..ConfigMap::default()
    })
}

/// Envoy's file, if there is one.
pub(super) fn envoy_file(cluster: &ValidatedCluster) -> Option<String> {
    let tls = cluster.encrypts();
    let pooled = cluster.pooling.is_some();
    let name = cluster.name.as_str();
    cluster
        .proxy
        .map(|proxy| proxy::render(name, proxy, pooled, tls))
}

fn pooling(cluster: &ValidatedCluster, credentials: &Credentials) -> Option<ConfigMap> {
    let name = |key: &str| credentials.get(key).map_or("", String::as_str);
    let settings = cluster.pooling.as_ref()?;
    let users = Users {
        authenticator: name(AUTHENTICATOR_USERNAME),
        admin: name(POOLER_ADMIN_USERNAME),
        stats: name(POOLER_STATS_USERNAME),
    };
    let tls = cluster.encrypts();
    let text = |server| pooling::render(settings, users, server, tls);
    Some(ConfigMap {
        metadata: object_meta(
            cluster,
            Names(&cluster.name).pooling_config_map(),
            Class::Other,
        ),
        data: Some(BTreeMap::from([
            ("pgbouncer.ini".to_owned(), text(Server::Postgres)),
            (
                "pgbouncer-forward.ini".to_owned(),
                text(Server::OtherPooler),
            ),
        ])),
        ..ConfigMap::default()
    })
}

fn postgres(cluster: &ValidatedCluster, credentials: &Credentials) -> ConfigMap {
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
            (
                "pg_hba-behind-envoy.conf".to_owned(),
                hba::render_behind_proxy(&cluster.hba_rules, replication_user),
            ),
            ("ha.json".to_owned(), cluster.ha.json()),
        ])),
        ..ConfigMap::default()
    }
}

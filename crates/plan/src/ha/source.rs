//! What a standby cluster streams from.

use howdah_api::ClusterSpec;
use howdah_api::cluster::ExternalInstance;
use howdah_types::ClusterName;
use serde::Serialize;

use crate::invalid::Invalid;
use crate::references::SOURCE_CLUSTER;

/// The longest name of a host (RFC 1035).
const LONGEST_HOST: usize = 253;
const HOST: &str = "spec.replicateFrom.instance.external.host";
const PORT: &str = "spec.replicateFrom.instance.external.port";

/// What a standby cluster streams from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// Another cluster of the same namespace.
    Cluster(ClusterName),
    /// A Postgres elsewhere.
    External {
        /// Its name or address.
        host: String,
        /// Its port.
        port: u16,
    },
}

/// The source of a cluster, if it has one.
pub(super) fn source(own: &ClusterName, spec: &ClusterSpec) -> Result<Option<Source>, Invalid> {
    let Some(wanted) = &spec.replicate_from else {
        return Ok(None);
    };
    let Some(instance) = &wanted.instance else {
        let message = "a standby cluster can stream from an instance, and not yet read WAL from an object \
                       storage; set spec.replicateFrom.instance";
        return Err(Invalid::config("spec.replicateFrom.storage", message));
    };
    match (&instance.sg_cluster, &instance.external) {
        (Some(name), None) => cluster(own, name).map(Some),
        (None, Some(instance)) => external(instance).map(Some),
        _ => Err(Invalid::config(
            "spec.replicateFrom.instance",
            "set exactly one of sgCluster and external",
        )),
    }
}

fn cluster(own: &ClusterName, name: &str) -> Result<Source, Invalid> {
    let name: ClusterName = name
        .parse()
        .map_err(|error| Invalid::config(SOURCE_CLUSTER, format!("{error}")))?;
    if name == *own {
        let message = "a cluster cannot be a standby of itself; name another SGCluster";
        return Err(Invalid::config(SOURCE_CLUSTER, message));
    }
    Ok(Source::Cluster(name))
}

/// The host becomes a part of a connection string, where some characters mean something else.
fn external(instance: &ExternalInstance) -> Result<Source, Invalid> {
    let host = &instance.host;
    let plain = |one: char| one.is_ascii_alphanumeric() || "-._:".contains(one);
    if host.is_empty() || host.len() > LONGEST_HOST || !host.chars().all(plain) {
        let message =
            format!("must be one host name or IP address of at most {LONGEST_HOST} characters");
        return Err(Invalid::config(HOST, message));
    }
    let port = u16::try_from(instance.port).ok().filter(|port| *port > 0);
    let port = port.ok_or_else(|| Invalid::config(PORT, "must be a number from 1 to 65535"))?;
    Ok(Source::External {
        host: host.clone(),
        port,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn of(instance: Value) -> Result<Value, String> {
        let spec: ClusterSpec = serde_json::from_value(json!({
            "instances": 1,
            "postgres": {"version": "18"},
            "pods": {"persistentVolume": {"size": "5Gi"}},
            "replicateFrom": instance,
        }))
        .unwrap();
        source(&"b".parse().unwrap(), &spec)
            .map(|source| json!(source))
            .map_err(|problem| problem.to_string())
    }

    #[rstest]
    #[case(json!({"sgCluster": "a"}), json!({"cluster": "a"}))]
    #[case(
        json!({"external": {"host": "db.example.com", "port": 65535}}),
        json!({"external": {"host": "db.example.com", "port": 65535}})
    )]
    #[case(
        json!({"external": {"host": "fd00::1", "port": 1}}),
        json!({"external": {"host": "fd00::1", "port": 1}})
    )]
    fn what_instances_read(#[case] instance: Value, #[case] expected: Value) {
        assert_eq!(of(json!({"instance": instance})), Ok(expected));
    }

    #[rstest]
    #[case(json!({"sgCluster": "b"}), "sgCluster: a cluster cannot be a standby of itself")]
    #[case(json!({"sgCluster": "a b"}), "spec.replicateFrom.instance.sgCluster: ")]
    #[case(json!({"external": {"host": "", "port": 5432}}), "host: must be one host name")]
    #[case(json!({"external": {"host": "a,b", "port": 5432}}), "host: must be one host name")]
    #[case(json!({"external": {"host": "/tmp", "port": 5432}}), "host: must be one host name")]
    #[case(json!({"external": {"host": "a".repeat(254), "port": 1}}), "host: must be one host name")]
    #[case(json!({"external": {"host": "a", "port": 0}}), "port: must be a number from 1 to 65535")]
    #[case(json!({"external": {"host": "a", "port": 65536}}), "port: must be a number from 1 to 65535")]
    fn what_is_refused(#[case] instance: Value, #[case] words: &str) {
        let problem = of(json!({"instance": instance})).unwrap_err();
        assert!(problem.contains(words), "{problem}");
    }

    #[test]
    fn an_object_storage_alone_is_refused() {
        let storage = json!({"sgObjectStorage": "s", "path": "p"});
        let problem = of(json!({"storage": storage})).unwrap_err();
        assert!(
            problem.starts_with("spec.replicateFrom.storage: "),
            "{problem}"
        );
    }
}

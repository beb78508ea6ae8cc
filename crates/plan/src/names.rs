//! The name of every object of a cluster, in one place.
//!
//! All fit a DNS label: the longest suffix keeps a 44-character cluster name below 63.

use howdah_types::{ClusterName, InstanceName, PgMajor};

/// Container that runs Postgres.
pub const PATRONI: &str = "patroni";
/// Container that runs the connection pooler.
pub const PGBOUNCER: &str = "pgbouncer";
/// Container that runs the proxy in front of both.
pub const ENVOY: &str = "envoy";
/// Container with psql and other tools.
pub const POSTGRES_UTIL: &str = "postgres-util";

/// Names of the objects of one cluster.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a>(pub &'a ClusterName);

impl Names<'_> {
    /// Service of the primary, its EndpointSlice, the Secret with credentials, the control record.
    pub fn cluster(self) -> String {
        self.0.to_string()
    }

    /// Alias of the primary Service for old applications.
    pub fn primary_alias(self) -> String {
        format!("{}-primary", self.0)
    }

    /// Service of the replicas.
    pub fn replicas(self) -> String {
        format!("{}-replicas", self.0)
    }

    /// Service of the instances' REST interface.
    pub fn rest(self) -> String {
        format!("{}-rest", self.0)
    }

    /// Secret with one connection's details for applications.
    pub fn binding(self) -> String {
        format!("{}-binding", self.0)
    }

    /// ConfigMap with the configuration files of Postgres.
    pub fn postgres_config_map(self) -> String {
        format!("{}-postgresql-conf", self.0)
    }

    /// ConfigMap with the configuration of the connection pooler; a ConfigMap's name need not fit a label.
    pub fn pooling_config_map(self) -> String {
        format!("{}-connection-pooling-config", self.0)
    }

    /// ConfigMap with the configuration of Envoy.
    pub fn proxy_config_map(self) -> String {
        format!("{}-envoy-config", self.0)
    }

    /// Secret with which the instances know each other.
    pub fn peer(self) -> String {
        format!("{}-peer", self.0)
    }

    /// Secret with the certificate that clients see.
    pub fn ssl(self) -> String {
        format!("{}-ssl", self.0)
    }

    /// Certificate of cert-manager, and the Secret that it is kept in.
    pub fn issued(self) -> String {
        format!("{}-ssl-issued", self.0)
    }

    /// ServiceAccount, Role and RoleBinding of the instances.
    pub fn service_account(self) -> String {
        format!("{}-patroni", self.0)
    }

    /// Generated SGInstanceProfile and SGPoolingConfig.
    pub fn default_config(self) -> String {
        format!("{}-default", self.0)
    }

    /// Generated SGPostgresConfig of a major version.
    pub fn default_postgres_config(self, major: PgMajor) -> String {
        format!("{}-{major}-default", self.0)
    }

    /// Volume of the data inside a Pod.
    pub fn data_volume(self) -> String {
        format!("{}-data", self.0)
    }
}

/// PersistentVolumeClaim of an instance.
pub fn data_claim(instance: &InstanceName) -> String {
    format!("{}-data-{instance}", instance.cluster())
}

/// The instance that a claim belongs to, if the name is one of ours.
pub fn instance_of_claim(claim: &str, cluster: &ClusterName) -> Option<InstanceName> {
    let instance: InstanceName = claim
        .strip_prefix(&format!("{cluster}-data-"))?
        .parse()
        .ok()?;
    (instance.cluster() == cluster).then_some(instance)
}

/// Name of something the user adds to a Pod, kept apart from ours by a prefix.
pub fn custom(name: &str) -> String {
    format!("custom-{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_longest_cluster_fits_a_dns_label() {
        let cluster: ClusterName = "a".repeat(44).parse().unwrap();
        let names = Names(&cluster);
        for name in [
            names.primary_alias(),
            names.replicas(),
            names.rest(),
            names.binding(),
            names.postgres_config_map(),
            names.proxy_config_map(),
            names.peer(),
            names.ssl(),
            names.issued(),
            names.service_account(),
            names.default_config(),
            names.default_postgres_config("18".parse().unwrap()),
            names.data_volume(),
        ] {
            assert!(name.len() <= 63, "{name}");
        }
    }

    #[test]
    fn a_claim_names_its_instance() {
        let cluster = "a".parse().unwrap();
        let instance = ClusterName::instance(&cluster, 12);
        assert_eq!(data_claim(&instance), "a-data-a-12");
        assert_eq!(instance_of_claim("a-data-a-12", &cluster), Some(instance));
        assert_eq!(instance_of_claim("a-data-b-12", &cluster), None);
        assert_eq!(instance_of_claim("b-data-a-12", &cluster), None);
    }
}

//! A cluster that has been proven to be buildable.

use howdah_api::ClusterSpec;
use howdah_api::{SGInstanceProfile, SGPoolingConfig, SGPostgresConfig};
use howdah_types::{ClusterName, PgVersion};

use crate::credentials::Credentials;
use crate::ha;
use crate::parameters::Parameters;
use crate::pooling::Pooling;
use crate::proxy::Proxy;
use crate::resources::Resources;
use crate::roles::Roles;
use crate::server_tls::ServerTls;

/// Only `validate` makes one, so whoever holds one need not check anything again.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ValidatedCluster {
    /// Name of the cluster.
    pub name: ClusterName,
    /// Its namespace.
    pub namespace: String,
    /// UID of the SGCluster.
    pub uid: String,
    /// Number of instances wanted.
    pub instances: u32,
    /// The Postgres version to run.
    pub version: PgVersion,
    /// What the containers run.
    pub images: Images,
    /// Everything for `postgresql.conf`, all layers merged.
    pub parameters: Parameters,
    /// Everything for the connection pooler; none where it is switched off.
    pub pooling: Option<Pooling>,
    /// What goes through Envoy; none where it is switched off, or nothing can go through it.
    pub proxy: Option<Proxy>,
    /// How the instances keep the cluster available.
    pub ha: ha::Settings,
    /// What each instance is for.
    pub roles: Roles,
    /// The user's own authentication rules.
    pub hba_rules: Vec<String>,
    /// Requests and limits of the containers.
    pub resources: Resources,
    /// Whether two instances must not share a node.
    pub anti_affinity: bool,
    /// Content of the service binding.
    pub binding: Binding,
    /// User names and passwords from the user's own Secrets, by key of the credentials Secret.
    pub provided_credentials: Credentials,
    /// Where the certificate that clients see comes from.
    pub server_tls: ServerTls,
    /// Configuration objects to create because the user named none.
    pub generated: Generated,
    /// Name of the SGPostgresConfig in use.
    pub postgres_config: String,
    /// Paths of fields that are accepted but have no effect.
    pub not_acted_on: Vec<String>,
    /// Version of the operator, noted on the Pods.
    pub operator_version: String,
    /// Whether who reaches the instances is limited.
    pub network_policies: bool,
    /// The manifest, for what is passed through as it is.
    pub spec: ClusterSpec,
}

impl ValidatedCluster {
    /// True if clients can have encryption.
    pub(crate) fn encrypts(&self) -> bool {
        self.server_tls != ServerTls::Off
    }
}

/// Images of the containers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Images {
    /// Image of `patroni`.
    pub postgres: String,
    /// Image of `postgres-util`.
    pub postgres_util: String,
    /// Image of `pgbouncer`; empty where there is none.
    pub pgbouncer: String,
    /// Image of `envoy`; empty where it is switched off.
    pub envoy: String,
}

/// What the service binding Secret says besides host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Who provides the database.
    pub provider: String,
    /// Database to connect to.
    pub database: String,
    /// User name and password; the superuser's when absent.
    pub login: Option<(String, String)>,
}

/// Configuration objects that are missing and were not named by the user.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Generated {
    /// The instance profile.
    pub profile: Option<SGInstanceProfile>,
    /// The Postgres configuration.
    pub postgres_config: Option<SGPostgresConfig>,
    /// The pooler configuration.
    pub pooling_config: Option<SGPoolingConfig>,
}

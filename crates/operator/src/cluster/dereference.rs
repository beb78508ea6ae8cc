//! Step 1: everything that a pass looks at, read fresh from the server.
//!
//! Caches are not used here: a decision about which Pod may run on which volume must not rest on
//! something that was true a moment ago.

use std::collections::BTreeMap;

use howdah_api::{SGCluster, conditions, labels};
use howdah_plan::cert_manager::{self, CertManager, Made};
use howdah_plan::metadata::{identity, pod_identity, selector_text};
use howdah_plan::references::{
    References, wanted_pooling_config, wanted_postgres_config, wanted_profile, wanted_secret_keys,
};
use howdah_plan::{Inputs, Invalid, names, server_tls, version};
use howdah_types::catalogue::Catalogue;
use howdah_types::{ClusterName, InstanceName, PgVersion, Quantity};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{
    ConfigMap, PersistentVolumeClaim, Pod, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::ResourceExt as _;
use kube::api::ListParams;
use serde::de::DeserializeOwned;

use super::credentials::contents;
use super::record::Record;
use super::{Error, catalogue};
use crate::context::{Context, OPERATOR_VERSION};

/// What was found.
pub(super) struct Found {
    pub(super) cluster: SGCluster,
    pub(super) namespace: String,
    pub(super) references: References,
    pub(super) catalogue: Result<Catalogue, Vec<Invalid>>,
    pub(super) record: Record,
    pub(super) owned: Owned,
    /// Whether this installation limits who reaches instances.
    network_policies: bool,
}

/// The cluster's own objects, by label.
pub(super) struct Owned {
    pub(super) pods: Vec<Pod>,
    pub(super) claims: Vec<PersistentVolumeClaim>,
    pub(super) services: Vec<Service>,
    pub(super) config_maps: Vec<ConfigMap>,
    pub(super) secrets: Vec<Secret>,
    pub(super) service_accounts: Vec<ServiceAccount>,
    pub(super) roles: Vec<Role>,
    pub(super) role_bindings: Vec<RoleBinding>,
    pub(super) disruption_budgets: Vec<PodDisruptionBudget>,
    pub(super) network_policies: Vec<NetworkPolicy>,
}

impl Found {
    pub(super) fn inputs<'a>(&'a self, catalogue: &'a Catalogue) -> Inputs<'a> {
        Inputs {
            cluster: &self.cluster,
            references: &self.references,
            catalogue,
            recorded_version: recorded_version(&self.cluster, &self.owned),
            largest_volume: largest_volume(&self.owned.claims),
            operator_version: OPERATOR_VERSION,
            network_policies: self.network_policies,
        }
    }

    /// Whether a Pod created now may initialise a database: only if there never was one.
    pub(super) fn may_bootstrap(&self) -> bool {
        let status = self.cluster.status.as_ref();
        let bootstrapped = status.is_some_and(|status| {
            conditions::find(&status.conditions, conditions::cluster::BOOTSTRAPPED)
                .is_some_and(conditions::Condition::is_true)
        });
        !bootstrapped && !self.record.initialised
    }
}

/// Reads a cluster and all that belongs to it; none if the cluster does not exist.
pub(super) async fn dereference(
    context: &Context,
    namespace: &str,
    name: &str,
) -> Result<Option<Found>, Error> {
    let reader = Reader { context, namespace };
    let Some(cluster) = reader.get::<SGCluster>("SGCluster", name).await? else {
        return Ok(None);
    };
    let uid = cluster.uid().unwrap_or_default();
    let (owned, lease, catalogue) = tokio::try_join!(
        reader.owned(name, &uid),
        reader.get::<Lease>("Lease", name),
        catalogue::read(context),
    )?;
    let recorded = recorded_version(&cluster, &owned);
    let references = reader.references(&cluster, &catalogue, recorded).await?;
    Ok(Some(Found {
        record: Record::read(lease, name, &uid),
        namespace: namespace.to_owned(),
        cluster,
        references,
        catalogue,
        owned,
        network_policies: context.config.network_policies,
    }))
}

/// Reads objects of one namespace.
struct Reader<'a> {
    context: &'a Context,
    namespace: &'a str,
}

impl Reader<'_> {
    async fn get<K>(&self, kind: &str, name: &str) -> Result<Option<K>, Error>
    where
        K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug,
    {
        let api = self.context.api::<K>(self.namespace);
        api.get_opt(name)
            .await
            .map_err(Error::read(format!("{kind} {name}")))
    }

    async fn list<K>(&self, selector: &ListParams) -> Result<Vec<K>, Error>
    where
        K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug,
    {
        let api = self.context.api::<K>(self.namespace);
        let list = api.list(selector).await;
        Ok(list.map_err(Error::read(K::plural(&())))?.items)
    }

    async fn owned(&self, name: &str, uid: &str) -> Result<Owned, Error> {
        let selector = ListParams::default().labels(&selector_text(&identity(name, uid)));
        // Pods of jobs belong to the cluster too, but are no instances.
        let instances = ListParams::default().labels(&selector_text(&pod_identity(name, uid)));
        let (
            pods,
            claims,
            services,
            config_maps,
            secrets,
            service_accounts,
            roles,
            role_bindings,
            disruption_budgets,
            network_policies,
        ) = tokio::try_join!(
            self.list(&instances),
            self.list(&selector),
            self.list(&selector),
            self.list(&selector),
            self.list(&selector),
            self.list(&selector),
            self.list(&selector),
            self.list(&selector),
            self.list(&selector),
            self.list(&selector),
        )?;
        Ok(Owned {
            pods,
            claims,
            services,
            config_maps,
            secrets,
            service_accounts,
            roles,
            role_bindings,
            disruption_budgets,
            network_policies,
        })
    }

    /// The objects that the cluster refers to, as far as they exist.
    ///
    /// Which Postgres configuration is meant may depend on the version; without one it is left
    /// out, and validation says what is wrong with the version.
    async fn references(
        &self,
        cluster: &SGCluster,
        catalogue: &Result<Catalogue, Vec<Invalid>>,
        recorded: Option<PgVersion>,
    ) -> Result<References, Error> {
        let spec = &cluster.spec;
        let Ok(name) = cluster.name_any().parse::<ClusterName>() else {
            return Ok(References::default());
        };
        let resolved = catalogue.as_ref().ok().and_then(|catalogue| {
            version::resolve(&spec.postgres.version, catalogue, recorded).ok()
        });
        let profile = wanted_profile(&name, spec);
        let pooling = wanted_pooling_config(&name, spec);
        let postgres = resolved.map(|v| wanted_postgres_config(&name, spec, v.major()));
        let postgres = async {
            match postgres {
                Some(wanted) => self.get("SGPostgresConfig", &wanted.name).await,
                None => Ok(None),
            }
        };
        let (profile, postgres_config, pooling_config, secret_keys, cert_manager) = tokio::try_join!(
            self.get("SGInstanceProfile", &profile.name),
            postgres,
            self.get("SGPoolingConfig", &pooling.name),
            self.secret_keys(cluster),
            self.cert_manager(cluster, &name),
        )?;
        Ok(References {
            profile,
            postgres_config,
            pooling_config,
            secret_keys,
            cert_manager,
        })
    }

    /// What there is of cert-manager, and what it was asked for, if the cluster asks for it.
    async fn cert_manager(
        &self,
        cluster: &SGCluster,
        name: &ClusterName,
    ) -> Result<CertManager, Error> {
        if !cert_manager::is_asked(cluster.annotations()) {
            return Ok(CertManager::default());
        }
        let version = format!("{}/v1", howdah_api::cert_manager::GROUP);
        let kinds = self.context.client.list_api_group_resources(&version).await;
        match kinds {
            // A group that a server does not know has no page, and no words in JSON either.
            Err(kube::Error::Api(status)) if status.code == 404 => {
                return Ok(CertManager::default());
            }
            other => other.map_err(Error::read(version))?,
        };
        let issued = names::Names(name).issued();
        let (certificate, secret) = tokio::try_join!(
            self.get("Certificate", &issued),
            self.get::<Secret>("Secret", &issued),
        )?;
        let made = secret.as_ref().map(contents).and_then(|mut made| {
            Some(Made {
                certificate: made.remove(server_tls::CERTIFICATE)?,
                key: made.remove(server_tls::KEY)?,
                authority: made.remove(server_tls::CA_CERTIFICATE),
            })
        });
        Ok(CertManager {
            installed: true,
            certificate,
            made,
        })
    }

    async fn secret_keys(
        &self,
        cluster: &SGCluster,
    ) -> Result<BTreeMap<(String, String), String>, Error> {
        let mut values = BTreeMap::new();
        for wanted in wanted_secret_keys(&cluster.spec) {
            let (name, key) = (&wanted.selector.name, &wanted.selector.key);
            let secret: Option<Secret> = self.get("Secret", name).await?;
            let value = secret.and_then(|secret| secret.data?.remove(key));
            if let Some(text) = value.and_then(|value| String::from_utf8(value.0).ok()) {
                values.insert((name.clone(), key.clone()), text);
            }
        }
        Ok(values)
    }
}

/// The version that existing data was made with.
///
/// The status can be lost when a manifest is replaced without one; then Pods and volumes know.
fn recorded_version(cluster: &SGCluster, owned: &Owned) -> Option<PgVersion> {
    let status = cluster
        .status
        .as_ref()
        .and_then(|status| status.postgres_version.as_ref());
    if let Some(version) = status.and_then(|version| version.parse().ok()) {
        return Some(version);
    }
    let pods = owned.pods.iter().map(kube::ResourceExt::annotations);
    let claims = owned.claims.iter().map(kube::ResourceExt::annotations);
    pods.chain(claims)
        .filter_map(|annotations| annotations.get(labels::POSTGRESQL_VERSION)?.parse().ok())
        .max()
}

/// Size of the largest data volume.
pub(crate) fn largest_volume(claims: &[PersistentVolumeClaim]) -> Option<Quantity> {
    claims.iter().filter_map(requested_size).max()
}

/// The size that a claim asks for.
pub(super) fn requested_size(claim: &PersistentVolumeClaim) -> Option<Quantity> {
    let requests = claim.spec.as_ref()?.resources.as_ref()?.requests.as_ref()?;
    requests.get("storage")?.0.parse().ok()
}

/// The claim of an instance.
pub(super) fn claim_of<'a>(
    claims: &'a [PersistentVolumeClaim],
    instance: &InstanceName,
) -> Option<&'a PersistentVolumeClaim> {
    let name = names::data_claim(instance);
    claims
        .iter()
        .find(|claim| claim.metadata.name.as_deref() == Some(name.as_str()))
}

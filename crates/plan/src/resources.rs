//! From an instance profile to the requests and limits of each container.
//!
//! The profile's limits are those of the `patroni` container. Its requests are those of the whole
//! Pod: what the other containers request is taken off, and `patroni` requests the rest.

use std::collections::BTreeMap;

use howdah_api::cluster::{ClusterSpec, ContainerResources, Profile};
use howdah_api::{HugePages, InstanceProfileSpec, QuantityValue};
use howdah_types::Quantity;
use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as CoreQuantity;

use crate::invalid::Invalid;
use crate::names::{PATRONI, PGBOUNCER, POSTGRES_UTIL};

const MIB: u64 = 1 << 20;

type Amounts = BTreeMap<String, CoreQuantity>;

/// Requests and limits of one instance, and what Postgres may count on.
#[derive(Debug, Clone, PartialEq)]
pub struct Resources {
    /// Of the container that runs Postgres.
    pub patroni: Option<ResourceRequirements>,
    /// Of the connection pooler.
    pub pgbouncer: Option<ResourceRequirements>,
    /// Of the container with tools.
    pub postgres_util: Option<ResourceRequirements>,
    /// CPU of Postgres in thousandths.
    pub cpu_millis: u64,
    /// Memory of Postgres in bytes.
    pub memory: u64,
}

/// CPU in thousandths and memory in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Amount {
    cpu: u64,
    memory: u64,
}

/// Computes the resources of an instance; `profile_name` is for messages.
pub fn resources(
    spec: &ClusterSpec,
    profile_name: &str,
    profile: &InstanceProfileSpec,
) -> Result<Resources, Vec<Invalid>> {
    let ProfileAmounts {
        limit,
        total,
        pgbouncer,
        util,
    } = ProfileAmounts::read(profile_name, profile)?;
    let sidecars: Vec<_> = [
        (!spec.pods.disable_connection_pooling).then_some(pgbouncer.request),
        (!spec.pods.disable_postgres_util).then_some(util.request),
    ]
    .into_iter()
    .flatten()
    .collect();
    let options = spec.pods.resources.clone().unwrap_or_default();
    let switched_off = SwitchedOff::of(spec);
    let split = !options.disable_resources_requests_split_from_total && !switched_off.sidecars;
    let request = if split {
        rest(
            total,
            &sidecars,
            options.fail_when_total_is_higher,
            profile_name,
        )?
    } else {
        total
    };
    let own = |name: &str| options.containers.get(name);
    let patroni = (!switched_off.patroni).then(|| {
        let mut limits = amounts(limit);
        limits.extend(huge_pages(profile.huge_pages.as_ref()));
        let mut requests = amounts(request);
        requests.extend(huge_pages(profile.huge_pages.as_ref()));
        (Some(limits), requests)
    });
    let beside = |sidecar: &Sidecar| {
        let limits = options
            .enable_cluster_limits_requirements
            .then(|| amounts(sidecar.limit));
        (!switched_off.sidecars).then(|| (limits, amounts(sidecar.request)))
    };
    let capacity = capacity(limit, own(PATRONI))?;
    Ok(Resources {
        patroni: requirements(patroni, own(PATRONI)),
        pgbouncer: requirements(beside(&pgbouncer), own(PGBOUNCER)),
        postgres_util: requirements(beside(&util), own(POSTGRES_UTIL)),
        cpu_millis: capacity.cpu,
        memory: capacity.memory,
    })
}

/// What is wrong with a profile, whichever cluster uses it.
pub(crate) fn check(profile_name: &str, profile: &InstanceProfileSpec) -> Result<(), Vec<Invalid>> {
    ProfileAmounts::read(profile_name, profile).map(drop)
}

/// All amounts of a profile.
struct ProfileAmounts {
    limit: Amount,
    total: Amount,
    pgbouncer: Sidecar,
    util: Sidecar,
}

impl ProfileAmounts {
    fn read(profile_name: &str, profile: &InstanceProfileSpec) -> Result<Self, Vec<Invalid>> {
        let reader = Reader { profile_name };
        let limit = reader.amount("spec", &profile.cpu, &profile.memory)?;
        Ok(Self {
            limit,
            total: reader.total(profile, limit)?,
            pgbouncer: reader.sidecar(profile, limit, PGBOUNCER)?,
            util: reader.sidecar(profile, limit, POSTGRES_UTIL)?,
        })
    }
}

/// Which containers get no resources at all.
struct SwitchedOff {
    patroni: bool,
    sidecars: bool,
}

impl SwitchedOff {
    fn of(spec: &ClusterSpec) -> Self {
        let development = spec.profile == Profile::Development;
        let options = spec.non_production_options.as_ref();
        Self {
            patroni: options
                .and_then(|o| o.disable_patroni_resource_requirements)
                .unwrap_or(development),
            sidecars: options
                .and_then(|o| o.disable_cluster_resource_requirements)
                .unwrap_or(development),
        }
    }
}

/// Whether two instances must not share a node.
pub fn anti_affinity(spec: &ClusterSpec) -> bool {
    let options = spec.non_production_options.as_ref();
    let disabled = options
        .and_then(|o| o.disable_cluster_pod_anti_affinity)
        .unwrap_or(spec.profile != Profile::Production);
    !disabled
}

/// Request and limit of a container beside Postgres.
struct Sidecar {
    request: Amount,
    limit: Amount,
}

/// Reads quantities of one profile.
struct Reader<'a> {
    profile_name: &'a str,
}

impl Reader<'_> {
    fn amount(&self, path: &str, cpu: &str, memory: &str) -> Result<Amount, Vec<Invalid>> {
        let cpu = self.positive(&format!("{path}.cpu"), cpu)?.thousandths();
        let memory = self.positive(&format!("{path}.memory"), memory)?.units();
        Ok(Amount { cpu, memory })
    }

    fn positive(&self, path: &str, text: &str) -> Result<Quantity, Vec<Invalid>> {
        let field = format!("SGInstanceProfile/{}.{path}", self.profile_name);
        let wrong = |why: String| {
            let message = format!(
                "{path} of SGInstanceProfile \"{}\": {why}",
                self.profile_name
            );
            vec![Invalid::config(field.clone(), message)]
        };
        let quantity: Quantity = text.parse().map_err(|error| wrong(format!("{error}")))?;
        if quantity.thousandths() == 0 {
            return Err(wrong("must be more than zero".to_owned()));
        }
        Ok(quantity)
    }

    fn total(&self, profile: &InstanceProfileSpec, limit: Amount) -> Result<Amount, Vec<Invalid>> {
        let (cpu, memory) = profile
            .requests
            .as_ref()
            .map_or((None, None), |r| (r.cpu.as_deref(), r.memory.as_deref()));
        self.overlaid("spec.requests", cpu, memory, limit)
    }

    /// The profile's entries for a container, or amounts in proportion to the profile.
    fn sidecar(
        &self,
        profile: &InstanceProfileSpec,
        of: Amount,
        name: &str,
    ) -> Result<Sidecar, Vec<Invalid>> {
        let small = Amount {
            cpu: (of.cpu / 16).clamp(1, 1000),
            memory: 64 * MIB,
        };
        let (cpu, memory) = profile
            .containers
            .get(name)
            .map_or((None, None), |c| (c.cpu.as_deref(), c.memory.as_deref()));
        let limit = self.overlaid(&format!("spec.containers.{name}"), cpu, memory, small)?;
        let requests = profile
            .requests
            .as_ref()
            .and_then(|r| r.containers.get(name));
        let (cpu, memory) =
            requests.map_or((None, None), |c| (c.cpu.as_deref(), c.memory.as_deref()));
        let path = format!("spec.requests.containers.{name}");
        let request = self.overlaid(&path, cpu, memory, limit)?;
        Ok(Sidecar { request, limit })
    }

    fn overlaid(
        &self,
        path: &str,
        cpu: Option<&str>,
        memory: Option<&str>,
        otherwise: Amount,
    ) -> Result<Amount, Vec<Invalid>> {
        let cpu = match cpu {
            Some(text) => self.positive(&format!("{path}.cpu"), text)?.thousandths(),
            None => otherwise.cpu,
        };
        let memory = match memory {
            Some(text) => self.positive(&format!("{path}.memory"), text)?.units(),
            None => otherwise.memory,
        };
        Ok(Amount { cpu, memory })
    }
}

/// What is left of the Pod's total for Postgres, at least nothing.
fn rest(
    total: Amount,
    sidecars: &[Amount],
    fail: bool,
    profile_name: &str,
) -> Result<Amount, Vec<Invalid>> {
    let cpu: u64 = sidecars.iter().map(|amount| amount.cpu).sum();
    let memory: u64 = sidecars.iter().map(|amount| amount.memory).sum();
    if fail && (cpu > total.cpu || memory > total.memory) {
        return Err(vec![Invalid::config(
            "spec.pods.resources.failWhenTotalIsHigher",
            format!(
                "the containers beside Postgres request more than the whole Pod may by SGInstanceProfile \
                 \"{profile_name}\"; raise its requests or lower those of the containers"
            ),
        )]);
    }
    Ok(Amount {
        cpu: total.cpu.saturating_sub(cpu),
        memory: total.memory.saturating_sub(memory),
    })
}

/// What Postgres may count on: its limits, wherever they are set.
fn capacity(limit: Amount, own: Option<&ContainerResources>) -> Result<Amount, Vec<Invalid>> {
    let read = |name: &str| -> Result<Option<Quantity>, Vec<Invalid>> {
        let Some(value) = own.and_then(|own| own.limits.get(name)) else {
            return Ok(None);
        };
        let field = format!("spec.pods.resources.containers.{PATRONI}.limits.{name}");
        let quantity = value.as_str().parse();
        quantity
            .map(Some)
            .map_err(|error| vec![Invalid::config(field, format!("{error}"))])
    };
    Ok(Amount {
        cpu: read("cpu")?.map_or(limit.cpu, Quantity::thousandths),
        memory: read("memory")?.map_or(limit.memory, Quantity::units),
    })
}

/// The computed amounts with the user's own for this container in their place.
fn requirements(
    computed: Option<(Option<Amounts>, Amounts)>,
    own: Option<&ContainerResources>,
) -> Option<ResourceRequirements> {
    if computed.is_none() && own.is_none() {
        return None;
    }
    let (limits, requests) = computed.map_or((None, None), |(l, r)| (l, Some(r)));
    let own = own.cloned().unwrap_or_default();
    let or = |own: BTreeMap<String, QuantityValue>, computed: Option<Amounts>| {
        if own.is_empty() {
            return computed;
        }
        Some(
            own.into_iter()
                .map(|(k, v)| (k, CoreQuantity(v.0)))
                .collect(),
        )
    };
    Some(ResourceRequirements {
        limits: or(own.limits, limits),
        requests: or(own.requests, requests),
        claims: (!own.claims.is_empty()).then_some(own.claims),
    })
}

fn amounts(amount: Amount) -> Amounts {
    let cpu = Quantity::from_thousandths(amount.cpu);
    let memory = Quantity::from_thousandths(amount.memory.saturating_mul(1000));
    BTreeMap::from([
        ("cpu".to_owned(), CoreQuantity(cpu.to_string())),
        ("memory".to_owned(), CoreQuantity(memory.to_string())),
    ])
}

fn huge_pages(pages: Option<&HugePages>) -> Amounts {
    let Some(pages) = pages else {
        return Amounts::new();
    };
    [
        ("hugepages-2Mi", &pages.hugepages_2mi),
        ("hugepages-1Gi", &pages.hugepages_1gi),
    ]
    .into_iter()
    .filter_map(|(name, amount)| Some((name.to_owned(), CoreQuantity(amount.clone()?))))
    .collect()
}

#[cfg(test)]
mod tests;

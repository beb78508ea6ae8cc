//! The schemas of the kinds that Kubernetes itself defines, generated from their types when they are asked for.

use k8s_openapi::api::{
    admissionregistration, apps, authentication, authorization, autoscaling, batch, coordination,
    core, discovery, events, networking, policy, rbac, scheduling, storage,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions;
use k8s_openapi::apimachinery::pkg::apis::meta;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};

/// One kind's type.
#[derive(Clone, Copy)]
pub(super) struct BuiltIn {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    name: fn() -> String,
    add: fn(&mut SchemaGenerator),
}

impl BuiltIn {
    const fn of<T: JsonSchema + k8s_openapi::Resource>() -> Self {
        Self {
            group: T::GROUP,
            version: T::VERSION,
            kind: T::KIND,
            name: || T::schema_name().into_owned(),
            add: |generator| {
                generator.subschema_for::<T>();
            },
        }
    }

    /// The type of a kind.
    pub(super) fn find(group: &str, version: &str, kind: &str) -> Option<&'static Self> {
        KINDS
            .iter()
            .find(|known| known.group == group && known.version == version && known.kind == kind)
    }

    /// Group, version and kind.
    #[cfg(test)]
    pub(super) fn kind(&self) -> (&'static str, &'static str, &'static str) {
        (self.group, self.version, self.kind)
    }

    /// The name of its schema, such as `io.k8s.api.core.v1.Pod`.
    pub(super) fn name(&self) -> String {
        (self.name)()
    }

    /// Adds its schema and all that it refers to.
    pub(super) fn add(&self, generator: &mut SchemaGenerator) {
        (self.add)(generator);
    }

    /// A generator whose references point into an OpenAPI document.
    pub(super) fn generator() -> SchemaGenerator {
        SchemaSettings::draft07()
            .with(|settings| {
                settings.definitions_path = "/components/schemas".into();
                settings.meta_schema = None;
                settings.transforms.clear();
            })
            .into_generator()
    }

    /// What every document needs: metadata, answers and options of a delete.
    pub(super) fn add_common(generator: &mut SchemaGenerator) {
        generator.subschema_for::<meta::v1::ObjectMeta>();
        generator.subschema_for::<meta::v1::ListMeta>();
        generator.subschema_for::<meta::v1::Status>();
        generator.subschema_for::<meta::v1::DeleteOptions>();
    }

    /// What documents with a `scale` subresource need.
    pub(super) fn add_scale(generator: &mut SchemaGenerator) {
        generator.subschema_for::<autoscaling::v1::Scale>();
    }
}

pub(super) const KINDS: [BuiltIn; 46] = [
    BuiltIn::of::<core::v1::Binding>(),
    BuiltIn::of::<core::v1::ConfigMap>(),
    BuiltIn::of::<core::v1::Endpoints>(),
    BuiltIn::of::<core::v1::Event>(),
    BuiltIn::of::<core::v1::LimitRange>(),
    BuiltIn::of::<core::v1::Namespace>(),
    BuiltIn::of::<core::v1::Node>(),
    BuiltIn::of::<core::v1::PersistentVolume>(),
    BuiltIn::of::<core::v1::PersistentVolumeClaim>(),
    BuiltIn::of::<core::v1::Pod>(),
    BuiltIn::of::<core::v1::PodTemplate>(),
    BuiltIn::of::<core::v1::ReplicationController>(),
    BuiltIn::of::<core::v1::ResourceQuota>(),
    BuiltIn::of::<core::v1::Secret>(),
    BuiltIn::of::<core::v1::Service>(),
    BuiltIn::of::<core::v1::ServiceAccount>(),
    BuiltIn::of::<apps::v1::ControllerRevision>(),
    BuiltIn::of::<apps::v1::DaemonSet>(),
    BuiltIn::of::<apps::v1::Deployment>(),
    BuiltIn::of::<apps::v1::ReplicaSet>(),
    BuiltIn::of::<apps::v1::StatefulSet>(),
    BuiltIn::of::<admissionregistration::v1::MutatingWebhookConfiguration>(),
    BuiltIn::of::<admissionregistration::v1::ValidatingWebhookConfiguration>(),
    BuiltIn::of::<apiextensions::v1::CustomResourceDefinition>(),
    BuiltIn::of::<authentication::v1::SelfSubjectReview>(),
    BuiltIn::of::<authentication::v1::TokenRequest>(),
    BuiltIn::of::<authentication::v1::TokenReview>(),
    BuiltIn::of::<authorization::v1::SelfSubjectAccessReview>(),
    BuiltIn::of::<authorization::v1::SelfSubjectRulesReview>(),
    BuiltIn::of::<authorization::v1::SubjectAccessReview>(),
    BuiltIn::of::<autoscaling::v2::HorizontalPodAutoscaler>(),
    BuiltIn::of::<batch::v1::CronJob>(),
    BuiltIn::of::<batch::v1::Job>(),
    BuiltIn::of::<coordination::v1::Lease>(),
    BuiltIn::of::<discovery::v1::EndpointSlice>(),
    BuiltIn::of::<events::v1::Event>(),
    BuiltIn::of::<networking::v1::Ingress>(),
    BuiltIn::of::<networking::v1::NetworkPolicy>(),
    BuiltIn::of::<policy::v1::PodDisruptionBudget>(),
    BuiltIn::of::<rbac::v1::ClusterRole>(),
    BuiltIn::of::<rbac::v1::ClusterRoleBinding>(),
    BuiltIn::of::<rbac::v1::Role>(),
    BuiltIn::of::<rbac::v1::RoleBinding>(),
    BuiltIn::of::<scheduling::v1::PriorityClass>(),
    BuiltIn::of::<storage::v1::StorageClass>(),
    BuiltIn::of::<storage::v1::VolumeAttachment>(),
];

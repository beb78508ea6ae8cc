//! The names and labels that Howdah gives to the objects of a cluster.

/// The group of our kinds.
pub(crate) const GROUP: &str = "stackgres.io";
/// The path of all clusters of a namespace is made of these.
pub(crate) const CLUSTERS: &str = "sgclusters";
/// The label that every object of a cluster has.
pub(crate) const CLUSTER_NAME: &str = "stackgres.io/cluster-name";
/// The label that tells clusters of the same name apart.
pub(crate) const CLUSTER_UID: &str = "stackgres.io/cluster-uid";
/// The label of the Pods that run a database.
pub(crate) const DATABASE: &str = "stackgres.io/cluster";
/// The label with the part that a Pod plays.
pub(crate) const ROLE: &str = "role";
/// The value of [`ROLE`] for the one that takes writes.
pub(crate) const PRIMARY: &str = "primary";
/// The annotation in which an instance tells about itself.
pub(crate) const MEMBER_STATUS: &str = "status";
/// The container that runs Postgres.
pub(crate) const CONTAINER: &str = "patroni";
/// The port on which instances answer questions.
pub(crate) const REST_PORT: u16 = 8008;
/// The port of Postgres in a Pod.
pub(crate) const POSTGRES_PORT: u16 = 5432;

/// The path of a cluster.
pub(crate) fn cluster_path(namespace: &str, name: &str) -> String {
    use crate::text::encode;
    let (namespace, name) = (encode(namespace), encode(name));
    format!("/apis/{GROUP}/v1/namespaces/{namespace}/{CLUSTERS}/{name}")
}

/// The path of the Lease with a cluster's control record.
pub(crate) fn lease_path(namespace: &str, cluster: &str) -> String {
    use crate::text::encode;
    let (namespace, cluster) = (encode(namespace), encode(cluster));
    format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{cluster}")
}

/// The name of the Secret with the certificate that clients of a cluster see.
pub(crate) fn certificate_secret(cluster: &str) -> String {
    format!("{cluster}-ssl")
}

/// The path of the Pods that run a cluster's database.
pub(crate) fn pods_path(namespace: &str, cluster: &str) -> String {
    use crate::text::encode;
    let selector = encode(&format!("{CLUSTER_NAME}={cluster},{DATABASE}=true"));
    let namespace = encode(namespace);
    format!("/api/v1/namespaces/{namespace}/pods?labelSelector={selector}")
}

/// The number at the end of an instance's name, for ordering.
pub(crate) fn index(instance: &str) -> u32 {
    let digits = instance.rsplit_once('-').map_or("", |(_, digits)| digits);
    digits.parse().unwrap_or(u32::MAX)
}

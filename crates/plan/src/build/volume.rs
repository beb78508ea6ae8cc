//! Volumes of a Pod and where the containers find them.

use howdah_types::InstanceName;
use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, EmptyDirVolumeSource, KeyToPath, PersistentVolumeClaimVolumeSource,
    SecretVolumeSource, Volume, VolumeMount,
};

use crate::names::{self, Names, custom};
use crate::peer::MOUNTED;
use crate::server_tls;
use crate::validated::ValidatedCluster;

const SOCKET: &str = "socket";
const CONFIG: &str = "config";
const CREDENTIALS: &str = "credentials";
const PEER: &str = "peer";
const POOLING: &str = "pooling";
const PGBOUNCER: &str = "pgbouncer";
const PROXY: &str = "proxy";
const ENVOY: &str = "envoy";
const SSL: &str = "ssl";
const TLS: &str = "tls";
const TMP: &str = "tmp";
const SHM: &str = "shm";

/// Folder of the server's socket, shared by the containers of a Pod.
pub(super) const SOCKET_PATH: &str = "/var/run/postgresql";

/// Folder of the pooler's files, which the agent writes.
pub(super) const PGBOUNCER_PATH: &str = "/etc/pgbouncer";

/// Folder of Envoy's files, which the agent writes, and of its socket.
pub(super) const ENVOY_PATH: &str = "/etc/envoy";

/// Folder with the certificate in the form that servers read, which the agent writes.
const TLS_PATH: &str = "/etc/howdah/tls";

/// Readable by the owner and, through the Pod's group, by the server.
const SECRET_MODE: i32 = 0o440;

pub(super) fn volumes(cluster: &ValidatedCluster, instance: &InstanceName) -> Vec<Volume> {
    let names = Names(&cluster.name);
    let mut volumes = vec![
        Volume {
            name: names.data_volume(),
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                claim_name: names::data_claim(instance),
                ..PersistentVolumeClaimVolumeSource::default()
            }),
            ..Volume::default()
        },
        empty(SOCKET),
        empty(TMP),
        // What parallel queries share; a container's own has room for 64 MiB.
        Volume {
            name: SHM.to_owned(),
            empty_dir: Some(EmptyDirVolumeSource {
                medium: Some("Memory".to_owned()),
                ..EmptyDirVolumeSource::default()
            }),
            ..Volume::default()
        },
        config_map(CONFIG, names.postgres_config_map()),
        Volume {
            name: CREDENTIALS.to_owned(),
            secret: Some(SecretVolumeSource {
                secret_name: Some(names.cluster()),
                default_mode: Some(SECRET_MODE),
                ..SecretVolumeSource::default()
            }),
            ..Volume::default()
        },
        Volume {
            name: PEER.to_owned(),
            secret: Some(SecretVolumeSource {
                secret_name: Some(names.peer()),
                default_mode: Some(SECRET_MODE),
                // The authority's own key stays with the operator.
                items: Some(MOUNTED.map(same_name).to_vec()),
                ..SecretVolumeSource::default()
            }),
            ..Volume::default()
        },
    ];
    if cluster.encrypts() {
        volumes.extend(tls_volumes(names));
    }
    if cluster.pooling.is_some() {
        volumes.extend([
            config_map(POOLING, names.pooling_config_map()),
            empty(PGBOUNCER),
        ]);
    }
    if cluster.proxy.is_some() {
        volumes.extend([config_map(PROXY, names.proxy_config_map()), empty(ENVOY)]);
    }
    volumes.extend(
        cluster
            .spec
            .pods
            .custom_volumes
            .iter()
            .cloned()
            .map(|volume| Volume {
                name: custom(&volume.name),
                ..volume
            }),
    );
    volumes
}

/// The certificate that clients see, and what the agent makes of it.
fn tls_volumes(names: Names<'_>) -> [Volume; 2] {
    [
        Volume {
            name: SSL.to_owned(),
            secret: Some(SecretVolumeSource {
                secret_name: Some(names.ssl()),
                default_mode: Some(SECRET_MODE),
                items: Some(server_tls::MOUNTED.map(same_name).to_vec()),
                ..SecretVolumeSource::default()
            }),
            ..Volume::default()
        },
        empty(TLS),
    ]
}

/// For what containers of the Pod share, or keep for as long as it is there.
fn empty(name: &str) -> Volume {
    Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource::default()),
        ..Volume::default()
    }
}

fn config_map(name: &str, of: String) -> Volume {
    Volume {
        name: name.to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: of,
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    }
}

fn same_name(key: &str) -> KeyToPath {
    KeyToPath {
        key: key.to_owned(),
        path: key.to_owned(),
        ..KeyToPath::default()
    }
}

/// Mounts of the container that runs Postgres.
pub(super) fn postgres_mounts(cluster: &ValidatedCluster) -> Vec<VolumeMount> {
    let mut mounts = vec![
        mount(
            &Names(&cluster.name).data_volume(),
            "/var/lib/postgresql",
            false,
        ),
        mount(SOCKET, SOCKET_PATH, false),
        mount(TMP, "/tmp", false),
        mount(SHM, "/dev/shm", false),
        mount(CONFIG, "/etc/howdah/postgres", true),
        mount(CREDENTIALS, "/etc/howdah/credentials", true),
        mount(PEER, "/etc/howdah/peer", true),
    ];
    if cluster.encrypts() {
        mounts.extend([
            mount(SSL, "/etc/howdah/ssl", true),
            mount(TLS, TLS_PATH, false),
        ]);
    }
    if cluster.pooling.is_some() {
        mounts.extend([
            mount(POOLING, "/etc/howdah/pooling", true),
            mount(PGBOUNCER, PGBOUNCER_PATH, false),
        ]);
    }
    if cluster.proxy.is_some() {
        mounts.extend([
            mount(PROXY, "/etc/howdah/proxy", true),
            mount(ENVOY, ENVOY_PATH, false),
        ]);
    }
    mounts
}

/// Mounts of the proxy.
pub(super) fn envoy_mounts() -> Vec<VolumeMount> {
    vec![mount(ENVOY, ENVOY_PATH, false)]
}

/// Mounts of the connection pooler.
pub(super) fn pgbouncer_mounts(cluster: &ValidatedCluster) -> Vec<VolumeMount> {
    let mut mounts = vec![
        mount(SOCKET, SOCKET_PATH, false),
        mount(PGBOUNCER, PGBOUNCER_PATH, true),
    ];
    if cluster.encrypts() {
        mounts.push(mount(TLS, TLS_PATH, true));
    }
    mounts
}

/// Mounts of the container with tools.
pub(super) fn util_mounts() -> Vec<VolumeMount> {
    vec![mount(SOCKET, SOCKET_PATH, false), mount(TMP, "/tmp", false)]
}

fn mount(name: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    }
}

/// A mount of the user's, whose volume may be named with or without its prefix.
///
/// The API's documentation names the prefix `c-`, its code adds `custom-`; manifests have both.
pub(super) fn user_mount(cluster: &ValidatedCluster, given: &VolumeMount) -> VolumeMount {
    let known = |name: &str| {
        let volumes = &cluster.spec.pods.custom_volumes;
        volumes.iter().any(|volume| volume.name == name)
    };
    let plain = given.name.strip_prefix("c-").filter(|name| known(name));
    let plain = plain.or_else(|| known(&given.name).then_some(given.name.as_str()));
    VolumeMount {
        name: plain.map_or_else(|| given.name.clone(), custom),
        ..given.clone()
    }
}

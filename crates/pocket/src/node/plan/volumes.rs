//! What stands behind each volume of a Pod.

use camino::Utf8PathBuf;
use k8s_openapi::api::core::v1::{DownwardAPIVolumeFile, KeyToPath, Pod, Volume, VolumeProjection};

use super::{Problem, spec};

/// Where a container expects the token of its ServiceAccount.
pub(crate) const SERVICE_ACCOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// Folder name of the files every Pod gets to speak to the API; no volume can have a name with a dot.
pub(crate) const API_ACCESS: &str = "api.access";
/// The lifetime that a kubelet asks for.
pub(crate) const TOKEN_SECONDS: i64 = 3607;

/// One volume.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct VolumePlan {
    /// Its name in the Pod.
    pub(crate) name: String,
    /// What it is.
    pub(crate) source: Source,
}

/// What a volume is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    /// An empty folder that lives as long as the Pod.
    Empty,
    /// A folder or file of this machine.
    Host {
        /// Where.
        path: Utf8PathBuf,
        /// Whether it is created when missing.
        create: bool,
    },
    /// What the PersistentVolumeClaim of this name is bound to.
    Claim(String),
    /// Files written, and kept up to date, by the node.
    Files {
        /// Their permissions, unless an item says otherwise.
        mode: u32,
        /// Where their contents come from; a later one wins.
        sources: Vec<FileSource>,
    },
}

/// Where the contents of files come from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FileSource {
    /// A ConfigMap.
    ConfigMap(KeyedSource),
    /// A Secret.
    Secret(KeyedSource),
    /// The Pod itself.
    Downward(Vec<DownwardAPIVolumeFile>),
    /// A token of the Pod's ServiceAccount.
    Token {
        /// Whom it is meant for; the API server when not named.
        audience: Option<String>,
        /// Its lifetime.
        seconds: i64,
        /// Its file.
        path: String,
    },
    /// The certificates that vouch for the API server.
    CaCertificate {
        /// Its file.
        path: String,
    },
    /// A kubeconfig that names the token beside it.
    Kubeconfig {
        /// Its file.
        path: String,
    },
}

/// Keys of a ConfigMap or Secret as files.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeyedSource {
    /// The object's name.
    pub(crate) name: String,
    /// Which keys; all when not said.
    pub(crate) items: Option<Vec<KeyToPath>>,
    /// Whether the object or the keys may be missing.
    pub(crate) optional: bool,
}

/// Plans the volumes of a Pod, with the one that every Pod gets unless it declines.
pub(crate) fn volumes(pod: &Pod) -> Result<Vec<VolumePlan>, Problem> {
    let spec = spec(pod);
    let mut plans = Vec::new();
    for volume in spec.volumes.iter().flatten() {
        plans.push(VolumePlan {
            name: volume.name.clone(),
            source: source(volume)?,
        });
    }
    if wants_api_access(pod) {
        plans.push(api_access());
    }
    Ok(plans)
}

/// Whether the Pod gets a token and a kubeconfig.
pub(crate) fn wants_api_access(pod: &Pod) -> bool {
    spec(pod).automount_service_account_token != Some(false)
}

fn api_access() -> VolumePlan {
    let namespace = DownwardAPIVolumeFile {
        path: "namespace".to_owned(),
        field_ref: Some(k8s_openapi::api::core::v1::ObjectFieldSelector {
            field_path: "metadata.namespace".to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    VolumePlan {
        name: API_ACCESS.to_owned(),
        source: Source::Files {
            mode: 0o600,
            sources: vec![
                FileSource::Token {
                    audience: None,
                    seconds: TOKEN_SECONDS,
                    path: "token".to_owned(),
                },
                FileSource::CaCertificate {
                    path: "ca.crt".to_owned(),
                },
                FileSource::Downward(vec![namespace]),
                FileSource::Kubeconfig {
                    path: "kubeconfig".to_owned(),
                },
            ],
        },
    }
}

fn source(volume: &Volume) -> Result<Source, Problem> {
    if volume.empty_dir.is_some() {
        return Ok(Source::Empty);
    }
    if let Some(host) = &volume.host_path {
        let kind = host.type_.as_deref().unwrap_or_default();
        return Ok(Source::Host {
            path: Utf8PathBuf::from(&host.path),
            create: kind == "DirectoryOrCreate",
        });
    }
    if let Some(claim) = &volume.persistent_volume_claim {
        return Ok(Source::Claim(claim.claim_name.clone()));
    }
    if let Some(map) = &volume.config_map {
        let keyed = KeyedSource {
            name: map.name.clone(),
            items: map.items.clone(),
            optional: map.optional == Some(true),
        };
        return Ok(files(map.default_mode, vec![FileSource::ConfigMap(keyed)]));
    }
    if let Some(secret) = &volume.secret {
        let keyed = KeyedSource {
            name: secret.secret_name.clone().unwrap_or_default(),
            items: secret.items.clone(),
            optional: secret.optional == Some(true),
        };
        return Ok(files(secret.default_mode, vec![FileSource::Secret(keyed)]));
    }
    if let Some(downward) = &volume.downward_api {
        let items = downward.items.clone().unwrap_or_default();
        return Ok(files(
            downward.default_mode,
            vec![FileSource::Downward(items)],
        ));
    }
    if let Some(projected) = &volume.projected {
        let sources: Result<Vec<_>, _> = projected
            .sources
            .iter()
            .flatten()
            .map(|source| projection(&volume.name, source))
            .collect();
        return Ok(files(projected.default_mode, sources?));
    }
    Err(Problem::mount(
        &volume.name,
        "this kind of volume does not exist on this platform",
    ))
}

fn files(mode: Option<i32>, sources: Vec<FileSource>) -> Source {
    Source::Files {
        mode: mode
            .and_then(|mode| u32::try_from(mode).ok())
            .unwrap_or(0o644),
        sources,
    }
}

fn projection(volume: &str, source: &VolumeProjection) -> Result<FileSource, Problem> {
    if let Some(map) = &source.config_map {
        return Ok(FileSource::ConfigMap(KeyedSource {
            name: map.name.clone(),
            items: map.items.clone(),
            optional: map.optional == Some(true),
        }));
    }
    if let Some(secret) = &source.secret {
        return Ok(FileSource::Secret(KeyedSource {
            name: secret.name.clone(),
            items: secret.items.clone(),
            optional: secret.optional == Some(true),
        }));
    }
    if let Some(downward) = &source.downward_api {
        return Ok(FileSource::Downward(
            downward.items.clone().unwrap_or_default(),
        ));
    }
    if let Some(token) = &source.service_account_token {
        return Ok(FileSource::Token {
            audience: token.audience.clone(),
            seconds: token.expiration_seconds.unwrap_or(3600),
            path: token.path.clone(),
        });
    }
    Err(Problem::mount(
        volume,
        "this kind of projection does not exist on this platform",
    ))
}

//! Makes the volumes of a Pod real: folders, claims, and files that are replaced in one step.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{PersistentVolume, Pod, ServiceAccount};
use kube::api::PostParams;
use kube::{Api, ResourceExt};

use super::context::Context;
use super::layout::{self, PodDir};
use super::plan::files::{self, Credentials};
use super::plan::volumes::{API_ACCESS, FileSource, Source, VolumePlan, volumes};
use super::plan::{Objects, PodFacts, Problem, fields, mounts};
use super::shim::spec::Link;

mod atomic;

/// Audience and lifetime of a token, and what came of asking for it.
type TokenKey = (Option<String>, i64);

/// The volumes of a Pod as they are on this machine.
#[derive(Clone, Debug, Default)]
pub(super) struct Prepared {
    /// The mounts.
    pub(super) links: Vec<Link>,
    /// Where the kubeconfig lies.
    pub(super) kubeconfig: Option<Utf8PathBuf>,
    tokens: BTreeMap<TokenKey, Token>,
}

#[derive(Clone, Debug)]
struct Token {
    text: String,
    refresh_at: Timestamp,
}

impl Prepared {
    /// When the first token wants to be replaced.
    pub(super) fn refresh_at(&self) -> Option<Timestamp> {
        self.tokens.values().map(|token| token.refresh_at).min()
    }
}

/// Where the kubeconfig of a Pod lies, if it gets one.
pub(super) fn kubeconfig(pod: &Pod, dir: &PodDir) -> Option<Utf8PathBuf> {
    super::plan::volumes::wants_api_access(pod).then(|| dir.volume(API_ACCESS).join("kubeconfig"))
}

/// Brings all volumes up to date. Repeating it is harmless, and is how changes arrive in the files.
pub(super) async fn prepare(
    context: Arc<Context>,
    pod: Arc<Pod>,
    ip: std::net::Ipv4Addr,
    dir: PodDir,
    objects: Objects,
    before: Prepared,
) -> Result<Prepared, Problem> {
    let plans = volumes(&pod)?;
    let tokens = fresh_tokens(&context, &pod, &plans, before.tokens).await?;
    let mut folders = BTreeMap::new();
    let facts = PodFacts {
        pod: &pod,
        ip,
        root: dir.root(),
        kubeconfig: kubeconfig(&pod, &dir),
        node: &context.facts,
    };
    let credentials = Credentials {
        tokens: tokens
            .iter()
            .map(|((audience, _), token)| (audience.clone(), token.text.clone()))
            .collect(),
        ca_pem: context.api.ca_pem.clone(),
        server: context.api.server.clone(),
    };
    for plan in &plans {
        let failed = |error: io::Error| Problem::mount(&plan.name, error);
        let folder = match &plan.source {
            Source::Empty => {
                let folder = dir.volume(&plan.name);
                dir.create_private(&folder).map_err(failed)?;
                folder
            }
            Source::Host { path, create } => {
                if *create {
                    std::fs::create_dir_all(path).map_err(failed)?;
                }
                if !path.exists() {
                    let message = format!("hostPath {path} does not exist");
                    return Err(Problem::mount(&plan.name, message));
                }
                path.clone()
            }
            Source::Claim(claim) => {
                let folder = claimed_folder(&context, &objects, claim, &plan.name).await?;
                dir.give_dir(&folder).map_err(failed)?;
                refuse_closed(&context, &folder, &plan.name)?;
                folder
            }
            Source::Files { mode, sources } => {
                let payload = files::payload(&facts, *mode, sources, &objects, &credentials)
                    .map_err(|problem| Problem::mount(&plan.name, problem.message))?;
                let folder = dir.volume(&plan.name);
                atomic::write(&dir, &folder, &payload).map_err(failed)?;
                folder
            }
        };
        folders.insert(plan.name.clone(), folder);
    }
    Ok(Prepared {
        links: mounts::links(&pod, &dir.root(), &folders)?,
        kubeconfig: facts.kubeconfig,
        tokens,
    })
}

/// A program would only say "permission denied"; this says where.
fn refuse_closed(context: &Context, folder: &Utf8Path, volume: &str) -> Result<(), Problem> {
    let Some(user) = &context.user else {
        return Ok(());
    };
    match layout::untraversable(folder, user) {
        Some(closed) => {
            let message = format!("the folder {closed} is closed to the account {}", user.name);
            Err(Problem::mount(volume, message))
        }
        None => Ok(()),
    }
}

/// The folder of the PersistentVolume that a claim is bound to.
async fn claimed_folder(
    context: &Context,
    objects: &Objects,
    claim: &str,
    volume: &str,
) -> Result<Utf8PathBuf, Problem> {
    let Some(found) = objects.claims.get(claim).and_then(Option::as_ref) else {
        let message = format!("persistentvolumeclaim {claim:?} not found");
        return Err(Problem::mount(volume, message));
    };
    let bound = found
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref())
        == Some("Bound");
    let name = found
        .spec
        .as_ref()
        .and_then(|spec| spec.volume_name.as_deref());
    let Some(name) = name.filter(|_| bound) else {
        let message = format!("persistentvolumeclaim {claim:?} is not bound yet");
        return Err(Problem::mount(volume, message));
    };
    let api: Api<PersistentVolume> = Api::all(context.client.clone());
    let found = api
        .get(name)
        .await
        .map_err(|error| Problem::mount(volume, format!("persistentvolume {name:?}: {error}")))?;
    let spec = found.spec.unwrap_or_default();
    let path = match (spec.host_path, spec.local) {
        (Some(host), _) => host.path,
        (None, Some(local)) => local.path,
        (None, None) => {
            let message = format!("persistentvolume {name:?} is not a folder of this machine");
            return Err(Problem::mount(volume, message));
        }
    };
    Ok(path.into())
}

/// Keeps the tokens that are fresh and asks for those that are missing or getting old.
async fn fresh_tokens(
    context: &Context,
    pod: &Pod,
    plans: &[VolumePlan],
    mut have: BTreeMap<TokenKey, Token>,
) -> Result<BTreeMap<TokenKey, Token>, Problem> {
    let wanted = wanted_tokens(plans);
    have.retain(|key, token| wanted.contains(key) && token.refresh_at > Timestamp::now());
    for key in wanted {
        if let Entry::Vacant(missing) = have.entry(key) {
            let token = request_token(context, pod, missing.key()).await?;
            missing.insert(token);
        }
    }
    Ok(have)
}

fn wanted_tokens(plans: &[VolumePlan]) -> BTreeSet<TokenKey> {
    let sources = plans.iter().filter_map(|plan| match &plan.source {
        Source::Files { sources, .. } => Some(sources),
        _ => None,
    });
    sources
        .flatten()
        .filter_map(|source| match source {
            FileSource::Token {
                audience, seconds, ..
            } => Some((audience.clone(), *seconds)),
            _ => None,
        })
        .collect()
}

async fn request_token(context: &Context, pod: &Pod, key: &TokenKey) -> Result<Token, Problem> {
    let (audience, seconds) = key;
    let account = fields::service_account(pod);
    let namespace = pod.namespace().unwrap_or_default();
    let request = TokenRequest {
        spec: Some(TokenRequestSpec {
            audiences: audience.clone().map(|audience| vec![audience]),
            expiration_seconds: Some(*seconds),
            bound_object_ref: Some(BoundObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Pod".to_owned()),
                name: pod.metadata.name.clone(),
                uid: pod.metadata.uid.clone(),
            }),
            ..TokenRequestSpec::default()
        }),
        ..TokenRequest::default()
    };
    let api: Api<ServiceAccount> = Api::namespaced(context.client.clone(), &namespace);
    let answer = api
        .create_token_request(account, &PostParams::default(), &request)
        .await
        .map_err(|error| {
            let message = format!("token of the ServiceAccount {account:?}: {error}");
            Problem::mount("kube-api-access", message)
        })?;
    let now = Timestamp::now();
    let status = answer.status.unwrap_or_default();
    let expires = status.expiration_timestamp.map(|time| time.0.as_second());
    let lifetime = expires.map_or(*seconds, |expires| expires - now.as_second());
    // A kubelet asks again when four fifths of the lifetime have passed.
    let wait = jiff::SignedDuration::from_secs((lifetime * 4 / 5).max(10));
    Ok(Token {
        text: status.token.unwrap_or_default(),
        refresh_at: now.checked_add(wait).unwrap_or(Timestamp::MAX),
    })
}

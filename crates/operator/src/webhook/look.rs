//! The answer to a review, with the little that it needs of the API server.
//!
//! What cannot be read in time is unknown, and what is unknown is not refused: the next pass looks again.

use std::future::Future;
use std::time::Duration;

use howdah_api::SGCluster;
use howdah_plan::admission::{self, Kind, Known, defaulted, is_asked, judge, patch, shrinks};
use howdah_plan::metadata::{identity, selector_text};
use howdah_plan::version;
use howdah_types::{PgVersion, Quantity};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::Resource as _;
use kube::api::ListParams;
use serde_json::Value;
use tracing::debug;

use super::NAME;
use super::review::{self, Answer, Operation, Question, Refusal, Request};
use crate::cluster::{Chain, Error, Guarded, largest_volume, read_catalogue};
use crate::context::{Context, OPERATOR_VERSION};

/// How long an answer waits for the API server, which waits for the answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The most clusters that are looked through.
const MOST_CLUSTERS: u32 = 500;

/// Which of the two webhooks is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Webhook {
    /// It fills in.
    Mutating,
    /// It refuses.
    Validating,
}

/// The answer to a review, as bytes.
pub(super) async fn answer(
    context: &Context,
    webhook: Webhook,
    body: &[u8],
) -> Result<Vec<u8>, review::Error> {
    let request = review::read(body)?;
    let answer = Box::pin(decide(context, webhook, &request)).await;
    if let Answer::Refused(refusal) = &answer {
        let (namespace, name) = (&request.namespace, &request.name);
        debug!(namespace, name, ?refusal, "refused at admission");
    }
    Ok(review::write(&request.uid, &answer))
}

async fn decide(context: &Context, webhook: Webhook, request: &Request) -> Answer {
    let question = match &request.question {
        Ok(question) => question,
        Err(refusal) => return Answer::Refused(refusal.clone()),
    };
    match (request.operation, webhook) {
        // Somebody else's, about which nothing may be looked up.
        _ if !context.config.covers(&request.namespace) => Answer::Allowed(Vec::new()),
        (Operation::Delete, Webhook::Validating) => {
            Answer::Allowed(users(context, request, question.kind).await)
        }
        (Operation::Write, _) if !is_asked(&question.object, question.old.as_ref()) => {
            Answer::Allowed(Vec::new())
        }
        // What the operator writes was judged before; the names that it reserves are its own.
        (Operation::Write, Webhook::Validating)
            if request.user == account(&context.config.namespace) =>
        {
            Answer::Allowed(Vec::new())
        }
        (Operation::Write, Webhook::Mutating) => filled(context, question).await,
        (Operation::Write, Webhook::Validating) => judged(context, request, question).await,
        (Operation::Delete | Operation::Other, _) => Answer::Allowed(Vec::new()),
    }
}

/// The operator's own account.
fn account(namespace: &str) -> String {
    format!("system:serviceaccount:{namespace}:{NAME}")
}

async fn filled(context: &Context, question: &Question) -> Answer {
    let Question { kind, object, old } = question;
    let version = new_version(context, question).await;
    let to = defaulted(*kind, object, old.as_ref(), version, OPERATOR_VERSION);
    Answer::Changed(patch(object, &to))
}

async fn judged(context: &Context, request: &Request, question: &Question) -> Answer {
    let Question { kind, object, old } = question;
    let mut known = Known::from_status(object, old.as_ref());
    if known.recorded_version.is_none() {
        // Parameters are those of a version, and `latest` names none.
        known.recorded_version = new_version(context, question).await;
    }
    if let (Kind::Cluster, Some(old)) = (kind, old)
        && shrinks(object, old)
    {
        known.largest_volume = volume(context, request, old).await;
    }
    match judge(*kind, object, known) {
        Ok(warnings) => Answer::Allowed(warnings),
        Err(problems) => Answer::Refused(Refusal::of(*kind, &request.name, &problems)),
    }
}

/// The Postgres that a new cluster will run; none for anything else.
async fn new_version(context: &Context, question: &Question) -> Option<PgVersion> {
    if question.kind != Kind::Cluster || question.old.is_some() {
        return None;
    }
    let asked = question.object["spec"]["postgres"]["version"].as_str()?;
    let catalogue = in_time(read_catalogue(context)).await?.ok()?;
    version::resolve(asked, &catalogue, None).ok()
}

/// The largest volume that a cluster has.
async fn volume(context: &Context, request: &Request, old: &Value) -> Option<Quantity> {
    let uid = old["metadata"]["uid"].as_str()?;
    let selector = selector_text(&identity(&request.name, uid));
    let params = ListParams::default().labels(&selector);
    let api = context.api::<PersistentVolumeClaim>(&request.namespace);
    let claims = in_time(async {
        let listed = api.list(&params).await;
        listed.map_err(Error::read("PersistentVolumeClaims"))
    });
    largest_volume(&claims.await?.items)
}

/// Who still uses a configuration that goes. It may go all the same.
async fn users(context: &Context, request: &Request, kind: Kind) -> Vec<String> {
    let api = context.api::<Guarded>(&request.namespace);
    let params = ListParams::default().limit(MOST_CLUSTERS);
    let listed = in_time(async {
        let listed = api.list(&params).await;
        listed.map_err(Error::read("SGClusters"))
    });
    let clusters = listed.await.into_iter().flat_map(|list| list.items);
    let clusters: Vec<SGCluster> = clusters
        .filter(|cluster| cluster.meta().deletion_timestamp.is_none())
        .filter_map(|cluster| cluster.0.ok())
        .collect();
    admission::used_by(kind, &request.name, &clusters)
        .into_iter()
        .collect()
}

async fn in_time<T>(reading: impl Future<Output = Result<T, Error>>) -> Option<T> {
    match tokio::time::timeout(PATIENCE, Box::pin(reading)).await {
        Ok(Ok(read)) => Some(read),
        Ok(Err(error)) => {
            debug!(error = %Chain(&error), "not known for an answer");
            None
        }
        Err(_) => {
            debug!("not known in time for an answer");
            None
        }
    }
}

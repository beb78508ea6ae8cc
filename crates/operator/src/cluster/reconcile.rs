//! One pass over one cluster.
//!
//! A pass takes no hint about what changed and remembers nothing: equal observations lead to equal
//! writes, and a pass over a cluster at rest writes nothing.

use std::sync::Arc;
use std::time::Instant;

use howdah_api::{SGCluster, labels};
use howdah_plan::{ValidatedCluster, build, validate};
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use kube::{Resource as _, ResourceExt as _};
use tracing::{Instrument as _, debug, info_span, warn};

use super::dereference::{Found, dereference};
use super::error::{Chain, Class};
use super::{Error, apply, credentials, instances, peer, server_tls, status};
use crate::context::Context;
use crate::events::{Happening, Severity};

/// An SGCluster that may turn out to be unreadable, which must not stop the watch of the others.
pub(crate) type Guarded = DeserializeGuard<SGCluster>;

/// Runs a pass and records how long it took and how it ended.
pub(crate) async fn reconcile(
    object: Arc<Guarded>,
    context: Arc<Context>,
) -> Result<Action, Error> {
    let namespace = object.namespace().unwrap_or_default();
    let name = object.name_any();
    let span = info_span!("reconcile", %namespace, cluster = %name);
    async {
        let start = Instant::now();
        let outcome = Box::pin(pass(&object, &context, &namespace, &name)).await;
        let seconds = start.elapsed().as_secs_f64();
        match &outcome {
            Ok(_) => {
                context.retries.succeeded(&object.uid().unwrap_or_default());
                debug!(seconds, outcome = "ok", "pass finished");
            }
            Err(error) if error.class() == Class::Conflict => {
                debug!(seconds, outcome = "conflict", error = %Chain(error), "pass repeated");
            }
            Err(error) => {
                warn!(seconds, outcome = error.category(), error = %Chain(error), "pass failed");
            }
        }
        outcome
    }
    .instrument(span)
    .await
}

/// 1 dereference, 2 validate, 3 build, 4 apply, 5 status. Steps 2 and 3 are pure.
async fn pass(
    object: &Guarded,
    context: &Context,
    namespace: &str,
    name: &str,
) -> Result<Action, Error> {
    if let Err(unreadable) = &object.0 {
        report_unreadable(object, context, &unreadable.error).await;
        return Ok(Action::await_change());
    }
    let Some(found) = Box::pin(dereference(context, namespace, name)).await? else {
        return Ok(Action::await_change());
    };
    if is_left_alone(&found.cluster) {
        return Ok(Action::await_change());
    }
    match found
        .catalogue
        .as_ref()
        .map_err(Clone::clone)
        .and_then(|catalogue| validate(found.inputs(catalogue)))
    {
        Err(problems) => status::write_invalid(context, &found, &problems).await?,
        Ok(valid) => {
            if let Err(error) = Box::pin(converge(context, &found, &valid)).await {
                status::write_refused(context, &found, &error).await?;
                return Err(error);
            }
            // Certificates end without a change that would cause a pass.
            return Ok(Action::requeue(server_tls::looked_at(&found, &valid)));
        }
    }
    Ok(Action::await_change())
}

/// Steps 3 to 5 for a cluster that is valid.
async fn converge(context: &Context, found: &Found, valid: &ValidatedCluster) -> Result<(), Error> {
    let credentials = credentials::ensure(context, found, valid).await?;
    let members = peer::ensure(context, found, valid).await?;
    server_tls::ensure(context, found, valid, &members).await?;
    let selection = instances::select(found, valid);
    let objects = build(valid, &credentials.value, &selection, found.may_bootstrap());
    let applied = apply::apply(context, found, objects, &selection).await?;
    status::write(context, found, valid, &applied, credentials.created).await
}

/// A cluster that goes away is taken down by its owner references; a paused one is not touched.
fn is_left_alone(cluster: &SGCluster) -> bool {
    let paused = cluster.annotations().get(labels::RECONCILIATION_PAUSE);
    cluster.meta().deletion_timestamp.is_some() || paused.is_some_and(|value| value == "true")
}

async fn report_unreadable(object: &Guarded, context: &Context, error: &str) {
    warn!(error, "cluster cannot be read");
    let happening = Happening {
        severity: Severity::Warning,
        reason: howdah_api::conditions::events::CLUSTER_CONFIG_FAILED,
        message: format!("the object cannot be read: {error}"),
    };
    if let Err(error) = context
        .recorder
        .publish(&happening, &object.object_ref(&()))
        .await
    {
        warn!(error = %Chain(&error), "event not published");
    }
}

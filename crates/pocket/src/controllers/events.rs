//! Events live for an hour, as with the default of kube-apiserver's `--event-ttl`.

use std::time::Duration;

use k8s_openapi::api::core::v1::Event;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, ListParams};
use kube::{Api, Client, ResourceExt};
use tokio_util::sync::CancellationToken;

const LIFETIME: Duration = Duration::from_secs(3_600);
const INTERVAL: Duration = Duration::from_secs(600);

pub(super) async fn run(client: Client, shutdown: CancellationToken) {
    let mut interval = tokio::time::interval(INTERVAL);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = interval.tick() => {}
        }
        if let Err(error) = expire(&client, Timestamp::now()).await {
            tracing::warn!(%error, "events not expired");
        }
    }
}

async fn expire(client: &Client, now: Timestamp) -> kube::Result<()> {
    for event in Api::<Event>::all(client.clone())
        .list(&ListParams::default())
        .await?
    {
        if last_seen(&event).is_some_and(|seen| now.duration_since(seen).unsigned_abs() > LIFETIME)
        {
            let namespace = event.namespace().unwrap_or_default();
            let events = Api::<Event>::namespaced(client.clone(), &namespace);
            super::found(
                events
                    .delete(&event.name_any(), &DeleteParams::default())
                    .await,
            )?;
        }
    }
    Ok(())
}

fn last_seen(event: &Event) -> Option<Timestamp> {
    let series = event
        .series
        .as_ref()
        .and_then(|series| series.last_observed_time.as_ref());
    let seen = series.or(event.event_time.as_ref()).map(|time| time.0);
    let last = event.last_timestamp.as_ref().map(|time| time.0);
    last.max(seen).or(event
        .metadata
        .creation_timestamp
        .as_ref()
        .map(|time| time.0))
}

//! Follows one object that a Pod refers to, and no others of its kind.

use std::fmt::Debug;
use std::pin::pin;

use futures::StreamExt;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::watch_object;
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tracing::debug;

/// Sends the object each time it changes, and `None` when it is known not to exist.
pub(super) async fn follow<K, N>(
    api: Api<K>,
    name: String,
    news: fn(String, Option<Box<K>>) -> N,
    sender: mpsc::Sender<N>,
) where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let mut changes = pin!(watch_object(api, &name).default_backoff());
    while let Some(change) = changes.next().await {
        match change {
            Ok(object) => {
                if sender
                    .send(news(name.clone(), object.map(Box::new)))
                    .await
                    .is_err()
                {
                    return;
                }
            }
            Err(error) => debug!(name, %error, "watch interrupted"),
        }
    }
}

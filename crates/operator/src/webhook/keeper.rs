//! The leader's part: the Secret with the certificates, and whom API servers trust.
//!
//! The order matters: API servers are told whom to trust before anything new is shown. Both are looked at again
//! and again, because an administrator may apply the configurations anew at any time.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use howdah_api::labels::OPERATOR_MANAGER;
use howdah_plan::credentials::Credentials;
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::core::ObjectMeta;
use kube::{Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::sleep;
use tracing::{info, warn};

use super::generation::{bundle, judge};
use super::{NAME, SECRET, host};
use crate::certificates::{self, now};
use crate::cluster::{Chain, contents};
use crate::context::Context;

/// How often everything is looked at, and how soon again after a failure.
const PERIOD: Duration = Duration::from_secs(30);
const AGAIN: Duration = Duration::from_secs(5);

/// Whoever injects an authority himself says so with this annotation.
const INJECTED_BY_OTHERS: &str = "cert-manager.io/inject-ca-from";

/// What is labelled as the installation's other objects are.
const LABEL: (&str, &str) = ("app.kubernetes.io/name", "howdah");

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("make a certificate")]
    Certificate(#[source] certificates::Error),
    #[error("read {0}")]
    Read(&'static str, #[source] kube::Error),
    #[error("write {0}")]
    Write(&'static str, #[source] kube::Error),
}

/// Keeps the certificates for as long as it is polled.
pub(crate) async fn keep(context: &Context) {
    loop {
        match Box::pin(look(context)).await {
            Ok(()) => sleep(PERIOD).await,
            Err(error) => {
                warn!(error = %Chain(&error), "webhook certificates not kept");
                sleep(AGAIN).await;
            }
        }
    }
}

async fn look(context: &Context) -> Result<(), Error> {
    let api = context.api::<Secret>(&context.config.namespace);
    let stored = api.get_opt(SECRET).await.map_err(read("Secret"))?;
    let content = stored.as_ref().map(contents).unwrap_or_default();
    let told = tell(context, &content).await?;
    let hosts = [host(&context.config.namespace)];
    let new = judge(&content, &hosts, now(), told).map_err(Error::Certificate)?;
    if let Some(new) = new {
        info!("webhook certificates change");
        store(&api, stored, &new).await.map_err(write("Secret"))?;
        tell(context, &new).await?;
    }
    Ok(())
}

/// Makes API servers trust what is stored; true if they have been told before.
async fn tell(context: &Context, content: &Credentials) -> Result<bool, Error> {
    let bundle = STANDARD.encode(bundle(content));
    if bundle.is_empty() {
        return Ok(true);
    }
    let mutating = inject::<MutatingWebhookConfiguration>(context, &bundle).await?;
    let validating = inject::<ValidatingWebhookConfiguration>(context, &bundle).await?;
    Ok(mutating && validating)
}

/// True if the configuration needed no change. One that is not there is not asked for.
async fn inject<K>(context: &Context, bundle: &str) -> Result<bool, Error>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize,
{
    let api: Api<K> = Api::all(context.client.clone());
    let what = "webhook configuration";
    let Some(found) = api.get_opt(NAME).await.map_err(read(what))? else {
        return Ok(true);
    };
    if found.annotations().contains_key(INJECTED_BY_OTHERS) {
        return Ok(true);
    }
    let found = serde_json::to_value(&found).unwrap_or_default();
    let operations = operations(&found, bundle);
    if operations.is_empty() {
        return Ok(true);
    }
    let patch = serde_json::from_value(Value::Array(operations)).unwrap_or_default();
    let params = PatchParams {
        field_manager: Some(OPERATOR_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    api.patch(NAME, &params, &Patch::<()>::Json(patch))
        .await
        .map_err(write(what))?;
    info!("API servers are told whom to trust");
    Ok(false)
}

/// What has to change, and only in the very configuration that was looked at. No other field becomes the operator's.
fn operations(found: &Value, bundle: &str) -> Vec<Value> {
    let webhooks = found["webhooks"].as_array().into_iter().flatten();
    let changes = webhooks.enumerate().filter_map(|(at, webhook)| {
        let path = format!("/webhooks/{at}/clientConfig/caBundle");
        (webhook["clientConfig"]["caBundle"] != bundle)
            .then(|| json!({"op": "add", "path": path, "value": bundle}))
    });
    let mut operations: Vec<_> = changes.collect();
    if !operations.is_empty() {
        let version = &found["metadata"]["resourceVersion"];
        let test = json!({"op": "test", "path": "/metadata/resourceVersion", "value": version});
        operations.insert(0, test);
    }
    operations
}

/// Only over what was read; two leaders would not undo each other's work.
async fn store(
    api: &Api<Secret>,
    stored: Option<Secret>,
    content: &Credentials,
) -> Result<(), kube::Error> {
    let data = content.iter();
    let data = data.map(|(key, text)| (key.clone(), ByteString(text.clone().into_bytes())));
    let data: BTreeMap<_, _> = data.collect();
    let params = PostParams {
        field_manager: Some(OPERATOR_MANAGER.to_owned()),
        ..PostParams::default()
    };
    let Some(stored) = stored else {
        let secret = Secret {
            metadata: ObjectMeta {
                name: Some(SECRET.to_owned()),
                labels: Some([LABEL].map(|(k, v)| (k.to_owned(), v.to_owned())).into()),
                ..ObjectMeta::default()
            },
            data: Some(data),
            ..Secret::default()
        };
        return api.create(&params, &secret).await.map(drop);
    };
    let version = &stored.metadata.resource_version;
    let removed = stored.data.iter().flatten().map(|(key, _)| key);
    let removed = removed.filter(|key| !data.contains_key(*key));
    let mut patch = json!({"metadata": {"resourceVersion": version}, "data": data});
    for key in removed {
        patch["data"][key] = Value::Null;
    }
    let params = PatchParams {
        field_manager: params.field_manager,
        ..PatchParams::default()
    };
    api.patch(SECRET, &params, &Patch::Merge(patch))
        .await
        .map(drop)
}

fn read(what: &'static str) -> impl FnOnce(kube::Error) -> Error {
    move |source| Error::Read(what, source)
}

fn write(what: &'static str) -> impl FnOnce(kube::Error) -> Error {
    move |source| Error::Write(what, source)
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn only_what_differs_is_changed_and_only_in_what_was_looked_at() {
        let client = |bundle: &str| json!({"clientConfig": {"caBundle": bundle}});
        let found = json!({
            "metadata": {"resourceVersion": "7"},
            "webhooks": [client("new"), client("old"), {"clientConfig": {"service": {}}}],
        });
        assert_eq!(
            operations(&found, "new"),
            [
                json!({"op": "test", "path": "/metadata/resourceVersion", "value": "7"}),
                json!({"op": "add", "path": "/webhooks/1/clientConfig/caBundle", "value": "new"}),
                json!({"op": "add", "path": "/webhooks/2/clientConfig/caBundle", "value": "new"}),
            ]
        );
        let none: [Value; 0] = [];
        assert_eq!(
            operations(&json!({"webhooks": [client("new")]}), "new"),
            none
        );
        assert_eq!(operations(&json!({}), "new"), none);
    }
}

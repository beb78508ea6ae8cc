//! Envoy in front of Postgres and of its pooler: its files, and when it may end.
//!
//! Envoy reads its settings once, when it starts. So what this Pod was given first is kept for the Pod's life, also
//! if the operator has other settings for the next Pod by now. The certificate is a file of its own, which Envoy
//! reads again whenever it is replaced; sessions go on with the one that they began with.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use howdah_postgres::Layout;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tracing::warn;

use crate::args::Config;
use crate::chain::Complaint;
use crate::member::Member;
use crate::mounted::Mounted;
use crate::replace::replace;

/// The folder that Envoy's container shares.
const FOLDER: &str = "/etc/envoy";
/// The settings as this Pod was given them.
const GIVEN: &str = "given.json";
/// The certificate and its key.
const CERTIFICATE: &str = "sds.json";
/// Is there when the agent has ended: no session has anything to wait for.
const ENDED: &str = "ended";

/// The words that the operator leaves to the agent.
const LISTEN: &str = "$(LISTEN_ADDRESS)";
const POD: &str = "$(POD_NAME)";
const SERVER: &str = "$(POD_IP)";
const ROOT: &str = "$(HOWDAH_ROOT)";

/// The pause before files are written again that could not be.
const AGAIN: Duration = Duration::from_secs(1);

/// A file of Envoy's could not be written.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("write {path}")]
    Write {
        path: Utf8PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the settings of Envoy cannot be understood")]
    Settings(#[source] serde_json::Error),
}

/// Keeps Envoy's files as they should be, as long as the agent runs.
pub(crate) async fn tend(member: Arc<Member>) {
    let mut mounted = member.mounted.subscribe();
    let mut complaint = Complaint::default();
    loop {
        let current = Arc::clone(&mounted.borrow_and_update());
        let writing = Arc::clone(&member);
        let written = tokio::task::spawn_blocking(move || {
            write(&writing.config, writing.instance.layout(), &current)
        });
        match written.await {
            Ok(Err(error)) => {
                if let Some(error) = complaint.new_one(&error) {
                    warn!(error, "clients may not come in through Envoy");
                }
                tokio::time::sleep(AGAIN).await;
                continue;
            }
            Ok(Ok(())) => complaint.clear(),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
        if mounted.changed().await.is_err() {
            return;
        }
    }
}

/// Puts the files in place that are not; the settings last.
fn write(config: &Config, layout: &Layout, mounted: &Mounted) -> Result<(), Error> {
    let folder = layout.resolve(FOLDER);
    let Some(given) = given(&folder, mounted)? else {
        return Ok(());
    };
    if let Some(tls) = &mounted.server_tls {
        put(&folder, CERTIFICATE, &secret(tls.pem().expose_secret()))?;
    }
    let settings = filled_in(config, &given).map_err(Error::Settings)?;
    put(&folder, &settings_file(config), &settings)
}

/// The settings that Envoy reads; its container waits for them. A Pod whose machine was started anew has the same
/// folder and another address, and those of before would lead nowhere.
fn settings_file(config: &Config) -> String {
    format!("envoy-{}.json", config.pod_ip)
}

/// What this Pod was given first.
fn given(folder: &Utf8Path, mounted: &Mounted) -> Result<Option<String>, Error> {
    if let Ok(kept) = std::fs::read_to_string(folder.join(GIVEN)) {
        return Ok(Some(kept));
    }
    if let Some(settings) = &mounted.proxy {
        put(folder, GIVEN, settings)?;
    }
    Ok(mounted.proxy.clone())
}

/// Replaces a file unless it is as it should be: each replacement makes Envoy read it.
fn put(folder: &Utf8Path, name: &str, text: &str) -> Result<(), Error> {
    let path = folder.join(name);
    if std::fs::read_to_string(&path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    replace(folder, name, text).map_err(|source| Error::Write { path, source })
}

/// A certificate in the form in which Envoy reads it, see
/// <https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/security/secret>. One file holds both halves, so that
/// one rename replaces both.
fn secret(pem: &str) -> String {
    let half = json!({"inline_string": pem});
    json!({"resources": [{
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
        "name": "server",
        "tls_certificate": {"certificate_chain": half, "private_key": half},
    }]})
    .to_string()
}

fn filled_in(config: &Config, given: &str) -> Result<String, serde_json::Error> {
    let everywhere = match config.pod_ip {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let words = [
        (LISTEN, config.bind.unwrap_or(everywhere).to_string()),
        (POD, config.instance.to_string()),
        (SERVER, config.pod_ip.to_string()),
        (ROOT, config.root.trim_end_matches('/').to_owned()),
    ];
    let mut settings = serde_json::from_str(given)?;
    fill_in(&mut settings, &words);
    Ok(settings.to_string())
}

/// In every text by itself, so that any folder is a text and nothing else.
fn fill_in(value: &mut Value, words: &[(&str, String)]) {
    match value {
        Value::String(text) => {
            for (word, meaning) in words {
                *text = text.replace(word, meaning);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| fill_in(value, words)),
        Value::Object(map) => map.values_mut().for_each(|value| fill_in(value, words)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// There is an agent, so Envoy goes on when the Pod is asked to end.
pub(crate) fn agent_begins(layout: &Layout) {
    // It is missing in a new Pod.
    let _ = std::fs::remove_file(layout.resolve(FOLDER).join(ENDED));
}

/// There is none any more.
pub(crate) fn agent_ends(layout: &Layout) {
    let folder = layout.resolve(FOLDER);
    if folder.exists()
        && let Err(error) = replace(&folder, ENDED, "")
    {
        warn!(%error, "Envoy is not told that it may end");
    }
}

#[cfg(test)]
mod tests;
